"""Convolution with a kernel that changes across the image, strip by strip."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

#: The kernel is evaluated once for each block of so many rows and columns.
BLOCK = (32, 64)


@dataclass(frozen=True)
class Patch:
    """Values that stand in for bad pixels: sorted flat indices (n,) int64 and values (n,) float32."""

    index: np.ndarray
    value: np.ndarray


def no_patch() -> Patch:
    """A patch that changes nothing."""
    return Patch(np.zeros(0, np.int64), np.zeros(0, np.float32))


def block_centres(shape: tuple[int, int], step: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """x (columns,) and y (rows,) of the centres of groups of step x step blocks, 0-based pixels."""
    x, y = (np.arange(0, size, step * side) + (step * side - 1) / 2.0 for size, side in zip(shape[::-1], BLOCK[::-1]))
    return x, y


@njit(cache=True, fastmath={'contract'})
def five_rows(padded, kernel, y, x, t0, t1, t2, t3, t4):
    """Five rows of outputs at (y, x): each input pixel serves five rows and three taps of the flipped kernel.

    The kernel has four empty rows at each end and a multiple of three columns.
    """
    width = t0.size
    for i in range(width):
        t0[i] = t1[i] = t2[i] = t3[i] = t4[i] = np.float32(0.0)
    for r in range(kernel.shape[0] - 4):
        for k in range(0, kernel.shape[1], 3):
            a0, a1, a2 = kernel[r + 4, k], kernel[r + 4, k + 1], kernel[r + 4, k + 2]
            b0, b1, b2 = kernel[r + 3, k], kernel[r + 3, k + 1], kernel[r + 3, k + 2]
            c0, c1, c2 = kernel[r + 2, k], kernel[r + 2, k + 1], kernel[r + 2, k + 2]
            d0, d1, d2 = kernel[r + 1, k], kernel[r + 1, k + 1], kernel[r + 1, k + 2]
            e0, e1, e2 = kernel[r, k], kernel[r, k + 1], kernel[r, k + 2]
            s = padded[y + r, x + k:x + k + width + 2]
            for i in range(width):
                s0, s1, s2 = s[i], s[i + 1], s[i + 2]
                t0[i] += a0 * s0 + a1 * s1 + a2 * s2
                t1[i] += b0 * s0 + b1 * s1 + b2 * s2
                t2[i] += c0 * s0 + c1 * s1 + c2 * s2
                t3[i] += d0 * s0 + d1 * s1 + d2 * s2
                t4[i] += e0 * s0 + e1 * s1 + e2 * s2


@njit(cache=True)
def convolve_strip(padded, kernels, block_x, out):
    """One strip of blocks: kernels (columns, w + 8, w') as `five_rows` wants them."""
    rows, nx = out.shape
    totals = np.empty((5, block_x), np.float32)
    for column in range(kernels.shape[0]):
        x = column * block_x
        width = min(block_x, nx - x)
        for y in range(0, rows, 5):
            five_rows(padded, kernels[column], y, x, totals[0, :width], totals[1, :width], totals[2, :width],
                      totals[3, :width], totals[4, :width])
            for k in range(min(5, rows - y)):
                for i in range(width):
                    out[y + k, x + i] = totals[k, i]


@njit(cache=True)
def load_strip(image, level, index, value, start, half, out):
    """Rows start - half ... of image - level into `out`, zero outside the image, patched pixels replaced."""
    ny, nx = image.shape
    for r in range(out.shape[0]):
        y = start - half + r
        if y < 0 or y >= ny:
            for i in range(out.shape[1]):
                out[r, i] = np.float32(0.0)
            continue
        for i in range(half):
            out[r, i] = np.float32(0.0)
        for i in range(nx):
            out[r, half + i] = image[y, i] - level
        for i in range(half + nx, out.shape[1]):
            out[r, i] = np.float32(0.0)
    low = np.searchsorted(index, max(start - half, 0) * nx)
    high = np.searchsorted(index, min(start - half + out.shape[0], ny) * nx)
    for k in range(low, high):
        out[index[k] // nx - start + half, half + index[k] % nx] = value[k]


def flipped(kernels: np.ndarray) -> np.ndarray:
    """Kernels (rows, columns, w, w) turned round, with the empty rows and columns `five_rows` needs: float32."""
    size = kernels.shape[-1]
    out = np.zeros((*kernels.shape[:2], size + 8, -(-size // 3) * 3), np.float32)
    out[:, :, 4:4 + size, :size] = kernels[..., ::-1, ::-1]
    return out


def convolve(image: np.ndarray, kernels: np.ndarray, patch: Patch | None = None, level: float = 0.0,
             block: tuple[int, int] = BLOCK) -> np.ndarray:
    """Convolution of image - level with one kernel a block.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        Finite wherever it is not patched; zero is assumed outside.
    kernels : ndarray, (rows, columns, w, w) float32
        Kernel K[v + h, u + h] at the centre of each block; out(x, y) = sum K(u, v) image(x - u, y - v).
    patch : Patch, optional
        Pixels to replace, and the values to put there (levels are not subtracted from these).
    level : float
        Subtracted from the image first.
    block : (int, int)
        Rows and columns of a block.

    Returns
    -------
    ndarray, (ny, nx) float32
    """
    image = np.ascontiguousarray(image, np.float32)
    patch = patch or no_patch()
    half, (ny, nx) = kernels.shape[-1] // 2, image.shape
    turned = flipped(kernels)
    buffer = np.empty((-(-block[0] // 5) * 5 + turned.shape[2], nx + 2 * half + 4), np.float32)
    out = np.empty((ny, nx), np.float32)
    for row in range(kernels.shape[0]):
        start = row * block[0]
        load_strip(image, np.float32(level), patch.index, patch.value, start, half, buffer)
        convolve_strip(buffer, turned[row], block[1], out[start:start + block[0]])
    return out


def convolve_part(image: np.ndarray, kernel: np.ndarray, part: tuple[slice, slice]) -> np.ndarray:
    """Convolution with one kernel (w, w) of a part of an image (ny, nx) float32, zero assumed outside the image."""
    (ny, nx), half, size = image.shape, kernel.shape[0] // 2, kernel.shape[0]
    rows, columns = (s.stop - s.start for s in part)
    turned = flipped(kernel[None, None])[0]
    buffer = np.zeros((-(-rows // 5) * 5 + turned.shape[1], columns + turned.shape[2] + 2), np.float32)
    y0, x0 = part[0].start - half, part[1].start - half
    y1, x1 = min(ny, y0 + rows + size - 1), min(nx, x0 + columns + size - 1)
    buffer[max(0, -y0):y1 - y0, max(0, -x0):x1 - x0] = image[max(0, y0):y1, max(0, x0):x1]
    out = np.empty((rows, columns), np.float32)
    convolve_strip(buffer, turned, columns, out)
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
