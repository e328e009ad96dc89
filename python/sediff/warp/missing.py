"""Pixels without data that no mask names: areas of one exact value, which noise cannot give."""
from __future__ import annotations

import numpy as np
from numba import njit

#: Pixels of the sample that says how often noise repeats a value.
SAMPLE = 50_000
#: Runs of one value that noise alone may give in a whole image.
EXPECTED_RUNS = 1e-3
#: HOTPANTS' own value of a pixel without data.
HOTPANTS_FILL = np.float32(1e-30)
#: A sky this many sigma above zero never gives an exact zero.
SURE_SIGMA = 8.0


def mark_missing(image: np.ndarray, bad: np.ndarray) -> int:
    """Mark areas of exact zeros, of the image's lowest value and of HOTPANTS' fill value; how many pixels these are.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
    bad : ndarray, (ny, nx) bool
        Changed in place.

    Notes
    -----
    A value counts as missing in runs along a row or a column that noise gives less than once in a thousand images. How
    often noise repeats a value is seen from the other values of a sample: a float image hardly ever does, one of small
    integers often. Where the sky is far above zero, every exact zero counts.
    """
    step = max(1, int(np.sqrt(image.size / SAMPLE)))
    sample = image[::step, ::step][~bad[::step, ::step]]
    sample = sample[np.isfinite(sample)]
    if sample.size < 30:
        return 0
    candidates = np.array([0.0, sample.min(), HOTPANTS_FILL], np.float32)
    others, counts = np.unique(sample[~np.isin(sample, candidates)], return_counts=True)
    if others.size == 0:
        return mark_runs(image, bad, candidates, 1)
    chance = counts.max() / sample.size
    length = max(3, int(np.ceil(np.log(EXPECTED_RUNS / image.size) / np.log(min(chance, 0.9)))))
    low, middle, high = np.percentile(others.repeat(counts), (25, 50, 75))
    if middle > SURE_SIGMA * (high - low) / 1.349 > 0 and chance < 0.1:
        return mark_runs(image, bad, candidates[[0, 2]], 1) + mark_runs(image, bad, candidates, length)
    return mark_runs(image, bad, candidates, length)


@njit(cache=True)
def mark_runs(image, bad, values, length):
    """Mark runs of at least `length` pixels of one of these values along rows and columns; how many were not bad before."""
    ny, nx = image.shape
    marked = 0
    down, value_above = np.zeros(nx, np.int64), np.empty(nx, image.dtype)
    for y in range(ny):
        along = 0
        for x in range(nx):
            value = image[y, x]
            hit = False
            for one in values:
                hit |= value == one
            along = (along + 1 if x > 0 and value == image[y, x - 1] else 1) if hit else 0
            down[x] = (down[x] + 1 if value == value_above[x] and y > 0 else 1) if hit else 0
            value_above[x] = value
            if along >= length:
                for k in range(length if along == length else 1):
                    marked += not bad[y, x - k]
                    bad[y, x - k] = True
            if down[x] >= length:
                for k in range(length if down[x] == length else 1):
                    marked += not bad[y - k, x]
                    bad[y - k, x] = True
    return marked
