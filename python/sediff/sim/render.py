"""Light onto pixels: stars as Moffat profiles, galaxies as sums of elliptical Gaussians, streaks."""
from __future__ import annotations

import numba
import numpy as np

from sediff.sim.mixtures import BETA, Mixture, moffat_width
from sediff.sim.optics import PsfField, shear_matrix

#: Profiles are cut where they fall below this, electrons per pixel.
FLOOR = 0.05


def add_stars(image: np.ndarray, psf: PsfField, x: np.ndarray, y: np.ndarray, flux: np.ndarray) -> None:
    """Add point sources in place.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        Electrons.
    x, y : ndarray, (n,) float64
        0-based pixels; those off the image add their wings.
    flux : ndarray, (n,) float64
        Electrons.
    """
    fwhm, shear1, shear2 = psf.at(x, y)
    x, y, flux = (np.ascontiguousarray(values, float) for values in (x, y, flux))
    _moffats(image, x, y, flux, moffat_width(fwhm), shear1, shear2, FLOOR)


def star_stamp(psf: PsfField, x: float, y: float, radius: int) -> tuple[np.ndarray, int, int]:
    """PSF of flux 1 at (x, y) on the square of pixels around it: (stamp, first row, first column)."""
    column, row = int(np.floor(x + 0.5)) - radius, int(np.floor(y + 0.5)) - radius
    stamp = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    fwhm, shear1, shear2 = psf.at(np.array([x]), np.array([y]))
    _moffats(stamp, np.array([x - column]), np.array([y - row]), np.ones(1), moffat_width(fwhm), shear1, shear2, 0.0)
    return stamp, row, column


def add_galaxies(image: np.ndarray, psf: PsfField, atmosphere: Mixture, x: np.ndarray, y: np.ndarray, flux: np.ndarray,
                 shapes: np.ndarray, profiles: list[Mixture]) -> None:
    """Add galaxies, convolved with the PSF, in place.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        Electrons.
    atmosphere : Mixture
        The PSF of FWHM 1.
    x, y, flux : ndarray, (n,) float64
        0-based pixels, electrons.
    shapes : ndarray, (n, 2, 2) float64
        Pixel^2: the covariance that a component of width 1 (in half-light radii) has.
    profiles : list of Mixture
        Profile of each galaxy.
    """
    fwhm, shear1, shear2 = psf.at(x, y)
    for k in range(len(x)):
        inverse = np.linalg.inv(shear_matrix(shear1[k], shear2[k]))
        blur = fwhm[k] ** 2 * inverse @ inverse.T
        weights = np.outer(profiles[k].weights, atmosphere.weights).ravel() * flux[k]
        covariances = profiles[k].sigmas[:, None, None, None] ** 2 * shapes[k] \
            + atmosphere.sigmas[None, :, None, None] ** 2 * blur
        _gaussians(image, float(x[k]), float(y[k]), weights, covariances.reshape(-1, 2, 2), FLOOR)


def add_streak(image: np.ndarray, start: tuple[float, float], end: tuple[float, float], peak: float, fwhm: float) -> None:
    """Add a straight streak with a Gaussian cross-section through two 0-based points (x, y), in place.

    Parameters
    ----------
    peak : float
        Electrons per pixel on its middle line.
    fwhm : float
        Pixels.
    """
    (x0, y0), (x1, y1) = start, end
    length = np.hypot(x1 - x0, y1 - y0)
    _streak(image, (y1 - y0) / length, (x0 - x1) / length, x0, y0, peak, fwhm / 2.3548)


def warm() -> None:
    """Compile the kernels."""
    image = np.zeros((8, 8), np.float32)
    psf = PsfField(np.array([3.0, 0, 0, 0, 0, 0]), np.zeros(3), np.zeros(3), (8, 8))
    one = np.ones(1)
    add_stars(image, psf, one, one, one)
    mixture = Mixture(one, one)
    add_galaxies(image, psf, mixture, one, one, one, np.eye(2)[None], [mixture])
    add_streak(image, (0.0, 0.0), (1.0, 1.0), 1.0, 2.0)


@numba.njit(cache=True)
def _moffats(image, x, y, flux, width, shear1, shear2, floor):
    ny, nx = image.shape
    for k in range(x.size):
        peak = flux[k] * (BETA - 1.0) / (np.pi * width[k] ** 2)
        norm = 1.0 / (np.sqrt(1.0 - shear1[k] ** 2 - shear2[k] ** 2) * width[k])
        m11, m12, m22 = (1.0 - shear1[k]) * norm, -shear2[k] * norm, (1.0 + shear1[k]) * norm
        reach = float(nx + ny)
        if floor > 0.0:
            if peak <= floor:
                continue
            reach = 1.1 * width[k] * np.sqrt((peak / floor) ** (1.0 / BETA) - 1.0) + 1.0
        for row in range(max(0, int(y[k] - reach)), min(ny, int(y[k] + reach) + 2)):
            dy = row - y[k]
            for column in range(max(0, int(x[k] - reach)), min(nx, int(x[k] + reach) + 2)):
                dx = column - x[k]
                a, b = m11 * dx + m12 * dy, m12 * dx + m22 * dy
                t = 1.0 + a * a + b * b
                image[row, column] += peak / (t * t * t * np.sqrt(t))


@numba.njit(cache=True)
def _gaussians(image, x, y, weights, covariances, floor):
    ny, nx = image.shape
    for k in range(weights.size):
        cxx, cxy, cyy = covariances[k, 0, 0], covariances[k, 0, 1], covariances[k, 1, 1]
        determinant = cxx * cyy - cxy * cxy
        peak = weights[k] / (2.0 * np.pi * np.sqrt(determinant))
        if peak <= floor:
            continue
        limit = np.log(peak / floor)
        half_x, half_y = np.sqrt(2.0 * limit * cxx), np.sqrt(2.0 * limit * cyy)
        pxx, pxy, pyy = 0.5 * cyy / determinant, -cxy / determinant, 0.5 * cxx / determinant
        for row in range(max(0, int(np.ceil(y - half_y))), min(ny, int(np.floor(y + half_y)) + 1)):
            dy = row - y
            for column in range(max(0, int(np.ceil(x - half_x))), min(nx, int(np.floor(x + half_x)) + 1)):
                dx = column - x
                q = pxx * dx * dx + pxy * dx * dy + pyy * dy * dy
                if q < limit:
                    image[row, column] += peak * np.exp(-q)


@numba.njit(cache=True)
def _streak(image, normal_x, normal_y, x0, y0, peak, sigma):
    ny, nx = image.shape
    for row in range(ny):
        for column in range(nx):
            d = ((column - x0) * normal_x + (row - y0) * normal_y) / sigma
            if -5.0 < d < 5.0:
                image[row, column] += peak * np.exp(-0.5 * d * d)
