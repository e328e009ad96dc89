"""Kernel basis: a delta family and Gauss-Hermite families, each a set of products of one-dimensional profiles."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.hermite_e import hermeval

#: Widths (px) and highest total degree of the narrow Gauss-Hermite families at normal seeing.
SIGMAS = (1.0, 2.0)
DEGREES = (4, 3)
#: The delta family: the pixel itself and its first and second derivatives.
DELTA_DEGREE = 2
#: Width (px) and degree of the wide family, for the wings.
WIDE_SIGMA = 6.0
WIDE_DEGREE = 1
LEAST_HALF_WIDTH = 8
#: Half width of the narrow families in units of their largest sigma, and of the wide family in its own.
REACH = 4.0
WIDE_REACH = 3.9
#: Side of the cells in which the image is averaged before the wide family is applied, px.
COARSE = 2
#: Cubic weights of the four cells around a pixel, which lies a quarter of a cell past the second, and their distance (px).
QUARTER = np.array([-7.0, 105.0, 35.0, -5.0]) / 128.0
QUARTER_OFFSETS = np.array([-2.5, -0.5, 1.5, 3.5])
FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


@dataclass(frozen=True)
class KernelBasis:
    """Separable kernel functions phi_k(u, v) = p_i(u) p_j(v).

    Parameters
    ----------
    half_width, wide_half_width : int
        Half width (px) of the narrow functions and of the wide ones.
    profiles : tuple of ndarray, each (count, width) float64
        One-dimensional profiles of each family; the last family is the wide one.
    members : ndarray, (n, 3) int
        Family, profile along x and profile along y of each function. The first has unit sum.
    wide_sigma : float
        Width of the wide family, px.
    """

    half_width: int
    wide_half_width: int
    profiles: tuple[np.ndarray, ...]
    members: np.ndarray
    wide_sigma: float

    @property
    def size(self) -> int:
        """Number of functions."""
        return len(self.members)

    @property
    def reach(self) -> int:
        """Half width of the whole kernel, px."""
        return max(self.half_width, self.wide_half_width)

    @property
    def narrow_count(self) -> int:
        """Functions that are not of the wide family; they come first."""
        return int((self.members[:, 0] < len(self.profiles) - 1).sum())

    def images(self) -> np.ndarray:
        """The functions as images: (n, w, w) float64, axes (y, x), w = 2 reach + 1."""
        out = np.zeros((self.size, 2 * self.reach + 1, 2 * self.reach + 1))
        for k, (family, i, j) in enumerate(self.members):
            rows = self.profiles[family]
            start = self.reach - rows.shape[1] // 2
            part = slice(start, start + rows.shape[1])
            out[k, part, part] = np.outer(rows[j], rows[i])
        return out

    def narrow_images(self) -> np.ndarray:
        """The narrow functions: (narrow_count, w, w) float64, w = 2 half_width + 1."""
        return np.array([np.outer(self.profiles[f][j], self.profiles[f][i]) for f, i, j in self.members[:self.narrow_count]])

    def coarse_profiles(self) -> np.ndarray:
        """Profiles of the wide family for an image averaged over COARSE px and interpolated afterwards: (count, w)."""
        return np.array([_coarse_profile(profile) for profile in self.profiles[-1]])

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
        Of the narrow functions; default: 8 px, more where their widest Gaussian needs it. The wide family reaches
        twice as far.
    """
    needed = np.sqrt(max(fwhm_broad**2 - fwhm_sharp**2, 0.0)) / FWHM_PER_SIGMA
    stretch = max(1.0, needed / SIGMAS[-1])
    if half_width is None:
        half_width = max(LEAST_HALF_WIDTH, int(np.ceil(REACH * stretch * SIGMAS[-1])))
    wide_sigma = stretch * WIDE_SIGMA
    wide_half = max(half_width, int(np.ceil(WIDE_REACH * wide_sigma)))
    profiles = [_delta_profiles(half_width)]
    degrees = [DELTA_DEGREE, *DEGREES, WIDE_DEGREE]
    profiles += [_hermite_profiles(stretch * s, d, half_width) for s, d in zip(SIGMAS, DEGREES)]
    profiles.append(_hermite_profiles(wide_sigma, WIDE_DEGREE, wide_half))
    members = [(f, i, j) for f, degree in enumerate(degrees) for i in range(degree + 1) for j in range(degree + 1 - i)]
    return KernelBasis(half_width, wide_half, tuple(profiles), np.array(members), wide_sigma)


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


def _coarse_profile(profile: np.ndarray) -> np.ndarray:
    """A wide profile for cells of 2 px, with what the averaging and the cubic interpolation blur taken out."""
    size = 4 * len(profile)
    padded = np.zeros(size)
    half = len(profile) // 2
    padded[np.arange(-half, half + 1)] = profile
    f = np.fft.rfftfreq(size)
    blur = np.cos(np.pi * f) * (np.cos(2.0 * np.pi * f[:, None] * QUARTER_OFFSETS) @ QUARTER)
    power = np.fft.rfft(padded) / np.where(f < 0.25, blur, 1.0)
    sharp = np.fft.irfft(power, size)
    reach = -(-half // COARSE) + 1
    return COARSE * sharp[COARSE * np.arange(-reach, reach + 1)]
