"""The wide part of the kernel, applied to the image averaged over small cells."""
from __future__ import annotations

import numpy as np
from numba import njit

from sediff.subtract.basis import QUARTER, KernelBasis
from sediff.subtract.convolve import BLOCK, Patch, load_strip

#: Rows of pixels averaged at a time; coarse rows filtered at a time.
STRIP, ROWS = 64, 16


@njit(cache=True)
def average(strip, nx, rows, out):
    """Means of 2 x 2 pixels of a strip (even rows of it; what hangs over the image counts as the part inside)."""
    for v in range(out.shape[0]):
        second = 2 * v + 1 if 2 * v + 1 < rows else 2 * v
        for u in range(out.shape[1]):
            right = 2 * u + 1 if 2 * u + 1 < nx else 2 * u
            out[v, u] = np.float32(0.25) * (strip[2 * v, 2 * u] + strip[2 * v, right] + strip[second, 2 * u]
                                            + strip[second, right])


def averaged(image: np.ndarray, patch: Patch, level: float) -> np.ndarray:
    """image - level, patched, averaged over cells of 2 x 2 pixels: (ceil(ny/2), ceil(nx/2)) float32."""
    ny, nx = image.shape
    out = np.empty((-(-ny // 2), -(-nx // 2)), np.float32)
    buffer = np.empty((STRIP, nx), np.float32)
    for start in range(0, ny, STRIP):
        rows = min(STRIP, ny - start)
        load_strip(image, np.float32(level), patch.index, patch.value, start, 0, buffer[:rows])
        average(buffer, nx, rows, out[start // 2:(start + rows + 1) // 2])
    return out


@njit(cache=True, fastmath={'contract'})
def filter_row(row, profile, out):
    """A row convolved with a flipped profile of a multiple of three taps; `row` is longer by taps - 1."""
    width = out.size
    for i in range(width):
        out[i] = np.float32(0.0)
    for t in range(0, profile.size, 3):
        a, b, c = profile[t], profile[t + 1], profile[t + 2]
        s = row[t:t + width + 2]
        for i in range(width):
            out[i] += a * s[i] + b * s[i + 1] + c * s[i + 2]


@njit(cache=True, fastmath={'contract'})
def filter_column(rows, start, profile, out):
    """Rows start, start + 1, ... summed with the weights of a flipped profile of a multiple of three taps."""
    width = out.size
    for i in range(width):
        out[i] = np.float32(0.0)
    for t in range(0, profile.size, 3):
        a, b, c = profile[t], profile[t + 1], profile[t + 2]
        r0, r1, r2 = rows[start + t], rows[start + t + 1], rows[start + t + 2]
        for i in range(width):
            out[i] += a * r0[i] + b * r1[i] + c * r2[i]


@njit(cache=True)
def filter_wide(coarse, profiles, half, members, local, block_y, block_x, batch, out):
    """Sum over functions k of local[row, column, k] times the image convolved with profiles i along x and j along y.

    `profiles` (count, taps) are flipped, have their middle at `half` and end in zeros that make their taps a multiple
    of three.
    """
    my, mx = coarse.shape
    count, taps = profiles.shape
    padded = np.zeros(mx + taps - 1, np.float32)
    across = np.empty((count, batch + taps - 1, mx), np.float32)
    total = np.empty(mx, np.float32)
    for start in range(0, my, batch):
        for r in range(batch + taps - 1):
            v = start - half + r
            for i in range(count):
                if 0 <= v < my:
                    padded[half:half + mx] = coarse[v]
                    filter_row(padded, profiles[i], across[i, r])
                else:
                    across[i, r] = np.float32(0.0)
        for v in range(start, min(start + batch, my)):
            out[v] = np.float32(0.0)
            for k in range(members.shape[0]):
                filter_column(across[members[k, 1]], v - start, profiles[members[k, 2]], total)
                for column in range(local.shape[1]):
                    factor = local[v // block_y, column, k]
                    for i in range(column * block_x, min((column + 1) * block_x, mx)):
                        out[v, i] += factor * total[i]


@njit(cache=True)
def add_interpolated(coarse, weights, out):
    """Add the coarse image at the middle of each pixel, cubic in both axes (each pixel is a quarter cell off)."""
    my, mx = coarse.shape
    column = np.empty(mx + 4, np.float32)
    for y in range(out.shape[0]):
        v, sign = y // 2, 1 if y % 2 else -1
        r0, r1 = coarse[min(max(v - sign, 0), my - 1)], coarse[v]
        r2, r3 = coarse[min(max(v + sign, 0), my - 1)], coarse[min(max(v + 2 * sign, 0), my - 1)]
        for u in range(mx):
            column[u + 2] = weights[0] * r0[u] + weights[1] * r1[u] + weights[2] * r2[u] + weights[3] * r3[u]
        column[0] = column[1] = column[2]
        column[mx + 2] = column[mx + 3] = column[mx + 1]
        for u in range(out.shape[1] // 2):
            a, b, c, d, e = column[u], column[u + 1], column[u + 2], column[u + 3], column[u + 4]
            out[y, 2 * u] += weights[0] * d + weights[1] * c + weights[2] * b + weights[3] * a
            out[y, 2 * u + 1] += weights[0] * b + weights[1] * c + weights[2] * d + weights[3] * e
        if out.shape[1] % 2:
            u = mx - 1
            out[y, 2 * u] += (weights[0] * column[u + 3] + weights[1] * column[u + 2] + weights[2] * column[u + 1]
                              + weights[3] * column[u])


def add_wings(out: np.ndarray, image: np.ndarray, basis: KernelBasis, local: np.ndarray, patch: Patch, level: float) -> None:
    """Add the image convolved with the wide part of the kernel to `out`, in place.

    Parameters
    ----------
    out, image : ndarray, (ny, nx) float32
    local : ndarray, (rows, columns, k) float32
        Coefficients of the wide functions in each block.
    patch, level
        As for `sediff.subtract.convolve.convolve`.

    Notes
    -----
    The wide functions are Gaussians of 4 px or more: on cells of 2 px they are sampled finely, and the blur of the
    averaging is subtracted from them, so that the result differs from the full convolution by < 1e-3 of itself.
    """
    profiles = basis.coarse_profiles()[:, ::-1]
    half = profiles.shape[1] // 2
    taps = np.zeros((len(profiles), -(-(2 * half + 1) // 3) * 3), np.float32)
    taps[:, :2 * half + 1] = profiles
    coarse = averaged(image, patch, level)
    filtered = np.empty_like(coarse)
    filter_wide(coarse, taps, half, basis.members[basis.narrow_count:], np.ascontiguousarray(local, np.float32),
                BLOCK[0] // 2, BLOCK[1] // 2, ROWS, filtered)
    add_interpolated(filtered, QUARTER.astype(np.float32), out)
