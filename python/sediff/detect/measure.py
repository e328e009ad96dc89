"""Measure one detection: position, PSF flux, aperture flux, shape, dipole, mask."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.ccdimage import Plane
from sediff.detect.dipole import fit_dipole
from sediff.detect.kernels import (
    aperture_sums,
    chi_square,
    mask_counts,
    opposite_peak,
    psf_flux_sums,
    psf_normal_equations,
)
from sediff.detect.matched import FWHM_OF_SIGMA, PsfAt, ScoreImage, checked_psf, inverse_variance
from sediff.detect.shape import ellipse, spread_model
from sediff.detect.table import Flag

APERTURE = 5.0          # px, radius of FLUX_APER
CORE = 2.0              # px, radius of NMASK_CORE
SMALLEST_LOBE = 0.25    # of a dipole, in the score of the other
REACH = 20              # px, how far from the middle of a stamp a lobe may lie


@dataclass(frozen=True)
class Planes:
    """What the measurements read: all (ny, nx)."""

    difference: np.ndarray      # float32
    variance: np.ndarray        # float32, before the noise is calibrated
    bad: np.ndarray             # bool, unusable
    mask: np.ndarray            # uint16, bits to report
    scored: ScoreImage
    psf_at: PsfAt
    photons: Plane | None = None        # float32, photon variance that the weight leaves out

    def stamps(self, x: float, y: float, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Stamps of the difference, 0 where unusable, and of its calibrated inverse variance: (size, size) float32."""
        return weighed_stamps(self.difference, self.variance, self.bad, x, y, size, self.scored.noise_scale)

    def noise_factor(self, x: float, y: float, weight: np.ndarray) -> np.ndarray:
        """Full variance of the pixels of the stamp at x, y over that of its weight: (n, n) float32."""
        return noise_factor(self.photons, x, y, weight)


def measure(planes: Planes, j: int, i: int, row: np.void, dipole_radius: float, dipole_threshold: float,
            coverage: float) -> bool:
    """Fill the row of the peak at 0-based pixel (j, i); False when too little of its PSF is on usable pixels.

    Parameters
    ----------
    row : numpy.void
        One row of `sediff.detect.table.DETECTION_DTYPE`, filled in place.
    dipole_radius : float
        How far to look for an opposite peak, FWHM.
    dipole_threshold : float
        Least |score| of such a peak, sigma.
    coverage : float
        Least share of sum(p^2) on usable pixels.
    """
    score = planes.scored.score
    x, y, error_x, error_y, converged = _centroid(planes, j, i)
    if not _fill_fluxes(planes, row, x, y, coverage):
        return False
    row['X_IMAGE'], row['Y_IMAGE'], row['ERRX_IMAGE'], row['ERRY_IMAGE'] = x + 1.0, y + 1.0, error_x, error_y
    row['XPEAK_IMAGE'], row['YPEAK_IMAGE'], row['SCORE'] = i + 1, j + 1, score[j, i]
    if not converged:
        row['FLAGS'] |= Flag.CENTROID
    _fill_dipole(planes, row, j, i, dipole_radius, dipole_threshold)
    core, near, bits = mask_counts(planes.bad, planes.mask, x, y, CORE, 2.0 * planes.scored.fwhm, planes.scored.fwhm)
    row['NMASK_CORE'], row['NMASK_NEAR'], row['IMAFLAGS_ISO'] = core, near, bits
    half, (ny, nx) = planes.scored.size // 2, score.shape
    row['FLAGS'] |= Flag.MASKED_CORE * (core > 0) | Flag.EDGE * (min(i, j, nx - 1 - i, ny - 1 - j) < half)
    return True


def _fill_dipole(planes: Planes, row: np.void, j: int, i: int, radius: float, threshold: float) -> None:
    """Ratio and distance of an opposite peak, and with one the fit of two sources."""
    score = planes.scored.score
    worst, other_j, other_i = opposite_peak(score, j, i, radius * planes.scored.fwhm)
    row['DIPOLE_SEP'] = -1.0
    if worst < threshold:
        return
    row['DIPOLE_SEP'], row['DIPOLE_RATIO'] = np.hypot(other_j - j, other_i - i), worst / abs(score[j, i])
    if row['DIPOLE_RATIO'] <= SMALLEST_LOBE:
        return
    row['FLAGS'] |= Flag.DIPOLE
    size, half = planes.scored.size, planes.scored.size // 2
    pixels, weight = planes.stamps(i, j, size)

    def psf(x: float, y: float) -> np.ndarray:
        """The image of a source at stamp pixel x, y on this stamp."""
        column, line = int(np.floor(x + 0.5)) - half, int(np.floor(y + 0.5)) - half
        wide = checked_psf(planes.psf_at, i + x - half, j + y - half, size + 2 * REACH)
        return wide[REACH - line:REACH - line + size, REACH - column:REACH - column + size].astype(float)

    found = fit_dipole(pixels, weight, psf, (half, half), (half + other_i - i, half + other_j - j))
    if found is not None:
        (one, x1, y1, two, x2, y2), errors, row['DIPOLE_CHI2'] = found
        row['DIPOLE_FLUX'], row['DIPOLE_FLUXERR'] = one + two, np.hypot(errors[0], errors[3])
        sign = 1.0 if one > 0 else -1.0
        row['DIPOLE_DX'], row['DIPOLE_DY'] = sign * (x1 - x2), sign * (y1 - y2)


def noise_factor(photons: Plane | None, x: float, y: float, weight: np.ndarray) -> np.ndarray:
    """1 + w P of a stamp, what photon noise P (None: none) does to the variance 1/w; at least a half, as P is noisy."""
    if photons is None:
        return np.ones_like(weight)
    return np.maximum(1.0 + weight * stamp_at(photons, x, y, weight.shape[0]), np.float32(0.5))


