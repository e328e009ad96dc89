"""Raw CCDs that several worker processes need: each is read once, the others map the pages of a copy on disk."""
from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from astropy.io.fits import Header

from sediff.errors import BadInput, SediffError, Temporary
from sediff.formats.atomic import HOST, atomic_path, write_text
from sediff.formats.locks import Held, lock, patient_lock
from sediff.formats.raw import read_raw_rows
from sediff.instruments.base import Instrument

#: How long (s) a process waits for the one that reads a CCD.
PATIENCE = 300.0


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

    def __call__(self, path: str | os.PathLike, ccdnum: int,
                 instrument: Instrument | None = None) -> tuple[np.ndarray, Header]:
        """Pixels, read-only, and the merged header of a CCD; where the folder takes no more copies, from the raw file.

        Raises
        ------
        BadInput
            As `read_raw_rows`.
        Held
            The process that reads it has not finished after 300 s.
        """
        plane = self._folder / f'{ccdnum:02d}.npy'
        if not plane.is_file():
            try:
                with patient_lock(plane.with_suffix('.lock'), f'CCD {ccdnum} of {path}', PATIENCE):
                    if not plane.is_file():
                        return self._read_and_keep(plane, path, ccdnum, instrument)
            except Held:
                raise
            except Temporary as error:
                return self._without_copy(path, ccdnum, instrument, error)
        header = Header.fromstring(plane.with_suffix('.txt').read_text(encoding='ascii'), sep='\n')
        return np.load(plane, mmap_mode='r'), header

    def keep_only(self, ccds) -> None:
        """Nothing: other processes may want the rest; the folder goes when the exposure is done."""

    def _read_and_keep(self, plane: Path, path: str | os.PathLike, ccdnum: int,
                       instrument: Instrument | None) -> tuple[np.ndarray, Header]:
        pixels, header = read_raw_rows(path, ccdnum, instrument=instrument)
        self._log(f'read CCD {ccdnum} of {Path(path).name}')
        try:
            write_text(plane.with_suffix('.txt'), header.tostring(sep='\n'))
            with atomic_path(plane) as temporary:
                np.save(temporary, pixels)
        except Temporary as error:
            self._log(f'CCD {ccdnum} is not kept for the other workers: {error}')
        pixels.flags.writeable = False
        return pixels, header

    def _without_copy(self, path: str | os.PathLike, ccdnum: int, instrument: Instrument | None,
                      error: Temporary) -> tuple[np.ndarray, Header]:
        self._log(f'read CCD {ccdnum} of {Path(path).name} without a copy: {error}')
        return read_raw_rows(path, ccdnum, instrument=instrument)


@contextmanager
def raw_scratch(folder: Path | None = None) -> Iterator[Path]:
    """A folder for `RawScratch`, at most 1.1 GB; it goes at the end, and so do those of killed runs.

    Parameters
    ----------
    folder : Path, optional
        Where to make it: a disk of this machine. Default TMPDIR.

    Raises
    ------
    BadInput
        The folder does not exist or cannot be written.
    """
    folder = Path(folder or tempfile.gettempdir())
    if not folder.is_dir():
        raise BadInput(f'SCRATCH={folder} is not a folder; make it, or leave SCRATCH empty for TMPDIR')
    for left in folder.glob('sediff_raw_*.lock'):
        with suppress(SediffError), lock(left, 'a copy of raw CCDs'):
            shutil.rmtree(folder / left.name.removesuffix('.lock'), ignore_errors=True)
            left.unlink(missing_ok=True)
    guard = folder / f'sediff_raw_{HOST}_{os.getpid()}_{time.monotonic_ns()}.lock'
    place = guard.with_suffix('')
    with lock(guard, 'a copy of raw CCDs'):
        place.mkdir(mode=0o700)
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
            guard.unlink(missing_ok=True)
