"""Raw DECam files: a primary header and one RICE-compressed extension of unsigned 16-bit pixels per CCD."""
from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import fitsio
import numpy as np
from astropy.io.fits import Header

from sediff.camera.ccds import detpos
from sediff.errors import BadInput
from sediff.io.cards import header_texts, read_cards
from sediff.io.checksum import check_sum
from sediff.io.fits import header_of
from sediff.io.opening import FitsFile, first_line, open_fits, write_fits
from sediff.io.planes import write_image


def read_raw_ccd(path: str | os.PathLike, ccdnum: int) -> tuple[np.ndarray, Header]:
    """Pixels and cards of one CCD of a raw exposure.

    Parameters
    ----------
    path : path
        `DECam_%08d.fits.fz` (or uncompressed).
    ccdnum : int
        CCD number, 1-62.

    Returns
    -------
    image : ndarray, (4146, 2160) float32
        ADU, overscan and all.
    header : Header
        The cards of the primary header, overridden by those of the extension.

    Raises
    ------
    BadInput
        The file is missing, is no FITS file, is cut short, or has no such CCD (the message lists those it has).
    """
    pixels, header = read_raw_rows(path, ccdnum)
    return pixels.astype(np.float32), header


def read_raw_rows(path: str | os.PathLike, ccdnum: int, first: int = 0,
                  last: int | None = None, step: int = 1) -> tuple[np.ndarray, Header]:
    """Rows `first` to `last` (not in; default all), every `step`th, of a CCD as they are in the file, uint16, and its cards.

    Raises
    ------
    BadInput
        As `read_raw_ccd`; or the pixels of a CCD that is read whole are not what its DATASUM says.
    """
    path = Path(path)
    with open_fits(path) as handle:
        try:
            hdu = handle[_find_ccd(handle, ccdnum, path)]
            last = hdu.get_dims()[0] if last is None else last
            whole = (first, last, step) == (0, hdu.get_dims()[0], 1)
            if whole:
                check_sum(path, hdu)
            pixels = hdu.read() if whole else hdu[first:last:step, :]
            header = header_of(handle[0])
            header.update(header_of(hdu))
        except (OSError, ValueError) as error:
            raise BadInput(f'{path}, CCD {ccdnum}: cannot be read ({first_line(error)}); it may be truncated: '
                           'fetch it again') from error
    return pixels, header


class SharedReader:
    """Reads CCDs of raw exposures and keeps the last few, 18 MB each, for those that need them as sources of crosstalk.

    Parameters
    ----------
    read : callable
        `read(path, ccdnum)` gives pixels and header.
    most : int
        CCDs kept at most.
    """

    def __init__(self, read: Callable[[Path, int], tuple[np.ndarray, Header]], most: int = 8) -> None:
        self._read, self._most = read, most
        self._kept: OrderedDict[tuple, tuple[np.ndarray, Header]] = OrderedDict()

    def __call__(self, path: str | os.PathLike, ccdnum: int) -> tuple[np.ndarray, Header]:
        """Pixels (uint16) and header of a CCD, perhaps those that were read before: do not change them."""
        path = Path(path)
        stat = path.stat() if path.is_file() else None
        file = (str(path), stat.st_mtime_ns if stat else 0, stat.st_size if stat else 0)
        for other in [key for key in self._kept if key[0] != file]:
            del self._kept[other]
        if (file, ccdnum) not in self._kept:
            self._kept[file, ccdnum] = self._read(path, ccdnum)
        self._kept.move_to_end((file, ccdnum))
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return self._kept[file, ccdnum]

    def keep_only(self, ccds: Collection[int]) -> None:
        """Drop all CCDs but these."""
        for key in [key for key in self._kept if key[1] not in ccds]:
            del self._kept[key]

    def __len__(self) -> int:
        return len(self._kept)


#: The CCDs that this process has read last.
read_raw_shared = SharedReader(read_raw_rows)


def read_raw_primary(path: str | os.PathLike) -> tuple[Header, list[int]]:
    """Primary header of a raw exposure and the numbers of its CCDs.

    Raises
    ------
    BadInput
        The file is missing, no FITS file, or its headers cannot be read.
    """
    with _open_headers(path) as handle:
        numbers = [_ccdnum(handle, k) for k in range(len(handle))]
        return header_of(handle[0]), [number for number in numbers if number]


def read_raw_cards(path: str | os.PathLike) -> Header:
    """Primary header of a raw exposure; the world coordinates of its first CCD stand in for a pointing that is missing."""
    with _open_headers(path) as handle:
        header = header_of(handle[0])
        if len(handle) > 1:
            header.extend([card for card in header_of(handle[1]).cards
                           if card.keyword in ('CRVAL1', 'CRVAL2') and card.keyword not in header])
    return header


@contextmanager
def _open_headers(path: str | os.PathLike) -> Iterator[FitsFile]:
    """A raw file whose headers are read; what fails is BadInput that says so."""
    with open_fits(path) as handle:
        try:
            yield handle
        except (OSError, ValueError) as error:
            raise BadInput(f'{path}: its headers cannot be read ({first_line(error)}); it may be truncated: '
                           'fetch it again') from error


def write_raw(path: str | os.PathLike, primary: Header, ccds: Sequence[tuple[str, np.ndarray, Header]]) -> None:
    """Write a raw exposure atomically.

    Parameters
    ----------
    path : path
        A name that ends in `.fz` is RICE-compressed row by row, as real files are.
    primary : Header
        Cards of the exposure.
    ccds : sequence of (extension name, ndarray (4146, 2160) uint16, Header)

    Raises
    ------
    BadInput
        An image is not uint16.
    """
    options = {'compress': 'RICE', 'tile_dims': (1, ccds[0][1].shape[1])} if ccds and str(path).endswith('.fz') else {}
    with write_fits(path) as handle:
        write_image(handle, None, None, header_texts(primary))
        for name, pixels, header in ccds:
            if pixels.dtype != np.uint16:
                raise BadInput(f'{path}[{name}]: raw pixels are unsigned 16-bit, not {pixels.dtype}')
            write_image(handle, pixels, name, header_texts(header), **options)


def _find_ccd(handle: fitsio.FITS, ccdnum: int, path: Path) -> int:
    """Index of a CCD's extension: by its DETPOS name, or else by its CCDNUM card."""
    names = [hdu.get_extname().strip() for hdu in handle]
    wanted = detpos(ccdnum)
    if wanted in names and _ccdnum(handle, names.index(wanted)) in (0, ccdnum):
        return names.index(wanted)
    numbers = [_ccdnum(handle, k) for k in range(len(handle))]
    if ccdnum in numbers:
        return numbers.index(ccdnum)
    there = ', '.join(f'{name or k} (CCD {number})' for k, (name, number) in enumerate(zip(names, numbers)) if number)
    raise BadInput(f'{path} has no CCD {ccdnum} ({wanted}); it has: {there or "no CCD at all"}')


def _ccdnum(handle: fitsio.FITS, index: int) -> int:
    hdu = handle[index]
    return int(read_cards(hdu.get_filename(), hdu.get_offsets()['header_start']).number('CCDNUM') or 0)
