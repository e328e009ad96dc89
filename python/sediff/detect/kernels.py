"""Sums over the pixels of one stamp."""
from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def psf_normal_equations(pixels, weight, psf, flux):
    """Normal equations of a PSF fit in flux, x and y, linearised about the given flux.

    Parameters
    ----------
    pixels, weight, psf : ndarray, (n, n) float32
        Data, inverse variance (0 = unused), unit-flux PSF.
    flux : float
        Current flux; scales the position derivatives.

    Returns
    -------
    matrix : ndarray, (3, 3) float64
    vector : ndarray, (3,) float64
        Sums against the residual ``pixels - flux * psf``.
    """
    n = pixels.shape[0]
    matrix, vector, row = np.zeros((3, 3)), np.zeros(3), np.zeros(3)
    for j in range(n):
        for i in range(n):
            w = weight[j, i]
            if w <= 0:
                continue
            row[0] = psf[j, i]
            row[1] = -flux * _slope(psf[j, max(i - 1, 0)], psf[j, min(i + 1, n - 1)])
            row[2] = -flux * _slope(psf[max(j - 1, 0), i], psf[min(j + 1, n - 1), i])
            residual = pixels[j, i] - flux * psf[j, i]
            for a in range(3):
                vector[a] += w * row[a] * residual
                for b in range(3):
                    matrix[a, b] += w * row[a] * row[b]
    return matrix, vector


@njit(cache=True)
def _slope(below, above):
    return 0.5 * (above - below)


@njit(cache=True)
def psf_flux_sums(pixels, weight, psf):
    """sum(w d p), sum(w p^2), sum(p^2) over used pixels, sum(p^2) over all, and number of used pixels."""
    n = pixels.shape[0]
    cross, norm, used, total, count = 0.0, 0.0, 0.0, 0.0, 0
    for j in range(n):
        for i in range(n):
            p = psf[j, i]
            total += p * p
            if weight[j, i] > 0:
                cross += weight[j, i] * pixels[j, i] * p
                norm += weight[j, i] * p * p
                used += p * p
                count += 1
    return cross, norm, used, total, count


@njit(cache=True)
def chi_square(pixels, weight, psf, flux, radius):
    """Chi square of ``flux * psf`` and the number of used pixels within a radius (px) of the stamp's centre."""
    n = pixels.shape[0]
    c = n // 2
    chi2, count = 0.0, 0
    for j in range(n):
        for i in range(n):
            if weight[j, i] > 0 and (j - c) ** 2 + (i - c) ** 2 <= radius * radius:
                chi2 += weight[j, i] * (pixels[j, i] - flux * psf[j, i]) ** 2
                count += 1
    return chi2, count


@njit(cache=True)
def aperture_sums(pixels, weight, x, y, radius):
    """Flux and variance in a circle centred on stamp position x, y; pixels without weight count as nothing.

    A pixel counts in proportion to how far its centre lies inside the circle, clipped to [0, 1] over one pixel.
    """
    n = pixels.shape[0]
    flux, variance = 0.0, 0.0
    for j in range(n):
        for i in range(n):
            share = min(1.0, max(0.0, radius + 0.5 - np.hypot(j - y, i - x)))
            if share > 0 and weight[j, i] > 0:
                flux += share * pixels[j, i]
                variance += share * share / weight[j, i]
    return flux, variance


@njit(cache=True)
def window_moments(pixels, weight, x, y, sigma):
    """Second moments (xx, yy, xy) under a round Gaussian window at x, y, and the window-weighted flux."""
    n = pixels.shape[0]
    flux, xx, yy, xy = 0.0, 0.0, 0.0, 0.0
    for j in range(n):
        for i in range(n):
            if weight[j, i] <= 0:
                continue
            dx, dy = i - x, j - y
            value = pixels[j, i] * np.exp(-0.5 * (dx * dx + dy * dy) / (sigma * sigma))
            flux += value
            xx += value * dx * dx
            yy += value * dy * dy
            xy += value * dx * dy
    return xx, yy, xy, flux


@njit(cache=True)
def spread_sums(pixels, weight, psf, extended):
    """The sums of SPREAD_MODEL: g.x, p.x, g.p, p.p, g.g, all weighted by inverse variance."""
    n = pixels.shape[0]
    gx, px, gp, pp, gg = 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(n):
        for i in range(n):
            w, p, g, d = weight[j, i], psf[j, i], extended[j, i], pixels[j, i]
            if w > 0:
                gx += w * g * d
                px += w * p * d
                gp += w * g * p
                pp += w * p * p
                gg += w * g * g
    return gx, px, gp, pp, gg


@njit(cache=True)
def opposite_peak(score, j, i, radius):
    """Largest opposite peak of |score| within a radius (px) of a peak, its row and column; 0, -1, -1 when there is none.

    The slope of an opposite peak farther away is no peak.
    """
    ny, nx = score.shape
    sign = 1.0 if score[j, i] > 0 else -1.0
    reach = int(np.ceil(radius))
    worst, row, column = 0.0, -1, -1
    for jj in range(max(0, j - reach), min(ny, j + reach + 1)):
        for ii in range(max(0, i - reach), min(nx, i + reach + 1)):
            r = np.hypot(jj - j, ii - i)
            if r <= radius and -sign * score[jj, ii] > worst and _is_top(score, jj, ii, -sign):
                worst, row, column = -sign * score[jj, ii], jj, ii
    return worst, row, column


@njit(cache=True)
def _is_top(score, j, i, sign):
    """Whether no neighbour is larger in a sign."""
    ny, nx = score.shape
    for jj in range(max(0, j - 1), min(ny, j + 2)):
        for ii in range(max(0, i - 1), min(nx, i + 2)):
            if sign * score[jj, ii] > sign * score[j, i]:
                return False
    return True


@njit(cache=True)
def mask_counts(bad, mask, x, y, core, near, middle):
    """Unusable pixels within `core` and `near` px of x, y (off the image counts), OR of the mask within `middle`."""
    ny, nx = bad.shape
    reach = int(np.ceil(near))
    in_core, in_near, bits = 0, 0, 0
    for j in range(int(np.floor(y)) - reach, int(np.floor(y)) + reach + 2):
        for i in range(int(np.floor(x)) - reach, int(np.floor(x)) + reach + 2):
            r = np.hypot(j - y, i - x)
            if r > near:
                continue
            outside = j < 0 or i < 0 or j >= ny or i >= nx
            if outside or bad[j, i]:
                in_near += 1
                if r <= core:
                    in_core += 1
            if not outside and r <= middle:
                bits |= mask[j, i]
    return in_core, in_near, bits
