"""Numba kernels that measure one object at a time: windowed centroids and core widths."""
from __future__ import annotations

import numpy as np
from numba import njit

#: Moffat index assumed of a star's core (DECam: 3 to 4).
BETA = 3.5
#: Squared radii, in units of the profile's scale, where it falls to 0.5 and 0.4 of its centre.
HALF, LOW = 2.0 ** (1.0 / BETA) - 1.0, 2.5 ** (1.0 / BETA) - 1.0


@njit(cache=True)
def _gaussian(centre: float, width: float, first: int, count: int, out: np.ndarray) -> None:
    """exp(-(i - centre)^2 / 2 width^2) of the pixels first ... first + count - 1."""
    for k in range(count):
        out[k] = np.exp(-0.5 * ((first + k - centre) / width) ** 2)


@njit(cache=True)
def _box(centre: float, radius: float, length: int) -> tuple[int, int]:
    """First pixel and number of pixels within `radius` of a centre, inside the image."""
    first = max(int(centre - radius), 0)
    return first, max(min(int(centre + radius) + 2, length) - first, 0)


@njit(cache=True)
def _window_moments(image: np.ndarray, bad: np.ndarray, x: float, y: float, width: float, across: np.ndarray,
                    along: np.ndarray) -> tuple[float, float, float]:
    """Sums of w I, w I dx and w I dy over 4 sigma about (x, y)."""
    radius = 4.0 * width
    left, columns = _box(x, radius, image.shape[1])
    bottom, rows = _box(y, radius, image.shape[0])
    _gaussian(x, width, left, columns, across)
    _gaussian(y, width, bottom, rows, along)
    total, sum_x, sum_y = 0.0, 0.0, 0.0
    for j in range(rows):
        dy = bottom + j - y
        for i in range(columns):
            dx = left + i - x
            if dx * dx + dy * dy <= radius * radius and not bad[bottom + j, left + i]:
                value = along[j] * across[i] * image[bottom + j, left + i]
                total += value
                sum_x += value * dx
                sum_y += value * dy
    return total, sum_x, sum_y


@njit(cache=True)
def _window_variance(image: np.ndarray, error: np.ndarray, bad: np.ndarray, x: float, y: float, width: float,
                     gain: float, across: np.ndarray, along: np.ndarray) -> float:
    """Largest eigenvalue of sum(w^2 s^2 d d'), s^2 being the noise of sky and object."""
    radius = 4.0 * width
    left, columns = _box(x, radius, image.shape[1])
    bottom, rows = _box(y, radius, image.shape[0])
    _gaussian(x, width, left, columns, across)
    _gaussian(y, width, bottom, rows, along)
    xx, yy, xy = 0.0, 0.0, 0.0
    for row in range(rows):
        j, dy = bottom + row, bottom + row - y
        for column in range(columns):
            i, dx = left + column, left + column - x
            if dx * dx + dy * dy <= radius * radius and not bad[j, i]:
                window = along[row] * across[column]
                noise = window * window * (error[j, i] * error[j, i] + max(image[j, i], np.float32(0.0)) / gain)
                xx += noise * dx * dx
                yy += noise * dy * dy
                xy += noise * dx * dy
    half = 0.5 * (xx - yy)
    return 0.5 * (xx + yy) + np.sqrt(half * half + xy * xy)