def weighed_stamps(image: np.ndarray, variance: Plane, bad: np.ndarray, x: float, y: float, size: int,
                   noise_scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Stamps about 0-based x, y of an image, 0 where unusable, and of its inverse variance: (size, size) float32.

    `noise_scale` is the factor on the errors of `variance`.
    """
    pixels, spread, unusable = (stamp_at(plane, x, y, size) for plane in (image, variance, bad))
    weight = inverse_variance(pixels, spread, unusable) / np.float32(noise_scale ** 2)
    return np.where(weight > 0, pixels, 0).astype(np.float32, copy=False), weight


def stamp_at(image: Plane, x: float, y: float, size: int) -> np.ndarray:
    """The (size, size) stamp centred on the pixel nearest to 0-based x, y; zero outside the image."""
    half, j, i = size // 2, int(np.floor(y + 0.5)), int(np.floor(x + 0.5))
    ny, nx = image.shape
    j0, j1, i0, i1 = j - half, j + half + 1, i - half, i + half + 1
    if j0 >= 0 and i0 >= 0 and j1 <= ny and i1 <= nx:
        return np.ascontiguousarray(image[j0:j1, i0:i1])
    out = np.zeros((size, size), image.dtype)
    ys, xs = slice(max(j0, 0), max(min(j1, ny), 0)), slice(max(i0, 0), max(min(i1, nx), 0))
    part = image[ys, xs]
    if part.size:
        out[ys.start - j0:ys.start - j0 + part.shape[0], xs.start - i0:xs.start - i0 + part.shape[1]] = part
    return out


def _centroid(planes: Planes, j: int, i: int) -> tuple[float, float, float, float, bool]:
    """PSF-fit position by Gauss-Newton steps from the peak; the peak itself when the steps run away."""
    x, y, size = float(i), float(j), planes.scored.size
    limit = 0.5 * planes.scored.fwhm
    step = np.array([np.inf, np.inf])
    matrix = np.eye(3)
    for _ in range(4):
        pixels, weight = planes.stamps(x, y, size)
        psf = checked_psf(planes.psf_at, x, y, size)
        cross, norm, *_ = psf_flux_sums(pixels, weight, psf)
        if not norm > 0:
            return float(i), float(j), limit, limit, False
        matrix, vector = psf_normal_equations(pixels, weight, psf, cross / norm)
        try:
            step = np.clip(np.linalg.solve(matrix, vector)[1:], -1.0, 1.0)
        except np.linalg.LinAlgError:
            return float(i), float(j), limit, limit, False
        x_last, y_last = x, y
        x, y = x + step[0], y + step[1]
        if np.hypot(x - i, y - j) > limit:
            return float(i), float(j), limit, limit, False
        if np.hypot(*step) < 0.01:
            break
    inverse = np.linalg.inv(matrix)
    noise, _ = psf_normal_equations(pixels, weight * planes.noise_factor(x_last, y_last, weight), psf, cross / norm)
    covariance = inverse @ noise @ inverse
    error_x, error_y = np.sqrt(np.diag(covariance)[1:])
    return x, y, float(error_x), float(error_y), bool(np.hypot(*step) < 0.1)


def _fill_fluxes(planes: Planes, row: np.void, x: float, y: float, coverage: float) -> bool:
    size, fwhm = planes.scored.size, planes.scored.fwhm
    pixels, weight = planes.stamps(x, y, size)
    psf = checked_psf(planes.psf_at, x, y, size)
    cross, norm, used, total, _ = psf_flux_sums(pixels, weight, psf)
    if not norm > 0 or used < coverage * total:
        return False
    factor = planes.noise_factor(x, y, weight)
    flux, error = cross / norm, np.sqrt(psf_flux_sums(pixels, weight * factor, psf)[1]) / norm
    sign = 1 if flux > 0 else -1
    chi2, count = chi_square(pixels, weight / factor, psf, flux, 1.5 * fwhm)
    row['FLUX_PSF'], row['FLUXERR_PSF'], row['SNR'], row['SIGN'] = flux, error, abs(flux) / error, sign
    row['CHI2_PSF'] = chi2 / max(count - 3, 1)
    x_in, y_in = x - np.floor(x + 0.5) + size // 2, y - np.floor(y + 0.5) + size // 2
    aperture, variance = aperture_sums(pixels, weight / factor, x_in, y_in, APERTURE)
    row['FLUX_APER'], row['FLUXERR_APER'] = aperture, np.sqrt(variance)
    _fill_shape(row, sign * pixels, weight, weight * factor, psf, x_in, y_in, fwhm)
    return True


def _fill_shape(row: np.void, stamp: np.ndarray, weight: np.ndarray, noise: np.ndarray, psf: np.ndarray, x: float,
                y: float, fwhm: float) -> None:
    sigma = fwhm / FWHM_OF_SIGMA
    point = ellipse(psf, weight, x, y, sigma) or (sigma, sigma, 0.0)
    shape = ellipse(stamp, weight, x, y, sigma)
    if shape is None:
        row['FLAGS'] |= Flag.SHAPE
        shape = point
    row['A_IMAGE'], row['B_IMAGE'], row['THETA_IMAGE'] = shape
    row['FWHM_IMAGE'] = FWHM_OF_SIGMA * np.sqrt(shape[0] * shape[1])
    row['APSF_IMAGE'] = point[0]
    row['SPREAD_MODEL'], row['SPREADERR_MODEL'] = spread_model(stamp, weight, psf, fwhm, noise)
