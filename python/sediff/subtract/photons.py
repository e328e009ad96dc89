"""Photon noise of the light that is no sky, as it reaches the PSF fluxes of a difference."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sediff.ccdimage import Derived, variance_from_weight
from sediff.subtract.background import SAMPLE, clipped_level, sky_level
from sediff.subtract.convolve import BLOCK, convolve, squared_kernels

if TYPE_CHECKING:
    from sediff.psf.model import PsfModel
    from sediff.psf.zoned import ZonedPsf
    from sediff.subtract.subtract import Difference

#: Places along each axis where the factors are worked out, side of the PSF stamps and of the grid of their spectra, px.
GRID, STAMP, SIDE = 4, 41, 128
#: Rows worked on at a time.
ROWS = 32
#: The kernel is evaluated once for so many blocks along rows and columns.
BLOCKS = 4
#: Light of objects counts in the score where it stands this many sigma of its own noise above the sky.
LEAST_LIGHT = 4.0


def photon_plane(image: np.ndarray, bad: np.ndarray, per_unit: np.ndarray | float = 1.0) -> np.ndarray:
    """Photon variance of an image's light above its sky level: (ny, nx) float32, 0 where bad.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
    bad : ndarray, (ny, nx) bool
    per_unit : float or ndarray, (ny, nx) float32
        Variance of one unit of light: 1 / gain; in a mean of images with weights w_k, sum(w_k^2 / gain_k) / sum(w_k)^2.

    Notes
    -----
    Not clipped at 0: the noise of the sky then averages out under a PSF.
    """
    if bad.all():
        return np.zeros(image.shape, np.float32)
    out, level = np.empty(image.shape, np.float32), np.float32(sky_level(image, bad)[0])
    for start in range(0, len(out), ROWS):
        rows = slice(start, start + ROWS)
        part = np.subtract(image[rows], level, out=out[rows])
        part *= per_unit[rows] if isinstance(per_unit, np.ndarray) else np.float32(per_unit)
        np.copyto(part, np.float32(0.0), where=bad[rows])
    return out


def photon_variance(result: Difference, psf: PsfModel | ZonedPsf, science: np.ndarray, template: np.ndarray
                    ) -> tuple[np.ndarray, float]:
    """What photon noise adds to the variance of a difference's pixels in a PSF-weighted sum.

    Parameters
    ----------
    result : Difference
    psf : PsfModel or ZonedPsf
        Of the difference.
    science, template : ndarray, (ny, nx) float32
        Photon variances of the two images in their own units (`photon_plane`); they are used up.

    Returns
    -------
    plane : ndarray, (ny, nx) float32
        Squared science units.
    science_factor : float
        What a photon variance of 1 of the science image adds, at the middle.

    Notes
    -----
    The difference is psi * (A_S * S - A_T * T), with A_S, A_T the matching kernel, a smoothing or 1, and psi the whitening
    filter. The photons of S are independent before the filters. Summed with weights a ~ PSF their variance is
    sum_u L_S(u) [(psi A_S)^T a]^2(u), and likewise for T: exact where light varies slowly over the filters,
    sum_i a_i^2 eta L(i), eta = int |a|^2 |psi|^2 |A|^2 / int |a|^2. For light as sharp as stars L is spread by A^2,
    as single pixels' variances are.
    """
    light, kernels = {'science': science, 'template': template}, _kernels(result)
    factors = _factors(result, psf, {name: at for name, (at, _) in kernels.items()})
    parts = []
    for name, (_, squares) in kernels.items():
        spread = light[name] if squares is None else convolve(
            light[name], squares, block=(BLOCKS * BLOCK[0], BLOCKS * BLOCK[1]))
        scale_parts(spread, factors[name])
        parts.append(spread)
    parts[0] += parts[1]
    return parts[0], float(factors['science'].mean())


def light_in_score(photons: np.ndarray, difference: np.ndarray, science_factor: float, bad: np.ndarray,
                   least: float | None = None) -> np.ndarray:
    """Photon variance of what both images show: hosts and stars, not of the source itself: (ny, nx) float32, >= 0.

    The difference's own light is subtracted, and what is not significant above the sky is 0: the score of empty sky
    keeps its noise, and a source on a bright host is judged against the noise that is there without it. Of a part of an
    image `least` is the `least_light` of the whole.
    """
    if least is None:
        least = least_light(photons, difference, science_factor, bad)
    out = np.multiply(difference, np.float32(-science_factor))
    out += photons
    faint = out < least
    faint |= bad
    np.copyto(out, np.float32(0.0), where=faint)
    return out


@dataclass(frozen=True)
class HostLight:
    """The photons of a difference, shared out between its score and what is measured: part by part, without planes.

    Parameters
    ----------
    photons : ndarray, (ny, nx) float32
        Of `photon_variance`.
    difference, weight : ndarray, (ny, nx) float32
    bad : ndarray, (ny, nx) bool
    factor : float
        Of the science image, as `photon_variance` gives it.
    """

    photons: np.ndarray
    difference: np.ndarray
    weight: np.ndarray
    bad: np.ndarray
    factor: float

    @cached_property
    def _least(self) -> float:
        return least_light(self.photons, self.difference, self.factor, self.bad)

    def in_score(self, cut: Any) -> np.ndarray:
        """`light_in_score` of a part."""
        return light_in_score(self.photons[cut], self.difference[cut], self.factor, self.bad[cut], self._least)

    @property
    def variance(self) -> Derived:
        """Variance in the score: that of the weights and of hosts and stars."""
        return Derived(self.bad.shape, lambda cut: variance_from_weight(self.weight[cut]) + self.in_score(cut))

    @property
    def others(self) -> Derived:
        """Photon variance that is not in the score."""
        return Derived(self.bad.shape, lambda cut: self.photons[cut] - self.in_score(cut))


def least_light(photons: np.ndarray, difference: np.ndarray, science_factor: float, bad: np.ndarray) -> float:
    """Photon variance from which `light_in_score` is not 0; infinite where no pixel is good."""
    cut = np.s_[::7, ::7]
    sample = (np.multiply(difference[cut], np.float32(-science_factor)) + photons[cut])[~bad[cut]]
    if sample.size == 0:
        return np.inf
    middle, sigma = clipped_level(sample[:: max(1, sample.size // SAMPLE)].astype(float))
    return float(max(middle, 0.0) + LEAST_LIGHT * sigma)


def _kernels(result: Difference) -> dict:
    """For each image: its kernel A (w, w) as a function of (x, y), and A^2 of unit sum on blocks (None: not spread)."""
    def squares():
        found = squared_kernels(result.kernel.on_blocks(narrow=True, step=BLOCKS))
        return found / np.maximum(found.sum(axis=(-1, -2), keepdims=True), np.float32(1e-30))

    alone = np.ones((1, 1))
    if result.direction == 'science':
        scale = result.kernel_sum
        return {'science': (lambda x, y: result.kernel.kernel_at(x, y) * scale, squares()),
                'template': (lambda x, y: alone * scale, None)}
    smoothing = alone if result.smoothing is None else result.smoothing
    return {'science': (lambda x, y: smoothing, None), 'template': (result.kernel.kernel_at, squares())}


def _factors(result: Difference, psf: PsfModel | ZonedPsf, kernels: Mapping) -> dict[str, np.ndarray]:
    """int |a|^2 |psi|^2 |A|^2 / int |a|^2 on a grid of places, for each image's A: (GRID, GRID) float64."""
    ny, nx = result.image.shape
    out = {name: np.empty((GRID, GRID)) for name in kernels}
    count = np.where(np.arange(SIDE // 2 + 1) % (SIDE // 2) == 0, 1.0, 2.0)     # columns that stand for two
    for row, column in np.ndindex(GRID, GRID):
        x, y = ((k + 0.5) * size / GRID for k, size in ((column, nx), (row, ny)))
        power = count * _power(psf.image(round(x), round(y), STAMP))
        filtered = power if result.whitening is None else power * _power(result.whitening.at(x, y))
        for name, kernel_at in kernels.items():
            out[name][row, column] = float((filtered * _power(kernel_at(x, y))).sum() / power.sum())
    return out


def _power(stamp: np.ndarray) -> np.ndarray:
    """|F|^2 of a stamp on half the plane of frequencies."""
    spectrum = np.fft.rfft2(stamp, (SIDE, SIDE))
    return spectrum.real ** 2 + spectrum.imag ** 2


def scale_parts(plane: np.ndarray, factors: np.ndarray) -> None:
    """Multiply each part of the image with its factor, in place."""
    edges = [np.linspace(0, size, GRID + 1).astype(int) for size in plane.shape]
    for row in range(GRID):
        for column in range(GRID):
            part = (slice(*edges[0][row:row + 2]), slice(*edges[1][column:column + 2]))
            plane[part] *= np.float32(factors[row, column])
