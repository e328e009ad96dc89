"""Square windows of the planes of a CCD product, without reading the whole of it where few are wanted."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sediff.detect.stamps import cut_stamp
from sediff.errors import BadInput
from sediff.formats.opening import FitsFile, first_line, open_fits, pixels_of

#: Rows of windows above which reading a whole plane is quicker, as a share of its rows.
WHOLE_PLANE = 1.0


class PlaneWindows:
    """Windows of the planes (SCI, MSK, WGT) of one file; see `open_windows`."""

    def __init__(self, handle: FitsFile, path: str | os.PathLike, count: int):
        self._handle, self._path, self._count = handle, path, count
        self._whole: dict[str, np.ndarray] = {}

    def window(self, plane: str, x: float, y: float, size: int) -> np.ndarray:
        """A (size, size) float32 window about the pixel nearest to 0-based x, y; NaN outside the plane.

        Raises
        ------
        BadInput
            The file has no such plane, or it is cut short.
        """
        try:
            return cut_stamp(self._pixels(plane, size), x, y, size)
        except (OSError, ValueError) as error:
            raise BadInput(f'{self._path}[{plane}] cannot be read ({first_line(error)}); make it again') from error

    def _pixels(self, plane: str, size: int) -> Any:
        """The plane to slice, read at once where the windows of this size have about as many rows as it has."""
        unread = _Unread(self._handle[plane])
        if self._count * size > WHOLE_PLANE * unread.shape[0] and plane not in self._whole:
            self._whole = {plane: pixels_of(self._handle[plane])}      # one plane at a time: 34 MB of DECam
        return self._whole.get(plane, unread)


class _Unread:
    """A plane of a file that is read where it is sliced."""

    def __init__(self, hdu):
        self._hdu, self.shape = hdu, tuple(hdu.get_dims())

    def __getitem__(self, place: tuple[slice, slice]) -> np.ndarray:
        return self._hdu[place]


@contextmanager
def open_windows(path: str | os.PathLike, count: int = 1) -> Iterator[PlaneWindows]:
    """The planes of a CCD product, open for about `count` windows of each.

    Raises
    ------
    BadInput
        The file is missing or is no FITS file.
    """
    with open_fits(path) as handle:
        yield PlaneWindows(handle, path, count)
