"""Peaks of an image and what is measured of each: the loops over pixels."""
from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def find_peaks(image, level, variance, bad, threshold, border, floor):
    """Pixels above threshold sigma that no neighbour within 2 px exceeds and that touch no bad pixel.

    `floor` is a height below which no pixel passes; runs of pixels below it are skipped.
    """
    ny, nx = image.shape
    found = []
    square, least = np.float32(threshold * threshold), np.float32(level + floor)
    skip = 0
    for y in range(border, ny - border):
        for x in range(border, nx - border):
            if (x - border) % 32 == 0:
                skip = True
                for i in range(x, min(x + 32, nx - border)):
                    skip &= not image[y, i] > least
            if skip:
                continue
            value = image[y, x]
            above = value - level
            if not above > 0 or above * above < square * variance[y, x] or value < image[y, x - 1] \
                    or value < image[y, x + 1]:
                continue
            peak = True
            for j in range(-2, 3):
                for i in range(-2, 3):
                    other = image[y + j, x + i]
                    if bad[y + j, x + i] or other > value or (other == value and (j, i) < (0, 0)):
                        peak = False
                        break
                if not peak:
                    break
            if peak:
                found.append((x, y))
    return found


@njit(cache=True)
def local_sky(image, bad, x0, y0, inner, outer):
    """Median of the good pixels of a ring; 0 when it has none."""
    ny, nx = image.shape
    values = np.empty((2 * outer + 1) ** 2, np.float32)
    count = 0
    for y in range(max(0, y0 - outer), min(ny, y0 + outer + 1)):
        for x in range(max(0, x0 - outer), min(nx, x0 + outer + 1)):
            r2 = (x - x0) ** 2 + (y - y0) ** 2
            if inner * inner <= r2 <= outer * outer and not bad[y, x]:
                values[count] = image[y, x]
                count += 1
    return np.median(values[:count]) if count else np.float32(0.0)


@njit(cache=True)
def aperture(image, variance, bad, x0, y0, radius, sky):
    """Flux less sky, its variance and the bad pixels of a disc that lies on the image."""
    flux, noise, lost = 0.0, 0.0, 0
    for j in range(-radius, radius + 1):
        for i in range(-radius, radius + 1):
            if i * i + j * j <= radius * radius + 1:
                if bad[y0 + j, x0 + i]:
                    lost += 1
                else:
                    flux += image[y0 + j, x0 + i] - sky
                    noise += variance[y0 + j, x0 + i]
    return flux, noise, lost


@njit(cache=True)
def adaptive_moments(image, x0, y0, radius, sky):
    """Offset in x and y and the squared width of the Gaussian that weighs the star as its own; width -1 on failure."""
    cx, cy, s2 = 0.0, 0.0, 3.0
    across = np.empty(2 * radius + 1)
    for _ in range(12):
        sw, sx, sy, sr = 0.0, 0.0, 0.0, 0.0
        for i in range(-radius, radius + 1):
            across[radius + i] = np.exp(-0.5 * (i - cx) ** 2 / s2)
        for j in range(-radius, radius + 1):
            along = np.exp(-0.5 * (j - cy) ** 2 / s2)
            for i in range(-radius, radius + 1):
                if i * i + j * j <= radius * radius + 1:
                    r2 = (i - cx) ** 2 + (j - cy) ** 2
                    w = (image[y0 + j, x0 + i] - sky) * along * across[radius + i]
                    sw += w
                    sx += w * (i - cx)
                    sy += w * (j - cy)
                    sr += w * r2
        if sw <= 0:
            return 0.0, 0.0, -1.0
        last = s2
        cx, cy = cx + 2 * sx / sw, cy + 2 * sy / sw
        s2 = min(max(sr / sw, 0.2), 60.0)
        if abs(cx) > radius or abs(cy) > radius:
            return 0.0, 0.0, -1.0
        if abs(s2 - last) < 1e-3 * s2:
            break
    return cx, cy, s2


@njit(cache=True)
def measure(image, variance, bad, level, xs, ys, radius, least_snr, use, out):
    """Aperture flux, its error, adaptive-moment sigma, x and y offset of each position in use: out (n, 5).

    Positions that touch bad pixels, are too faint or have no shape are taken out of use.
    """
    ny, nx = image.shape
    for k in range(xs.size):
        x, y = xs[k], ys[k]
        if not use[k] or min(x, y) < radius or x >= nx - radius or y >= ny - radius:
            use[k] = False
            continue
        flux, noise, lost = aperture(image, variance, bad, x, y, radius, level)
        if lost or not flux > 0.7 * least_snr * np.sqrt(noise):
            use[k] = False
            continue
        sky = local_sky(image, bad, x, y, radius + 3, radius + 6)
        flux -= (sky - level) * np.pi * (radius * radius + 1)
        if not flux > least_snr * np.sqrt(noise):
            use[k] = False
            continue
        cx, cy, s2 = adaptive_moments(image, x, y, radius, sky)
        use[k] = s2 > 0
        out[k, 0], out[k, 1], out[k, 2], out[k, 3], out[k, 4] = flux, np.sqrt(noise), np.sqrt(max(s2, 0.0)), cx, cy


@njit(cache=True)
def first_of_each(x, y, distance, shape):
    """True for positions, brightest first, that have no brighter one within a square of this half side."""
    rows, columns = shape[0] // distance + 3, shape[1] // distance + 3
    head, following = np.full((rows, columns), -1), np.full(x.size, -1)
    keep = np.ones(x.size, np.bool_)
    for k in range(x.size):
        v, u = y[k] // distance + 1, x[k] // distance + 1
        for b in range(max(v - 1, 0), min(v + 2, rows)):
            for a in range(max(u - 1, 0), min(u + 2, columns)):
                other = head[b, a]
                while other >= 0:
                    if abs(x[other] - x[k]) < distance and abs(y[other] - y[k]) < distance:
                        keep[k] = False
                    other = following[other]
        if keep[k]:
            following[k] = head[v, u]
            head[v, u] = k
    return keep
