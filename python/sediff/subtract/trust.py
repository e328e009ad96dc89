"""How well the models of bright stars can be trusted: errors of their flux, shape and place that the residuals show."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from sediff.subtract.background import sky_level
from sediff.subtract.basis import FWHM_PER_SIGMA
from sediff.subtract.registration import eliminate, slope_of, slopes_at

#: Radius of the disc around a star its residual is judged in, px.
RADIUS = 5
#: Stars are judged whose flux is known to this share, and whose place to this, px.
SENSITIVE, SENSITIVE_SHIFT = 0.01, 0.03
#: Larger errors, relative and in px, are no errors of the models but a failed fit: they hide nothing.
LARGEST_ERROR, LARGEST_SHIFT = 0.02, 0.2
#: Fewest stars an error is estimated from.
LEAST_STARS = 3
#: Median of the square of a normal deviate.
MEDIAN_SQUARE = 0.4549
#: Columns of `star_residuals`: flux, shift along x and y, shape, errors of the three, excess.
FLUX, SHIFT_X, SHIFT_Y, SHAPE, FLUX_ERROR, SHIFT_ERROR, SHAPE_ERROR, EXCESS = range(8)


@dataclass(frozen=True)
class ModelError:
    """Errors that the light subtracted may have.

    Parameters
    ----------
    flux : float
        Relative error of the flux of all light.
    shape : float
        Relative error of the PSF's width; it acts on the curvature of the light, that is, on the cores of stars.
    shift : float
        Error of the place of light, px, along each axis.
    drift : (float, float)
        Error of the place along one direction, px along x and y: refraction of light whose colour is not known.
    """

    flux: float = 0.0
    shape: float = 0.0
    shift: float = 0.0
    drift: tuple[float, float] = (0.0, 0.0)


@njit(cache=True)
def curvature_of(centre, near_x, far_x, near_y, far_y):
    """Second derivatives of an image along x and y, added: five points each, those at one distance summed."""
    centre = np.float32(-30.0) * centre
    return (centre + np.float32(16.0) * near_x - far_x + (centre + np.float32(16.0) * near_y - far_y)) / np.float32(12.0)


@njit(cache=True)
def curvature_at(model, y, x):
    """`curvature_of` an image at a pixel."""
    return curvature_of(model[y, x], model[y, x - 1] + model[y, x + 1], model[y, x - 2] + model[y, x + 2],
                        model[y - 1, x] + model[y + 1, x], model[y - 2, x] + model[y + 2, x])


@njit(cache=True)
def star_residuals(science, level, model, sky, variance, photons, mask, xs, ys, width2, out):
    """Residual of each star as a M - b . grad M + c width2 laplace M: out (n, 8), see the columns; errors -1 on failure.

    `photons` is the variance of a unit of light that `variance` leaves out.
    The excess is what is left of the mean square of the residual over its variance, less 1, as a squared shape error.
    """
    ny, nx = science.shape
    reach = RADIUS + 2
    row = np.zeros(4)
    for k in range(xs.size):
        x0, y0 = xs[k], ys[k]
        out[k] = -1.0
        if min(x0, y0) < reach or x0 >= nx - reach or y0 >= ny - reach:
            continue
        matrix, right, chi2, count = np.zeros((4, 4)), np.zeros(4), 0.0, 0
        for y in range(y0 - RADIUS, y0 + RADIUS + 1):
            for x in range(x0 - RADIUS, x0 + RADIUS + 1):
                if mask[y, x]:
                    count = -10000
                if (x - x0) ** 2 + (y - y0) ** 2 <= RADIUS * RADIUS:
                    gx, gy = slopes_at(model, y, x)
                    row[0], row[1], row[2], row[3] = model[y, x], -gx, -gy, width2 * curvature_at(model, y, x)
                    residual = science[y, x] - level - model[y, x] - sky[k]
                    w = 1.0 / (variance[y, x] + photons * max(model[y, x], 0.0))
                    chi2 += w * residual * residual
                    count += 1
                    for a in range(4):
                        right[a] += w * row[a] * residual
                        for b in range(4):
                            matrix[a, b] += w * row[a] * row[b]
        shape, sides = matrix[3, 3], right.copy()
        if count > 4 and shape > 0 and eliminate(matrix, right):
            for a in range(4):
                out[k, a] = right[a]
                chi2 -= right[a] * sides[a]
            out[k, 4], out[k, 6] = np.sqrt(matrix[0, 0]), np.sqrt(matrix[3, 3])
            out[k, 5] = np.sqrt(0.5 * (matrix[1, 1] + matrix[2, 2]))
            out[k, 7] = (chi2 - (count - 4)) / shape


def scatter(values: np.ndarray, errors: np.ndarray, good: float, largest: float) -> float:
    """Spread of values about 0 that their errors do not explain: 0 where they do, or where fewer than three are known.

    s with the weighted median of value^2 / (error^2 + s^2) that of a normal deviate's square; an error of `good` or less is
    as good as none.
    """
    known = (errors > 0) & (errors < 2.0 * good) & np.isfinite(values)
    if known.sum() < LEAST_STARS:
        return 0.0
    squares, variances = values[known] ** 2, errors[known] ** 2
    weight = 1.0 / (variances + good**2)

    def middle(spread: float) -> float:
        """Weighted median of the squared ratios with this spread."""
        ratio = squares / (variances + spread**2)
        order = np.argsort(ratio)
        share = np.cumsum(weight[order])
        return float(ratio[order][np.searchsorted(share, 0.5 * share[-1])])

    if middle(0.0) <= MEDIAN_SQUARE:
        return 0.0
    low, high = 0.0, largest
    for _ in range(30):
        half = 0.5 * (low + high)
        low, high = (half, high) if middle(half) > MEDIAN_SQUARE else (low, half)
    return high


def model_error(found: np.ndarray, noise_factor: float = 1.0) -> ModelError:
    """Errors of most bright stars' models.

    Parameters
    ----------
    found : ndarray, (n, 8) float64
        Of `star_residuals`.
    noise_factor : float
        Variance of a sum over a star of the noise, which neighbouring pixels share, over that of independent pixels.
    """
    root = np.sqrt(noise_factor)
    flux = scatter(found[:, FLUX], found[:, FLUX_ERROR] * root, SENSITIVE, LARGEST_ERROR)
    shape = scatter(found[:, SHAPE], found[:, SHAPE_ERROR] * root, SENSITIVE, LARGEST_ERROR)
    bright = (found[:, FLUX_ERROR] > 0) & (found[:, FLUX_ERROR] < SENSITIVE)
    rest = max(float(np.median(found[bright, EXCESS])), 0.0) if bright.sum() >= LEAST_STARS else 0.0
    return ModelError(flux, min(float(np.sqrt(shape**2 + rest)), LARGEST_ERROR), shift_error(found, noise_factor))


def shift_error(found: np.ndarray, noise_factor: float = 1.0) -> float:
    """Error of the stars' places along an axis, px."""
    errors = np.tile(found[:, SHIFT_ERROR] * np.sqrt(noise_factor), 2)
    return scatter(found[:, [SHIFT_X, SHIFT_Y]].T.ravel(), errors, SENSITIVE_SHIFT, LARGEST_SHIFT)


