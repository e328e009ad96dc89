"""Gaps in straight cosmic-ray tracks, and their faint ends: followed along the line through what has been found."""
from __future__ import annotations

import math

import numpy as np
from numba import njit
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

#: Pixels this near to each other belong to one track; so many make a line, so long (px) and not wider (rms, px) than this.
JOIN, FEWEST, LENGTH, WIDTH = 4.3, 5, 6.0, 0.75
#: Steps over which the light along the line is averaged, sigma of that mean from which the track goes on within and beyond
#: what has been found, and steps without that end it.
WINDOW, WITHIN, BEYOND, GIVE_UP = 7, 2.0, 4.0, 7
#: Distance (px) from the line, and sigma, from which a pixel is taken: in a gap, and beside one that has been found.
REACH, TAKEN, TAKEN_BESIDE = 1.1, 2.0, 4.0
#: Light on one side of the line, in sigma of a pixel, above which nothing is taken: an object lies there.
SIDES = 1.0
#: Sigma from which a pixel on the line that no test has found belongs to a star.
STAR = 8.0


def follow_tracks(image: np.ndarray, weight: np.ndarray, mask: np.ndarray, blind: int, typical: float,
                  rays: np.ndarray) -> None:
    """Add to `rays`, in place, the pixels of straight tracks that are too faint to be found alone.

    Pieces within 4 pixels are taken together; where they lie on a line, the light within a pixel of it, less that on both
    sides, is averaged over 7 steps. Where the mean is significant the pixels above 1.5 sigma join; beyond the ends as long
    as it stays so. Nothing is taken where a side is bright: light of objects is left to the tests.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, electrons
        Sky-subtracted.
    weight : ndarray, (ny, nx) float32, electrons^-2
    mask : ndarray, (ny, nx) uint16
    blind : int
        Bits of pixels that are not looked at.
    typical : float, electrons^-2
        Weight where there is none.
    rays : ndarray, (ny, nx) bool
    """
    pixels = np.argwhere(rays)
    if len(pixels) < FEWEST:
        return
    pairs = cKDTree(pixels).query_pairs(JOIN, output_type='ndarray')
    graph = coo_matrix((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), (len(pixels), len(pixels)))
    _, labels = connected_components(graph, directed=False)
    order = np.argsort(labels, kind='stable')
    bounds = np.concatenate([[0], np.cumsum(np.bincount(labels))])
    _follow_all(image, weight, mask, np.uint16(blind), np.float32(typical), rays, pixels[order], bounds)


def warm() -> None:
    """Compile the kernels."""
    image, rays = np.zeros((32, 32), np.float32), np.zeros((32, 32), np.bool_)
    rays[10, 5:15] = True
    follow_tracks(image, np.ones_like(image), np.zeros(image.shape, np.uint16), 1, 1.0, rays)


@njit(cache=True)
def _follow_all(image, weight, mask, blind, typical, rays, pixels, bounds):
    """Fit a line to each group of pixels; follow it where it is one."""
    for g in range(len(bounds) - 1):
        own = pixels[bounds[g]:bounds[g + 1]]
        n = len(own)
        if n < FEWEST:
            continue
        cy, cx = own[:, 0].mean(), own[:, 1].mean()
        syy = ((own[:, 0] - cy) ** 2).mean()
        sxx = ((own[:, 1] - cx) ** 2).mean()
        sxy = ((own[:, 0] - cy) * (own[:, 1] - cx)).mean()
        middle, half = 0.5 * (sxx + syy), math.sqrt(0.25 * (sxx - syy) ** 2 + sxy * sxy)
        long, wide = middle + half, middle - half
        if 12.0 * long < LENGTH * LENGTH or wide > WIDTH * WIDTH or long < 9.0 * wide:
            continue
        angle = 0.5 * math.atan2(2.0 * sxy, sxx - syy)
        if abs(math.cos(angle)) >= abs(math.sin(angle)):
            _follow(image, weight, mask, blind, typical, rays, own[:, 1].min(), own[:, 1].max(), cx, cy,
                    math.tan(angle), False)
        else:
            _follow(image, weight, mask, blind, typical, rays, own[:, 0].min(), own[:, 0].max(), cy, cx,
                    1.0 / math.tan(angle), True)


