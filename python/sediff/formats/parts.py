"""Parts of large images: a few cards of a header and the pixels around a place, nothing else is read or unpacked."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from sediff.cards import CARD, Cards, legal
from sediff.errors import BadInput
from sediff.formats.checksum import word_sum
from sediff.formats.integrity import KEPT, MODULUS, check_header, check_sum
from sediff.formats.opening import FitsFile, first_line, open_fits

#: x0, y0 (0-based pixel of the lower left corner) and side lengths along x and y, px; it may lie outside the image.
Window = tuple[int, int, int, int]


class Parts:
    """An open product of which parts are read.

    Parameters
    ----------
    path : path
        Name for messages.
    handle : FitsFile
    verify : bool
        Compare the data of each plane that is touched with its DATASUM, which reads all of it.
    """

    def __init__(self, path: str | os.PathLike, handle: FitsFile, verify: bool = False) -> None:
        self.path, self.verify, self._handle = path, verify, handle
        self._checked: set[str] = set()

    def cards(self, name: str, prefixes: tuple[str, ...]) -> Cards:
        """The cards of a plane whose keywords begin with one of some words; raises as `window`."""
        text = _header(self._hdu(name)).decode('latin-1')
        cards = (text[k:k + CARD] for k in range(0, len(text), CARD))
        return Cards([legal(card) for card in cards if card.startswith(prefixes)])

    def shape(self, name: str) -> tuple[int, int]:
        """(ny, nx) of a plane; raises as `window`."""
        ny, nx = self._hdu(name).get_dims()
        return int(ny), int(nx)

    def window(self, name: str, window: Window) -> np.ndarray:
        """Pixels of a plane: (ny, nx) of the window, in the plane's type; 0 outside the image.

        Raises
        ------
        BadInput
            There is no such plane; its header (with `verify` its data, too) is not what its checksums say; or it cannot be
            unpacked.
        """
        hdu, (height, width), (x0, y0, nx, ny) = self._hdu(name), self.shape(name), window
        ys, xs = slice(max(y0, 0), min(y0 + ny, height)), slice(max(x0, 0), min(x0 + nx, width))
        empty = ys.start >= ys.stop or xs.start >= xs.stop
        found = hdu[0:1, 0:1] if empty else hdu[ys, xs]
        if found.shape == (ny, nx) and not empty:
            return found
        out = np.zeros((ny, nx), found.dtype)
        if not empty:
            out[ys.start - y0:ys.stop - y0, xs.start - x0:xs.stop - x0] = found
        return out

    def _hdu(self, name: str):
        try:
            hdu = self._handle[name]
        except (OSError, IndexError) as error:
            raise BadInput(f'{self.path} has no plane {name}; make it again') from error
        if name not in self._checked:
            self._checked.add(name)
            if self.verify:
                check_sum(self.path, hdu, KEPT)
            elif _differs(_header(hdu)):
                check_header(self.path, hdu, KEPT)
        return hdu


@contextmanager
def open_parts(path: str | os.PathLike, verify: bool = False) -> Iterator[Parts]:
    """A product to read parts of; what fails inside the block is BadInput that names the file.

    Raises
    ------
    BadInput
        The file is missing, is no FITS file, is cut short, or what is read of it is damaged.
    """
    with open_fits(path) as handle:
        try:
            yield Parts(path, handle, verify)
        except (OSError, ValueError, KeyError) as error:
            raise BadInput(f'{path} cannot be read ({first_line(error)}); it may be truncated: make it again') from error


def _header(hdu) -> bytes:
    """The header of an HDU as it stands in the file."""
    place = hdu.get_offsets()
    with open(hdu.get_filename(), 'rb') as plain:
        plain.seek(place['header_start'])
        return plain.read(place['data_start'] - place['header_start'])


def _differs(header: bytes) -> bool:
    """Whether header and DATASUM do not sum to zero, so that `check_header` must judge, which parses all cards."""
    at = next((k for k in range(0, len(header), CARD) if header.startswith(b'DATASUM ', k)), None)
    digits = b'' if at is None else header[at + 10:at + CARD].split(b'/')[0].strip(b" '")
    return not digits.isdigit() or (word_sum(np.frombuffer(header, '>u4')) + int(digits)) % MODULUS != 0
