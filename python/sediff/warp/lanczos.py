"""Lanczos-3 resampling of image, variance and mask in one pass over the target pixels."""
from __future__ import annotations

import numpy as np
from numba import njit

#: Taps an axis, and degree of the polynomials of the phase that give their weights (error < 1e-6).
TAPS = 6
DEGREE = 8
#: Target pixels computed together where they follow each other on one source row.
RUN = 64
#: Output is unusable when less than this share of the kernel weight falls on good pixels.
LEAST_GOOD = 0.7
#: Output is marked INTERP when more than this share of the kernel's absolute weight was left out.
NOTED_LOSS = 0.05


def tap_polynomials() -> np.ndarray:
    """Lanczos-3 weights of the six taps at offsets -2 ... 3 as polynomials of phase - 1/2: (DEGREE + 1, 6) float32.

    Highest power first. The plain kernel shifts stars by up to 0.02 px, depending on the phase. The weights are therefore
    changed by the least amount (0.003 at most) that makes their sum 1 and their mean offset the phase, so that centroids
    are exact.
    """
    phase = 0.5 - 0.5 * np.cos(np.pi * (np.arange(200)[:, None] + 0.5) / 200)
    offset = np.arange(-2, 4)
    distance = phase - offset
    weights = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    slope = (phase[:, 0] - weights @ offset) / np.sum((offset - offset.mean()) ** 2)
    weights += slope[:, None] * (offset - offset.mean())
    powers = np.vander(phase[:, 0] - 0.5, DEGREE + 1)
    return np.linalg.lstsq(powers, weights, rcond=None)[0].astype(np.float32)


@njit(cache=True)
def read_pixels(image, weight, mask, unusable, variance, bad, careful):
    """Fill three planes of the source: variance (0 where bad), pixels that are bad, and kernels to be looked at.

    `careful` (False before) is True where the kernel of a target pixel with integer part (x, y) touches a bad source pixel.
    """
    ny, nx = image.shape
    touched = np.empty(nx, np.bool_)
    for y in range(ny):
        count = 0
        for x in range(nx):
            w = weight[y, x]
            good = w > 0 and w < np.float32(np.inf) and mask[y, x] & unusable == 0 and abs(image[y, x]) < np.float32(np.inf)
            bad[y, x] = not good
            variance[y, x] = np.float32(1.0) / w if good else np.float32(0.0)
            count += not good
        if count:
            touched[:] = False
            for x in range(nx):
                if bad[y, x]:
                    touched[max(0, x - 3):x + 3] = True
            for k in range(max(0, y - 3), min(ny, y + 3)):
                for x in range(nx):
                    careful[k, x] |= touched[x]


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
def fill_taps(polynomials, fraction, taps, first, last):
    """Weights of the taps from first to last (excluded) at one fractional position."""
    t = np.float32(fraction - 0.5)
    for i in range(first, last):
        value = polynomials[0, i]
        for power in range(1, DEGREE + 1):
            value = value * t + polynomials[power, i]
        taps[i] = value


