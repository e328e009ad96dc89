"""Stars that moved between the exposures of a coadd: what looks like an artefact of one has its counterpart beside."""
from __future__ import annotations

import numpy as np
from numba import njit

#: How far from a region (px) its counterpart is looked for: a star of 1 arcsec a year after two and a half years.
REACH = 10
#: Steps (px) from a region to the top of the light it is part of.
CLIMB = 12
#: A counterpart has between these shares of the light, both smoothed with the PSF, and at least so many sigma.
SHARES, SIGNIFICANT = (0.6, 1.7), 4.5
#: A region that is longer than this along an axis (px) is no star.
LARGEST = 64
#: A peak that holds this many times the share of its 3 x 3 pixels that a star's does (and 3 sigma) is sharper than the PSF.
SHARP = 1.6


def spare_stars(values: np.ndarray, weights: np.ndarray, fwhm: np.ndarray, rejected: np.ndarray) -> int:
    """Take back, in place, rejected regions of warps that are stars at another place in the other warps.

    Parameters
    ----------
    values, weights : ndarray, (n, ny, nx) float32
        Warps and their weights, 0 where not good.
    fwhm : ndarray, (n,) float
        Of their PSFs, px.
    rejected : ndarray, (n, ny, nx) bool

    Returns
    -------
    int
        Regions taken back.

    Notes
    -----
    A warp less another shows a star that moved as two sources of opposite sign and one flux; smoothed with the PSF their
    extremes are equal and opposite however near they are. What moves faster (asteroids) or is in one
    exposure only (cosmic rays, satellites) has no counterpart. A peak sharper than the PSF is a cosmic ray, whatever is
    beside it.
    """
    spared = 0
    for k, width in enumerate(fwhm):
        sigma = float(width) / 2.3548
        steps = np.arange(-int(np.ceil(2.5 * sigma)), int(np.ceil(2.5 * sigma)) + 1)
        taps = np.exp(-0.5 * (steps / sigma) ** 2)
        star = (1.0 / (1.0 + 2.0 * np.exp(-0.5 / sigma**2))) ** 2
        spared += spare_regions(values, weights, k, rejected[k], (taps / taps.sum()).astype(np.float32), SHARP * star)
    return spared


@njit(cache=True)
def spare_regions(values, weights, k, rejected, taps, sharp):
    """Clear the regions of one warp's rejected pixels that are moved stars; returns how many."""
    ny, nx = rejected.shape
    seen = np.zeros((ny, nx), np.bool_)
    places = np.empty((LARGEST * LARGEST, 2), np.int64)
    spared = 0
    for y in range(ny):
        for x in range(nx):
            if rejected[y, x] and not seen[y, x]:
                count = collect(rejected, seen, y, x, places)
                if count <= len(places) and moved(values, weights, k, places[:count], taps, sharp):
                    spared += 1
                    for n in range(count):
                        rejected[places[n, 0], places[n, 1]] = False
    return spared


@njit(cache=True)
def collect(rejected, seen, y, x, places):
    """Pixels (sides or corners) connected with (y, x): fills `places` as far as it goes and returns how many there are."""
    ny, nx = rejected.shape
    stack = [(y, x)]
    seen[y, x] = True
    count = 0
    while len(stack):
        v, u = stack.pop()
        if count < len(places):
            places[count, 0], places[count, 1] = v, u
        count += 1
        for j in range(max(0, v - 1), min(ny, v + 2)):
            for i in range(max(0, u - 1), min(nx, u + 2)):
                if rejected[j, i] and not seen[j, i]:
                    seen[j, i] = True
                    stack.append((j, i))
    return count


@njit(cache=True)
def moved(values, weights, k, places, taps, sharp):
    """Whether a region's pixels (n, 2) of warp k hold a lobe of a star that is elsewhere in most other warps."""
    ny, nx = values.shape[1:]
    margin = REACH + taps.size // 2
    y0, y1 = max(0, places[:, 0].min() - margin), min(ny, places[:, 0].max() + margin + 1)
    x0, x1 = max(0, places[:, 1].min() - margin), min(nx, places[:, 1].max() + margin + 1)
    if max(y1 - y0, x1 - x0) > LARGEST + 2 * margin:
        return False
    difference, variance = np.empty((y1 - y0, x1 - x0), np.float32), np.empty((y1 - y0, x1 - x0), np.float32)
    number, found = 0, 0
    for m in range(len(values)):
        if m != k:
            difference_of(values, weights, k, m, y0, x0, difference, variance)
            lobes = opposite_lobes(difference, variance, places, y0, x0, taps, sharp)
            number += lobes >= 0
            found += lobes > 0
    return 2 * found > number


