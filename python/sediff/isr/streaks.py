"""Streaks of satellites and aircraft: long straight lines, found by a Hough transform of the binned image."""
from __future__ import annotations

import numpy as np
from numba import njit
from scipy import ndimage

from sediff.camera.maskbits import UNUSABLE, Bit

#: Mask bits whose pixels take no part; cosmic rays and trails would make lines of their own.
_BLIND = int(UNUSABLE & ~Bit.STREAK)


def find_streaks(image: np.ndarray, weight: np.ndarray, mask: np.ndarray, bin_size: int = 8, sigma: float = 1.5,
                 min_contrast: float = 8.0, min_fill: float = 0.33, most: int = 4) -> np.ndarray:
    """Pixels of straight streaks that cross most of the CCD.

    The image is averaged over `bin_size` pixels, objects much brighter than a faint trail are cut out, and pixels
    `sigma` above the noise vote for lines (angle 0.5 deg, distance 1 bin). A line whose votes stand `min_contrast`
    standard deviations above what chance gives, and of whose length inside the CCD at least `min_fill` is above the
    noise, is a streak. Its angle, its width and its two ends are then measured on the pixels.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, electrons
        Sky-subtracted.
    weight : ndarray, (ny, nx) float32, electrons^-2
    mask : ndarray, (ny, nx) uint16
    bin_size : int, pixels
    sigma, min_contrast, min_fill : float
    most : int
        Streaks looked for at most.

    Returns
    -------
    ndarray, (ny, nx) bool
    """
    binned, good = _bin(image, weight, mask, bin_size)
    streaks = np.zeros(image.shape, bool)
    if np.count_nonzero(good) < 100:
        return streaks
    noise = 1.4826 * float(np.median(np.abs(binned[good] - np.median(binned[good]))))
    votes = good & (binned > sigma * noise) & ~_compact(binned, good, noise)
    angles = np.deg2rad(np.arange(0.0, 180.0, 0.5))
    for _ in range(most):
        line = _best_line(votes, good, angles, min_contrast, min_fill)
        if line is None:
            break
        streaks |= trace_streak(image, weight, mask, line[0], _to_pixels(*line, bin_size))
        votes &= ~_band(binned.shape, line[0], line[1], 4.0)
    return streaks


def warm() -> None:
    """Compile the kernels."""
    votes = np.zeros((16, 16), np.bool_)
    votes[3] = True
    _accumulate(votes, np.deg2rad(np.arange(0.0, 180.0, 0.5)), 23)


