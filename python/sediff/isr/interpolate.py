"""Interpolation along rows across bleed trails and bad columns (the `rowinterp_nullweight` of DES)."""
from __future__ import annotations

import numpy as np
from numba import njit

from sediff.maskbits import UNUSABLE, Bit


def interpolate_rows(image: np.ndarray, mask: np.ndarray, bits: int = int(Bit.TRAIL), max_columns: int = 50,
                     beside: int = 4) -> tuple[np.ndarray, np.ndarray, int]:
    """Straight lines across masked runs of a row, from the means of the pixels beside them.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
    mask : ndarray, (ny, nx) uint16
    bits : int
        Pixels with any of these are replaced.
    max_columns : int
        Longer runs are left as they are.
    beside : int
        Usable pixels averaged on each side, within twice as many columns; with one side only its mean is taken.

    Returns
    -------
    image : ndarray, (ny, nx) float32
    mask : ndarray, (ny, nx) uint16
        INTERP added; nothing taken away, so that the weight stays 0 where the pixel is unusable.
    replaced : int
        Pixels replaced.
    """
    if not (mask & np.uint16(bits)).any():
        return image, mask, 0
    image, mask = np.ascontiguousarray(image, np.float32).copy(), mask.copy()
    blind = np.uint16(int(UNUSABLE) & ~int(Bit.EDGE) | bits)
    replaced = _interpolate(image, mask, np.uint16(bits), blind, max_columns, beside, np.uint16(Bit.INTERP))
    return image, mask, int(replaced)


def warm() -> None:
    """Compile the kernel."""
    mask = np.zeros((2, 8), np.uint16)
    mask[0, 3] = int(Bit.TRAIL)
    interpolate_rows(np.zeros((2, 8), np.float32), mask)


@njit(cache=True)
def _side(image, mask, y, x, step, blind, beside):
    total, count = 0.0, 0
    for k in range(2 * beside):
        i = x + step * k
        if i < 0 or i >= image.shape[1] or count == beside:
            break
        if not mask[y, i] & blind:
            total += image[y, i]
            count += 1
    return total, count


@njit(cache=True)
def _interpolate(image, mask, bits, blind, max_columns, beside, flag):
    ny, nx = image.shape
    replaced = 0
    for y in range(ny):
        x = 0
        while x < nx:
            if not mask[y, x] & bits:
                x += 1
                continue
            first = x
            while x < nx and mask[y, x] & bits:
                x += 1
            if x - first > max_columns:
                continue
            left, nleft = _side(image, mask, y, first - 1, -1, blind, beside)
            right, nright = _side(image, mask, y, x, 1, blind, beside)
            if nleft + nright == 0:
                continue
            a = left / nleft if nleft else right / nright
            b = right / nright if nright else a
            for i in range(first, x):
                image[y, i] = a + (b - a) * (i - first + 0.5) / (x - first)
                mask[y, i] |= flag
            replaced += x - first
    return replaced
