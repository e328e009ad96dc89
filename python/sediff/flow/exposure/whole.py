"""What is done once for a whole exposure: its lock, and the context of its steps SE00, SE13 and SE14.

The steps' logs and stamps are in EXPDIR/se_00.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sediff.engine.context import Context
from sediff.engine.provenance import digest
from sediff.engine.step import Step
from sediff.formats.locks import patient_lock
from sediff.repository.names import PRODUCTS, Exposure
from sediff.repository.repository import Repository

#: Seconds that a job waits for another one's turn at the exposure's tables.
PATIENCE = 600.0


class ExposureContext(Context):
    """The world of a step of a whole exposure.

    Parameters
    ----------
    exposure : Exposure
    parameters : mapping
    ccds : sequence of int
        CCDs whose products it reads.
    external : dict
        External input -> files.
    listen : callable, optional
        Gets every line that the steps log.

    Attributes
    ----------
    makes : dict
        Name -> product and data ID of what its step makes; default the products of the whole exposure that it declares.
    with_corners : tuple of int
        CCDs that have corners (SE13).
    calibrations : mapping
        CCD -> its calibrations, or why it has none (SE00).
    unsettled : set of str
        Those of them that others complete later: they must be there, whatever they hold.
    """

    def __init__(self, exposure: Exposure, parameters: Mapping, ccds: Sequence[int] = (),
                 external: dict[str, list[Path]] | None = None, listen: Callable[[str], None] | None = None):
        super().__init__(exposure.with_ccd(0), parameters, external)
        self.ccds = tuple(ccds)
        self.with_corners: tuple[int, ...] = ()
        self.calibrations: Mapping[int, Any] = {}
        self.makes: dict[str, tuple[str, Exposure]] = {}
        self.unsettled: set[str] = set()
        self._listen = listen

    def files(self, name: str) -> list[Path]:
        """Files behind a need: of every CCD, or of an external input."""
        if name in PRODUCTS:
            return [self.repository.path(name, self.exposure.with_ccd(ccd)) for ccd in self.ccds]
        return self.external.get(name, [])

    def digest_of(self, step: Step, need: str) -> str:
        """Hash of a need: of which CCDs it is, too."""
        if need in self.digests or need not in PRODUCTS:
            return super().digest_of(step, need)
        return digest([(ccd, self.fingerprint(path)) for ccd, path in zip(self.ccds, self.files(need))])

    def made(self, step: Step) -> dict[str, Path]:
        """Paths of what a step makes."""
        return {name: self.repository.path(*product) for name, product in self.makes.items()} or super().made(step)

    def has(self, name: str) -> bool:
        """Whether what a step makes is there; the products of single CCDs are looked at by `made`."""
        return bool(self.makes) or super().has(name)

    def is_product(self, name: str) -> bool:
        """No need of such a step is made by the same phase."""
        return False

    def is_kept(self, name: str) -> bool:
        """All is kept."""
        return True

    def is_settled(self, name: str) -> bool:
        """Whether a product stays as its step made it."""
        return name not in self.unsettled

    def log(self, text: str) -> None:
        """Add a line to the running step's log, and tell the listener."""
        super().log(text)
        if self._listen is not None:
            self._listen(text)


@contextmanager
def exposure_lock(exposure: Exposure, patience: float) -> Iterator[None]:
    """Hold the exposure's tables; waits for another holder up to `patience` seconds.

    Raises
    ------
    Temporary
        It is still held then.
    """
    path = Repository.of(exposure).target('tables_lock', exposure)
    with patient_lock(path, f'{exposure.expnum} (tables of the exposure)', patience):
        yield
