"""Moving objects, cosmic rays, streaks and ghosts of single warps, found by comparing the warps with each other."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from sediff.template.blocks import gaussian_taps, smooth, sum_blocks, sum_pixels
from sediff.template.movers import spare_stars
from sediff.template.regions import JOINS, SEED, grow, spread

#: Gaussian sigma of a PSF over its FWHM.
SIGMA_OF_FWHM = 1.0 / 2.3548
#: Smoothing (sigma, px) of the sharpest comparison of blocks beyond the PSFs' difference.
BLOCK_SMOOTHING = 2.0
#: How much stars of unlike width may still differ in blocks, as a share of the peak for a ratio of widths of 2: a Gaussian
#: makes their cores alike, not their wings.
WING_MISMATCH = 0.3
#: Sigma by which the largest of many pixels is too high, subtracted from it.
NOISE_OF_MAXIMUM = np.float32(1.5)
#: Least share of good pixels under the smoothing for a block to be judged.
LEAST_GOOD = 0.7


@dataclass(frozen=True)
class Limits:
    """When a difference counts.

    Parameters
    ----------
    seed, join : float
        Sigma from which a pixel or block starts a region, and joins one it touches.
    shape : float
        Allowed difference of star profiles beyond that of their widths, as a share of the star's peak.
    level : float
        Allowed difference of the sky over large areas, in sigma of a pixel.
    """

    seed: float = 5.0
    join: float = 2.0
    shape: float = 0.15
    level: float = 0.2


def find_artefacts(values: np.ndarray, weights: np.ndarray, base: np.ndarray, fwhm: np.ndarray, gain: np.ndarray,
                   limits: Limits) -> np.ndarray:
    """Which pixels of which warp hold light that the other warps do not have (or lack light they all have).

    Parameters
    ----------
    values, weights : ndarray, (n, ny, nx) float32
        Warps on one grid and flux scale; weight 0 where a pixel is not good.
    base : ndarray, (ny, nx) float32
        Median of the good values, of two the smaller (`reference`).
    fwhm : ndarray, (n,) float
        Of the warps' PSFs, px.
    gain : ndarray, (n,) float
        Electrons per unit of the values; inf: no photon noise of sources is allowed for.

    Returns
    -------
    ndarray, (n, ny, nx) bool

    Notes
    -----
    Three comparisons. Single pixels, for cosmic rays: a star may differ from the reference by
    |(w_ref / w)^2 - 1| + `limits.shape` of the reference's largest value within a FWHM (the central height of a
    star is proportional to 1 / w^2). Blocks of 2 px, smoothed so that all warps have the width of the broadest: there
    stars agree, and `limits.shape` of the local maximum (more where widths differ) is enough; faint wide streaks
    stand out. Blocks of 8 px for ghosts, with `limits.level` for the sky. In each, regions grow from seeds as far as
    pixels or blocks join. With two good values at a place the larger is the suspect; with one nothing can be said.
    Stars that moved between the exposures are left as they are (`sediff.template.movers`).
    """
    rejected = np.zeros(values.shape, np.bool_)
    if len(values) < 2:
        return rejected
    sigmas = SIGMA_OF_FWHM * np.asarray(fwhm, float)
    _judge_pixels(values, weights, base, sigmas, gain, limits, rejected)
    known = weights.max(axis=0)
    fine = [sum_pixels(plane, weight, base, known, 2) for plane, weight in zip(values, weights)]
    extra = np.sqrt(np.max(sigmas) ** 2 - sigmas**2 + BLOCK_SMOOTHING**2) / 2
    shape = limits.shape + WING_MISMATCH * (np.max(sigmas) / np.min(sigmas) - 1.0)
    radius = max(3, int(np.ceil(0.5 * np.max(fwhm))) + 1)
    _judge_blocks(fine, 2, extra, gain, Limits(limits.seed, limits.join, shape, 0.0), radius, rejected)
    coarse = [sum_blocks(sums, numbers, noise, good, 4) for sums, numbers, noise, good in fine]
    del fine
    wide = Limits(limits.seed + 1, limits.join, 2 * limits.shape, limits.level)
    _judge_blocks(coarse, 8, np.ones(len(values)), gain, wide, 2, rejected)
    spare_stars(values, weights, fwhm, rejected)
    return rejected


def _judge_pixels(values, weights, base, sigmas, gain, limits: Limits, rejected) -> None:
    radius = int(np.ceil(np.max(sigmas) / SIGMA_OF_FWHM))
    flags = np.zeros(base.shape, np.uint8)
    for k, sigma in enumerate(sigmas):
        shape = max(abs((other / sigma) ** 2 - 1.0) for other in sigmas)
        flags[:] = 0
        if compare_pixels(values, weights, k, base, np.float32(limits.seed), np.float32(limits.join + 0.5),
                          np.float32(shape + limits.shape), np.float32(1.0 / gain[k]), radius, flags):
            grow(flags)
            spread(flags, 1, 1, rejected[k])


def _judge_blocks(planes, block, smoothings, gain, limits: Limits, radius, rejected) -> None:
    maps = [_smoothed(sums, numbers, noise, good, sigma)
            for (sums, numbers, noise, good), sigma in zip(planes, smoothings)]
    levels, noises = np.stack([level for level, _ in maps]), np.stack([noise for _, noise in maps])
    base = reference(levels, noises)
    flags = np.zeros(base.shape, np.uint8)
    for k in range(len(planes)):
        pixel_noise = np.sqrt(planes[k][2])
        spread_of_taps = float(np.sum(gaussian_taps(smoothings[k]) ** 2)) ** 2 / block**2
        flags[:] = 0
        if compare_blocks(levels, noises, k, base, pixel_noise, np.float32(limits.seed), np.float32(limits.join),
                          np.float32(limits.shape), np.float32(limits.level), np.float32(spread_of_taps / gain[k]), radius,
                          flags):
            grow(flags)
            spread(flags, block, 1, rejected[k])


def _smoothed(sums, numbers, noise, good, sigma) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed mean value a pixel, and its variance; variance 0 where too little is good."""
    taps = gaussian_taps(sigma)
    number = smooth(numbers, taps)
    judged = (smooth(good, taps) >= LEAST_GOOD * good.max(initial=1.0)) & (good > 0)
    level = np.divide(smooth(sums, taps), number, out=np.zeros_like(number), where=judged)
    variance = np.divide(np.float32(np.sum(taps**2) ** 2) * noise, number, out=np.zeros_like(number), where=judged)
    return level, variance


