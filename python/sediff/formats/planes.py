"""Images as plain arrays with the cards of their header: quick to start, for commands that read and write a few planes."""
from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np

from sediff.cards import Cards, card_texts, read_cards, recordable, write_cards
from sediff.errors import BadData, BadInput
from sediff.formats.checksum import PLACEHOLDERS
from sediff.formats.integrity import compare, say_once
from sediff.formats.layout import IMAGE, Plane, choose_planes, kind_of, planes_of
from sediff.formats.opening import first_line, open_fits, split_extension, write_fits

#: Cards of one HDU that an image written from it does not take over.
FILE_CARDS = ('EXTNAME', 'EXTVER', 'EXTLEVEL', 'HDUNAME', 'NEXTEND')


@dataclass
class Pixels:
    """A plane as it stands in the file.

    Parameters
    ----------
    values : ndarray, (ny, nx), native byte order
    kind, name : str
        What it holds (`sediff.formats.layout`) and its EXTNAME.
    missing : ndarray, (ny, nx) bool, or None
        Pixels that an integer plane calls undefined (BLANK, ZBLANK). Undefined ones of a float plane are NaN.
    cards : Cards
        Of its header.
    """

    values: np.ndarray
    kind: str
    name: str
    missing: np.ndarray | None
    cards: Cards


@dataclass
class ReadImage:
    """An image with its masks and its noise, where the file has them, and its header with what the primary adds."""

    image: Pixels
    masks: list[Pixels] = field(default_factory=list)
    noise: Pixels | None = None
    cards: Cards = field(default_factory=lambda: Cards([]))


def read_planes(path: str | os.PathLike, ext: str | int | None = None, wanted: str = IMAGE) -> ReadImage:
    """An image of a file with its masks and its noise.

    Parameters
    ----------
    path : path
        May end in `[2]`, `[SCI]` or `[SCI,2]` to choose an extension, unless a file has just that name.
    ext : str or int, optional
        The same.
    wanted : str
        What is looked for in a file of several planes.

    Raises
    ------
    BadInput
        The file is missing, is no FITS file, has no image, or is cut short; or which plane is meant cannot be told.
    """
    path, chosen = split_extension(path)
    with open_fits(path) as handle:
        try:
            layout = choose_planes(planes_of(handle), path, ext if chosen is None else chosen, wanted)
            image = _pixels(handle, layout.image, path)
            primary = read_cards(handle[0].get_filename(), 0) if layout.image.index else Cards([])
            return ReadImage(image, [_pixels(handle, plane, path) for plane in layout.masks],
                             None if layout.noise is None else _pixels(handle, layout.noise, path),
                             image.cards.inheriting(primary).own())
        except (OSError, ValueError, RuntimeError) as error:
            raise BadInput(f'{path} cannot be read as FITS ({first_line(error)}); fetch it again') from error


def read_plane(path: str | os.PathLike, wanted: str = IMAGE) -> Pixels:
    """One plane of a file, the mask or the noise of an image; raises as `read_planes` does."""
    return read_planes(path, None, wanted).image


def _pixels(handle, plane: Plane, path: str) -> Pixels:
    hdu = handle[plane.index]
    finding = compare(hdu)
    if finding:
        # a user's own image: only a warning
        say_once(f'{path}[{plane.index}]', f'{path}[{plane.name or plane.index}] {finding.reason}')
    cards = read_cards(hdu.get_filename(), hdu.get_offsets()['header_start'])
    values = hdu.read()
    while values.ndim > 2 and values.shape[0] == 1:
        values = values[0]
    kind = kind_of(plane.name, str(cards.get('UTYPE', '')))
    return Pixels(values, kind, plane.name, missing_of(values, cards), cards)


def missing_of(values: np.ndarray, cards: Cards) -> np.ndarray | None:
    """Pixels of an integer plane that have the value of BLANK (ZBLANK where it is compressed); None without any."""
    bits = cards.number('ZBITPIX' if cards.get('ZIMAGE') is True else 'BITPIX') or 0
    blank = next((value for value in (cards.number('ZBLANK'), cards.number('BLANK')) if value is not None), None)
    if bits < 0 or blank is None:
        return None
    scale, zero = cards.number('BSCALE'), cards.number('BZERO')
    stored = blank * (1.0 if scale is None else scale) + (0.0 if zero is None else zero)
    out = values == (np.array(stored).astype(values.dtype) if values.dtype.kind == 'f' else stored)
    return out if out.any() else None


def write_plane(path: str | os.PathLike, name: str, pixels: np.ndarray, header: Cards, cards: dict[str, tuple]) -> None:
    """Write one image atomically: the cards of a header, and others {keyword: (value, comment)} that go over them.

    Raises
    ------
    BadData
        No pixel has a finite value.
    """
    if pixels.dtype.kind == 'f' and not np.isfinite(pixels).any():
        raise BadData(f'{path} would hold no finite value; look at the units of the images')
    kept = header.own()
    texts = [text for text in kept.texts if text[:8].strip() not in FILE_CARDS]
    old = Cards(texts)
    texts = [text for text in old.texts if text[:8].strip() not in cards]
    texts += [text for keyword, (value, comment) in cards.items() for text in card_texts(keyword, value, comment)]
    with write_fits(path) as handle:
        write_image(handle, pixels, name, texts)


def write_image(handle, pixels: np.ndarray | None, name: str | None, texts: list[str], **options) -> None:
    """Add an image HDU with these cards to a file that is being written, with room for its checksums."""
    pixels = None if pixels is None else np.ascontiguousarray(pixels)
    handle.create_image_hdu(pixels, extname=name, header=[*map(recordable, texts), *PLACEHOLDERS], **options)
    write_cards(handle[-1], texts)
    if any(recordable(text) != text for text in texts):
        handle.foreign[len(handle) - 1] = texts
