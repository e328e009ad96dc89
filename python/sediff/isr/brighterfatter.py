"""Brighter-fatter: charge in a pixel pushes the borders of its neighbours (Gruen et al. 2015, JINST 10 C05032).

The border between pixel (y, x) and its right neighbour moves by sum a_right[j, i] Q[y + j, x + i] pixels, the one to its
upper neighbour by sum a_up[j, i] Q[y + j, x + i], and the charge of the strip goes to the other pixel. While the charge
grows at a constant rate the border is on average half as far out as at the end.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from sediff.errors import BadData


@dataclass(frozen=True)
class BorderShifts:
    """How charge moves the borders of a pixel.

    Parameters
    ----------
    right, up : ndarray, (2 n + 2, 2 n + 2) float64, pixels per electron
        Shift of the right (upper) border of pixel (0, 0), towards larger x (y), by an electron in the pixel at offset
        (j, i) = (row - n, column - n); offsets run from -n to n + 1.
    """

    right: np.ndarray
    up: np.ndarray

    def __post_init__(self) -> None:
        shape = np.shape(self.right)
        if shape != np.shape(self.up) or len(shape) != 2 or shape[0] != shape[1] or shape[0] % 2 or shape[0] < 2:
            raise BadData(f'brighter-fatter tables of shape {shape} and {np.shape(self.up)}: both must be square with an '
                          'even side')
        if not (np.isfinite(self.right).all() and np.isfinite(self.up).all()):
            raise BadData('a brighter-fatter table has values that are not finite')
        if max(np.abs(self.right).sum(), np.abs(self.up).sum()) * 2e5 > 1.0:
            raise BadData('a brighter-fatter table would move a border by more than a pixel at 200000 electrons; '
                          'its unit must be pixels per electron')


def displaced_charge(image: np.ndarray, shifts: BorderShifts, charge: np.ndarray | None = None) -> np.ndarray:
    """Charge that the shifted borders took away from each pixel, first order.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, electrons
        Charge, sky included, not flat-fielded.
    shifts : BorderShifts
    charge : ndarray, (ny, nx) float32, electrons, optional
        What moves the borders, if it is not the image itself.

    Returns
    -------
    ndarray, (ny, nx) float32, electrons
        Sums to 0 over the image.
    """
    pixels = np.ascontiguousarray(image, np.float32)
    lost = np.zeros_like(pixels)
    pushing = pixels if charge is None else np.ascontiguousarray(charge, np.float32)
    right, up = (np.ascontiguousarray(table, np.float32) for table in (shifts.right, shifts.up))
    _displace(pixels, pushing, right, up, lost)
    return lost


def correct_brighter_fatter(image: np.ndarray, shifts: BorderShifts, passes: int = 1, limit: float = 2e5) -> np.ndarray:
    """The image as it would be without the effect.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, electrons
        Sky not subtracted, not flat-fielded.
    shifts : BorderShifts
    passes : int
        1: the shifts are those of the measured charge (as DES); more: of the corrected charge.
    limit : float, electrons
        Charge counted at most, so that hot pixels and saturated stars move nothing by much.

    Returns
    -------
    ndarray, (ny, nx) float32, electrons
        A new array.
    """
    estimate = image
    for _ in range(passes):
        estimate = image + displaced_charge(np.clip(estimate, 0.0, limit), shifts)
    return estimate


def power_law_shifts(reach: int, nearest: float, slope: float = 2.0) -> BorderShifts:
    """A table whose shifts fall as a power of the distance of the charge from the border's middle.

    Parameters
    ----------
    reach : int
        Largest offset n.
    nearest : float, pixels per electron
        Shift of a border by an electron in one of its two pixels (positive: repulsion).
    slope : float
        Of the power law, in units of half a pixel.
    """
    offsets = np.arange(-reach, reach + 2)
    j, i = np.meshgrid(offsets, offsets, indexing='ij')
    dx, dy = 0.5 - i, -1.0 * j
    distance = np.hypot(dx, dy) / 0.5
    right = np.where(np.abs(j) <= reach, nearest * -(dx / 0.5) / distance ** (slope + 1.0), 0.0)
    return BorderShifts(right, right.T.copy())


def warm() -> None:
    """Compile the kernel."""
    correct_brighter_fatter(np.zeros((6, 6), np.float32), power_law_shifts(1, 1e-7))


@njit(cache=True)
def _displace(image, charge, right, up, lost):
    """`lost` gets a quarter of (Q + Q of the other pixel) x shift, from the pixel that the border moves into."""
    ny, nx = image.shape
    side = right.shape[0]
    n = side // 2 - 1
    one, two = np.empty(nx, np.float32), np.empty(nx, np.float32)
    quarter = np.float32(0.25)
    for y in range(ny):
        one[:] = 0.0
        two[:] = 0.0
        for j in range(-n, n + 2):
            row = y + j
            if row < 0 or row >= ny:
                continue
            for i in range(-n, n + 2):
                a, b = right[j + n, i + n], up[j + n, i + n]
                first, last = max(0, -i), min(nx, nx - i)
                if a != 0.0 or b != 0.0:
                    for x in range(first, last):
                        q = charge[row, x + i]
                        one[x] += a * q
                        two[x] += b * q
        for x in range(nx - 1):
            moved = quarter * (image[y, x] + image[y, x + 1]) * one[x]
            lost[y, x] -= moved
            lost[y, x + 1] += moved
        if y < ny - 1:
            for x in range(nx):
                moved = quarter * (image[y, x] + image[y + 1, x]) * two[x]
                lost[y, x] -= moved
                lost[y + 1, x] += moved
