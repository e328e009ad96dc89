"""Stamps turned so that north is up and east is left, by quarter turns and mirroring: no pixel is interpolated."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Turn:
    """How an image (row 0 at its lowest y) becomes a picture (row 0 at its top).

    Parameters
    ----------
    transpose : bool
        Rows become columns, before anything else.
    flip_rows, flip_columns : bool
        Then top and bottom, left and right change places.
    north, east : tuple of float
        Unit vectors in the picture, (right, down): (0, -1) and (-1, 0) where the axes of the CCD lie along those of the sky.
    scale : float
        arcsec per pixel; 0 where it is not known.
    """

    transpose: bool = False
    flip_rows: bool = True
    flip_columns: bool = False
    north: tuple[float, float] = (0.0, -1.0)
    east: tuple[float, float] = (-1.0, 0.0)
    scale: float = 0.0

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The picture of an image, (ny, nx) of any dtype; a view."""
        turned = image.T if self.transpose else image
        return turned[::-1 if self.flip_rows else 1, ::-1 if self.flip_columns else 1]


def north_up(matrix: np.ndarray) -> Turn:
    """The turn that brings north nearest to the top and east to the left.

    Parameters
    ----------
    matrix : ndarray, (2, 2) float
        deg/px: d(xi, eta) / d(x, y), with xi to the east and eta to the north (the CD matrix).
    """
    east, north = (vector / np.hypot(*vector) for vector in np.linalg.inv(matrix).T)
    transpose = bool(abs(north[0]) > abs(north[1]))
    if transpose:
        east, north = east[::-1], north[::-1]
    flip_rows, flip_columns = bool(north[1] > 0), bool(east[0] > 0)
    sign = np.array([-1.0 if flip_columns else 1.0, -1.0 if flip_rows else 1.0])
    north, east = north * sign, east * sign
    return Turn(transpose, flip_rows, flip_columns, (float(north[0]), float(north[1])), (float(east[0]), float(east[1])),
                3600.0 * float(np.sqrt(abs(np.linalg.det(matrix)))))
