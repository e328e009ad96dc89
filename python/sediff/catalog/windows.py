"""Numba kernels that measure one object at a time: windowed centroids and core widths."""
from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def _window_moments(image: np.ndarray, bad: np.ndarray, x: float, y: float, width: float) -> tuple[float, float, float]:
    """Sums of w I, w I dx and w I dy over 4 sigma about (x, y)."""
    radius, scale = 4.0 * width, -0.5 / (width * width)
    total, sum_x, sum_y = 0.0, 0.0, 0.0
    for j in range(max(int(y - radius), 0), min(int(y + radius) + 2, image.shape[0])):
        for i in range(max(int(x - radius), 0), min(int(x + radius) + 2, image.shape[1])):
            dx, dy = i - x, j - y
            r2 = dx * dx + dy * dy
            if r2 <= radius * radius and not bad[j, i]:
                value = np.exp(scale * r2) * image[j, i]
                total += value
                sum_x += value * dx
                sum_y += value * dy
    return total, sum_x, sum_y


@njit(cache=True)
def _window_variance(image: np.ndarray, error: np.ndarray, bad: np.ndarray, x: float, y: float, width: float,
                     gain: float) -> float:
    """Largest eigenvalue of sum(w^2 s^2 d d'), s^2 being the noise of sky and object."""
    radius, scale = 4.0 * width, -0.5 / (width * width)
    xx, yy, xy = 0.0, 0.0, 0.0
    for j in range(max(int(y - radius), 0), min(int(y + radius) + 2, image.shape[0])):
        for i in range(max(int(x - radius), 0), min(int(x + radius) + 2, image.shape[1])):
            dx, dy = i - x, j - y
            r2 = dx * dx + dy * dy
            if r2 <= radius * radius and not bad[j, i]:
                window = np.exp(scale * r2)
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
    for star in range(start_x.size):
        x, y, width = start_x[star], start_y[star], sigma[star]
        out_x[star], out_y[star], out_error[star] = x, y, 0.0
        total = 0.0
        for _ in range(16):
            total, sum_x, sum_y = _window_moments(image, bad, x, y, width)
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
            out_error[star] = 2.0 * np.sqrt(_window_variance(image, error, bad, x, y, width, gain)) / total


@njit(cache=True)
def core_widths(image: np.ndarray, bad: np.ndarray, segmentation: np.ndarray, number: np.ndarray, x: np.ndarray,
                y: np.ndarray, peak: np.ndarray, reach: np.ndarray, out: np.ndarray) -> None:
    """FWHM of the Gaussian that fits ln(pixel) against r^2 over the object's pixels above 0.4 of its peak.

    Parameters
    ----------
    number : ndarray, (n,) int32
        Object numbers in `segmentation`.
    x, y, peak, reach : ndarray, (n,) float
        Centre, highest pixel and half size of the box searched (pixels).
    out : ndarray, (n,) float64
        Overwritten, pixels; 0 where fewer than 4 pixels or no decline.
    """
    ny, nx = image.shape
    for star in range(x.size):
        out[star] = 0.0
        s0, s1, s2, t0, t1, count = 0.0, 0.0, 0.0, 0.0, 0.0, 0
        level = 0.4 * peak[star]
        for j in range(max(int(y[star] - reach[star]), 0), min(int(y[star] + reach[star]) + 2, ny)):
            for i in range(max(int(x[star] - reach[star]), 0), min(int(x[star] + reach[star]) + 2, nx)):
                if bad[j, i] or segmentation[j, i] != number[star] or image[j, i] <= level:
                    continue
                r2 = (i - x[star]) ** 2 + (j - y[star]) ** 2
                value = image[j, i] / peak[star]
                weight = value * value
                s0 += weight
                s1 += weight * r2
                s2 += weight * r2 * r2
                t0 += weight * np.log(value)
                t1 += weight * np.log(value) * r2
                count += 1
        determinant = s0 * s2 - s1 * s1
        if count >= 4 and determinant > 0.0:
            slope = (s0 * t1 - s1 * t0) / determinant
            if slope < 0.0:
                out[star] = 2.0 * np.sqrt(np.log(2.0) / -slope)
