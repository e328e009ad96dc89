"""FITS images in and out: fitsio, or kernels where they are compressed, moves the pixels, astropy holds the header."""
from __future__ import annotations

import os

import fitsio
import numpy as np
from astropy.io.fits import Header

from sediff.cards import Cards, header_texts, read_cards
from sediff.ccdimage import CcdImage
from sediff.errors import BadInput
from sediff.formats.integrity import KEPT, MADE, check_header, check_sum
from sediff.formats.layout import WEIGHT, choose_planes, planes_of
from sediff.formats.opening import first_line, open_fits, pixels_of, split_extension, write_fits
from sediff.formats.planes import write_image
from sediff.formats.quantum import SEED, quantum


def header_of(hdu) -> Header:
    """The HDU's cards as an astropy Header, structural ones left out; what FITS does not allow is undefined."""
    return read_cards(hdu.get_filename(), hdu.get_offsets()['header_start']).own().header()


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
            check_sum(path, hdu)
            return hdu.read(), header_of(hdu)
        except (OSError, ValueError) as error:
            raise BadInput(f'{path}[{ext}] cannot be read ({first_line(error)}); it may be truncated: '
                           'fetch it again') from error


def read_header(path: str | os.PathLike, ext: int | str = 0, use: str = MADE) -> Header:
    """Header of one extension.

    Parameters
    ----------
    use : {'made', 'kept', 'raw'}
        What kind of file it is (`sediff.formats.integrity.check_sum`).

    Raises
    ------
    BadInput
        The file is missing, lacks the extension, or the header is not what its CHECKSUM says.
    """
    with open_fits(path) as handle:
        hdu = _find_hdu(handle, ext, path)
        check_header(path, hdu, use)
        return header_of(hdu)


def read_grid(path: str | os.PathLike, ext: str | int | None = None) -> tuple[tuple[int, int], Header]:
    """Shape (ny, nx) and header, with what the primary adds, of the image of a file (`[SCI]` chooses), pixels left unread.

    Raises
    ------
    BadInput
        As `sediff.formats.planes.read_planes`; or the image has not two axes.
    """
    path, chosen = split_extension(path)
    with open_fits(path) as handle:
        plane = choose_planes(planes_of(handle), path, ext if chosen is None else chosen).image
        if len(plane.shape) != 2:
            raise BadInput(f'{path}: the image has {len(plane.shape)} axes, two are needed')
        check_header(path, handle[plane.index])
        place, name = handle[plane.index].get_offsets(), handle[0].get_filename()
        primary = read_cards(name, 0) if plane.index else Cards([])
        return plane.shape, read_cards(name, place['header_start']).inheriting(primary).own().header()


def read_ccd(path: str | os.PathLike) -> CcdImage:
    """Read a CCD product: the planes SCI, MSK and WGT.

    Raises
    ------
    BadInput
        The file is missing, no FITS file, lacks a plane, is cut short, or is not what its DATASUM says.
    """
    with open_fits(path) as handle:
        layout = choose_planes(planes_of(handle), str(path))
        if not layout.masks or layout.noise is None or layout.noise.kind != WEIGHT:
            raise BadInput(f'{path} has {len(planes_of(handle))} image planes; image, mask and weight are needed')
        try:
            hdus = [handle[plane.index] for plane in (layout.image, layout.masks[0], layout.noise)]
            for hdu in hdus:
                check_sum(path, hdu, KEPT)
            image, mask, weight = (pixels_of(hdu) for hdu in hdus)
        except (OSError, ValueError) as error:
            raise BadInput(f'{path} cannot be read ({first_line(error)}); it may be truncated: make it again') from error
        return CcdImage(image.astype(np.float32, copy=False), mask.astype(np.uint16), weight.astype(np.float32, copy=False),
                        header_of(hdus[0]))


def write_ccd(path: str | os.PathLike, ccd: CcdImage, compress: bool | None = None, source: Cards | None = None) -> None:
    """Write image, mask and weight as three HDUs (after an empty primary when compressed), atomically.

    Parameters
    ----------
    compress : bool, optional
        RICE with subtractive dithering (as `fpack -Y`); default: when the name ends in `.fz`.
    source : Cards, optional
        Where the header came from: its bytes beyond ASCII, which an astropy Header cannot hold, are written as they were.
    """
    compress = str(path).endswith('.fz') if compress is None else compress
    planes = (('SCI', ccd.image), ('MSK', ccd.mask.astype(np.int16)), ('WGT', ccd.weight))
    write_images(path, [(name, plane, ccd.header if name == 'SCI' else None) for name, plane in planes], compress,
                 source=source)


def write_images(path: str | os.PathLike, planes: list[tuple[str, np.ndarray, Header | None]],
                 compress: bool = False, checksums: bool = True, source: Cards | None = None) -> None:
    """Write named image HDUs atomically; compressed float planes are quantised at noise/16, a weight at 1/2000.

    The noise is one number for the plane; cfitsio would measure it tile by tile, which takes far longer.
    """
    texts = [header_texts(header) for _, _, header in planes]
    texts = texts if source is None else [source.bytes_of(each) for each in texts]
    steps = [quantum(pixels, name) for name, pixels, _ in planes] if compress else []
    if compress and checksums and _written_packed(path, planes, steps, texts):
        return
    with write_fits(path, checksums) as handle:
        for number, (name, pixels, _) in enumerate(planes):
            write_image(handle, pixels, name, texts[number], **(_rice(steps[number]) if compress else {}))


def _written_packed(path, planes, steps: list[float | None], texts: list[list[str]]) -> bool:
    """Whether the planes are such that a file of them was written without cfitsio."""
    from sediff.formats.rice_encode import pack  # kernels, that who reads headers does not need
    from sediff.formats.rice_table import write_packed
    packed = []
    for (name, pixels, _), step, cards in zip(planes, steps, texts):
        plane = pack(pixels, step)
        if plane is None:
            return False
        packed.append((name, plane, cards))
    write_packed(path, packed)
    return True


def _rice(step: float | None) -> dict:
    """Options of cfitsio; where no step is known it measures the noise of each row."""
    if step is None:
        return {'compress': 'RICE'}
    return {'compress': 'RICE', 'qlevel': -step if step > 0 else 16.0, 'qmethod': 'SUBTRACTIVE_DITHER_2',
            'dither_seed': SEED}


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
