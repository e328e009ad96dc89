"""Convolution with a kernel that changes across the image, and what bad pixels do to it."""
from __future__ import annotations

import numpy as np
from numba import njit

#: The kernel is evaluated once for each block of so many rows and columns.
BLOCK = (16, 128)


def block_centres(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """x (columns,) and y (rows,) of the centres of the blocks, 0-based pixels."""
    y = np.arange(0, shape[0], BLOCK[0]) + (BLOCK[0] - 1) / 2.0
    x = np.arange(0, shape[1], BLOCK[1]) + (BLOCK[1] - 1) / 2.0
    return x, y


@njit(cache=True, fastmath={'contract'})
def convolve_row(padded, kernel, y, x, width, total):
    """One row of `width` outputs at (y, x): total[i] = sum over the flipped kernel, seven taps a sweep."""
    size = kernel.shape[0]
    for i in range(width):
        total[i] = np.float32(0.0)
    for j in range(size):
        k = 0
        while k + 6 < size:
            a, b, c, d = kernel[j, k], kernel[j, k + 1], kernel[j, k + 2], kernel[j, k + 3]
            e, f, g = kernel[j, k + 4], kernel[j, k + 5], kernel[j, k + 6]
            s = padded[y + j, x + k:x + k + width + 6]
            for i in range(width):
                total[i] += (a * s[i] + b * s[i + 1] + c * s[i + 2] + d * s[i + 3] + e * s[i + 4] + f * s[i + 5]
                             + g * s[i + 6])
            k += 7
        while k < size:
            a, s = kernel[j, k], padded[y + j, x + k:x + k + width]
            for i in range(width):
                total[i] += a * s[i]
            k += 1


@njit(cache=True)
def convolve_blocks(padded, kernels, block_y, block_x, out):
    """Convolve block by block: kernels (rows, columns, w, w) are flipped; padded has (w - 1)/2 more on each side."""
    ny, nx = out.shape
    total = np.empty(block_x, np.float32)
    for row in range(kernels.shape[0]):
        for column in range(kernels.shape[1]):
            x = column * block_x
            width = min(block_x, nx - x)
            for y in range(row * block_y, min((row + 1) * block_y, ny)):
                convolve_row(padded, kernels[row, column], y, x, width, total)
                for i in range(width):
                    out[y, x + i] = total[i]


def convolve(image: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Convolution with one kernel a block.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        Finite everywhere; zero is assumed outside.
    kernels : ndarray, (rows, columns, w, w) float32
        Kernel K[v + h, u + h] at the centre of each block; out(x, y) = sum K(u, v) image(x - u, y - v).

    Returns
    -------
    ndarray, (ny, nx) float32
    """
    half = kernels.shape[-1] // 2
    padded = np.pad(np.asarray(image, np.float32), half)
    out = np.empty(image.shape, np.float32)
    convolve_blocks(padded, np.ascontiguousarray(kernels[..., ::-1, ::-1], np.float32), *BLOCK, out)
    return out


@njit(cache=True)
def spread_loss(bad, kernels, block_y, block_x, out):
    """Add to each pixel the kernel weight that falls on bad pixels and outside; kernels hold |K|/sum|K|."""
    ny, nx = bad.shape
    half = kernels.shape[-1] // 2
    for y in range(-half, ny + half):
        for x in range(-half, nx + half):
            inside = 0 <= y < ny and 0 <= x < nx
            if inside and not bad[y, x]:
                continue
            kernel = kernels[min(max(y, 0), ny - 1) // block_y, min(max(x, 0), nx - 1) // block_x]
            for j in range(max(-half, -y), min(half, ny - 1 - y) + 1):
                for i in range(max(-half, -x), min(half, nx - 1 - x) + 1):
                    out[y + j, x + i] += kernel[j + half, i + half]


def lost_weight(bad: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Share of the kernel's absolute weight that bad pixels and the image border take from each pixel: float32."""
    absolute = np.abs(kernels)
    absolute = (absolute / absolute.sum(axis=(-1, -2), keepdims=True)).astype(np.float32)
    out = np.zeros(bad.shape, np.float32)
    spread_loss(bad, absolute, *BLOCK, out)
    return out


def squared_kernels(kernels: np.ndarray, half: int = 4) -> np.ndarray:
    """K^2 cut to (2 half + 1) pixels, its sum kept: what carries variance through the convolution."""
    square = kernels.astype(np.float32) ** 2
    centre = kernels.shape[-1] // 2
    half = min(half, centre)
    part = square[..., centre - half:centre + half + 1, centre - half:centre + half + 1]
    whole = square.sum(axis=(-1, -2), keepdims=True)
    part = part * (whole / np.maximum(part.sum(axis=(-1, -2), keepdims=True), np.float32(1e-30)))
    return np.where(part < 1e-7 * whole, np.float32(0.0), part)


@njit(cache=True)
def peel(image, bad, rounds):
    """Replace bad pixels in place by the mean of the good pixels around them, from the rim inwards; 0 beyond."""
    ny, nx = image.shape
    todo = [(y, x) for y in range(ny) for x in range(nx) if bad[y, x]]
    for _ in range(rounds):
        rest, done, values = [(0, 0)], [(0, 0)], [np.float32(0.0)]
        for y, x in todo:
            total, count = np.float32(0.0), 0
            for j in range(max(0, y - 1), min(ny, y + 2)):
                for i in range(max(0, x - 1), min(nx, x + 2)):
                    if not bad[j, i]:
                        total += image[j, i]
                        count += 1
            if count:
                done.append((y, x))
                values.append(total / np.float32(count))
            else:
                rest.append((y, x))
        for k in range(1, len(done)):
            image[done[k]] = values[k]
            bad[done[k]] = False
        todo = rest[1:]
        if len(todo) == 0 or len(done) == 1:
            break
    for y, x in todo:
        image[y, x] = 0.0


def fill_bad(image: np.ndarray, bad: np.ndarray, rounds: int = 40) -> np.ndarray:
    """Copy of `image`, float32, bad pixels replaced by what surrounds them (0 deep inside large holes)."""
    out = np.array(image, np.float32)
    peel(out, bad.copy(), rounds)
    return out
