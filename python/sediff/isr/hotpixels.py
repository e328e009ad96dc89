"""Hot pixels and columns: dark charge that grows with the exposure time, from darks, and from dithered science exposures."""
from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numba import njit
from scipy import ndimage

from sediff.isr.calibrate import local_median
from sediff.stats import robust_sigma

#: Gives rows `first` to `last` (not in) of every frame.
ReadRows = Callable[[int, int], Sequence[np.ndarray]]
#: Dark charge (electrons a second) from which a pixel is hot: 3 sigma of the darkest sky (g, 420 electrons) in 90 s.
HOT_RATE = 0.7
#: Sigma of the dark image, or of a pixel in a science exposure, that a hot pixel exceeds its surroundings by at least.
DARK_SIGMA, SCIENCE_SIGMA = 6.0, 3.0
#: Fewest positions on the sky that tell a hot pixel from a star.
POSITIONS = 3
#: Side (px) of the blocks whose brightest are compared between exposures, and the share that says: not dithered.
BLOCK, SAME = 4, 0.3
#: With fewer bright blocks nothing is known of where an exposure looks.
FEWEST_BLOCKS = 10
#: Rows of a column, and the share of them that must be hot, for the column to be hot there.
RUN, RUN_SHARE = 41, 0.5
#: Height of a star's pixel above the median of its row's neighbours over that of the fainter one of the two beside it, at
#: most: 4.1 for a star of 2.6 px FWHM between two pixels.
STAR = np.float32(4.5)
#: The lowest but a quarter of the positions must show this share of what the middle one shows, less so many sigma, and this
#: share of the limit.
SHARE, SLACK, FLOOR = np.float32(0.5), np.float32(2.5), np.float32(0.65)
#: Memory (bytes) that the rows of all frames may take at a time.
MEMORY = 200e6


def hot_in_dark(dark: np.ndarray, noise: float, rate: float = HOT_RATE) -> np.ndarray:
    """Pixels that exceed the 15 x 15 median around them by `rate`, and by 6 sigma.

    Parameters
    ----------
    dark : ndarray, (ny, nx) float32, electrons a second
    noise : float, electrons a second
        Of a pixel of `dark`.

    Returns
    -------
    ndarray, (ny, nx) bool
    """
    return _with_columns(dark - local_median(dark) > max(rate, DARK_SIGMA * noise))


