"""Raw DECam files: a primary header and one RICE-compressed extension of unsigned 16-bit pixels per CCD."""
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import fitsio
import numpy as np
from astropy.io.fits import Header

from sediff.camera.ccds import detpos
from sediff.errors import BadInput
from sediff.io.atomic import atomic_path
from sediff.io.fits import fitsio_header, header_of, open_fits


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
    path = Path(path)
    with open_fits(path) as handle:
        try:
            index = _find_ccd(handle, ccdnum, path)
            pixels = handle[index].read()
            header = header_of(handle[0])
            header.update(header_of(handle[index]))
        except (OSError, ValueError) as error:
            reason = (str(error).strip().splitlines() or ['?'])[0]
            raise BadInput(f'{path}, CCD {ccdnum}: cannot be read ({reason}); it may be truncated: '
                           'fetch it again') from error
    return pixels.astype(np.float32), header


def read_raw_primary(path: str | os.PathLike) -> tuple[Header, list[int]]:
    """Primary header of a raw exposure and the numbers of its CCDs."""
    with open_fits(path) as handle:
        numbers = [_ccdnum(handle, k) for k in range(len(handle))]
        return header_of(handle[0]), [number for number in numbers if number]


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
    with atomic_path(path) as temporary, fitsio.FITS(str(temporary), 'rw', clobber=True) as handle:
        handle.write(None, header=fitsio_header(primary))
        for name, pixels, header in ccds:
            if pixels.dtype != np.uint16:
                raise BadInput(f'{path}[{name}]: raw pixels are unsigned 16-bit, not {pixels.dtype}')
            handle.write(np.ascontiguousarray(pixels), extname=name, header=fitsio_header(header), **options)


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
    return int(handle[index].read_header().get('CCDNUM', 0))