@njit(cache=True)
def windowed_positions(image: np.ndarray, error: np.ndarray, bad: np.ndarray, start_x: np.ndarray, start_y: np.ndarray,
                       sigma: np.ndarray, gain: float, out_x: np.ndarray, out_y: np.ndarray,
                       out_error: np.ndarray) -> None:
    """Gaussian-windowed centroids and their errors along the major axis.

    Parameters
    ----------
    image, error : ndarray, (ny, nx) float32; bad : ndarray, (ny, nx) bool
    start_x, start_y, sigma : ndarray, (n,) float64, pixels
    gain : float
        Electrons per flux unit.
    out_x, out_y, out_error : ndarray, (n,) float64
        Overwritten; the start and a zero error where the window holds no flux or the centroid runs away.

    Notes
    -----
    XWIN_IMAGE and ERRAWIN_IMAGE of SExtractor's manual: x += 2 sum(w I dx)/sum(w I) over 4 sigma, until the step is
    below 2e-4 pixels or 16 times; variance 4 sum(w^2 s^2 dx^2)/sum(w I)^2.
    """
    longest = int(8.0 * sigma.max()) + 8 if sigma.size else 0
    across, along = np.empty(longest), np.empty(longest)
    for star in range(start_x.size):
        x, y, width = start_x[star], start_y[star], sigma[star]
        out_x[star], out_y[star], out_error[star] = x, y, 0.0
        total = 0.0
        for _ in range(16):
            total, sum_x, sum_y = _window_moments(image, bad, x, y, width, across, along)
            if not total > 0.0:
                break
            step_x, step_y = 2.0 * sum_x / total, 2.0 * sum_y / total
            x, y = x + step_x, y + step_y
            if max(abs(x - start_x[star]), abs(y - start_y[star])) > 4.0 * width:
                total = 0.0
                break
            if step_x * step_x + step_y * step_y < 4e-8:
                break
        if total > 0.0:
            out_x[star], out_y[star] = x, y
            spread = _window_variance(image, error, bad, x, y, width, gain, across, along)
            out_error[star] = 2.0 * np.sqrt(spread) / total


@njit(cache=True)
def _core_fit(image: np.ndarray, bad: np.ndarray, segmentation: np.ndarray, number: int, x: float, y: float, peak: float,
              reach: float, lowest: float, longest: float) -> float:
    """Squared FWHM of the Moffat profile through an object's pixels, 0 where there is none.

    Those above `lowest` times `peak` and nearer than the square root of `longest` pixels count. (pixel)^(-1/beta) is
    linear in r^2; the weights are those of equal pixel noise.
    """
    ny, nx = image.shape
    s0, s1, s2, t0, t1, count = 0.0, 0.0, 0.0, 0.0, 0.0, 0
    for j in range(max(int(y - reach), 0), min(int(y + reach) + 2, ny)):
        for i in range(max(int(x - reach), 0), min(int(x + reach) + 2, nx)):
            r2 = (i - x) ** 2 + (j - y) ** 2
            if bad[j, i] or segmentation[j, i] != number or image[j, i] <= lowest * peak or r2 > longest:
                continue
            value = image[j, i] / peak
            ordinate = value ** (-1.0 / BETA)
            weight = (value / ordinate) ** 2
            s0 += weight
            s1 += weight * r2
            s2 += weight * r2 * r2
            t0 += weight * ordinate
            t1 += weight * ordinate * r2
            count += 1
    determinant = s0 * s2 - s1 * s1
    if count < 4 or determinant <= 0.0:
        return 0.0
    slope, top = (s0 * t1 - s1 * t0) / determinant, (s2 * t0 - s1 * t1) / determinant
    if slope <= 0.0 or top <= 0.0:
        return 0.0
    return 4.0 * HALF * top / slope


@njit(cache=True)
def core_widths(image: np.ndarray, bad: np.ndarray, segmentation: np.ndarray, number: np.ndarray, x: np.ndarray,
                y: np.ndarray, peak: np.ndarray, reach: np.ndarray, out: np.ndarray) -> None:
    """FWHM of the Moffat profile (beta 3.5) that fits the core of each object.

    Parameters
    ----------
    number : ndarray, (n,) int32
        Object numbers in `segmentation`.
    x, y, peak, reach : ndarray, (n,) float
        Centre, highest pixel and half size of the box searched (pixels).
    out : ndarray, (n,) float64
        Overwritten, pixels; 0 where fewer than 4 pixels or no decline.

    Notes
    -----
    First the pixels above 0.4 of the peak, then those within the radius where the first fit falls to 0.4: a cut by value
    keeps bright noise and drops faint noise. SExtractor's FWHM_IMAGE assumes a Gaussian core, which reads 5 % wide on
    the simulator's stars.
    """
    for star in range(x.size):
        out[star] = 0.0
        width2 = _core_fit(image, bad, segmentation, number[star], x[star], y[star], peak[star], reach[star], 0.4, np.inf)
        for _ in range(2):
            if width2 > 0.0:
                width2 = _core_fit(image, bad, segmentation, number[star], x[star], y[star], peak[star], reach[star],
                                      0.05, max(0.25 * width2 * LOW / HALF, 2.0))
        out[star] = np.sqrt(width2)
