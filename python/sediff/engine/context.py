"""What a step sees: its exposure and CCD, its parameters, its inputs and a place for its products."""
from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sediff.engine.fingerprints import fingerprint
from sediff.engine.provenance import digest
from sediff.engine.step import Step
from sediff.errors import BadInput, StepFailed
from sediff.formats.atomic import write_text
from sediff.instruments.base import Instrument
from sediff.repository.names import PRODUCTS, Exposure
from sediff.repository.products import ROUNDED
from sediff.repository.repository import Repository


class Ledger(Protocol):
    """The season's database, as steps that write rows and plans see it."""

    def holds(self, step: str, entry: Mapping) -> bool:
        """Whether the rows that a step's stamp tells of are there."""

    def transaction(self):
        """A connection in a context manager."""

    def enter(self, connection, step: str) -> dict:
        """Enter that a step has written its rows; what its stamp says about it."""

    def close(self) -> None:
        """Let go of the database."""


class _Declared(Mapping):
    """Parameters as a running step sees them: those that it declares."""

    def __init__(self, values: Mapping, step: Step):
        self._values, self._step = values, step

    def __getitem__(self, name: str):
        if name not in self._step.parameters:
            raise StepFailed(f'{self._step.label} reads {name} without declaring it in steps.py')
        return self._values[name]

    def __iter__(self):
        return iter(self._step.parameters)

    def __len__(self) -> int:
        return len(self._step.parameters)


