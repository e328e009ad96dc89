"""Fluxes in any unit: pixels are held in units of a power of two in which float32 has room for their squares."""
from __future__ import annotations

import numpy as np

#: Spreads of the pixels in this range are left as they are.
COMFORTABLE = (1e-5, 1e7)
#: Binary exponent of the spread that others are brought to.
TARGET = 4


def exponent_of(image: np.ndarray) -> int:
    """Power of two that the pixels are best divided by; 0 where they may stay.

    Parameters
    ----------
    image : ndarray, (ny, nx)
    """
    step = max(1, int(np.sqrt(image.size / 20_000)))
    sample = image[::step, ::step].astype(np.float64)
    sample = sample[np.isfinite(sample) & (sample != 0)]
    if sample.size == 0:
        return 0
    low, middle, high = np.percentile(sample, (25, 50, 75))
    spread = (high - low) / 1.349 or abs(middle)
    if spread == 0 or COMFORTABLE[0] <= spread <= COMFORTABLE[1]:
        return 0
    return int(np.floor(np.log2(spread))) - TARGET


def scaled(plane: np.ndarray, exponent: int) -> np.ndarray:
    """A plane times 2**exponent, C-ordered float32: (ny, nx)."""
    if exponent == 0:
        return np.ascontiguousarray(plane, np.float32)
    # twice the half, so that no factor leaves the range of float64
    half = exponent // 2
    return np.ascontiguousarray(plane.astype(np.float64) * 2.0 ** half * 2.0 ** (exponent - half), np.float32)


def restored(plane: np.ndarray, exponent: int) -> np.ndarray:
    """A float32 plane times 2**exponent: the same array where nothing changes, float64 where float32 has no room."""
    if exponent == 0:
        return plane
    out = np.ldexp(plane.astype(np.float64), exponent)
    size = np.abs(out[np.isfinite(out) & (out != 0)])
    if size.size == 0 or (size.max() < 1e37 and np.percentile(size, 1) > 1e-37):
        return out.astype(np.float32)
    return out
