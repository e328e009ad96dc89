"""Streaks of satellites and aircraft: long straight lines, found by a Radon transform of the binned image.

Morganson et al. 2018 (arXiv:1801.03177, 3.2.5) find them by a Hough transform; here clipped brightness is summed along
lines instead of votes, on images averaged over 1, 2, 4 and 8 pixels, so that trails from a few to 200 pixels wide show.
"""
from __future__ import annotations

import numpy as np
from numba import njit

from sediff.isr.line_sums import line_sums
from sediff.isr.streak_trace import Trace, trace_line
from sediff.maskbits import UNUSABLE, Bit
from sediff.stats import robust_sigma, sigma_about

#: Mask bits whose pixels take no part; cosmic rays and trails would make lines of their own.
_BLIND = int(UNUSABLE & ~Bit.STREAK)
#: Pixels averaged before the search, and blocks (of these averages) that the transform sums.
LEVELS = ((1, 8), (2, 8), (4, 8), (8, 4))
ANGLES = np.deg2rad(np.arange(0.0, 180.0, 0.5))


def find_streaks(image: np.ndarray, weight: np.ndarray, mask: np.ndarray, min_contrast: float = 5.0,
                 most: int = 4) -> np.ndarray:
    """Pixels of straight streaks that cross more than half of the CCD along their line.

    On each level the block means, clipped at 2 sigma so that a star counts little, are summed along all lines (0.5 deg
    by 1 block). The best lines, `min_contrast` robust deviations above what lines give, are then measured on the pixels
    by `trace_line`, which decides, and finds their angle, their width and their ends.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, electrons
        Sky-subtracted.
    weight : ndarray, (ny, nx) float32, electrons^-2
    mask : ndarray, (ny, nx) uint16
    min_contrast : float
    most : int
        Lines that are measured on each level at most.

    Returns
    -------
    ndarray, (ny, nx) bool
    """
    streaks = np.zeros(image.shape, np.bool_)
    usable = ((mask & np.uint16(_BLIND)) == 0) & (weight > 0)
    values = np.where(usable, np.asarray(image, np.float32), np.float32(0))
    trails = (mask & np.uint16(Bit.TRAIL | Bit.EDGEBLEED)) != 0
    done = 1
    for size, block in LEVELS:
        if size > done:
            values, usable, trails = _average(values, usable, trails, size // done)
            done = size
        if min(values.shape) < 8 * block or np.count_nonzero(usable) < 1000:
            break
        for trace in _search(values, usable, trails, block, min_contrast, most):
            _draw(streaks, trace, size)
            _draw(trails, trace, 1)
            np.copyto(usable, False, where=trails)
            np.copyto(values, np.float32(0), where=trails)
    return streaks


def warm() -> None:
    """Compile the kernels."""
    rng = np.random.default_rng(1)
    image = rng.normal(0, 1, (128, 128)).astype(np.float32)
    image[60:64] += 5
    find_streaks(image, np.ones_like(image), np.zeros(image.shape, np.uint16))


def _search(values: np.ndarray, usable: np.ndarray, trails: np.ndarray, block: int, min_contrast: float,
            most: int) -> list[Trace]:
    """Streaks of one level."""
    means, good = _block_means(values, usable, block)
    noise = robust_sigma(means[good])
    if noise <= 0:
        return []
    found, pixel_noise = [], 0.0
    height = np.where(good, np.clip((means - np.median(means[good])) / noise, -2.0, 2.0), 0.0)
    for _ in range(most):
        line = _best_line(height, good, min_contrast)
        if line is None:
            break
        pixel_noise = pixel_noise or robust_sigma(values[::3, ::3][usable[::3, ::3]])
        distance = line[1] * block + 0.5 * (block - 1) * (np.cos(line[0]) + np.sin(line[0]))
        trace = trace_line(values, usable, trails, pixel_noise, line[0], distance)
        if trace is not None:
            found.append(trace)
        taken = _band(means.shape, *line, 2.5)
        good = good & ~taken
        height = np.where(good, height, 0.0)
    return found


def _average(values: np.ndarray, usable: np.ndarray, trails: np.ndarray, size: int):
    """Everything on blocks of `size` pixels; a block is usable when half of it is, a trail when a part of it is."""
    means, good = _block_means(values, usable, size)
    rows, columns = (slice(0, size * length) for length in means.shape)
    parts = [trails[rows, columns][j::size, i::size] for j in range(size) for i in range(size)]
    return means, good, np.logical_or.reduce(parts)


def _block_means(values: np.ndarray, usable: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Means of the usable pixels of blocks (float32), and whether at least half of the block is usable; 0 where not."""
    shape = values.shape[0] // size, values.shape[1] // size
    means, good = np.zeros(shape, np.float32), np.zeros(shape, np.bool_)
    _fill_means(values, usable, size, means, good)
    return means, good


def _best_line(height: np.ndarray, good: np.ndarray, min_contrast: float) -> tuple[float, float] | None:
    """Angle (rad) and distance (blocks, from the corner) of the strongest line x cos + y sin = distance."""
    sums, lengths = line_sums(height, good, ANGLES)
    enough = np.flatnonzero(lengths > min(height.shape) / 3)
    if not enough.size:
        return None
    score = sums.ravel()[enough] / np.sqrt(lengths.ravel()[enough])
    middle, best = np.median(score), np.argmax(score)
    if score[best] - middle <= min_contrast * max(sigma_about(score, middle), 0.3):
        return None
    angle, distance = divmod(int(enough[best]), sums.shape[1])
    return float(ANGLES[angle]), float(distance - sums.shape[1] // 2)


def _draw(flags: np.ndarray, trace: Trace, size: int) -> None:
    """Set the pixels of a streak found on averages of `size` pixels, and 1 + a tenth of its width more on both sides."""
    grown = 1.0 + 0.1 * (trace.high - trace.low)
    shift = 0.5 * (size - 1)
    offset = shift * (np.cos(trace.angle) + np.sin(trace.angle))
    turn = shift * (np.cos(trace.angle) - np.sin(trace.angle))
    _fill(flags, np.cos(trace.angle), np.sin(trace.angle), trace.distance * size + offset, (trace.low - grown) * size - 0.5,
          (trace.high + grown) * size + 0.5, trace.first * size + turn, trace.last * size + turn)


def _band(shape: tuple[int, int], angle: float, distance: float, half_width: float) -> np.ndarray:
    """Pixels within `half_width` of a line."""
    rows, columns = np.arange(shape[0]) * np.sin(angle), np.arange(shape[1]) * np.cos(angle)
    return np.abs(rows[:, None] + columns[None, :] - distance) <= half_width


@njit(cache=True)
def _fill_means(values, usable, size, means, good):
    """Means of the usable pixels of blocks, and whether at least half of the block is usable, where it is."""
    ny, nx = means.shape
    total, number = np.empty(nx), np.empty(nx, np.int32)
    for row in range(ny):
        total[:], number[:] = 0.0, 0
        for y in range(row * size, (row + 1) * size):
            for column in range(nx):
                part, count = 0.0, 0
                for x in range(column * size, (column + 1) * size):
                    if usable[y, x]:
                        part += values[y, x]
                        count += 1
                total[column] += part
                number[column] += count
        for column in range(nx):
            if 2 * number[column] >= size * size:
                means[row, column], good[row, column] = total[column] / number[column], True


@njit(cache=True)
def _fill(flags, cosine, sine, distance, low, high, first, last):
    for y in range(flags.shape[0]):
        start, end = 0, flags.shape[1]
        if abs(cosine) > 1e-3:
            one, other = (distance + low - y * sine) / cosine, (distance + high - y * sine) / cosine
            start, end = max(int(min(one, other)) - 1, 0), min(int(max(one, other)) + 2, end)
        for x in range(start, end):
            across = x * cosine + y * sine - distance
            if low <= across <= high and first <= y * cosine - x * sine <= last:
                flags[y, x] = True
