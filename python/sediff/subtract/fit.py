"""Kernel fit: star stamps in, solution out."""
from __future__ import annotations

import numpy as np

from sediff.errors import BadData
from sediff.subtract.basis import FWHM_PER_SIGMA, KernelBasis
from sediff.subtract.normal import star_equations
from sediff.subtract.planes import Planes
from sediff.subtract.solve import Solution, solve
from sediff.subtract.stamps import Stars, cut

LEAST_STARS = 3
#: Model error of the convolved PSF, a share of the pixel value, so that the brightest stars do not rule the fit.
PSF_FLOOR = 0.003
#: Radius of the fitted disc in FWHM of the broader image, and its least value, px.
RADIUS_PER_FWHM = 3.3
LEAST_RADIUS = 8
#: Pixels closer than this to a bad pixel of the convolved image are left out of the fit.
BAD_REACH = 5


def fit_kernel(planes: Planes, stars: Stars, basis: KernelBasis, sharp: float, broad: float, scale: float,
               order: int | None = None, radius: int | None = None) -> Solution:
    """Fit the kernel that turns the template's stars into those of the science image.

    Parameters
    ----------
    sharp, broad : float
        FWHM (px) of the convolved image and of the other.
    scale : float
        First guess of the photometric scale, for the weights only.
    order : int, optional
        Spatial order; default: chosen by cross-validation.
    radius : int, optional
        Radius (px) of the fitted discs.

    Raises
    ------
    BadData
        Fewer than three stars clear of bad pixels.
    """
    radius = radius or int(np.ceil(max(RADIUS_PER_FWHM * broad, LEAST_RADIUS)))
    weight = _weights(planes, stars, scale, np.sqrt(max(broad**2 - sharp**2, 0.0)) / FWHM_PER_SIGMA, radius)
    whole = (weight > 0).sum(axis=(1, 2)) > 0.6 * np.pi * radius**2
    if whole.sum() < LEAST_STARS:
        raise BadData(f'no common stars to fit a kernel: {whole.sum()} are unsaturated and clear of masks in both, '
                      f'{LEAST_STARS} are needed')
    x, y = stars.x[whole], stars.y[whole]
    stamps = cut(planes.template, x, y, radius + basis.half_width)
    equations = star_equations(basis, stamps, cut(planes.science, x, y, radius), weight[whole])
    return solve(basis, equations, x, y, planes.science.shape, order)


def _weights(planes: Planes, stars: Stars, scale: float, kernel_sigma: float, radius: int) -> np.ndarray:
    """Inverse variance of the stamps of the difference (n, r, r) float32, 0 for bad pixels and off the disc.

    The convolved template's variance is taken as that of a Gaussian kernel of this width.
    """
    shrink = scale**2 / (4.0 * np.pi * max(kernel_sigma, 0.282) ** 2)
    noise = cut(planes.science_variance, stars.x, stars.y, radius)
    noise += np.float32(shrink) * cut(planes.template_variance, stars.x, stars.y, radius)
    noise += (np.float32(PSF_FLOOR) * cut(planes.science, stars.x, stars.y, radius)) ** 2
    good = ~cut(planes.science_bad, stars.x, stars.y, radius, True)
    good &= ~_grown(cut(planes.template_bad, stars.x, stars.y, radius + BAD_REACH, True), BAD_REACH)
    good &= np.hypot(*np.mgrid[-radius:radius + 1, -radius:radius + 1]) <= radius + 0.5
    return np.where(good, 1.0 / np.maximum(noise, 1e-30), 0.0).astype(np.float32)


def _grown(bad: np.ndarray, radius: int) -> np.ndarray:
    """Stamps of bad pixels grown by a square of this radius and cut by as much."""
    side = bad.shape[1] - 2 * radius
    rows = np.logical_or.reduce([bad[:, k:k + side] for k in range(2 * radius + 1)])
    return np.logical_or.reduce([rows[:, :, k:k + side] for k in range(2 * radius + 1)])
