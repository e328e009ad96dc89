"""The pixel grid of a template CCD and some way beyond its edges, in tiles: the fixed grid of prepared templates."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.io.fits import Header

from sediff.template.coadd import MARGIN

#: So far (px) beyond the edges of its CCD a grid goes: more than half of the gaps between CCDs.
BEYOND = 128
#: Side of a tile, about, px.
SIDE = 1100
#: Pixels around a tile that its making looks at: what the search for artefacts sees, and what a kernel reaches.
CONTEXT = MARGIN

#: First row, last row, first column, last column (last excluded), in pixels of the CCD.
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Tiling:
    """Tiles of the grid of one CCD, numbered along rows from the lower left.

    Parameters
    ----------
    shape : (ny, nx)
        Of the CCD.
    """

    shape: tuple[int, int]

    @property
    def grid_shape(self) -> tuple[int, int]:
        """Rows and columns of the whole grid; its first pixel is (-BEYOND, -BEYOND) of the CCD."""
        return self.shape[0] + 2 * BEYOND, self.shape[1] + 2 * BEYOND

    def edges(self, axis: int) -> np.ndarray:
        """Where tiles begin and end along an axis, in pixels of the grid: (count + 1,) int64."""
        size = self.grid_shape[axis]
        return np.round(np.linspace(0, size, max(1, round(size / SIDE)) + 1)).astype(np.int64)

    @property
    def counts(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return len(self.edges(0)) - 1, len(self.edges(1)) - 1

    def box(self, number: int) -> Box:
        """Rows and columns of a tile, in pixels of the CCD."""
        row, column = divmod(number, self.counts[1])
        (y0, y1), (x0, x1) = self.edges(0)[row:row + 2] - BEYOND, self.edges(1)[column:column + 2] - BEYOND
        return int(y0), int(y1), int(x0), int(x1)

    def wide_box(self, number: int) -> Box:
        """The same with its context."""
        y0, y1, x0, x1 = self.box(number)
        return y0 - CONTEXT, y1 + CONTEXT, x0 - CONTEXT, x1 + CONTEXT


def header_of_box(header: Header, box: Box) -> Header:
    """World coordinates of a box of a CCD's grid, from the CCD's header."""
    moved = header.copy()
    moved['CRPIX1'], moved['CRPIX2'] = header['CRPIX1'] - box[2], header['CRPIX2'] - box[0]
    return moved


def grid_header(header: Header) -> Header:
    """World coordinates of the whole grid of a CCD."""
    return header_of_box(header, (-BEYOND, 0, -BEYOND, 0))
