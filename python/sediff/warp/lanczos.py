"""Lanczos-3 resampling of image, variance and mask in one pass over the target pixels."""
from __future__ import annotations

import numpy as np
from numba import njit

#: Taps an axis, and phases the table of their weights is computed at (linear in between: error < 1e-6).
TAPS = 6
PHASES = 1024
#: Output is unusable when less than this share of the kernel weight falls on good pixels.
LEAST_GOOD = 0.7
#: Output is marked INTERP when more than this share of the kernel's absolute weight was left out.
NOTED_LOSS = 0.05


def weight_table() -> np.ndarray:
    """Lanczos-3 weights of the six taps at offsets -2 ... 3: (PHASES + 2, 6) float32.

    The plain kernel shifts stars by up to 0.02 px, depending on the phase. Each row is therefore changed by the
    least amount (0.003 at most) that makes its sum 1 and its mean offset the phase, so that centroids are exact.
    """
    phase = np.arange(PHASES + 2)[:, None] / PHASES
    offset = np.arange(-2, 4)
    distance = phase - offset
    table = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0.0)
    table /= table.sum(axis=1, keepdims=True)
    slope = (phase[:, 0] - table @ offset) / np.sum((offset - offset.mean()) ** 2)
    return (table + slope[:, None] * (offset - offset.mean())).astype(np.float32)


@njit(cache=True)
def reach_of(flagged):
    """True where the kernel of a target pixel with integer part (x, y) touches a flagged source pixel."""
    ny, nx = flagged.shape
    rows = np.zeros((ny, nx), np.bool_)
    for y in range(ny):
        for x in range(nx):
            if flagged[y, x]:
                for k in range(max(0, x - 3), min(nx, x + 3)):
                    rows[y, k] = True
    out = np.zeros((ny, nx), np.bool_)
    for y in range(ny):
        for k in range(max(0, y - 3), min(ny, y + 3)):
            for x in range(nx):
                out[k, x] |= rows[y, x]
    return out


@njit(cache=True)
def cubic_weights(t):
    """Lagrange weights of the nodes -1, 0, 1, 2 at 0 <= t < 1."""
    return (-t * (t - 1) * (t - 2) / 6, (t + 1) * (t - 1) * (t - 2) / 2,
            -(t + 1) * t * (t - 2) / 2, (t + 1) * t * (t - 1) / 6)


