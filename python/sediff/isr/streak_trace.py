"""Measures a line: whether it is a streak, and where exactly, how wide and how long."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import ndimage

from sediff.stats import sigma_about

#: Cells measured on each side of a line, and on each side of the middle kept free for the streak.
REACH, INNER = 48, 28
#: A streak is as bright everywhere: robust scatter of its segments over their median (0.01 to 0.3; chains of stars and
#: galaxies have 0.6 and more), and the 10 % and 80 % quantiles over the median.
MOST_SCATTER, LEAST_DIM, MOST_BRIGHT = 0.35, 0.3, 2.0


@dataclass(frozen=True)
class Trace:
    """A streak along x cos(angle) + y sin(angle) = distance.

    Parameters
    ----------
    angle : float, radians
    distance : float, pixels
    low, high : float, pixels
        Its edges, as distances from that line.
    first, last : float, pixels
        Its ends along the line, as y cos(angle) - x sin(angle).
    """

    angle: float
    distance: float
    low: float
    high: float
    first: float
    last: float


def trace_line(values: np.ndarray, usable: np.ndarray, trails: np.ndarray, noise: float, angle: float, distance: float,
               min_significance: float = 7.0, min_fill: float = 0.5) -> Trace | None:
    """The streak near a line, or None.

    The pixels beside the line are averaged in cells of one pixel across by a segment along it, cut at 4 sigma. The
    middles of the segments give a better line. The profile is the median over the segments, so that stars and galaxies,
    which lie in a few of them, do not show in it. A streak is what stands `min_significance` errors out of the profile's
    far parts, is not wider than 56 cells, shows in an unbroken `min_fill` of the segments about equally bright, and is no
    remainder of a bleed trail (within 2 deg of the columns, with trail pixels in 15 % of the segments).

    Parameters
    ----------
    values : ndarray, (ny, nx) float32
    usable, trails : ndarray, (ny, nx) bool
        Pixels that count, and those of bleed trails.
    noise : float
        Of a pixel.
    angle : float, radians
    distance : float, pixels
    """
    segment = max(8.0, min(values.shape) / 16.0)
    start, count = _span(values.shape, angle, distance, segment)
    if count < 5:
        return None
    cells, good, _ = _measure(values, usable, trails, noise, angle, distance, start, segment, count)
    shift = _tilt(cells, good)
    length = count * segment
    turn = float(np.arctan((shift[1] - shift[0]) / length))
    angle, distance = _turned(angle, distance, shift, start, length, turn)
    start, count = _span(values.shape, angle, distance, segment)
    if count < 5:
        return None
    cells, good, bled = _measure(values, usable, trails, noise, angle, distance, start, segment, count)
    edges = _extent(cells, good, 1.3 * noise / np.sqrt(segment * count), min_significance)
    if edges is None:
        return None
    low, high = edges
    along_columns = abs(np.sin(angle)) < 0.035
    if along_columns and bled[:, max(low + REACH - 4, 0):high + REACH + 5].any(axis=1).mean() > 0.15:
        return None
    ends = _ends(cells, good, low + REACH, high + REACH)
    if ends is None or ends[1] - ends[0] + 1 < min_fill * good.any(axis=1).sum():
        return None
    reach = (ends[0] - 1) * segment + start, (ends[1] + 2) * segment + start
    return Trace(angle, distance, float(low), float(high), *reach)


def _span(shape: tuple[int, int], angle: float, distance: float, segment: float) -> tuple[float, int]:
    """Where the line enters the image (as y cos - x sin), and how many segments it has inside."""
    cosine, sine = np.cos(angle), np.sin(angle)
    steps = np.arange(-np.hypot(*shape), np.hypot(*shape))
    x, y = distance * cosine - steps * sine, distance * sine + steps * cosine
    inside = steps[(x >= 0) & (x <= shape[1] - 1) & (y >= 0) & (y <= shape[0] - 1)]
    return (float(inside[0]), int(len(inside) / segment)) if len(inside) else (0.0, 0)


def _turned(angle: float, distance: float, shift: tuple[float, float], start: float, length: float,
            turn: float) -> tuple[float, float]:
    """The line through distance + shift[0] at its start and distance + shift[1] at its end."""
    points = []
    for offset, along in ((shift[0], start), (shift[1], start + length)):
        across = distance + offset
        points.append((across * np.cos(angle) - along * np.sin(angle), across * np.sin(angle) + along * np.cos(angle)))
    angle = angle - turn
    return angle, float(np.mean([x * np.cos(angle) + y * np.sin(angle) for x, y in points]))


def _measure(values, usable, trails, noise, angle, distance, start, segment, count):
    """Means of the cells (segments, 2 REACH + 1), whether a quarter of a cell counts, and whether it has trail pixels."""
    total, number, bled = _gather(values, usable, trails, np.float32(4.0 * noise), np.cos(angle), np.sin(angle), distance,
                                  start, segment, count, REACH)
    return total / np.maximum(number, 1), number > 0.25 * segment, bled > 0.25 * segment


def _tilt(cells: np.ndarray, good: np.ndarray, most: int = 14) -> tuple[float, float]:
    """Shifts of the streak from the line at its two ends: the pair that gathers most light in a band of 5 cells.

    A cell counts at most as much as the median segment's brightest, so that stars do not decide.
    """
    segments, width = cells.shape
    middle = width // 2
    light = np.where(good, cells, 0.0)
    window = light[:, middle - most:middle + most + 1]
    cap = np.median(window.max(axis=1))
    smooth = ndimage.uniform_filter1d(np.minimum(light, cap), 5, axis=1, mode='nearest')
    shifts = np.arange(-most, most + 0.5, 0.5)
    place = (np.arange(segments) + 0.5) / segments
    tracks = shifts[:, None, None] * (1 - place) + shifts[None, :, None] * place
    score = smooth[np.arange(segments), np.rint(tracks + middle).astype(int)].sum(axis=2)
    best = score >= score.max() - 0.02 * abs(score.max())
    first, last = (float(np.mean(shifts[axis])) for axis in np.nonzero(best))
    return first, last


def _extent(cells: np.ndarray, good: np.ndarray, least_error: float, min_significance: float) -> tuple[int, int] | None:
    """First and last offset of the part of the median profile that is significant; None when it is no streak's."""
    enough = good.sum(axis=0) >= 0.3 * max(good.any(axis=1).sum(), 1)
    with np.errstate(all='ignore'):
        profile = np.array([np.median(cells[good[:, k], k]) if enough[k] else np.nan for k in range(cells.shape[1])])
    offsets = np.arange(-REACH, REACH + 1)
    left, right = (enough & (side > INNER) for side in (-offsets, offsets))
    if left.sum() < 6 or right.sum() < 6:
        return None
    far = (REACH + INNER) / 2
    base = np.interp(offsets, [-far, far], [np.median(profile[left]), np.median(profile[right])])
    profile = np.where(enough, profile - base, 0.0)
    error = max(sigma_about(profile[left | right]), least_error)
    bright = profile > 2.5 * error
    centre = int(REACH - 6 + np.argmax(ndimage.uniform_filter1d(profile, 3)[REACH - 6:REACH + 7]))
    low = high = centre
    while low > 0 and bright[low - 1:low + 1].any() and offsets[low] > -INNER - 1:
        low -= 1
    while high < len(profile) - 1 and bright[high:high + 2].any() and offsets[high] < INNER + 1:
        high += 1
    significance = profile[low:high + 1].sum() / error / np.sqrt(high - low + 1)
    if significance < min_significance or offsets[low] < -INNER or offsets[high] > INNER:
        return None
    return int(offsets[low]), int(offsets[high])


