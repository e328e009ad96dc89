"""Bad pixels: what stands in for them, and which pixels they spoil through the kernel."""
from __future__ import annotations

import numpy as np
from numba import njit

from sediff.subtract.convolve import BLOCK, Patch

#: Bad pixels are filled this far from the rim of a hole (px), zero deeper in.
ROUNDS = 24


@njit(cache=True)
def first_from(index, first, y, flat):
    """Place of the first bad pixel of row y (or after it) that has a flat index of `flat` or more."""
    return first[y] + np.searchsorted(index[first[y]:first[y + 1]], flat)


@njit(cache=True)
def peel(image, level, variance, bad, index, rounds, value, spread):
    """Values for the bad pixels `index` of two planes, from the rim inwards: mean of the known of the eight around, of the
    first less `level`.

    Deeper than `rounds` they stay 0. Only the rim of each round is looked at, so that large holes cost little.
    """
    ny, nx = image.shape
    first = np.searchsorted(index, np.arange(ny + 1) * nx)
    unknown, queued = np.int8(-1), np.int8(-2)
    turn_of = np.full(index.size, unknown, np.int8)
    rim, size = np.empty(index.size, np.int64), 0
    for k in range(index.size):
        y, x = index[k] // nx, index[k] % nx
        light, noise, count = np.float32(0.0), np.float32(0.0), 0
        for j in range(max(0, y - 1), min(ny, y + 2)):
            for i in range(max(0, x - 1), min(nx, x + 2)):
                if not bad[j, i]:
                    light += image[j, i] - level
                    noise += variance[j, i]
                    count += 1
        value[k], spread[k] = light / np.float32(max(count, 1)), noise / np.float32(max(count, 1))
        if count:
            rim[size] = k
            size += 1
            turn_of[k] = 0
    rim = rim[:size].copy()
    for turn in range(1, rounds):
        inner, size = np.empty(min(8 * rim.size, index.size), np.int64), 0
        for k in rim:
            y, x = index[k] // nx, index[k] % nx
            for j in range(max(0, y - 1), min(ny, y + 2)):
                other = first_from(index, first, j, j * nx + max(0, x - 1))
                while other < first[j + 1] and index[other] <= j * nx + x + 1:
                    if turn_of[other] == unknown:
                        turn_of[other] = queued
                        inner[size] = other
                        size += 1
                    other += 1
        rim = inner[:size].copy()
        if size == 0:
            break
        for k in rim:
            y, x = index[k] // nx, index[k] % nx
            light, noise, count = np.float32(0.0), np.float32(0.0), 0
            for j in range(max(0, y - 1), min(ny, y + 2)):
                other = first_from(index, first, j, j * nx + max(0, x - 1))
                while other < first[j + 1] and index[other] <= j * nx + x + 1:
                    if turn_of[other] >= 0:
                        light += value[other]
                        noise += spread[other]
                        count += 1
                    other += 1
            value[k], spread[k] = light / np.float32(count), noise / np.float32(count)
        for k in rim:
            turn_of[k] = turn


def patch_of(image: np.ndarray, level: float, bad: np.ndarray, rounds: int = ROUNDS) -> Patch:
    """Stand-ins for the bad pixels of image - level, made from what surrounds them (0 deep inside large holes).

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
    bad : ndarray, (ny, nx) bool
        True also wherever `image` is not finite.
    rounds : int
        How far (px) from the rim of a hole its pixels are filled.
    """
    return patches_of(image, level, image, bad, rounds)[0]


def patches_of(image: np.ndarray, level: float, variance: np.ndarray, bad: np.ndarray, rounds: int = ROUNDS
               ) -> tuple[Patch, Patch]:
    """`patch_of` an image and of its variance."""
    index = np.flatnonzero(bad)
    value, spread = np.empty(index.size, np.float32), np.empty(index.size, np.float32)
    peel(image, np.float32(level), variance, bad, index, rounds, value, spread)
    return Patch(index, value), Patch(index, spread)


@njit(cache=True)
def add_loss(sums, shift, length, loss):
    """Add to `loss` what kernels lose in one row to a run of `length` bad pixels.

    `sums` (w + 1,) are those of the kernel's row up to each of its pixels; loss[0] is of the pixel `shift` right of the
    run's first minus half a kernel.
    """
    width = sums.size - 1
    for m in range(shift, min(shift + loss.size, width + length - 1)):
        loss[m - shift] += sums[min(m + 1, width)] - sums[max(m + 1 - length, 0)]