def systematic_variance(image: np.ndarray, difference: np.ndarray, bad: np.ndarray, error: float | ModelError, fwhm: float,
                        places: np.ndarray | None = None) -> np.ndarray:
    """Square of the error that the light subtracted may have at each pixel.

    M, the light that was subtracted, is image - difference less its sky level; its error is
    flux^2 M^2 + shift^2 |grad M|^2 + (drift . grad M)^2 + shape^2 (s^2 laplace M)^2.

    Parameters
    ----------
    image, difference : ndarray, (ny, nx) float32
        Science image, and the difference in its units.
    bad : ndarray, (ny, nx) bool
        Pixels where the result is 0.
    error : float or ModelError
        Of `Difference.model_error`; a number is a relative error of flux and, times the width, of place.
    fwhm : float
        FWHM of the stars, px.
    places : ndarray, (n, 3), optional
        0-based x, y of stars and the error of their place, px; within 2.5 FWHM of each it holds for the common ones.

    Returns
    -------
    ndarray, (ny, nx) float32
    """
    width2 = (fwhm / FWHM_PER_SIGMA) ** 2
    if not isinstance(error, ModelError):
        error = ModelError(error, 0.0, error * np.sqrt(width2))
    model = np.subtract(image, difference, dtype=np.float32)
    np.copyto(model, np.float32(0.0), where=bad)
    model -= np.float32(sky_level(model, bad)[0] if not bad.all() else 0.0)
    np.copyto(model, np.float32(0.0), where=bad)
    out = np.empty_like(model)
    flux, shape, shift = (np.float32(value**2) for value in (error.flux, error.shape * width2, error.shift))
    drift = np.array(error.drift, np.float32)
    error_plane(model, flux, shape, shift, drift, out)
    if places is not None and len(places):
        change_shift(model, shift, drift, np.ascontiguousarray(places, float), 2.5 * fwhm, out)
    np.copyto(out, np.float32(0.0), where=bad)
    return out


