"""Numba kernel of the PSF fit: flux and centre of every star by linear least squares against a model."""
from __future__ import annotations

import numpy as np
from numba import njit

#: Sums may be reordered (and so vectorised); NaN and infinity keep their meaning.
REORDER = {'reassoc', 'contract', 'nsz'}


@njit(cache=True)
def solve_three(normal: np.ndarray, right: np.ndarray, out: np.ndarray) -> None:
    """Solution of a symmetric 3 x 3 system by cofactors; zero where it is singular."""
    a, b, c = normal[0, 0], normal[0, 1], normal[0, 2]
    d, e, f = normal[1, 1], normal[1, 2], normal[2, 2]
    m00, m01, m02 = d * f - e * e, c * e - b * f, b * e - c * d
    m11, m12, m22 = a * f - c * c, b * c - a * e, a * d - b * b
    determinant = a * m00 + b * m01 + c * m02
    out[:] = 0.0
    if determinant > 0.0:
        out[0] = (m00 * right[0] + m01 * right[1] + m02 * right[2]) / determinant
        out[1] = (m01 * right[0] + m11 * right[1] + m12 * right[2]) / determinant
        out[2] = (m02 * right[0] + m12 * right[1] + m22 * right[2]) / determinant


@njit(cache=True, fastmath=REORDER)
def _sums(data: np.ndarray, inverse: np.ndarray, unit: np.ndarray, slope_x: np.ndarray, slope_y: np.ndarray,
          normal: np.ndarray, right: np.ndarray) -> None:
    """Normal equations of data = flux * unit + a slope_x + b slope_y."""
    n00, n01, n02, n11, n12, n22, r0, r1, r2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(data.size):
        w, p, x, y = inverse[k], unit[k], slope_x[k], slope_y[k]
        wp, wx, wy = w * p, w * x, w * y
        n00 += wp * p
        n01 += wp * x
        n02 += wp * y
        n11 += wx * x
        n12 += wx * y
        n22 += wy * y
        r0 += wp * data[k]
        r1 += wx * data[k]
        r2 += wy * data[k]
    normal[0, 0], normal[0, 1], normal[0, 2] = n00, n01, n02
    normal[1, 1], normal[1, 2], normal[2, 2] = n11, n12, n22
    right[0], right[1], right[2] = r0, r1, r2


@njit(cache=True)
def _slopes(unit: np.ndarray, slope_x: np.ndarray, slope_y: np.ndarray) -> None:
    """Change of a stamp when its star moves by a pixel along x and along y (differences, one-sided at the edges)."""
    side = unit.shape[0]
    for j in range(side):
        below, above = max(j - 1, 0), min(j + 1, side - 1)
        for i in range(side):
            left, right = max(i - 1, 0), min(i + 1, side - 1)
            slope_x[j, i] = (unit[j, left] - unit[j, right]) / (right - left)
            slope_y[j, i] = (unit[below, i] - unit[above, i]) / (above - below)


@njit(cache=True)
def compare_stars(data: np.ndarray, weight: np.ndarray, unit: np.ndarray, flux: np.ndarray, gain: float, soft: float,
                  core: float, residual: np.ndarray, variance: np.ndarray, shift: np.ndarray,
                  chi2: np.ndarray) -> None:
    """Fit each star's flux and shift; residuals, variances and reduced chi2.

    Parameters
    ----------
    data, weight, unit : ndarray, (m, s, s) float64
        Stamps, inverse variances of the sky (0 unusable), models of unit flux.
    flux : ndarray, (m,) float64
        Updated where the fitted flux is positive.
    gain, soft : float
        Electrons per flux unit; model error as a fraction of the model.
    core : float
        Pixels where the model exceeds this fraction of its peak make chi2.
    residual, variance : ndarray, (m, s, s) float64; shift : ndarray, (m, 2) float64; chi2 : ndarray, (m,) float64
        Overwritten; 0 and inf at unusable pixels; shifts at most half a pixel.
    """
    side = data.shape[1]
    slope_x, slope_y, inverse = np.empty((side, side)), np.empty((side, side)), np.empty((side, side))
    normal, right, answer = np.empty((3, 3)), np.empty(3), np.empty(3)
    for star in range(flux.size):
        for j in range(side):
            for i in range(side):
                variance[star, j, i], inverse[j, i] = np.inf, 0.0
                if weight[star, j, i] > 0.0:
                    signal = flux[star] * max(unit[star, j, i], 0.0)
                    variance[star, j, i] = 1.0 / weight[star, j, i] + signal / gain + (soft * signal) ** 2
                    inverse[j, i] = 1.0 / variance[star, j, i]
        _slopes(unit[star], slope_x, slope_y)
        _sums(data[star].ravel(), inverse.ravel(), unit[star].ravel(), slope_x.ravel(), slope_y.ravel(), normal, right)
        ridge = 1e-9 * (normal[0, 0] + normal[1, 1] + normal[2, 2])
        for k in range(3):
            normal[k, k] += ridge
        solve_three(normal, right, answer)
        if answer[0] > 0.0:
            flux[star] = answer[0]
        total, count, level = 0.0, 0, core * unit[star].max()
        for j in range(side):
            for i in range(side):
                residual[star, j, i] = 0.0
                if weight[star, j, i] > 0.0:
                    value = (data[star, j, i] - answer[0] * unit[star, j, i] - answer[1] * slope_x[j, i]
                             - answer[2] * slope_y[j, i])
                    residual[star, j, i] = value
                    if unit[star, j, i] > level:
                        total += min(value * value * inverse[j, i], 1e4)
                        count += 1
        chi2[star] = total / max(count, 1)
        for k in range(2):
            shift[star, k] = min(max(answer[k + 1] / flux[star], -0.5), 0.5)
