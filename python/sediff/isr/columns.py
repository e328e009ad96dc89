"""Columns that only sit at a wrong level are corrected: FIXED instead of BPM (`--fixcols` of the DES pixel correction)."""
from __future__ import annotations

import numpy as np

from sediff.maskbits import UNUSABLE, Bit
from sediff.stats import robust_sigma

#: Columns on either side that a bad column is compared with.
REACH = 6


def fix_columns(image: np.ndarray, mask: np.ndarray, min_length: int = 50,
                max_noise: float = 1.15) -> tuple[np.ndarray, np.ndarray, int]:
    """Shift bad parts of columns to the level of their neighbours.

    A run of at least `min_length` bad pixels in a column is compared, row by row, with the mean of the two nearest good
    columns on each side (at most 6 away). Its level is the clipped mean of the differences. Where the scatter of the
    differences is no more than `max_noise` times what the neighbours' scatter among themselves gives, the pixels tell the
    truth but for that level: it is subtracted, BPM is cleared and FIXED set.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        Sky not subtracted.
    mask : ndarray, (ny, nx) uint16

    Returns
    -------
    image : ndarray, (ny, nx) float32
    mask : ndarray, (ny, nx) uint16
    fixed : int
        Pixels corrected.
    """
    bad = (mask & np.uint16(Bit.BPM)) != 0
    columns = np.flatnonzero(bad.sum(axis=0) >= min_length)
    if not len(columns):
        return image, mask, 0
    image, mask, fixed = image.copy(), mask.copy(), 0
    usable = (mask & np.uint16(UNUSABLE & ~Bit.EDGE)) == 0
    for x in columns:
        for first, last in _runs(bad[:, x], min_length):
            rows = slice(first, last)
            offset = _offset(image, usable, int(x), rows, max_noise)
            if offset is None:
                continue
            image[rows, x] -= offset
            mask[rows, x] = (mask[rows, x] & ~np.uint16(Bit.BPM)) | np.uint16(Bit.FIXED)
            fixed += last - first
    return image, mask, fixed


def _runs(column: np.ndarray, min_length: int) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], column, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2) if last - first >= min_length]


def _offset(image: np.ndarray, usable: np.ndarray, x: int, rows: slice, max_noise: float) -> np.float32 | None:
    """Level of a run above its neighbours; None where it is not the level alone that is wrong."""
    near = [_nearest(usable, x, rows, step) for step in (-1, 1)]
    if any(len(side) < 2 for side in near):
        return None
    left, right = (image[rows, side].astype(np.float64) for side in near)
    other = np.concatenate([left, right], axis=1)
    good = np.all(np.concatenate([usable[rows, side] for side in near], axis=1), axis=1)
    if np.count_nonzero(good) < 0.5 * len(good):
        return None
    difference = image[rows, x][good] - other[good].mean(axis=1)
    among = (left.mean(axis=1) - right.mean(axis=1))[good]
    middle = np.median(difference)
    spread, expected = (robust_sigma(each) for each in (difference, among))
    # a pixel less the mean of 4: 5/4 of its variance; the mean of 2 less that of 2: 1
    if not spread <= max_noise * np.sqrt(1.25) * expected:
        return None
    kept = np.abs(difference - middle) <= 3.0 * max(spread, 1e-6)
    return np.float32(difference[kept].mean())


def _nearest(usable: np.ndarray, x: int, rows: slice, step: int) -> list[int]:
    """The two nearest columns of a side that are good in most of the rows."""
    found = []
    for k in range(1, REACH + 1):
        column = x + step * k
        if 0 <= column < usable.shape[1] and usable[rows, column].mean() > 0.8:
            found.append(column)
        if len(found) == 2:
            break
    return found
