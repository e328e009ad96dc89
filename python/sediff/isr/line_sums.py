"""Sums along all straight lines through a small image: a Radon transform by running sums."""
from __future__ import annotations

import numpy as np
from numba import njit

#: A value and a count share one whole number: the count above this bit, the value in units of 2^-20 below it.
COUNT, UNIT = 40, 2.0 ** 20
#: Part of a pixel by which a line's border may be off: less than that is the rounding of products.
ROUNDING = 1e-9


def line_sums(height: np.ndarray, good: np.ndarray, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the good pixels, and their number, along all lines of width 1.

    A pixel (y, x) belongs to the line of each angle with x cos + y sin within half a pixel of its distance.

    Parameters
    ----------
    height : ndarray, (ny, nx) float64
        0 where not good; a line may hold up to 500 000 in all, and is good to 1e-6 a pixel.
    good : ndarray, (ny, nx) bool
    angles : ndarray, (n,) float64, radians

    Returns
    -------
    sums, lengths : ndarray, (n, 2 reach + 1) float32
        Of the distances -reach to reach, reach being 1 + the length of the diagonal in whole pixels.

    Notes
    -----
    A row crosses a line in a run of pixels, so a difference of running sums is all that it adds to it; of rows and columns
    those are taken that have the longer runs. Whole numbers make the sums exact whatever their order.
    """
    reach = int(np.hypot(*height.shape)) + 1
    packed = np.rint(height * UNIT).astype(np.int64) + (good.astype(np.int64) << COUNT)
    turned = np.ascontiguousarray(packed.T)
    right, left, up, down = (_running(plane) for plane in (packed, packed[:, ::-1], turned, turned[:, ::-1]))
    sums, lengths = np.empty((2, len(angles), 2 * reach + 1), np.float32)
    _add_runs(right, left, up, down, angles, reach, sums, lengths)
    return sums, lengths


def _running(plane: np.ndarray) -> np.ndarray:
    """Sums of the first 0, 1, 2 ... pixels of each row: (rows, pixels + 1) int64."""
    running = np.zeros((plane.shape[0], plane.shape[1] + 1), np.int64)
    np.cumsum(plane, axis=1, out=running[:, 1:])
    return running


@njit(cache=True, error_model='numpy')
def _add_runs(right, left, up, down, angles, reach, sums, lengths):
    """Fill `sums` and `lengths` (angles, distances) from the running sums along rows and columns, from either end."""
    below, total = np.empty(sums.shape[1], np.int32), np.empty(sums.shape[1], np.int64)
    for k in range(angles.size):
        total[:] = 0
        cosine, sine = np.cos(angles[k]), np.sin(angles[k])
        if abs(cosine) <= abs(sine):
            running, along, across = right if cosine >= 0.0 else left, cosine, sine
        else:
            running, along, across = up if sine >= 0.0 else down, sine, cosine
        size, step = np.int32(running.shape[1] - 1), max(abs(along), ROUNDING)
        for line in range(running.shape[0]):
            start = line * across + 0.5 + reach + min(along * (size - 1), 0.0)
            first = int(start)
            count = int(start + step * (size - 1) + ROUNDING) - first + 1
            shift, pace = (first + 1 - start) / step + 1.0 - ROUNDING, 1.0 / step
            # pixels, from the end with the lowest distance on, that lie below the upper border of each distance
            for i in range(count - 1):
                below[i] = np.int32(shift + i * pace)
            below[count - 1] = size
            own, target, before = running[line], total[first:first + count], np.int64(0)
            for i in range(count):
                value = own[np.uint32(below[i])]
                target[i] += value - before
                before = value
        for i in range(total.size):
            number = total[i] + (1 << COUNT - 1) >> COUNT
            sums[k, i], lengths[k, i] = (total[i] - (number << COUNT)) / UNIT, number