@njit(cache=True)
def reference(values, weights):
    """Median of the good values (weight above 0) of each pixel, of two the smaller, 0 where there is none.

    Parameters
    ----------
    values, weights : ndarray, (n, ny, nx) float32

    Returns
    -------
    ndarray, (ny, nx) float32
    """
    count, ny, nx = values.shape
    out = np.zeros((ny, nx), np.float32)
    good = np.empty(count, np.float32)
    for y in range(ny):
        if count == 3:
            reference_of_three(values[0, y], values[1, y], values[2, y], weights[0, y], weights[1, y], weights[2, y], out[y])
            continue
        for x in range(nx):
            n = 0
            for k in range(count):
                if weights[k, y, x] > 0:
                    good[n] = values[k, y, x]
                    n += 1
            if n > 2:
                out[y, x] = sorted_median(good, n)
            elif n > 0:
                out[y, x] = good[0] if n == 1 else min(good[0], good[1])
    return out


@njit(cache=True)
def reference_of_three(a, b, c, weight_a, weight_b, weight_c, out):
    """`reference` of a row (nx,) of three images, without branches: a value that is not good counts as infinite.

    Where all three are finite it is their median, else the smallest; 0 where there is none.
    """
    far = np.float32(np.inf)
    for x in range(out.size):
        u, v, w = a[x] if weight_a[x] > 0 else far, b[x] if weight_b[x] > 0 else far, c[x] if weight_c[x] > 0 else far
        low, high = min(u, v), max(u, v)
        smallest, middle = min(low, w), max(low, min(high, w))
        found = middle if max(high, w) < far else smallest
        out[x] = found if smallest < far else np.float32(0.0)