@njit(cache=True)
def row_of_map(nodes, y, step, out):
    """Value of a node grid along target row y, cubic in both axes: fills out (nx,) float64."""
    cell = y // step
    a, b, c, d = cubic_weights(y / step - cell)
    column = a * nodes[cell] + b * nodes[cell + 1] + c * nodes[cell + 2] + d * nodes[cell + 3]
    for cell in range((out.size + step - 1) // step):
        n0, n1, n2, n3 = column[cell], column[cell + 1], column[cell + 2], column[cell + 3]
        c1, c2, c3 = -n0 / 3 - n1 / 2 + n2 - n3 / 6, n0 / 2 - n1 + n2 / 2, (n3 - n0) / 6 + (n1 - n2) / 2
        for k in range(min(step, out.size - cell * step)):
            t = k / step
            out[cell * step + k] = n1 + t * (c1 + t * (c2 + t * c3))


@njit(cache=True)
def fill_taps(table, fraction, taps):
    """Weights of the six taps at a fractional position, from the table."""
    position = fraction * PHASES
    k = np.uint64(position)
    t = np.float32(position - k)
    for i in range(TAPS):
        taps[i] = table[k, i] + t * (table[k + np.uint64(1), i] - table[k, i])


@njit(cache=True, fastmath={'contract', 'reassoc'})
def plain_sum(image, ix, iy, taps_x, taps_y):
    """Kernel sum where every pixel in reach is good."""
    total = np.float32(0.0)
    y, x = np.uint64(iy - 2), np.uint64(ix - 2)
    for j in range(np.uint64(TAPS)):
        row = np.float32(0.0)
        for i in range(np.uint64(TAPS)):
            row += taps_x[i] * image[y + j, x + i]
        total += taps_y[j] * row
    return total


@njit(cache=True)
def careful_sum(image, bad, mask, ix, iy, taps_x, taps_y):
    """Kernel sum over good pixels only.

    Returns value, good weight, share of absolute weight left out, bits of the core, bits of the reach.
    """
    ny, nx = image.shape
    total, good, left, whole = 0.0, 0.0, 0.0, 0.0
    core, reach = np.uint16(0), np.uint16(0)
    for j in range(6):
        for i in range(6):
            y, x = iy - 2 + j, ix - 2 + i
            w = taps_x[i] * taps_y[j]
            whole += abs(w)
            if y < 0 or y >= ny or x < 0 or x >= nx:
                left += abs(w)
                continue
            reach |= mask[y, x]
            if abs(w) > 0.05 and 2 <= i <= 3 and 2 <= j <= 3:
                core |= mask[y, x]
                if bad[y, x]:
                    return 0.0, 0.0, 1.0, core, reach
            if bad[y, x]:
                left += abs(w)
            else:
                total += w * image[y, x]
                good += w
    return (total / good if good > 0 else 0.0), good, left / whole, core, reach


@njit(cache=True)
def core_variance(variance, bad, ix, iy, fx, fy):
    """Bilinear variance of the good pixels around the position."""
    ny, nx = variance.shape
    total, weight = 0.0, 0.0
    for j in range(2):
        for i in range(2):
            y, x = iy + j, ix + i
            w = (fx if i else 1.0 - fx) * (fy if j else 1.0 - fy)
            if 0 <= y < ny and 0 <= x < nx and not bad[y, x]:
                total += w * variance[y, x]
                weight += w
    return total / weight if weight > 0 else 0.0


@njit(cache=True)
def resample(image, variance, mask, bad, careful, nodes_x, nodes_y, nodes_area, step, table, flux_scale, white,
             unusable, edge, bad_pixel, interpolated, out_image, out_weight, out_mask):
    """Fill the three output planes; see `sediff.warp.resample.warp` for their meaning."""
    ny, nx = image.shape
    out_ny, out_nx = out_image.shape
    xs, ys, areas = np.empty(out_nx), np.empty(out_nx), np.empty(out_nx)
    taps_x, taps_y = np.empty(6, np.float32), np.empty(6, np.float32)
    for v in range(out_ny):
        row_of_map(nodes_x, v, step, xs)
        row_of_map(nodes_y, v, step, ys)
        row_of_map(nodes_area, v, step, areas)
        for u in range(out_nx):
            sx, sy, area = xs[u], ys[u], areas[u]
            if not (-0.5 < sx < nx - 0.5 and -0.5 < sy < ny - 0.5):
                out_mask[v, u] = edge
                continue
            ix, iy = int(np.floor(sx)), int(np.floor(sy))
            fx, fy = sx - ix, sy - iy
            fill_taps(table, fx, taps_x)
            fill_taps(table, fy, taps_y)
            inside = 2 <= ix < nx - 3 and 2 <= iy < ny - 3
            if inside and not careful[iy, ix]:
                value = plain_sum(image, ix, iy, taps_x, taps_y)
            else:
                value, good, left, bits, reach = careful_sum(image, bad, mask, ix, iy, taps_x, taps_y)
                if good < LEAST_GOOD:
                    bits |= reach if reach & unusable else bad_pixel
                    out_mask[v, u] = bits if inside else bits | edge
                    continue
                out_mask[v, u] = bits | interpolated if left > NOTED_LOSS else bits
                if bits & unusable:
                    continue
            noise = core_variance(variance, bad, ix, iy, fx, fy) * flux_scale * flux_scale * area
            if not white:
                noise *= area * np.sum(taps_x * taps_x) * np.sum(taps_y * taps_y)
            if noise > 0:
                out_image[v, u] = value * area * flux_scale
                out_weight[v, u] = 1.0 / noise
            else:
                out_mask[v, u] |= bad_pixel