@njit(cache=True)
def error_plane(model, flux, shape, shift, drift, out):
    """flux M^2 + shift |slope|^2 + (drift . slope)^2 + shape curvature^2 of every pixel; the two outer rows and columns hold
    the first alone."""
    ny, nx = model.shape
    drift_x, drift_y = drift[0], drift[1]
    for y in range(ny):
        for x in range(nx):
            out[y, x] = flux * model[y, x] * model[y, x]
        if y < 2 or y >= ny - 2:
            continue
        row, to = model[y], out[y, 2:]          # views, so that no index is negative: the loop is then vectorised
        left, right, right2 = row[1:], row[3:], row[4:]
        up2, up, down, down2 = model[y - 2, 2:], model[y - 1, 2:], model[y + 1, 2:], model[y + 2, 2:]
        for x in range(nx - 4):
            gx = slope_of(row[x], left[x], right[x], right2[x])
            gy = slope_of(up2[x], up[x], down[x], down2[x])
            along = drift_x * gx + drift_y * gy
            curvature = curvature_of(row[x + 2], left[x] + right[x], row[x] + right2[x], up[x] + down[x], up2[x] + down2[x])
            to[x] += shift * (gx * gx + gy * gy) + along * along + shape * curvature * curvature


@njit(cache=True)
def change_shift(model, common, drift, places, radius, out):
    """The terms of the place with each star's own error (x, y, px) within a radius of it, in place; the nearest star's."""
    ny, nx = model.shape
    reach = int(radius)
    near = np.empty(len(places), np.int64)
    for k in range(len(places)):
        x0, y0, own = places[k]
        count = 0
        for other in range(len(places)):
            if other != k and abs(places[other, 1] - y0) <= 2 * radius and abs(places[other, 0] - x0) <= 2 * radius:
                near[count] = other
                count += 1
        for y in range(max(2, int(y0) - reach), min(ny - 2, int(y0) + reach + 2)):
            for x in range(max(2, int(x0) - reach), min(nx - 2, int(x0) + reach + 2)):
                distance = (x - x0) ** 2 + (y - y0) ** 2
                nearest = distance <= radius * radius
                for n in near[:count]:
                    nearest &= (x - places[n, 0]) ** 2 + (y - places[n, 1]) ** 2 >= distance
                if nearest:
                    gx, gy = slopes_at(model, y, x)
                    along = drift[0] * gx + drift[1] * gy
                    out[y, x] += np.float32(own * own - common) * (gx * gx + gy * gy) - along * along