@njit(cache=True)
def _follow(image, weight, mask, blind, typical, rays, first, last, middle, level, slope, steep):
    """Walk along a line, a pixel at a time in its longer direction: within it, then from either end outward."""
    length = image.shape[0] if steep else image.shape[1]
    reach = min(length, 400)
    low, high = max(first - reach, 0), min(last + reach, length - 1)
    signal = np.full(high - low + 1, np.nan)
    _walk(image, weight, mask, blind, typical, first, last, low, middle, level, slope, steep, signal)
    for k in range(first, last + 1):
        if _found(rays, k, level + slope * (k - middle), steep):
            _take(image, weight, mask, blind, typical, rays, k, middle, level, slope, steep)
            signal[k - low] = np.nan
    for k in range(first, last + 1):
        if _mean(signal, k - low, WINDOW // 2, WINDOW // 2) > WITHIN:
            _take(image, weight, mask, blind, typical, rays, k, middle, level, slope, steep)
    for step in (-1, 1):
        k, fine = (first if step < 0 else last) + step, 0
        while low <= k <= high and fine < GIVE_UP:
            ahead = min(max(k + step * (WINDOW - 1), low), high)
            _walk(image, weight, mask, blind, typical, min(k, ahead), max(k, ahead), low, middle, level, slope, steep,
                  signal)
            if _mean(signal, k - low, 0 if step > 0 else WINDOW - 1, WINDOW - 1 if step > 0 else 0) > BEYOND:
                fine = 0
                _take(image, weight, mask, blind, typical, rays, k, middle, level, slope, steep)
            else:
                fine += 1
            k += step


@njit(cache=True)
def _pixel(k, j, steep):
    return (k, j) if steep else (j, k)


@njit(cache=True)
def _side_light(image, mask, blind, k, across, steep):
    """Light beside the line, of the pixels 3 to 5 away: mean, that of the brighter side, and number of good pixels."""
    total, count, brighter = 0.0, 0, -1e30
    width = image.shape[1] if steep else image.shape[0]
    for sign in (-1, 1):
        part, number = 0.0, 0
        for offset in (3, 4, 5):
            j = round(across) + sign * offset
            if 0 <= j < width:
                y, x = _pixel(k, j, steep)
                if not mask[y, x] & blind:
                    part += image[y, x]
                    number += 1
        total, count = total + part, count + number
        if number:
            brighter = max(brighter, part / number)
    return total / max(count, 1), brighter, count


@njit(cache=True)
def _walk(image, weight, mask, blind, typical, first, last, low, middle, level, slope, steep, signal):
    """Fill in the light on the line above its sides, in sigma; NaN where nothing can be said."""
    width = image.shape[1] if steep else image.shape[0]
    for k in range(first, last + 1):
        if not np.isnan(signal[k - low]):
            continue
        across = level + slope * (k - middle)
        j = round(across)
        if not 1 <= j < width - 1:
            continue
        side, brighter, count = _side_light(image, mask, blind, k, across, steep)
        y, x = _pixel(k, j, steep)
        w = weight[y, x]
        noise = math.sqrt(1.0 / (w if w > 0 else typical))
        if count < 4 or brighter > SIDES * noise:
            continue
        other = j + (1 if across > j else -1)
        v, u = _pixel(k, other, steep)
        if mask[y, x] & blind or mask[v, u] & blind:
            continue
        if max(image[y, x], image[v, u]) - side > STAR * noise:
            continue
        signal[k - low] = (image[y, x] + image[v, u] - 2.0 * side) / (noise * math.sqrt(2.0 + 4.0 / count))


@njit(cache=True)
def _mean(signal, k, before, after):
    """Significance of the mean of the known values from k - before to k + after."""
    total, count = 0.0, 0
    for i in range(max(k - before, 0), min(k + after + 1, len(signal))):
        if not np.isnan(signal[i]):
            total += signal[i]
            count += 1
    return total / math.sqrt(count) if count > 0 and not np.isnan(signal[k]) else 0.0


@njit(cache=True)
def _found(rays, k, across, steep):
    """Whether a pixel near the line has been found at this step."""
    width = rays.shape[1] if steep else rays.shape[0]
    for j in range(math.ceil(across - REACH), math.floor(across + REACH) + 1):
        if 0 <= j < width and rays[_pixel(k, j, steep)]:
            return True
    return False


@njit(cache=True)
def _take(image, weight, mask, blind, typical, rays, k, middle, level, slope, steep):
    width = image.shape[1] if steep else image.shape[0]
    across = level + slope * (k - middle)
    side, brighter, _ = _side_light(image, mask, blind, k, across, steep)
    if brighter > SIDES / math.sqrt(typical):
        return
    taken = TAKEN_BESIDE if _found(rays, k, across, steep) else TAKEN
    for j in range(math.ceil(across - REACH), math.floor(across + REACH) + 1):
        if not 0 <= j < width:
            continue
        y, x = _pixel(k, j, steep)
        w = weight[y, x]
        excess = (image[y, x] - side) * math.sqrt(w if w > 0 else typical)
        if not mask[y, x] & blind and taken < excess < STAR:
            rays[y, x] = True
