"""FITS files opened by the name they have: whatever its letters, cfitsio's extended syntax takes no part."""
from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fitsio

from sediff.errors import BadInput
from sediff.io.atomic import atomic_path
from sediff.io.checksum import fill_in, reserve

#: Names that cfitsio takes as they are. Others are reached through a link of a plain name.
PLAIN = re.compile(r'/[A-Za-z0-9_./=,-]{1,900}')


class FitsFile(fitsio.FITS):
    """A FITS file of any name."""

    def __init__(self, path: str | os.PathLike, mode: str = 'r', clobber: bool = False) -> None:
        name, self._link, self._rename = os.path.abspath(path), None, None
        if not PLAIN.fullmatch(name):
            self._link = tempfile.TemporaryDirectory(prefix='sediff_')
            folder, base = f'{self._link.name}/folder', os.path.basename(name)
            os.symlink(os.path.dirname(name), folder)
            if PLAIN.fullmatch(f'/{base}'):
                name = f'{folder}/{base}'
            elif mode == 'r':
                os.symlink(name, f'{self._link.name}/image.fits')
                name = f'{self._link.name}/image.fits'
            else:
                plain = f'{folder}/.tmp{os.getpid()}_{os.path.basename(self._link.name)}.fits'
                self._rename, name = (plain, name), plain
        try:
            super().__init__(name, mode, clobber=clobber)
        except (OSError, ValueError):
            self._unlink()
            raise

    def close(self) -> None:
        """Close the file; its link goes, and one that was written gets its name."""
        super().close()
        if self._rename is not None:
            os.replace(*self._rename)
            self._rename = None
        self._unlink()

    def _unlink(self) -> None:
        if self._link is not None:
            self._link.cleanup()
            self._link = None


def open_fits(path: str | os.PathLike) -> FitsFile:
    """Open a FITS file for reading.

    Raises
    ------
    BadInput
        The file is missing or is no FITS file.
    """
    if not Path(path).is_file():
        raise BadInput(f'no such file: {path}')
    try:
        return FitsFile(path)
    except (OSError, ValueError) as error:
        raise BadInput(f'{path} cannot be read as FITS ({first_line(error)}); fetch it again') from error


@contextmanager
def write_fits(path: str | os.PathLike, checksums: bool = True) -> Iterator[FitsFile]:
    """An empty FITS file to fill; it takes its name at the end, with the checksums of every HDU.

    Parameters
    ----------
    checksums : bool
        False where what holds the file has its own.
    """
    with atomic_path(path) as temporary:
        with FitsFile(temporary, 'rw', clobber=True) as handle:
            yield handle
            places = reserve(handle) if checksums else []
        fill_in(temporary, places)


def split_extension(name: str | os.PathLike) -> tuple[str, str | None]:
    """File and extension of a name such as `file.fits[2]`, `file.fits[SCI,2]`; a file of just that name comes first."""
    name = str(name)
    found = re.fullmatch(r'(.+)\[([^\[\]]+)\]', name, re.DOTALL)
    return (name, None) if found is None or Path(name).exists() else (found[1], found[2].strip())


def first_line(error: Exception) -> str:
    """First line of an error's text."""
    return (str(error).strip().splitlines() or ['?'])[0]
