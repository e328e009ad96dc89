"""How well the model of a bright star can be trusted: the relative error its residuals show."""
from __future__ import annotations

import numpy as np
from numba import njit

from sediff.subtract.background import sky_level
from sediff.subtract.basis import FWHM_PER_SIGMA
from sediff.subtract.registration import slopes_at

#: Radius of the disc around a star its residual is judged in, px.
RADIUS = 5
#: Stars are judged when a relative error of so much would double their noise.
SENSITIVE = 0.02
#: A larger relative error is no error of the models but a failed fit: it hides nothing.
LARGEST_ERROR = 0.02


@njit(cache=True)
def star_excess(science, level, model, sky, variance, mask, xs, ys, width2, out):
    """Mean square of the residual over its variance, and mean of the model's error shape over it: out (n, 2)."""
    ny, nx = science.shape
    reach = RADIUS + 2
    for k in range(xs.size):
        x0, y0 = xs[k], ys[k]
        out[k, 0] = out[k, 1] = -1.0
        if min(x0, y0) < reach or x0 >= nx - reach or y0 >= ny - reach:
            continue
        chi2, shape, count = 0.0, 0.0, 0
        for y in range(y0 - RADIUS, y0 + RADIUS + 1):
            for x in range(x0 - RADIUS, x0 + RADIUS + 1):
                if mask[y, x]:
                    count = -10000
                if (x - x0) ** 2 + (y - y0) ** 2 <= RADIUS * RADIUS:
                    gx, gy = slopes_at(model, y, x)
                    chi2 += (science[y, x] - level - model[y, x] - sky[k]) ** 2 / variance[y, x]
                    shape += (model[y, x] ** 2 + width2 * (gx * gx + gy * gy)) / variance[y, x]
                    count += 1
        if count > 0:
            out[k, 0], out[k, 1] = chi2 / count, shape / count


def relative_error(excess: np.ndarray) -> float:
    """Relative error of star models that explains the residuals of most bright stars (weighted median), 0 if none.

    Parameters
    ----------
    excess : ndarray, (n, 2) float64
        Of `star_excess`.
    """
    excess = excess[excess[:, 1] * SENSITIVE**2 > 1.0]
    if len(excess) < 3:
        return 0.0
    square = (excess[:, 0] - 1.0) / excess[:, 1]
    order = np.argsort(square)
    share = np.cumsum(excess[order, 1]) / excess[:, 1].sum()
    return float(np.sqrt(min(max(square[order][np.searchsorted(share, 0.5)], 0.0), LARGEST_ERROR**2)))


def systematic_variance(image: np.ndarray, difference: np.ndarray, bad: np.ndarray, error: float, fwhm: float) -> np.ndarray:
    """Square of the error that a star's model may have at each pixel: error^2 (M^2 + s^2 |grad M|^2).

    M, the light that was subtracted, is image - difference less its sky level; the second term lets a star be off by
    `error` times its width s.

    Parameters
    ----------
    image, difference : ndarray, (ny, nx) float32
        Science image, and the difference in its units.
    bad : ndarray, (ny, nx) bool
        Pixels where the result is 0.
    error : float
        Relative error (`Difference.figures['model_error']`).
    fwhm : float
        FWHM of the stars, px.

    Returns
    -------
    ndarray, (ny, nx) float32
    """
    out = np.where(bad, np.float32(0.0), image - difference).astype(np.float32)
    level = sky_level(out, bad)[0] if not bad.all() else 0.0
    model = np.where(bad, np.float32(0.0), out - np.float32(level))
    error_plane(model, np.float32(error**2), np.float32((fwhm / FWHM_PER_SIGMA) ** 2), out)
    out[bad] = 0.0
    return out


@njit(cache=True)
def error_plane(model, factor, width2, out):
    """factor (model^2 + width2 |slope|^2) of every pixel; the two outer rows and columns hold no slope."""
    ny, nx = model.shape
    for y in range(ny):
        for x in range(nx):
            value = model[y, x] * model[y, x]
            if 2 <= y < ny - 2 and 2 <= x < nx - 2:
                gx, gy = slopes_at(model, y, x)
                value += width2 * (gx * gx + gy * gy)
            out[y, x] = factor * value