@njit(cache=True)
def sorted_median(values, n):
    """Median of the first n values, which it sorts."""
    for i in range(1, n):
        value = values[i]
        j = i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    return np.float32(0.5) * (values[(n - 1) // 2] + values[n // 2])


@njit(cache=True)
def largest_around(base, y, x, radius):
    """Largest value of the pixels at most `radius` away along both axes."""
    ny, nx = base.shape
    top = base[y, x]
    for j in range(max(0, y - radius), min(ny, y + radius + 1)):
        for i in range(max(0, x - radius), min(nx, x + radius + 1)):
            top = max(top, base[j, i])
    return top


@njit(cache=True)
def stand_out(values, weights, base, join, out):
    """Which good pixels of a row (nx,) differ from the reference by more than `join` times their own noise."""
    limit = join * join
    for x in range(out.size):
        difference = values[x] - base[x]
        out[x] = (weights[x] > 0) & ~(difference * difference * weights[x] <= limit)


@njit(cache=True)
def compare_pixels(values, weights, k, base, seed, join, shape, per_electron, radius, flags):
    """Flag the pixels of warp k that differ from the reference; returns the number of seeds."""
    count, ny, nx = values.shape
    seeds, looked_at = 0, np.empty(nx, np.bool_)
    for y in range(ny):
        stand_out(values[k, y], weights[k, y], base[y], join, looked_at)
        for x in range(nx):
            if not looked_at[x]:
                continue
            w, difference = weights[k, y, x], values[k, y, x] - base[y, x]
            number, total = 0, np.float32(0.0)
            for m in range(count):
                if weights[m, y, x] > 0:
                    number += 1
                    total += weights[m, y, x]
            if number < 2 or (number == 2 and difference < 0):
                continue
            other = np.float32(1.57) / total if number > 2 else np.float32(1.0) / max(total - w, np.float32(1e-30))
            if number > 2 and difference * difference <= join * join * (np.float32(1.0) / w + other):
                continue
            sky_noise = np.sqrt(other)
            top = max(np.float32(0.0), largest_around(base, y, x, radius) - NOISE_OF_MAXIMUM * sky_noise)
            noise = np.sqrt(np.float32(1.0) / w + other + np.float32(2.0) * max(base[y, x], np.float32(0.0)) * per_electron)
            excess = abs(difference) - shape * top
            if excess > seed * noise:
                flags[y, x] = SEED
                seeds += 1
            elif excess > join * noise:
                flags[y, x] = JOINS
    return seeds


@njit(cache=True)
def compare_blocks(levels, noises, k, base, pixel_noise, seed, join, shape, level, per_electron, radius, flags):
    """Flag the blocks of warp k that differ from the reference; returns the number of seeds."""
    count, ny, nx = levels.shape
    seeds = 0
    for y in range(ny):
        for x in range(nx):
            own = noises[k, y, x]
            if not own > 0:
                continue
            difference = levels[k, y, x] - base[y, x]
            if difference * difference <= join * join * own:
                continue
            number, information = 0, np.float32(0.0)
            for m in range(count):
                if noises[m, y, x] > 0:
                    number += 1
                    information += np.float32(1.0) / noises[m, y, x]
            if number < 2 or (number == 2 and difference < 0):
                continue
            if number == 2:
                other = np.float32(1.0) / max(information - np.float32(1.0) / own, np.float32(1e-30))
            else:
                other = np.float32(1.57) / information
            top = max(np.float32(0.0), largest_around(base, y, x, radius) - NOISE_OF_MAXIMUM * np.sqrt(other))
            noise = np.sqrt(own + other + np.float32(2.0) * max(base[y, x], np.float32(0.0)) * per_electron)
            excess = abs(difference) - shape * top - level * pixel_noise[y, x]
            if excess > seed * noise:
                flags[y, x] = SEED
                seeds += 1
            elif excess > join * noise:
                flags[y, x] = JOINS
    return seeds
