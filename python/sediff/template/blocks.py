"""Images summed over blocks of pixels and smoothed there, bad pixels left out."""
from __future__ import annotations

import math

import numpy as np
from numba import njit

#: Standard deviations at which the smoothing Gaussian ends.
REACH = 3.0


def gaussian_taps(sigma: float) -> np.ndarray:
    """Weights of a Gaussian of this standard deviation at whole steps, sum 1: (2 n + 1,) float32."""
    reach = max(1, math.ceil(REACH * sigma))
    steps = np.arange(-reach, reach + 1)
    taps = np.exp(-0.5 * (steps / sigma) ** 2)
    return (taps / taps.sum()).astype(np.float32)


@njit(cache=True)
def sum_pixels(values, weights, base, known, block):
    """Sums over blocks of pixels: the good values, and the reference in place of bad ones where it is known.

    (A hole in a star would otherwise look like light that is missing around it.)

    Parameters
    ----------
    values, weights, base, known : ndarray, (ny, nx) float32
        Weight 0: not good. `base` is the reference; `known` above 0 says where it holds a value.
    block : int

    Returns
    -------
    sums, numbers, noise, good : ndarray, (ceil(ny / block), ceil(nx / block)) float32
        Sums, pixels in them, mean variance of the good pixels and number of the good pixels.
    """
    ny, nx = values.shape
    shape = ((ny + block - 1) // block, (nx + block - 1) // block)
    sums, numbers = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    noise, good = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for y in range(ny):
        v = y // block
        for x in range(nx):
            u, w = x // block, weights[y, x]
            if w > 0:
                sums[v, u] += values[y, x]
                numbers[v, u] += np.float32(1.0)
                good[v, u] += np.float32(1.0)
                noise[v, u] += np.float32(1.0) / w
            elif known[y, x] > 0:
                sums[v, u] += base[y, x]
                numbers[v, u] += np.float32(1.0)
    for v in range(shape[0]):
        for u in range(shape[1]):
            if good[v, u] > 0:
                noise[v, u] /= good[v, u]
    return sums, numbers, noise, good


@njit(cache=True)
def sum_blocks(sums, numbers, noise, good, factor):
    """Blocks of `sum_pixels` put together to blocks `factor` times as wide."""
    ny, nx = sums.shape
    shape = ((ny + factor - 1) // factor, (nx + factor - 1) // factor)
    out, number = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    variance, whole = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for y in range(ny):
        for x in range(nx):
            v, u = y // factor, x // factor
            out[v, u] += sums[y, x]
            number[v, u] += numbers[y, x]
            whole[v, u] += good[y, x]
            variance[v, u] += noise[y, x] * good[y, x]
    for v in range(shape[0]):
        for u in range(shape[1]):
            if whole[v, u] > 0:
                variance[v, u] /= whole[v, u]
    return out, number, variance, whole


@njit(cache=True)
def smooth(plane, taps):
    """Convolution along both axes with the same symmetric taps, zero beyond the borders: (ny, nx) float32."""
    ny, nx = plane.shape
    reach = taps.size // 2
    out = np.zeros((ny, nx), np.float32)
    row = np.zeros(nx + 2 * reach, np.float32)
    for y in range(ny):
        row[:] = np.float32(0.0)
        inner = row[reach:reach + nx]
        for j in range(max(-reach, -y), min(reach, ny - 1 - y) + 1):
            factor = taps[j + reach]
            source = plane[y + j]
            for x in range(nx):
                inner[x] += factor * source[x]
        target = out[y]
        for i in range(taps.size):
            factor = taps[i]
            for x in range(nx):
                target[x] += factor * row[x + i]
    return out