@njit(cache=True, fastmath={'contract'})
def taps_of_run(polynomials, fraction, n, out):
    """Weights of the six taps for n fractional positions: out (6, RUN).

    Taps i and 5 - i are mirror images, the sum and the difference of an even and an odd polynomial.
    """
    for i in range(TAPS // 2):
        p0, p1, p2, p3, p4 = (polynomials[0, i], polynomials[1, i], polynomials[2, i], polynomials[3, i], polynomials[4, i])
        p5, p6, p7, p8 = polynomials[5, i], polynomials[6, i], polynomials[7, i], polynomials[8, i]
        left, right = out[i, :n], out[TAPS - 1 - i, :n]
        for k in range(n):
            t = fraction[k] - np.float32(0.5)
            square = t * t
            even = (((p0 * square + p2) * square + p4) * square + p6) * square + p8
            odd = (((p1 * square + p3) * square + p5) * square + p7) * t
            left[k] = even + odd
            right[k] = even - odd


@njit(cache=True)
def run_length(xs, ys, u, careful, ix, iy, fx, fy):
    """Target pixels from u on that lie on successive source pixels of one row, all with a good neighbourhood.

    Fills fx and fy (RUN,) with their fractional positions.
    """
    ny, nx = careful.shape
    if not (2 <= iy < ny - 3 and ix >= 2):
        return 0
    most, others = max(0, min(RUN, xs.size - u, nx - 3 - ix)), 0
    x_of, y_of, careful_of = xs[u:u + most], ys[u:u + most], careful[iy, ix:ix + most]
    for k in range(most):
        ahead, beside = x_of[k] - np.float64(ix + k), y_of[k] - np.float64(iy)
        fx[k], fy[k] = ahead, beside
        others += (ahead < 0.0) | (ahead >= 1.0) | (beside < 0.0) | (beside >= 1.0) | careful_of[k]
    if others == 0:
        return most
    n = 0
    while 0.0 <= x_of[n] - (ix + n) < 1.0 and 0.0 <= y_of[n] - iy < 1.0 and not careful_of[n]:
        n += 1
    return n


@njit(cache=True)
def note_bits(mask, ix, iy, taps_x, taps_y, out):
    """Bits of the pixels that matter in the cores of a run's kernels: fills out (n,) uint16."""
    upper, lower, some = mask[iy, ix:ix + out.size + 1], mask[iy + 1, ix:ix + out.size + 1], np.uint16(0)
    for k in range(out.size + 1):
        some |= upper[k] | lower[k]
    if some:
        for k in range(out.size):
            if upper[k] | upper[k + 1] | lower[k] | lower[k + 1]:
                out[k] = bits_before(mask, ix + k, iy, taps_x[:, k], taps_y[:, k], (3, 3))[0]


@njit(cache=True, fastmath={'contract'})
def fill_run(image, variance, ix, iy, taps_x, taps_y, fx, fy, scales, row, out_image, out_weight):
    """Values and weights of a run of target pixels whose reach is free of bad pixels; `scales` of flux and variance."""
    n = out_image.size
    for j in range(TAPS):
        source = image[iy - 2 + j, ix - 2:ix + 3 + n]
        t0, t1, t2, t3, t4, t5 = taps_x[0], taps_x[1], taps_x[2], taps_x[3], taps_x[4], taps_x[5]
        for k in range(n):
            row[k] = (t0[k] * source[k] + t1[k] * source[k + 1] + t2[k] * source[k + 2] + t3[k] * source[k + 3]
                      + t4[k] * source[k + 4] + t5[k] * source[k + 5])
        weight = taps_y[j]
        for k in range(n):
            out_image[k] += weight[k] * row[k]
    scale, noise_scale = scales[0], scales[1]
    for k in range(n):
        out_image[k] *= scale[k]
    low, high = variance[iy, ix:ix + n + 1], variance[iy + 1, ix:ix + n + 1]
    for k in range(n):
        row[k] = low[k] + fx[k] * (low[k + 1] - low[k])
    for k in range(n):
        row[k] += fy[k] * (high[k] + fx[k] * (high[k + 1] - high[k]) - row[k])
    for k in range(n):
        out_weight[k] = np.float32(1.0) / (row[k] * noise_scale[k])


@njit(cache=True)
def matters(taps_x, taps_y, j, i):
    """Whether a pixel of the kernel's core, one of the four around the position, has weight enough for its bits to count."""
    return abs(taps_x[i] * taps_y[j]) > np.float32(0.05)


@njit(cache=True)
def bad_core(bad, ix, iy, taps_x, taps_y):
    """Place (j, i) in the kernel of the first pixel of the core that matters and is bad; (0, 0) where none is."""
    ny, nx = bad.shape
    for j in range(2, 4):
        for i in range(2, 4):
            y, x = iy - 2 + j, ix - 2 + i
            if 0 <= y < ny and 0 <= x < nx and bad[y, x] and matters(taps_x, taps_y, j, i):
                return j, i
    return 0, 0


@njit(cache=True)
def bits_before(mask, ix, iy, taps_x, taps_y, end):
    """Bits of the core and of the whole reach, as far as to the pixel `end` (j, i) of the kernel."""
    ny, nx = mask.shape
    core, reach = np.uint16(0), np.uint16(0)
    for j in range(end[0] + 1):
        for i in range(end[1] + 1 if j == end[0] else TAPS):
            y, x = iy - 2 + j, ix - 2 + i
            if 0 <= y < ny and 0 <= x < nx:
                reach |= mask[y, x]
                if 2 <= i <= 3 and 2 <= j <= 3 and matters(taps_x, taps_y, j, i):
                    core |= mask[y, x]
    return core, reach


@njit(cache=True)
def careful_sum(image, bad, ix, iy, taps_x, taps_y):
    """Kernel sum over good pixels only: value, good weight, share of absolute weight left out."""
    ny, nx = image.shape
    total, good, left, whole = 0.0, 0.0, 0.0, 0.0
    for j in range(TAPS):
        for i in range(TAPS):
            y, x = iy - 2 + j, ix - 2 + i
            w = taps_x[i] * taps_y[j]
            whole += abs(w)
            if y < 0 or y >= ny or x < 0 or x >= nx or bad[y, x]:
                left += abs(w)
            else:
                total += w * image[y, x]
                good += w
    return (total / good if good > 0 else 0.0), good, left / whole


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
def scales_of_run(areas, flux_scale, white, taps_x, taps_y, out):
    """Factors (2, RUN) that turn the kernel sum into flux, and the source variance into that of a target pixel."""
    for k in range(areas.size):
        out[0, k] = areas[k] * flux_scale
        out[1, k] = out[0, k] * flux_scale
    if not white:
        for k in range(areas.size):
            across, along = np.float32(0.0), np.float32(0.0)
            for i in range(TAPS):
                across += taps_x[i, k] * taps_x[i, k]
                along += taps_y[i, k] * taps_y[i, k]
            out[1, k] *= np.float32(areas[k]) * across * along


@njit(cache=True)
def careful_pixel(image, variance, mask, bad, sx, sy, area, polynomials, taps, flux_scale, white, bits_of):
    """Value, weight and mask of a target pixel near bad pixels or the edge; `bits_of`: unusable, edge, bad, interpolated."""
    ny, nx = image.shape
    nothing = np.float32(0.0)
    ix, iy = int(np.floor(sx)), int(np.floor(sy))
    fx, fy = sx - ix, sy - iy
    fill_taps(polynomials, fx, taps[0], 2, 4)
    fill_taps(polynomials, fy, taps[1], 2, 4)
    value, good, left, end = 0.0, 0.0, 1.0, bad_core(bad, ix, iy, taps[0], taps[1])
    if end[0] == 0:
        fill_taps(polynomials, fx, taps[0], 0, TAPS)
        fill_taps(polynomials, fy, taps[1], 0, TAPS)
        value, good, left = careful_sum(image, bad, ix, iy, taps[0], taps[1])
        end = TAPS - 1, TAPS - 1
    bits, reach = bits_before(mask, ix, iy, taps[0], taps[1], end)
    if good < LEAST_GOOD:
        inside = 2 <= ix < nx - 3 and 2 <= iy < ny - 3
        bits |= reach if reach & bits_of[0] else bits_of[2]
        return nothing, nothing, bits if inside else bits | bits_of[1]
    if left > NOTED_LOSS:
        bits |= bits_of[3]
    noise = core_variance(variance, bad, ix, iy, fx, fy) * flux_scale * flux_scale * area
    if not white:
        noise *= area * np.sum(taps[0] * taps[0]) * np.sum(taps[1] * taps[1])
    if bits & bits_of[0]:
        return nothing, nothing, bits
    if not noise > 0:
        return nothing, nothing, bits | bits_of[2]
    return np.float32(value * area * flux_scale), np.float32(1.0 / noise), bits


@njit(cache=True)
def resample(image, variance, mask, bad, careful, nodes_x, nodes_y, nodes_area, step, first, above, polynomials, flux_scale,
             white, bits_of, out_image, out_weight, out_mask):
    """Fill the three output planes; see `sediff.warp.resample.warp` for their meaning.

    Their first row is row `first` of the target, that of the source planes row `above` of the source.
    """
    ny, nx = image.shape
    out_ny, out_nx = out_image.shape
    xs, ys, areas = np.empty(out_nx), np.empty(out_nx), np.empty(out_nx)
    one = np.empty((2, TAPS), np.float32)
    taps_x, taps_y = np.empty((TAPS, RUN), np.float32), np.empty((TAPS, RUN), np.float32)
    fx, fy, row = np.empty(RUN, np.float32), np.empty(RUN, np.float32), np.empty(RUN, np.float32)
    scales = np.empty((2, RUN), np.float32)
    for v in range(out_ny):
        row_of_map(nodes_x, first + v, step, xs)
        row_of_map(nodes_y, first + v, step, ys)
        row_of_map(nodes_area, first + v, step, areas)
        ys -= above
        u = 0
        while u < out_nx:
            sx, sy = xs[u], ys[u]
            if not (-0.5 < sx < nx - 0.5 and -0.5 < sy < ny - 0.5):
                out_mask[v, u] = bits_of[1]
                u += 1
                continue
            ix, iy = int(np.floor(sx)), int(np.floor(sy))
            n = run_length(xs, ys, u, careful, ix, iy, fx, fy)
            if n > 0:
                taps_of_run(polynomials, fx, n, taps_x)
                taps_of_run(polynomials, fy, n, taps_y)
                scales_of_run(areas[u:u + n], flux_scale, white, taps_x, taps_y, scales)
                fill_run(image, variance, ix, iy, taps_x, taps_y, fx, fy, scales, row, out_image[v, u:u + n],
                         out_weight[v, u:u + n])
                note_bits(mask, ix, iy, taps_x, taps_y, out_mask[v, u:u + n])
                u += n
                continue
            out_image[v, u], out_weight[v, u], out_mask[v, u] = careful_pixel(
                image, variance, mask, bad, sx, sy, areas[u], polynomials, one, flux_scale, white, bits_of)
            u += 1
