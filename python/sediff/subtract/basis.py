"""Kernel basis: a delta family and Gauss-Hermite families, each a set of products of one-dimensional profiles."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermeval

#: Widths (px) and highest total degree of the Gauss-Hermite families at normal seeing.
SIGMAS = (1.2, 2.4, 5.0)
DEGREES = (4, 4, 2)
#: The delta family: the pixel itself and its first and second derivatives.
DELTA_DEGREE = 2
LEAST_HALF_WIDTH = 18
FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


@dataclass(frozen=True)
class KernelBasis:
    """Separable kernel functions phi_k(u, v) = p_i(u) p_j(v).

    Parameters
    ----------
    half_width : int
        Kernels are (2 half_width + 1) pixels a side.
    profiles : tuple of ndarray, each (count, 2 half_width + 1) float64
        One-dimensional profiles of each family.
    members : ndarray, (n, 3) int
        Family, profile along x and profile along y of each function. The first has unit sum.
    """

    half_width: int
    profiles: tuple[np.ndarray, ...]
    members: np.ndarray

    @property
    def size(self) -> int:
        """Number of functions."""
        return len(self.members)

    def images(self) -> np.ndarray:
        """The functions as images: (n, w, w) float64, axes (y, x)."""
        return np.array([np.outer(self.profiles[f][j], self.profiles[f][i]) for f, i, j in self.members])

    def sums(self) -> np.ndarray:
        """Sum of each function: (n,) float64."""
        return np.array([self.profiles[f][i].sum() * self.profiles[f][j].sum() for f, i, j in self.members])

    def zero_sum_transform(self) -> np.ndarray:
        """Matrix (n, n) whose columns turn all functions but the first into functions of zero sum (Alard 2000)."""
        transform = np.eye(self.size)
        transform[0, 1:] = -self.sums()[1:]
        return transform


def make_basis(fwhm_sharp: float, fwhm_broad: float, half_width: int | None = None) -> KernelBasis:
    """Basis that can turn a PSF of one width into another.

    Parameters
    ----------
    fwhm_sharp, fwhm_broad : float
        FWHM (px) of the image to be convolved and of the other.
    half_width : int, optional
        Default: 18 px, more where the widest Gaussian needs it.
    """
    needed = np.sqrt(max(fwhm_broad**2 - fwhm_sharp**2, 0.0)) / FWHM_PER_SIGMA
    stretch = max(1.0, needed / 2.4)
    if half_width is None:
        half_width = max(LEAST_HALF_WIDTH, int(np.ceil(3.6 * stretch * SIGMAS[-1])))
    profiles = [_delta_profiles(half_width)]
    degrees = [DELTA_DEGREE, *DEGREES]
    profiles += [_hermite_profiles(stretch * s, d, half_width) for s, d in zip(SIGMAS, DEGREES)]
    members = [(f, i, j) for f, degree in enumerate(degrees) for i in range(degree + 1) for j in range(degree + 1 - i)]
    return KernelBasis(half_width, tuple(profiles), np.array(members))


def _delta_profiles(half_width: int) -> np.ndarray:
    profiles = np.zeros((DELTA_DEGREE + 1, 2 * half_width + 1))
    profiles[0, half_width] = 1.0
    profiles[1, half_width - 1:half_width + 2] = (-0.5, 0.0, 0.5)
    profiles[2, half_width - 1:half_width + 2] = (1.0, -2.0, 1.0)
    return profiles


def _hermite_profiles(sigma: float, degree: int, half_width: int) -> np.ndarray:
    """Gaussian times Hermite polynomials of degree 0 ... degree; the first has unit sum."""
    u = np.arange(-half_width, half_width + 1) / sigma
    gauss = np.exp(-0.5 * u * u)
    profiles = np.array([hermeval(u, np.eye(degree + 1)[k]) * gauss for k in range(degree + 1)]) / gauss.sum()
    profiles[np.abs(profiles) < 1e-12] = 0.0
    return profiles
