"""Round light profiles as sums of Gaussians, so that galaxies can be convolved with the PSF in closed form."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls
from scipy.special import gammaincinv

#: Index of the Moffat profile of the atmosphere (real DECam stars: 3 to 4).
BETA = 3.5


@dataclass(frozen=True)
class Mixture:
    """Weights (their sum is 1) and widths (sigma, in units of FWHM or half-light radius) of round Gaussians."""

    weights: np.ndarray
    sigmas: np.ndarray


def moffat_width(fwhm: float | np.ndarray, beta: float = BETA) -> float | np.ndarray:
    """Scale radius of a Moffat profile of that FWHM."""
    return fwhm / (2.0 * np.sqrt(2.0 ** (1.0 / beta) - 1.0))


def moffat_profile(radius: np.ndarray, fwhm: float, beta: float = BETA) -> np.ndarray:
    """Surface brightness of a Moffat profile of total flux 1."""
    width = moffat_width(fwhm, beta)
    return (beta - 1.0) / (np.pi * width ** 2) * (1.0 + (radius / width) ** 2) ** -beta


def noise_pixels(fwhm: float | np.ndarray, beta: float = BETA) -> float | np.ndarray:
    """1 / (integral of the squared Moffat PSF): pixels whose sky noise enters a matched filter."""
    return np.pi * moffat_width(fwhm, beta) ** 2 * (2.0 * beta - 1.0) / (beta - 1.0) ** 2


def sersic_profile(radius: np.ndarray, index: float) -> np.ndarray:
    """Surface brightness, half-light radius 1, value 1 there (Sersic 1968; b_n exact)."""
    steepness = gammaincinv(2.0 * index, 0.5)
    return np.exp(-steepness * (radius ** (1.0 / index) - 1.0))


def moffat_mixture() -> Mixture:
    """The Moffat PSF of FWHM 1 as eight Gaussians: within 0.0003 of its peak everywhere."""
    radius = np.linspace(0.0, 10.0, 2001)
    profile = moffat_profile(radius, 1.0)
    return _fit(radius, profile, np.geomspace(0.3, 4.0, 8), 1.0 / np.sqrt(profile + 3e-3 * profile[0]))


def sersic_mixture(index: float) -> Mixture:
    """A Sersic profile of half-light radius 1, index 1 (disc) or 4 (spheroid), as at most ten Gaussians.

    Of index 4 the cusp inside 0.01 and the wings beyond 8 half-light radii are left out.
    """
    radius = np.geomspace(0.0005, 8.0, 3000)
    profile = sersic_profile(radius, index)
    widths = np.geomspace(0.15, 2.0, 7) if index < 2.0 else np.geomspace(0.01, 4.0, 10)
    # the light of each ring counts, relative to its brightness
    return _fit(radius, profile, widths, np.sqrt(radius * np.gradient(radius) / (profile + 1e-5 * profile.max())))


def _fit(radius: np.ndarray, profile: np.ndarray, sigmas: np.ndarray, weight: np.ndarray) -> Mixture:
    """Non-negative least squares."""
    basis = np.exp(-0.5 * (radius[:, None] / sigmas) ** 2) / (2.0 * np.pi * sigmas ** 2)
    coefficients, _ = nnls(basis * weight[:, None], profile * weight)
    kept = coefficients > 1e-6 * coefficients.max()
    return Mixture(coefficients[kept] / coefficients[kept].sum(), sigmas[kept])
