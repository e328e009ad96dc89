"""Pixels without data that no mask names: areas of one exact value, which noise cannot give."""
from __future__ import annotations

import numpy as np
from numba import njit

#: Pixels of the sample that says how often noise repeats a value.
SAMPLE = 50_000
#: Runs of one value that noise alone may give in a whole image.
EXPECTED_RUNS = 1e-3
#: Fewest good pixels of the sample.
LEAST_SAMPLE = 30
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
    often noise gives it is seen from how often other values repeat in a sample, and from how often it stands behind a pixel
    that does not have it: never in a float image, often in one of small integers. Where the sky is far above zero, every
    exact zero counts.
    """
    step = max(1, int(np.sqrt(image.size / SAMPLE)))
    sample = image[::step, ::step][~bad[::step, ::step]]
    sample = sample[np.isfinite(sample)]
    if sample.size < LEAST_SAMPLE:
        return 0
    candidates = np.unique(np.array([0.0, sample.min(), HOTPANTS_FILL], np.float32))
    others = sample[~np.isin(sample, candidates)]
    if others.size == 0:
        return sum(mark_runs(image, bad, value, 1) for value in candidates)
    repeated = float(np.unique(others, return_counts=True)[1].max() / sample.size)
    low, middle, high = np.percentile(others, (25, 50, 75))
    far = middle > SURE_SIGMA * (high - low) / 1.349 > 0
    marked = 0
    for value in candidates:
        if not (image == value).any():
            continue
        hit = image[::step] == value
        chance = max(repeated, int(np.count_nonzero(hit[:, 1:] & ~hit[:, :-1])) / max(int(np.count_nonzero(~hit)), 1))
        length = 1 if far and abs(value) <= HOTPANTS_FILL else run_length(chance, image.size)
        marked += mark_runs(image, bad, value, length)
    return marked


def run_length(chance: float, pixels: int) -> int:
    """Shortest run of a value of this probability that noise gives less than `EXPECTED_RUNS` times among so many pixels."""
    return max(3, int(np.ceil(np.log(EXPECTED_RUNS / pixels) / np.log(min(max(chance, 1e-9), 0.99)))))


@njit(cache=True)
def mark_runs(image, bad, wanted, length):
    """Mark runs of at least `length` pixels of a value along rows and columns; how many were not bad before."""
    ny, nx = image.shape
    marked = 0
    down = np.zeros(nx, np.int64)
    for y in range(ny):
        along = 0
        for x in range(nx):
            if image[y, x] != wanted:
                along = 0
                down[x] = 0
                continue
            along += 1
            down[x] += 1
            if along >= length:
                for k in range(length if along == length else 1):
                    marked += not bad[y, x - k]
                    bad[y, x - k] = True
            if down[x] >= length:
                for k in range(length if down[x] == length else 1):
                    marked += not bad[y - k, x]
                    bad[y - k, x] = True
    return marked