@njit(cache=True)
def spoil_strip(index, nx, kernels, half, limit, start, block_x, loss, mask):
    """Mark the pixels of a strip whose kernel has more than `limit` of its weight |K| on the bad pixels `index`.

    Bad pixels that follow each other in a row of a block are taken together: `kernels` (columns, w, w + 1) hold the sums of
    the rows of |K| up to each pixel.
    """
    rows = mask.shape[0]
    low = np.searchsorted(index, (start - half) * nx)
    high = np.searchsorted(index, (start + rows + half) * nx)
    if low == high:
        return
    loss[:] = np.float32(0.0)
    k = low
    while k < high:
        y, x = index[k] // nx - start, index[k] % nx
        column, length = x // block_x, 1
        while k + length < high and index[k + length] == index[k] + length and x + length < min(nx, (column + 1) * block_x):
            length += 1
        first, last = max(0, x - half), min(nx, x + length + half)
        for j in range(max(-half, -y), min(half, rows - 1 - y) + 1):
            add_loss(kernels[column, j + half], first - x + half, length, loss[y + j, first:last])
        k += length
    for y in range(rows):
        for x in range(nx):
            if loss[y, x] > limit:
                mask[y, x] = True


def spoiled(bad_index: np.ndarray, shape: tuple[int, int], kernels: np.ndarray, limit: float,
            block: tuple[int, int] = BLOCK) -> np.ndarray:
    """Pixels whose kernel loses more than a share `limit` of its absolute weight: (ny, nx) bool.

    Parameters
    ----------
    bad_index : ndarray, (n,) int64
        Sorted flat indices of the bad pixels of the convolved image.
    kernels : ndarray, (rows, columns, w, w) float32
        One a block.
    block : (int, int)
        Rows and columns of a block.
    """
    half, nx = kernels.shape[-1] // 2, shape[1]
    mask = np.zeros(shape, bool)
    loss = np.empty((block[0], nx), np.float32)
    typical = np.abs(kernels[::4, ::4]).mean(axis=(0, 1))
    for row in range(kernels.shape[0]):
        start = row * block[0]
        part = mask[start:start + block[0]]
        absolute = np.abs(kernels[row])
        absolute /= absolute.sum(axis=(-1, -2), keepdims=True)
        sums = np.pad(np.cumsum(absolute, axis=-1), ((0, 0), (0, 0), (1, 0)))
        spoil_strip(bad_index, nx, sums, half, np.float32(limit), start, block[1], loss[:len(part)], part)
    for edge in range(_border(typical, limit)):
        mask[edge], mask[-1 - edge], mask[:, edge], mask[:, -1 - edge] = True, True, True, True
    return mask


@njit(cache=True)
def light_strip(index, value, nx, kernel, limit, start, light, mask):
    """Mark the pixels of a strip that get more than `limit` from the pixels `index` through the kernel."""
    rows, half = mask.shape[0], kernel.shape[0] // 2
    low = np.searchsorted(index, (start - half) * nx)
    high = np.searchsorted(index, (start + rows + half) * nx)
    if low == high:
        return
    light[:] = np.float32(0.0)
    for k in range(low, high):
        y, x = index[k] // nx - start, index[k] % nx
        for j in range(max(-half, -y), min(half, rows - 1 - y) + 1):
            for i in range(max(-half, -x), min(half, nx - 1 - x) + 1):
                light[y + j, x + i] += kernel[j + half, i + half] * value[k]
    for y in range(rows):
        for x in range(nx):
            if light[y, x] > limit:
                mask[y, x] = True


def mark_lit(mask: np.ndarray, patch: Patch, restored: np.ndarray, kernel: np.ndarray, limit: float) -> None:
    """Add to the mask the pixels that owe more than `limit` to restored light, in place.

    Parameters
    ----------
    mask : ndarray, (ny, nx) bool
    restored : ndarray, (n,) bool
        Pixels of the patch that hold restored light.
    kernel : ndarray, (w, w) float
        The whole kernel, of one place.
    """
    index, value = patch.index[restored], patch.value[restored]
    light = np.empty((BLOCK[0], mask.shape[1]), np.float32)
    absolute = np.abs(kernel).astype(np.float32)
    for start in range(0, mask.shape[0], BLOCK[0]):
        part = mask[start:start + BLOCK[0]]
        light_strip(index, value, mask.shape[1], absolute, np.float32(limit), start, light[:len(part)], part)


def _border(typical: np.ndarray, limit: float) -> int:
    """Pixels from the border whose kernel hangs over it by more than the limit."""
    share = np.cumsum((typical.sum(axis=0) / typical.sum())[::-1])
    return int((share[:typical.shape[0] // 2] > limit).sum())