def _bin(image: np.ndarray, weight: np.ndarray, mask: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Weighted means of the blocks, and whether more than half of a block is usable."""
    usable = ((mask & np.uint16(_BLIND)) == 0) & (weight > 0)
    ny, nx = (length // size for length in image.shape)
    cut = (slice(0, ny * size), slice(0, nx * size))
    blocks = (ny, size, nx, size)
    count = usable[cut].reshape(blocks).sum(axis=(1, 3))
    total = np.where(usable, image, 0)[cut].reshape(blocks).sum(axis=(1, 3), dtype=np.float64)
    return total / np.maximum(count, 1), 2 * count > size * size


def _compact(binned: np.ndarray, good: np.ndarray, noise: float) -> np.ndarray:
    """Blocks of stars and galaxies: connected areas of 4 or more above 3 sigma that are neither drawn out (3:1) nor long."""
    labels, count = ndimage.label(good & (binned > 3.0 * noise), structure=np.ones((3, 3), int))
    rows, columns = np.nonzero(labels)
    area = labels[rows, columns]
    size = np.maximum(np.bincount(area, minlength=count + 1), 1)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(area, values, minlength=count + 1) / size
    y, x = mean(rows), mean(columns)
    yy, xx, xy = mean(rows * rows) - y * y, mean(columns * columns) - x * x, mean(rows * columns) - x * y
    root = np.sqrt(0.25 * (xx - yy) ** 2 + xy ** 2)
    longer, shorter = 0.5 * (xx + yy) + root, np.maximum(0.5 * (xx + yy) - root, 0.0) + 1.0 / 12.0
    compact = (size >= 4) & (longer < 9.0 * shorter) & (12.0 * longer < (min(binned.shape) / 4) ** 2)
    compact[0] = False
    return compact[labels]


def _best_line(votes: np.ndarray, good: np.ndarray, angles: np.ndarray, min_contrast: float,
               min_fill: float) -> tuple[float, float] | None:
    """Angle (rad) and distance (bins, from the corner) of the strongest line x cos + y sin = distance."""
    reach = int(np.hypot(*votes.shape)) + 1
    counts, lengths = _accumulate(votes, angles, reach), _accumulate(good, angles, reach)
    expected = lengths * (np.count_nonzero(votes) / max(np.count_nonzero(good), 1))
    enough = lengths > min(votes.shape) / 3
    contrast = np.where(enough, (counts - expected) / np.sqrt(np.maximum(expected, 1.0)), 0.0)
    best = np.unravel_index(np.argmax(contrast), contrast.shape)
    if contrast[best] < min_contrast or counts[best] < min_fill * lengths[best]:
        return None
    return float(angles[best[0]]), float(best[1] - reach)


def trace_streak(image: np.ndarray, weight: np.ndarray, mask: np.ndarray, angle: float, distance: float,
                 reach: float = 40.0, segment: float = 64.0) -> np.ndarray:
    """Pixels of the streak near a line.

    The pixels within `reach` of the line are averaged in cells of one pixel across by `segment` pixels along it
    (values cut at 8 noises, so that a star moves its cell little). The middles of the segments give a better line, the
    median over the segments the profile across, and the segments that stand out the ends.

    Parameters
    ----------
    angle : float, radians
    distance : float, pixels
        The line is x cos(angle) + y sin(angle) = distance.

    Returns
    -------
    ndarray, (ny, nx) bool
        All False when nothing stands out of the noise.
    """
    streak = np.zeros(image.shape, bool)
    rows, columns = np.nonzero(_band(image.shape, angle, distance, reach + 2.0))
    across = columns * np.cos(angle) + rows * np.sin(angle) - distance
    along = rows * np.cos(angle) - columns * np.sin(angle)
    number = ((along - along.min()) / segment).astype(int)
    usable = ((mask[rows, columns] & np.uint16(_BLIND)) == 0) & (weight[rows, columns] > 0)
    noise = 1.0 / np.sqrt(np.where(usable, weight[rows, columns], 1.0))
    values = np.where(usable, np.clip(image[rows, columns], -8.0 * noise, 8.0 * noise), 0.0)
    across = across - _tilt(_cells(values, usable, across, number, reach), number)
    cells = _cells(values, usable, across, number, reach)
    low, high = _extent(np.median(cells, axis=0))
    if high < low:
        return streak
    first, last = _ends(cells, int(low + reach), int(high + reach))
    inside = (across >= low - 1.5) & (across <= high + 1.5) & (number >= first) & (number <= last)
    streak[rows[inside], columns[inside]] = True
    return streak


def _cells(values: np.ndarray, usable: np.ndarray, across: np.ndarray, number: np.ndarray, reach: float) -> np.ndarray:
    """Mean of each cell, (segments, 2 reach + 1); 0, the sky, where it has no usable pixel."""
    width = int(2 * reach) + 1
    offset = np.rint(across + reach).astype(int)
    kept = usable & (offset >= 0) & (offset < width)
    shape, index = (number.max() + 1, width), number[kept] * width + offset[kept]
    count = np.bincount(index, minlength=shape[0] * shape[1])
    total = np.bincount(index, values[kept], minlength=shape[0] * shape[1])
    return (total / np.maximum(count, 1)).reshape(shape)


def _tilt(cells: np.ndarray, number: np.ndarray, most: int = 12) -> np.ndarray:
    """How far the streak's middle lies from the line at each pixel, by trying all shifts up to `most` at both ends.

    The best pair of shifts gathers most light in a band of 5 pixels; a cell counts at most as much as the median
    segment's brightest, so that stars do not decide.
    """
    segments, width = cells.shape
    middle = width // 2
    window = cells[:, middle - most:middle + most + 1]
    smooth = ndimage.uniform_filter1d(np.minimum(cells, np.median(window.max(axis=1))), 5, axis=1, mode='nearest')
    shifts = np.arange(-most, most + 0.5, 0.5)
    place = np.arange(segments) / max(segments - 1, 1)
    tracks = (shifts[:, None, None] * (1 - place) + shifts[None, :, None] * place)
    score = smooth[np.arange(segments), np.rint(tracks + middle).astype(int)].sum(axis=2)
    best = score >= score.max() - 0.02 * abs(score.max())
    first, last = (float(np.mean(shifts[axis])) for axis in np.nonzero(best))
    return first + (last - first) * place[np.clip(number, 0, segments - 1)]


def _extent(profile: np.ndarray) -> tuple[float, float]:
    """First and last offset (px) of the bright part in the middle of a profile; (1, 0) when there is none."""
    middle = len(profile) // 2
    far = np.concatenate([profile[:middle - 20], profile[middle + 21:]])
    level = np.median(far)
    error = max(1.4826 * np.median(np.abs(far - level)), 1e-9)
    bright = profile - level > 3.0 * error
    centre = middle - 3 + int(np.argmax(profile[middle - 3:middle + 4]))
    if not bright[centre]:
        return 1.0, 0.0
    low = high = centre
    while low > 0 and bright[low - 1]:
        low -= 1
    while high < len(profile) - 1 and bright[high + 1]:
        high += 1
    return float(low - middle), float(high - middle)


def _ends(cells: np.ndarray, low: int, high: int) -> tuple[int, int]:
    """First and last segment of the longest part that stands out (gaps of up to 2), and one more at each end."""
    light = np.mean(cells[:, low:high + 1], axis=1) - np.median(cells, axis=1)
    width = high - low + 1
    beside = np.concatenate([cells[:, :width], cells[:, -width:]])
    noise = 1.4826 * np.median(np.abs(beside - np.median(beside))) / np.sqrt(width)
    bright = np.flatnonzero(light > max(3.0 * noise, 0.3 * np.quantile(light, 0.9)))
    if not len(bright):
        return 0, -1
    runs = np.split(bright, np.flatnonzero(np.diff(bright) > 3) + 1)
    longest = max(runs, key=len)
    return int(longest[0]) - 1, int(longest[-1]) + 1


def _to_pixels(angle: float, distance: float, bin_size: int) -> float:
    """Distance (px) of a line whose distance is given in bins; bin 0 has its middle at (bin_size - 1) / 2."""
    return distance * bin_size + 0.5 * (bin_size - 1) * (np.cos(angle) + np.sin(angle))


def _band(shape: tuple[int, int], angle: float, distance: float, half_width: float) -> np.ndarray:
    """Pixels within `half_width` of a line."""
    rows, columns = np.arange(shape[0]) * np.sin(angle), np.arange(shape[1]) * np.cos(angle)
    return np.abs(rows[:, None] + columns[None, :] - distance) <= half_width


@njit(cache=True)
def _accumulate(points, angles, reach):
    counts = np.zeros((len(angles), 2 * reach + 1), np.float64)
    cosines, sines = np.cos(angles), np.sin(angles)
    for y in range(points.shape[0]):
        for x in range(points.shape[1]):
            if points[y, x]:
                for k in range(len(angles)):
                    counts[k, int(np.floor(x * cosines[k] + y * sines[k] + 0.5)) + reach] += 1.0
    return counts
