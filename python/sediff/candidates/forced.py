"""Forced photometry: the PSF flux at given positions, whatever is there."""
from __future__ import annotations

import numpy as np

from sediff.ccdimage import Plane
from sediff.detect.kernels import chi_square, psf_flux_sums
from sediff.detect.matched import PsfAt, check_planes, checked_psf, psf_fwhm
from sediff.detect.measure import noise_factor, weighed_stamps
from sediff.errors import BadInput

#: FLUX and FLUXERR are NaN exactly where GOOD_FRACTION is 0: the position has no usable pixel.
FORCED_DTYPE = np.dtype([('X_IMAGE', 'f8'), ('Y_IMAGE', 'f8'), ('FLUX', 'f8'), ('FLUXERR', 'f8'), ('CHI2', 'f4'),
                         ('NPIX', 'i4'), ('GOOD_FRACTION', 'f4')])


def forced_photometry(image: np.ndarray, variance: Plane, bad: np.ndarray, psf_at: PsfAt, x: np.ndarray,
                      y: np.ndarray, size: int = 31, noise_scale: float = 1.0,
                      photons: Plane | None = None) -> np.ndarray:
    """Optimally weighted PSF fluxes at fixed positions.

    Parameters
    ----------
    image, variance : ndarray, (ny, nx) float32
        Background-free image (for instance a difference) and its variance, units squared.
    bad : ndarray, (ny, nx) bool
        Unusable pixels.
    psf_at : callable
        ``psf_at(x, y, size)`` gives the unit-flux PSF at 0-based x, y.
    x, y : array_like, (n,) float
        Positions, 0-based px.
    size : int
        Side of the PSF stamps, px.
    noise_scale : float
        Factor on the errors of `variance`, as `sediff.detect.score_image` finds it.
    photons : ndarray, (ny, nx) float32, optional
        Photon variance of sources and hosts that `variance` leaves out (`sediff.subtract.photons.photon_variance`).

    Returns
    -------
    structured ndarray, (n,) of FORCED_DTYPE
        X_IMAGE, Y_IMAGE 1-based; FLUX +- FLUXERR; CHI2 per degree of freedom within 1.5 FWHM of NPIX pixels;
        GOOD_FRACTION the share of sum(p^2) on usable pixels.

    Raises
    ------
    BadInput
        Planes of different shape, positions of different length, or a PSF that is no stamp.

    Notes
    -----
    flux = sum(d p / v) / sum(p^2 / v) (Horne 1986, PASP 98, 609, with the PSF as profile), of variance
    sum(p^2 (v + P) / v^2) / sum(p^2 / v)^2. The photons P stay out of the weights: weights that follow the data bias fluxes.
    """
    check_planes(image, variance, bad)
    x, y = np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float))
    if x.shape != y.shape or x.ndim != 1 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise BadInput(f'forced photometry needs finite x and y of one length; got {x.shape} and {y.shape}')
    table = np.zeros(len(x), FORCED_DTYPE)
    table['X_IMAGE'], table['Y_IMAGE'] = x + 1.0, y + 1.0
    ny, nx = image.shape
    for row, x_at, y_at in zip(table, x, y):
        inside = -size <= x_at <= nx + size and -size <= y_at <= ny + size
        row['FLUX'] = row['FLUXERR'] = np.nan
        if inside:
            _fill(row, weighed_stamps(image, variance, bad, x_at, y_at, size, noise_scale), photons,
                  checked_psf(psf_at, x_at, y_at, size), x_at, y_at)
    return table


def _fill(row: np.void, stamps: tuple[np.ndarray, np.ndarray], photons: Plane | None, psf: np.ndarray, x: float,
          y: float) -> None:
    pixels, weights = stamps
    cross, norm, used, total, _ = psf_flux_sums(pixels, weights, psf)
    if not norm > 0:
        return
    factor = noise_factor(photons, x, y, weights)
    chi2, count = chi_square(pixels, weights / factor, psf, cross / norm, 1.5 * psf_fwhm(psf))
    row['FLUX'], row['FLUXERR'] = cross / norm, np.sqrt(psf_flux_sums(pixels, weights * factor, psf)[1]) / norm
    row['CHI2'], row['NPIX'], row['GOOD_FRACTION'] = chi2 / max(count - 1, 1), count, used / total
