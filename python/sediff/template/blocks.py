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
    columns = np.empty((4, nx), np.float32)
    for v in range(shape[0]):
        columns[:] = np.float32(0.0)
        for y in range(v * block, min((v + 1) * block, ny)):
            add_row(values[y], weights[y], base[y], known[y], columns[0], columns[1], columns[2], columns[3])
        for u in range(shape[1]):
            for x in range(u * block, min((u + 1) * block, nx)):
                sums[v, u] += columns[0, x]
                numbers[v, u] += columns[1, x]
                noise[v, u] += columns[2, x]
                good[v, u] += columns[3, x]
            noise[v, u] /= max(good[v, u], np.float32(1.0))
    return sums, numbers, noise, good


@njit(cache=True, error_model='numpy')
def add_row(values, weights, base, known, sums, numbers, noise, good):
    """Add what `sum_pixels` sums of a row (nx,) to its columns."""
    nothing, one = np.float32(0.0), np.float32(1.0)
    for x in range(values.size):
        w, value, usual = weights[x], values[x], base[x]      # read in any case, so that there is no branch
        own, other = w > 0, known[x] > 0
        inverse = one / w
        sums[x] += value if own else (usual if other else nothing)
        numbers[x] += one if own | other else nothing
        noise[x] += inverse if own else nothing
        good[x] += one if own else nothing


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