def hot_in_science(read: ReadRows, groups: Sequence[int] | np.ndarray, shape: tuple[int, int],
                   sigma: float = SCIENCE_SIGMA) -> np.ndarray:
    """Pixels that are significant in their row at most positions on the sky.

    In each exposure a pixel is compared with the median of the three on either side in its row (so that a hot column
    stands out as well as a pixel), in sigma of that difference, photon noise of stars included; where both pixels beside
    it, or above and below, are bright, as in a star, it stands out less (in a run that may be a hot column those beside it
    only). Exposures of one position are averaged. A pixel is hot where the mean of the lower half of the positions
    (n // 2 + 1 of n) exceeds `sigma`, and the lowest (but a quarter of them) agrees with the middle: a star or a cosmic ray
    stands there at one or two only.

    Parameters
    ----------
    read : callable
        `read(first, last)` gives these rows of all exposures, (rows, nx) float32, electrons, flat-fielded.
    groups : sequence of int
        For each exposure the number of its position, from 0, or -1: not used; of `positions`.
    shape : (int, int)

    Returns
    -------
    ndarray, (ny, nx) bool
    """
    numbers = np.asarray(groups)
    count = int(numbers.max(initial=-1)) + 1
    hot = np.zeros(shape, np.bool_)
    if count < POSITIONS:
        return hot
    columns = np.zeros(shape, np.bool_)
    height = int(np.clip(MEMORY / (4 * (len(numbers) + 2 * count) * shape[1]), 16, shape[0]))
    for first in range(0, shape[0], height):
        last, low = min(first + height, shape[0]), max(first - 1, 0)
        own = slice(first - low, last - low)
        sums = np.zeros((2, count, last - first, shape[1]), np.float32)
        for group, rows in zip(numbers, read(low, min(last + 1, shape[0]))):
            if group < 0:
                continue
            for k, excess in enumerate(_excess(np.ascontiguousarray(rows, np.float32))):
                sums[k, group] += excess[own] / np.float32(np.count_nonzero(numbers == group))
        for found, planes in zip((hot, columns), sums):
            _lower_mean_exceeds(planes, count // 2 + 1, np.float32(sigma), found[first:last])
    dense = ndimage.uniform_filter1d(columns.astype(np.float32), RUN, axis=0, mode='constant') > RUN_SHARE
    return _with_columns(hot | columns & ndimage.binary_dilation(dense, np.ones((RUN, 1))))


def warm() -> None:
    """Compile the kernels."""
    rows = np.ones((8, 64), np.float32)
    hot_in_science(lambda first, last: [rows[first:last]] * POSITIONS, range(POSITIONS), rows.shape)


def positions(bright: Sequence[np.ndarray]) -> np.ndarray:
    """Which exposures look at the same place: the number of the position of each, from 0, -1 without stars: (n,) int.

    Parameters
    ----------
    bright : sequence of ndarray, (ny / 4, nx / 4) bool
        Of `bright_blocks`. Two exposures share a position when 30 % of the bright blocks of the one with fewer are
        bright in the other. With fewer than 10 bright blocks the place of an exposure is not known.
    """
    counts = [int(own.sum()) for own in bright]
    groups = np.where(np.array(counts) < FEWEST_BLOCKS, -1, np.arange(len(bright)))
    for k, own in enumerate(bright):
        for other in range(k):
            known = min(groups[k], groups[other]) >= 0
            if known and (own & bright[other]).sum() > SAME * min(counts[k], counts[other]):
                groups[groups == groups[k]] = groups[other]
    places = sorted(set(groups) - {-1})
    return np.array([places.index(group) if group >= 0 else -1 for group in groups])


def bright_blocks(frame: np.ndarray) -> np.ndarray:
    """Blocks of 4 x 4 pixels whose median, which no hot pixel or column moves, stands 8 sigma above the frame's.

    `frame` : (ny, nx) float32; returns (ny // 4, nx // 4) bool.
    """
    ny, nx = (length // BLOCK for length in frame.shape)
    blocks = frame[:ny * BLOCK, :nx * BLOCK].reshape(ny, BLOCK, nx, BLOCK).transpose(0, 2, 1, 3).reshape(ny, nx, -1)
    medians = np.median(blocks, axis=2)
    medians -= ndimage.uniform_filter(np.minimum(medians, np.percentile(medians[::4, ::4], 90)), 33)
    spread = robust_sigma(medians)
    return medians > np.median(medians) + 8.0 * spread


def _excess(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each pixel less the median of its row's neighbours, in sigma, and less what a star would have beside it.

    First for single pixels, with those above and below counted among those beside it, then for columns.
    """
    beside = np.empty_like(rows)
    _medians_beside(rows, beside)
    excess = rows - beside
    across, along = (np.minimum(np.roll(rows, 1, axis=axis), np.roll(rows, -1, axis=axis)) - beside for axis in (1, 0))
    sample = excess[::4, ::4]
    noise = robust_sigma(sample)
    light = np.maximum(beside - np.median(beside[::4, ::4]), np.float32(0.0))
    noise = np.sqrt(np.float32(max(noise, 1e-3) ** 2) + np.float32(1.3) * light)
    single, column = (excess / noise - STAR * np.maximum(fainter / noise - np.float32(0.5), np.float32(0.0))
                      for fainter in (np.maximum(across, along), across))
    return single, column


def _with_columns(hot: np.ndarray) -> np.ndarray:
    """Hot pixels, and the gaps between those of a column where half of 41 rows are hot."""
    columns = np.flatnonzero(hot.sum(axis=0) > RUN * RUN_SHARE / 2)
    for x in columns:
        dense = ndimage.uniform_filter1d(hot[:, x].astype(np.float32), RUN, mode='constant') > RUN_SHARE
        reach = ndimage.binary_dilation(dense, np.ones(RUN))
        labels, count = ndimage.label(reach)
        for part in ndimage.find_objects(labels, count):
            rows = np.flatnonzero(hot[part[0], x]) + part[0].start
            hot[rows[0]:rows[-1] + 1, x] = True
    return hot


@njit(cache=True)
def _medians_beside(rows, out):
    """Median of up to three pixels on either side."""
    ny, nx = rows.shape
    values = np.empty(6, np.float32)
    for y in range(ny):
        for x in range(nx):
            count = 0
            for i in range(max(x - 3, 0), min(x + 4, nx)):
                if i == x:
                    continue
                value = rows[y, i]
                j = count - 1
                while j >= 0 and values[j] > value:
                    values[j + 1] = values[j]
                    j -= 1
                values[j + 1] = value
                count += 1
            out[y, x] = np.float32(0.5) * (values[count // 2] + values[(count - 1) // 2])


@njit(cache=True)
def _lower_mean_exceeds(planes, kept, limit, out):
    """True in `out` where the mean of the `kept` lowest of the planes exceeds `limit` and they agree."""
    count, ny, nx = planes.shape
    values = np.empty(count, np.float32)
    for y in range(ny):
        for x in range(nx):
            for k in range(count):
                value = planes[k, y, x]
                j = k - 1
                while j >= 0 and values[j] > value:
                    values[j + 1] = values[j]
                    j -= 1
                values[j + 1] = value
            total = np.float32(0.0)
            for k in range(kept):
                total += values[k]
            least = values[count // 4]
            out[y, x] = total > limit * kept and least > FLOOR * limit and least + SLACK > SHARE * values[kept - 1]
