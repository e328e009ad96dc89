"""FITS files opened by the name they have: whatever its letters, cfitsio's extended syntax takes no part."""
from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fitsio
import numpy as np

from sediff.errors import BadInput
from sediff.formats.atomic import atomic_path, plain_temporary
from sediff.formats.checksum import fill_in, put_back, reserve

#: Names that cfitsio takes as they are (+ and a number at the end mean an extension). Others are reached through a link.
PLAIN = re.compile(r'/(?!.*\+[0-9]*$)[A-Za-z0-9_./=,+-]{1,900}')


class FitsFile(fitsio.FITS):
    """A FITS file of any name."""

    def __init__(self, path: str | os.PathLike, mode: str = 'r', clobber: bool = False) -> None:
        name, self._link, self._rename = os.path.abspath(path), None, None
        #: Number of an HDU that was written -> its cards, where some have bytes beyond ASCII.
        self.foreign: dict[int, list[str]] = {}
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
                plain = f'{folder}/{plain_temporary(base)}'
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
        The file is missing, is no FITS file, or one of its HDUs cannot be reached.
    """
    if not Path(path).is_file():
        raise BadInput(f'no such file: {path}' + (', it is a folder' if Path(path).is_dir() else ''))
    try:
        handle = FitsFile(path)
        _check_end(path, handle)
        return handle
    except (OSError, ValueError) as error:
        raise BadInput(f'{path} cannot be read as FITS ({first_line(error)}); fetch it again') from error


def _check_end(path: str | os.PathLike, handle: FitsFile) -> None:
    """BadInput where another HDU stands behind the last one that can be read: cfitsio passes over what is damaged."""
    end = handle[-1].get_offsets()['data_end']
    with open(path, 'rb') as plain:
        if plain.read(2) == b'\x1f\x8b':
            return
        plain.seek(end)
        alike = sum(here == there for here, there in zip(plain.read(8), b'XTENSION'))
    if alike >= 6:
        number = len(handle)
        handle.close()
        raise BadInput(f'{path}: the header of extension {number} is damaged; fetch it or make it again')


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
            places = reserve(handle) if checksums else [hdu.get_offsets() for hdu in handle]
        put_back(temporary, places, handle.foreign)
        if checksums:
            fill_in(temporary, places)


def split_extension(name: str | os.PathLike) -> tuple[str, str | None]:
    """File and extension of a name such as `file.fits[2]`, `file.fits[SCI,2]`; a file of just that name comes first."""
    name = str(name)
    found = re.fullmatch(r'(.+)\[([^\[\]]+)\]', name, re.DOTALL)
    return (name, None) if found is None or Path(name).exists() else (found[1], found[2].strip())


def first_line(error: Exception) -> str:
    """First line of an error's text."""
    return (str(error).strip().splitlines() or ['?'])[0]


def pixels_of(hdu) -> np.ndarray:
    """All pixels of an image HDU, as cfitsio reads them."""
    from sediff.formats.rice import RiceRows  # kernels, that who reads headers does not need
    rows = RiceRows.of(hdu)
    return hdu.read() if rows is None else rows.read()
