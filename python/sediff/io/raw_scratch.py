"""Raw CCDs that several worker processes need: each is read once, the others map the pages of a copy on disk."""
from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from astropy.io.fits import Header

from sediff.errors import Temporary
from sediff.io.atomic import atomic_path, write_text
from sediff.io.locks import lock
from sediff.io.raw import read_raw_rows

#: How long (s) a process waits for the one that reads a CCD, and how often it looks.
PATIENCE, PAUSE = 300.0, 0.02


class RawScratch:
    """Reads CCDs of one raw exposure through a folder of plain copies, 18 MB each.

    Parameters
    ----------
    folder : Path
        From `raw_scratch`; the same for all processes.
    log : callable
        Gets a line about each CCD that this process read from the raw file itself.
    """

    def __init__(self, folder: Path, log: Callable[[str], None] = lambda line: None) -> None:
        self._folder, self._log = Path(folder), log

    def __call__(self, path: str | os.PathLike, ccdnum: int) -> tuple[np.ndarray, Header]:
        """Pixels (4146, 2160), uint16, mapped read-only, and the merged header of a CCD.

        Raises
        ------
        BadInput
            As `read_raw_rows`.
        Temporary
            The process that reads it has not finished after 300 s.
        """
        plane = self._folder / f'{ccdnum:02d}.npy'
        until = time.monotonic() + PATIENCE
        while not plane.is_file():
            try:
                with lock(plane.with_suffix('.lock'), f'CCD {ccdnum} of {path}'):
                    if not plane.is_file():
                        pixels, header = read_raw_rows(path, ccdnum)
                        self._log(f'read CCD {ccdnum} of {Path(path).name}')
                        self._keep(plane, pixels, header)
            except Temporary:
                if time.monotonic() > until:
                    raise
                time.sleep(PAUSE)
        header = Header.fromstring(plane.with_suffix('.txt').read_text(encoding='ascii'), sep='\n')
        return np.load(plane, mmap_mode='r'), header

    def keep_only(self, ccds) -> None:
        """Nothing: other processes may want the rest; the folder goes when the exposure is done."""

    @staticmethod
    def _keep(plane: Path, pixels: np.ndarray, header: Header) -> None:
        write_text(plane.with_suffix('.txt'), header.tostring(sep='\n'))
        with atomic_path(plane) as temporary:
            np.save(temporary, pixels)


@contextmanager
def raw_scratch(folder: Path) -> Iterator[Path]:
    """A folder for `RawScratch` below `folder`, at most 1.1 GB; it goes at the end, and so do those of killed runs."""
    for left in folder.glob('raw_*.lock'):
        with suppress(Temporary), lock(left, 'a copy of raw CCDs'):
            shutil.rmtree(folder / left.name.removesuffix('.lock'), ignore_errors=True)
            left.unlink(missing_ok=True)
    guard = folder / f'raw_{os.uname().nodename}_{os.getpid()}_{time.monotonic_ns()}.lock'
    place = guard.with_suffix('')
    with lock(guard, 'a copy of raw CCDs'):
        place.mkdir(parents=True, exist_ok=True)
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
            guard.unlink(missing_ok=True)