@njit(cache=True)
def opposite_lobes(difference, variance, places, y0, x0, taps, sharp):
    """1 where a region has a lobe with its counterpart beside, 0 where not, -1 where nothing is known of it."""
    ny, nx = difference.shape
    smooth, noise = separable(difference, taps), np.sqrt(separable(variance, taps * taps))
    peak, v, u = np.float32(0.0), 0, 0
    for n in range(len(places)):
        j, i = places[n, 0] - y0, places[n, 1] - x0
        if variance[j, i] > 0 and abs(smooth[j, i]) > abs(peak):
            peak, v, u = smooth[j, i], j, i
    if peak == 0:
        return -1
    v, u = summit(smooth, v, u)
    peak = smooth[v, u]
    if too_sharp(difference, variance, v, u, sharp):
        return 0
    sign = np.float32(1.0) if peak > 0 else np.float32(-1.0)
    other, error = np.float32(0.0), np.float32(1.0)
    for j in range(max(0, v - REACH), min(ny, v + REACH + 1)):
        for i in range(max(0, u - REACH), min(nx, u + REACH + 1)):
            if (j - v) ** 2 + (i - u) ** 2 <= REACH * REACH and -sign * smooth[j, i] > other:
                other, error = -sign * smooth[j, i], noise[j, i]
    return 1 if SHARES[0] * abs(peak) < other < SHARES[1] * abs(peak) and other > SIGNIFICANT * error else 0


@njit(cache=True)
def summit(plane, v, u):
    """Where one gets by steps to the largest neighbour of the same sign: regions may hold but the wing of a lobe."""
    ny, nx = plane.shape
    sign = np.float32(1.0) if plane[v, u] > 0 else np.float32(-1.0)
    for _ in range(CLIMB):
        y, x = v, u
        for j in range(max(0, v - 1), min(ny, v + 2)):
            for i in range(max(0, u - 1), min(nx, u + 2)):
                if sign * plane[j, i] > sign * plane[y, x]:
                    y, x = j, i
        if y == v and x == u:
            break
        v, u = y, x
    return v, u


@njit(cache=True)
def difference_of(values, weights, k, m, y0, x0, difference, variance):
    """Warp k less warp m and its variance; both 0 where either is unknown."""
    for j in range(difference.shape[0]):
        for i in range(difference.shape[1]):
            y, x = y0 + j, x0 + i
            difference[j, i], variance[j, i] = np.float32(0.0), np.float32(0.0)
            if weights[k, y, x] > 0 and weights[m, y, x] > 0:
                difference[j, i] = values[k, y, x] - values[m, y, x]
                variance[j, i] = np.float32(1.0) / weights[k, y, x] + np.float32(1.0) / weights[m, y, x]


@njit(cache=True)
def separable(plane, taps):
    """Convolution along both axes with the same symmetric taps, zero beyond the borders."""
    half = taps.size // 2
    rows, out = np.zeros_like(plane), np.zeros_like(plane)
    ny, nx = plane.shape
    for y in range(ny):
        for x in range(nx):
            for i in range(max(-half, -x), min(half, nx - 1 - x) + 1):
                rows[y, x] += taps[i + half] * plane[y, x + i]
    for y in range(ny):
        for j in range(max(-half, -y), min(half, ny - 1 - y) + 1):
            for x in range(nx):
                out[y, x] += taps[j + half] * rows[y + j, x]
    return out


@njit(cache=True)
def too_sharp(difference, variance, v, u, sharp):
    """Whether the largest value within 2 px of a place exceeds its neighbours more than a star does."""
    ny, nx = difference.shape
    y, x = v, u
    for j in range(max(1, v - 2), min(ny - 1, v + 3)):
        for i in range(max(1, u - 2), min(nx - 1, u + 3)):
            if abs(difference[j, i]) > abs(difference[y, x]):
                y, x = j, i
    if y == 0 or x == 0 or y == ny - 1 or x == nx - 1:
        return False
    around = np.float32(0.0)
    for j in range(y - 1, y + 2):
        for i in range(x - 1, x + 2):
            around += difference[j, i]
    excess = abs(difference[y, x]) - sharp * max(abs(around), np.float32(0.0))
    return excess > np.float32(3.0) * np.sqrt(variance[y, x])
