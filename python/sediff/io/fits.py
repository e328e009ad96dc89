"""FITS images in and out: fitsio moves the pixels, astropy holds the header."""
from __future__ import annotations

import os
from pathlib import Path

import fitsio
import numpy as np
from astropy.io.fits import Card, Header

from sediff.ccdimage import CcdImage
from sediff.errors import BadInput
from sediff.io.atomic import atomic_path

#: Cards the writer sets itself.
STRUCTURAL = ('SIMPLE', 'XTENSION', 'BITPIX', 'NAXIS', 'EXTEND', 'PCOUNT', 'GCOUNT', 'TFIELDS', 'TTYPE', 'TFORM',
              'ZIMAGE', 'ZTILE', 'ZCMPTYPE', 'ZNAME', 'ZVAL', 'ZTENSION', 'ZBITPIX', 'ZNAXIS', 'ZPCOUNT', 'ZGCOUNT',
              'ZQUANTIZ', 'ZDITHER', 'ZSIMPLE', 'ZEXTEND', 'ZBLANK', 'ZHECKSUM', 'ZDATASUM', 'BZERO', 'BSCALE',
              'CHECKSUM', 'DATASUM', 'INHERIT', 'BLANK')


def open_fits(path: str | os.PathLike) -> fitsio.FITS:
    """Open a FITS file for reading.

    Raises
    ------
    BadInput
        The file is missing or is no FITS file.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f'no such file: {path}')
    try:
        return fitsio.FITS(str(path))
    except (OSError, ValueError) as error:
        raise BadInput(f'{path} cannot be read as FITS ({_first_line(error)}); fetch it again') from error


def header_of(hdu) -> Header:
    """The HDU's cards as an astropy Header, structural ones left out."""
    header = Header()
    for record in hdu.read_header_list():
        text = record.get('card_string') or record.get('card') or ''
        card = Card.fromstring(text) if isinstance(text, str) and text.strip() else None
        if card is None or not card.keyword or card.keyword.startswith(STRUCTURAL) or card.keyword == 'CONTINUE':
            continue
        header.append(card, end=True)
    return header


def read_image(path: str | os.PathLike, ext: int | str | None = None) -> tuple[np.ndarray, Header]:
    """Pixels and header of one image extension (default: the first that has pixels).

    Raises
    ------
    BadInput
        File missing, no FITS, without that extension, or cut short.
    """
    with open_fits(path) as handle:
        hdu = _find_hdu(handle, ext, path)
        try:
            return hdu.read(), header_of(hdu)
        except (OSError, ValueError) as error:
            raise BadInput(f'{path}[{ext}] cannot be read ({_first_line(error)}); it may be truncated: '
                           'fetch it again') from error


def read_header(path: str | os.PathLike, ext: int | str = 0) -> Header:
    """Header of one extension."""
    with open_fits(path) as handle:
        return header_of(_find_hdu(handle, ext, path))


def read_grid(path: str | os.PathLike) -> tuple[tuple[int, int], Header]:
    """Shape (ny, nx) and header of the first image with data, its pixels left unread."""
    with open_fits(path) as handle:
        hdu = _find_hdu(handle, None, path)
        shape = tuple(int(size) for size in hdu.get_dims())
        if len(shape) != 2:
            raise BadInput(f'{path}: the image has {len(shape)} axes, two are needed')
        return shape, header_of(hdu)


def read_ccd(path: str | os.PathLike) -> CcdImage:
    """Read a CCD product: the first three image HDUs are image, mask and weight."""
    with open_fits(path) as handle:
        images = [hdu for hdu in handle if hdu.get_exttype() == 'IMAGE_HDU' and hdu.has_data()]
        if len(images) < 3:
            raise BadInput(f'{path} has {len(images)} image planes; image, mask and weight are needed')
        try:
            image, mask, weight = (hdu.read() for hdu in images[:3])
        except (OSError, ValueError) as error:
            raise BadInput(f'{path} cannot be read ({_first_line(error)}); it may be truncated: make it again') from error
        return CcdImage(image.astype(np.float32, copy=False), mask.astype(np.uint16), weight.astype(np.float32, copy=False),
                        header_of(images[0]))


def write_ccd(path: str | os.PathLike, ccd: CcdImage, compress: bool | None = None) -> None:
    """Write image, mask and weight as three HDUs (after an empty primary when compressed), atomically.

    Parameters
    ----------
    compress : bool, optional
        RICE with subtractive dithering (as `fpack -Y`); default: when the name ends in `.fz`.
    """
    compress = str(path).endswith('.fz') if compress is None else compress
    planes = (('SCI', ccd.image), ('MSK', ccd.mask.astype(np.int16)), ('WGT', ccd.weight))
    write_images(path, [(name, plane, ccd.header if name == 'SCI' else None) for name, plane in planes], compress)


def write_images(path: str | os.PathLike, planes: list[tuple[str, np.ndarray, Header | None]],
                 compress: bool = False) -> None:
    """Write named image HDUs atomically; compressed float planes are quantised at noise/16, a weight at 1/2000."""
    with atomic_path(path) as temporary, fitsio.FITS(str(temporary), 'rw', clobber=True) as handle:
        for name, pixels, header in planes:
            options = _rice(pixels, name) if compress else {}
            handle.write(np.ascontiguousarray(pixels), extname=name, header=fitsio_header(header), **options)


def fitsio_header(header: Header | None) -> fitsio.FITSHDR | None:
    """An astropy Header as fitsio wants it, structural cards left out."""
    if header is None:
        return None
    out = fitsio.FITSHDR()
    for card in header.cards:
        if card.keyword.startswith(STRUCTURAL) or card.keyword in ('EXTNAME', ''):
            continue
        value = str(card.value) if card.keyword in ('COMMENT', 'HISTORY') else card.value
        out.add_record({'name': card.keyword, 'value': value, 'comment': card.comment})
    return out


def _rice(pixels: np.ndarray, name: str) -> dict:
    if pixels.dtype.kind != 'f':
        return {'compress': 'RICE'}
    if name == 'WGT':
        sample = pixels[::16, ::16]
        typical = float(np.median(sample[sample > 0])) if (sample > 0).any() else 1.0
        return {'compress': 'RICE', 'qlevel': -typical / 2000.0, 'qmethod': 'SUBTRACTIVE_DITHER_2', 'dither_seed': 1}
    return {'compress': 'RICE', 'qlevel': 16.0, 'qmethod': 'SUBTRACTIVE_DITHER_2', 'dither_seed': 1}


def _find_hdu(handle: fitsio.FITS, ext: int | str | None, path):
    if ext is None:
        for hdu in handle:
            if hdu.get_exttype() == 'IMAGE_HDU' and hdu.has_data():
                return hdu
        raise BadInput(f'{path} has no image')
    try:
        return handle[ext]
    except (OSError, IndexError) as error:
        names = ', '.join(hdu.get_extname() or str(i) for i, hdu in enumerate(handle))
        raise BadInput(f'{path} has no extension {ext!r}; it has: {names}') from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ['?'])[0]
