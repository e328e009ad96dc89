"""Floats as integers with a dither and back (FITS standard 4.0, 10.2 and appendix I), to the last bit as cfitsio does it."""
from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit

#: Numbers of the dither; quantised values that mean an undefined pixel and 0, and how many values are kept for such uses.
DITHERS, UNDEFINED, EXACT_ZERO, RESERVED = 10_000, -2147483647, -2147483646, 10
#: The float that cfitsio, too, takes for undefined where a plane has pixels that are not finite.
NULL_FLOAT = np.float32(-9.11912e-36)
#: Steps from the least to the greatest pixel of a row that integers of 32 bits surely hold.
RANGE = 2.0**32 - 1000.0
#: Bits of a float without its sign, and of the greatest finite one.
MAGNITUDE, GREATEST = np.int32(0x7FFFFFFF), np.int32(0x7F7FFFFF)


@lru_cache(maxsize=1)
def dithers() -> np.ndarray:
    """The random numbers of the FITS standard's dither (appendix I): (DITHERS,) float32."""
    out, seed = np.empty(DITHERS, np.float32), 1
    for k in range(DITHERS):
        seed = 16807 * seed % 2147483647
        out[k] = seed / 2147483647.0
    return out


def warm() -> None:
    """Compile the kernels."""
    pixels, values, zeros = np.ones((1, 4), np.float32), np.zeros((1, 4), np.int32), np.zeros(1)
    quantise(pixels, 1.0, False, 0, dithers(), values, zeros)
    restore(values, np.ones(1), zeros, 0, dithers(), pixels)


@njit(cache=True, error_model='numpy')
def quantise(pixels, step, undefined, row, dithers, values, zeros):
    """Integers of pixels (rows, nx) float32 and each row's zero point; False where 32 bits do not hold one's.

    Parameters
    ----------
    undefined : bool
        Whether the plane has pixels that are not finite.
    row : int
        Number of the first row in the dither.
    """
    limits, bits = np.empty(2, np.float32), pixels.view(np.int32)
    keys = limits.view(np.int32)
    for y in range(pixels.shape[0]):
        fits, zeros[y] = quantise_row(pixels[y], bits[y], step, undefined, row + y, dithers, limits, keys, values[y])
        if not fits:
            return False
    return True


@njit(cache=True, error_model='numpy')
def quantise_row(pixels, bits, step, undefined, row, dithers, limits, keys, values):
    """One row of `quantise`, given with its bits; `limits` and `keys` are the same memory, for two numbers."""
    if undefined:
        known_limits(pixels, limits)
    elif not find_limits(bits, limits, keys):
        return False, 0.0
    if np.float64(limits[1] - limits[0]) / step > RANGE:
        return False, 0.0
    zero = np.float64(limits[0]) - step * np.float64(UNDEFINED + RESERVED)
    size, turn, x = dithers.size, row % dithers.size, 0
    while x < pixels.size:
        first = int(dithers[turn] * np.float32(500.0))
        count = min(pixels.size - x, size - first)
        source, raw, shift = pixels[x:x + count], bits[x:x + count], dithers[first:first + count]
        target = values[x:x + count]
        for k in range(count):
            exact = (np.float64(source[k]) - zero) / step + np.float64(shift[k]) - 0.5
            nearest = np.int32(exact + (0.5 if exact >= 0.0 else -0.5))
            target[k] = np.int32(EXACT_ZERO) if raw[k] & MAGNITUDE == 0 else nearest
        x, turn = x + count, (turn + 1) % size
    if undefined:
        for k in range(pixels.size):
            if not np.isfinite(pixels[k]) or pixels[k] == NULL_FLOAT:
                values[k] = UNDEFINED
    return True, zero


@njit(cache=True)
def find_limits(bits, limits, keys):
    """The least and the greatest pixel of a row, by integers that have the order of the floats; False where one is not
    finite."""
    least, greatest = MAGNITUDE, np.int32(-1) ^ MAGNITUDE
    for k in range(bits.size):
        key = np.int32(bits[k] ^ (np.int32(bits[k] >> np.int32(31)) & MAGNITUDE))
        least, greatest = min(least, key), max(greatest, key)
    keys[0] = least ^ (least >> np.int32(31) & MAGNITUDE)
    keys[1] = greatest ^ (greatest >> np.int32(31) & MAGNITUDE)
    return greatest <= GREATEST and least >= np.int32(-1) ^ GREATEST


@njit(cache=True)
def known_limits(pixels, limits):
    """The same of a row with undefined pixels, which do not count; the ends of float32 where there are no others."""
    limits[0], limits[1] = np.float32(3.4028234663852886e38), np.float32(-3.4028234663852886e38)
    for k in range(pixels.size):
        if np.isfinite(pixels[k]) and pixels[k] != NULL_FLOAT:
            limits[0], limits[1] = min(limits[0], pixels[k]), max(limits[1], pixels[k])


@njit(cache=True)
def restore(values, scales, zeros, row, dithers, out):
    """Floats of quantised values (rows, nx), the first of which is row `row` of the dither; `out` may be their memory."""
    size = dithers.size
    for y in range(values.shape[0]):
        turn = (row + y) % size
        scale, zero, first, x = scales[y], zeros[y], int(dithers[turn] * np.float32(500.0)), 0
        while x < values.shape[1]:
            count = min(values.shape[1] - x, size - first)
            source, shift, target = values[y, x:x + count], dithers[first:first + count], out[y, x:x + count]
            for k in range(count):
                value = source[k]
                exact = (np.float64(value) - np.float64(shift[k]) + 0.5) * scale + zero
                target[k] = np.float32(0.0) if value == EXACT_ZERO else np.float32(exact)
            x += count
            turn = (turn + 1) % size
            first = int(dithers[turn] * np.float32(500.0))