def _ends(cells: np.ndarray, good: np.ndarray, low: int, high: int) -> tuple[int, int] | None:
    """First and last segment of the longest significant part (gaps of up to 2, and where nothing can be seen)."""
    inner = cells[:, low:high + 1], good[:, low:high + 1]
    light = np.where(inner[1], inner[0], 0.0).sum(axis=1) / np.maximum(inner[1].sum(axis=1), 1)
    seen = inner[1].sum(axis=1) > 0.3 * inner[1].shape[1]
    outer = np.r_[:max(low - 3, 1), min(high + 4, cells.shape[1] - 1):cells.shape[1]]
    light = light - _beside(cells, good, outer)
    if not seen.any():
        return None
    typical = np.median(light[seen])
    bright = np.flatnonzero(seen & (light > 0.35 * typical))
    if not len(bright) or typical <= 0:
        return None
    runs = np.split(bright, np.flatnonzero(np.diff(bright) > 3) + 1)
    longest = max(runs, key=lambda run: run[-1] - run[0])
    run = light[longest[0]:longest[-1] + 1][seen[longest[0]:longest[-1] + 1]]
    middle = np.median(run)
    if sigma_about(run, middle) > MOST_SCATTER * middle:
        return None
    if np.quantile(run, 0.1) < LEAST_DIM * middle or np.quantile(run, 0.8) > MOST_BRIGHT * middle:
        return None
    return int(longest[0]), int(longest[-1])


def _beside(cells: np.ndarray, good: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Median of each segment's cells outside the streak."""
    rows = np.where(good[:, outer], cells[:, outer], np.nan)
    return np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else 0.0 for row in rows])


@njit(cache=True)
def _gather(values, usable, trails, most, cosine, sine, distance, start, segment, count, reach):
    width = 2 * reach + 1
    total, number, bled = np.zeros((count, width)), np.zeros((count, width)), np.zeros((count, width))
    ny, nx = values.shape
    for y in range(ny):
        first, last = 0, nx
        if abs(cosine) > 1e-3:
            one, other = (distance - reach - 1 - y * sine) / cosine, (distance + reach + 1 - y * sine) / cosine
            first, last = max(int(min(one, other)), 0), min(int(max(one, other)) + 2, nx)
        for x in range(first, last):
            across = int(np.floor(x * cosine + y * sine - distance + reach + 0.5))
            if across < 0 or across >= width:
                continue
            along = int(np.floor((y * cosine - x * sine - start) / segment))
            if along < 0 or along >= count:
                continue
            if usable[y, x]:
                value = values[y, x]
                total[along, across] += min(max(value, -most), most)
                number[along, across] += 1
            elif trails[y, x]:
                bled[along, across] += 1
    return total, number, bled