class Context:
    """The world of one CCD's steps.

    Parameters
    ----------
    exposure : Exposure
        With its CCD set.
    parameters : mapping
    external : dict
        External input -> list of its files (see `sediff.steps.EXTERNAL`); an optional input has an empty list.

    Attributes
    ----------
    digests : dict
        Need -> hash of the part of it that matters here, or a function of the step that gives it; other needs are hashed
        file by file.
    providers : dict
        Product of the whole exposure -> function of a log that gives it.
    ledger : Ledger or None
        The season's database.
    counts : dict
        What the running step has counted, in the order of `count`.
    pairs : sequence
        What belongs to other exposures and is read with this CCD's (`sediff.flow.exposure.inputs.TemplateCcd`).
    raw_reader : callable or None
        Reads the CCD's raw pixels, where not the file itself.
    pinned : set of str
        Steps that CODE_CHANGES=keep has left as they are.
    """

    def __init__(self, exposure: Exposure, parameters: Mapping, external: dict[str, list[Path]] | None = None):
        self.exposure = exposure
        self.repository = Repository.of(exposure)
        self._parameters = parameters
        self.external = external or {}
        self.reasons: list[str] = []
        self.pairs: Sequence[Any] = ()
        self.raw_reader: Any = None
        self.digests: dict[str, str | Callable[[Step], str]] = {}
        self.providers: dict[str, Callable[[Callable[[str], None]], object]] = {}
        self.ledger: Ledger | None = None
        self.pinned: set[str] = set()
        self.rows: dict = {}
        self.counts: dict[str, int] = {}
        self.pointing: tuple[float, float] | None = None
        self._memory: dict[str, object] = {}
        self._step: Step | None = None
        self._lines: list[str] = []

    @property
    def instrument(self) -> Instrument:
        """The camera that took the exposure."""
        return self.exposure.instrument

    @property
    def parameters(self) -> Mapping:
        """All parameters; while a step runs, those that it declares."""
        return _Declared(self._parameters, self._step) if self._step else self._parameters

    def parameter(self, name: str):
        """Value of a parameter that the running step declares."""
        return self.parameters[name]

    @property
    def shelf(self) -> Path:
        """Folder in which hashes of large files are kept."""
        return self.repository.shelf

    @property
    def table_folders(self) -> list[Path]:
        """Where a table of the user's may take the place of one that comes with sediff, and the instrument's tables."""
        folders = (self.exposure.root, self.instrument.overlay, self.instrument.folder)
        return [folder for folder in folders if folder is not None]

    def fingerprint(self, path: Path) -> str:
        """Hash of a file's content."""
        return fingerprint(path, self.shelf)

    def digest_of(self, step: Step, need: str) -> str:
        """Hash of a need that no step of this phase makes: names and contents of its files, or what `digests` says."""
        known = self.digests.get(need)
        if known is not None:
            return known if isinstance(known, str) else known(step)
        return digest([(path.name, self.fingerprint(path)) for path in self.files(need)])

    def made(self, step: Step) -> dict[str, Path]:
        """Paths of what a step makes."""
        return {name: self.path(name) for name in step.makes}

    def is_product(self, name: str) -> bool:
        """Whether a step makes it as a file of this CCD."""
        return name in PRODUCTS and name not in self.providers

    def is_kept(self, name: str) -> bool:
        """Whether a product stays on disk in any case."""
        return PRODUCTS[name].keep

    def is_settled(self, name: str) -> bool:
        """Whether a product stays as its step made it."""
        return True

    def holds_rows(self, step: Step, stamp: Mapping) -> bool:
        """Whether the database has the rows that a step has written; also where it was to write none."""
        entry = stamp.get('rows')
        return not entry or self.ledger is None or self.ledger.holds(step.id, entry)

    def close(self) -> None:
        """Let go of what is open."""
        if self.ledger is not None:
            self.ledger.close()

    def transaction(self):
        """A connection to the season's database in a context manager, for a step that writes rows.

        Raises
        ------
        StepFailed
            None is open.
        """
        if self.ledger is None:
            raise StepFailed(f'{self.exposure.label()}: no database is open to write rows to')
        return self.ledger.transaction()

    def enter_rows(self, connection) -> None:
        """Note that the running step has written its rows through this connection, in the database and for the stamp."""
        if self._step and self.ledger is not None:
            self.rows = self.ledger.enter(connection, self._step.id)

    def path(self, name: str) -> Path:
        """Path of one of this CCD's products, where it is read."""
        return self.repository.path(name, self.exposure)

    def files(self, name: str) -> list[Path]:
        """Files behind a need: those of an external input, or the product itself."""
        if name in PRODUCTS:
            return [self.path(name)]
        return self.external.get(name, [])

    def file(self, name: str) -> Path:
        """The one file of an external input.

        Raises
        ------
        BadInput
            There is none.
        """
        files = self.files(name)
        if not files:
            raise BadInput(f'{self.exposure.label()}: no {name} given')
        return files[0]

    def has(self, name: str) -> bool:
        """Whether a product is in memory or on disk."""
        return name in self._memory or self.repository.exists(name, self.exposure)

    def load(self, name: str):
        """A product, from memory or from disk; one of the whole exposure from its provider."""
        if name in self.providers:
            return self.providers[name](self.log)
        if name not in self._memory:
            self._memory[name] = self.repository.get(name, self.exposure)
        return self._memory[name]

    def release(self, name: str) -> None:
        """Let go of a product that is on disk; a later step that needs it reads it there."""
        self._memory.pop(name, None)

    def save(self, name: str, value) -> None:
        """Keep a product: on disk, and in memory for the next steps.

        What a file holds in other digits than memory (a compressed image, numbers as text) is read back, so that a resumed
        run sees the same as this one. A tuple is a value and the header to write with it; the value is what later steps
        load.
        """
        product = PRODUCTS[name]
        if product.keep or self._parameters['KEEP_INTERMEDIATE']:
            self.repository.put(name, self.exposure, value)
        else:
            self.repository.remove(name, self.exposure)
        if product.pattern.endswith('.fz') or product.kind in ROUNDED:
            self._memory.pop(name, None)
        else:
            self._memory[name] = value[0] if isinstance(value, tuple) else value

    def save_as(self, name: str, other: str) -> None:
        """Keep under another name what a file of this CCD holds."""
        self._memory.pop(name, None)
        self.repository.link(name, other, self.exposure)

    def hand_on(self, name: str) -> None:
        """Write a product that so far is only in memory, for a later run of this CCD; who starts that run removes it."""
        if not self.repository.exists(name, self.exposure):
            self.repository.put(name, self.exposure, self.load(name))

    def forget(self, needed: set[str]) -> None:
        """Drop what no later step needs."""
        for name in [name for name in self._memory if name not in needed]:
            del self._memory[name]

    def stamp_path(self, step: Step, suffix: str) -> Path:
        """Where `.DONE`, `.FAIL` or `.LOG` of a step are written."""
        return self.repository.stamp(self.exposure, step.label, suffix)

    def last_stamp(self, step: Step, suffix: str) -> Path:
        """The same of the step's last run, in whichever tree of the chain that was."""
        return self.repository.last_stamp(self.exposure, step.label, suffix)

    def begin(self, step: Step) -> None:
        """Start a step's log."""
        self._step, self._lines, self.rows, self.counts = step, [], {}, {}
        self.log(f'{self.exposure.label()} {step.label}: {step.doc}')

    def log(self, text: str) -> None:
        """Add a line to the running step's log."""
        self._lines.append(f'{time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())} {text}')

    def count(self, what: str, number: int) -> None:
        """Tell how many of something the running step has found, for its stamp and the line of its CCD."""
        self.counts[what] = int(number)

    def abandon(self) -> None:
        """End a step that has changed nothing, without a trace."""
        self._step = None

    def end(self, step: Step, code: int) -> None:
        """Write the log, which closes with the step's return code."""
        self.log(f'RETURN CODE: {code}')
        write_text(self.stamp_path(step, 'LOG'), '\n'.join(self._lines) + '\n')
        self._step = None
