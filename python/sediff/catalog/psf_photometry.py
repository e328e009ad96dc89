"""PSF fluxes of all objects of an image, fitted together, and SPREAD_MODEL."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from sediff.catalog.psf_kernels import (
    add_models,
    fit_shifts,
    flux_variances,
    pair_correlations,
    solve_fluxes,
    spread_models,
)
from sediff.errors import BadData
from sediff.psf.model import PsfModel
from sediff.psf.shape import half_light_diameter, with_disc

#: Scale length of the disc that defines the values of SPREAD_MODEL, over PSF_FWHM (Desai et al. 2012), as which PSFEx
#: writes the half-light diameter of the stars; the customary limits of SPREAD_MODEL hold for it.
DISC_SCALE = 1.0 / 16.0
#: The same of the disc that it is measured with: nearer to the size of real galaxies, so less noisy for them.
MEASURED_SCALE = 1.0 / 8.0
#: SPREAD_MODEL uses the pixels within this many FWHM: beyond them neighbours tell more than the object's shape.
SPREAD_REACH = 1.5
#: Sweeps of the joint fit at most.
SWEEPS = 30
#: Greatest total move of a position fit in pixels.
REACH = 1.5
#: Stars that would move by less (pixels) stay: their flux changes by less than 1e-4, SPREAD_MODEL by less than 5e-5.
SETTLED = 0.02


@dataclass
class PsfPhotometry:
    """PSF measurements of n objects.

    Parameters
    ----------
    x, y : ndarray, (n,) float64, 0-based pixels
        Where the PSF was placed.
    flux, flux_error : ndarray, (n,) float64
        Error 0 (and flux 0) where no usable pixel lies under the PSF.
    spread, spread_error : ndarray, (n,) float64
    residual : ndarray, (ny, nx) float32
        The image less all models.
    """

    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray
    flux_error: np.ndarray
    spread: np.ndarray
    spread_error: np.ndarray
    residual: np.ndarray


def psf_photometry(image: np.ndarray, weight: np.ndarray, psf: PsfModel, x: np.ndarray, y: np.ndarray, *,
                   gain: float = 1.0, fit_positions: bool = True, segmentation: np.ndarray | None = None) -> PsfPhotometry:
    """Fit PSFs of given positions to an image.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        Sky-subtracted, every pixel finite.
    weight : ndarray, (ny, nx) float32
        Inverse variance of sky and read noise, 0 where unusable.
    psf : PsfModel
    x, y : ndarray, (n,) float64
        0-based positions.
    gain : float
        Electrons per flux unit, for the objects' own noise.
    fit_positions : bool
        Also fit the positions.
    segmentation : ndarray, (ny, nx) int32, optional
        1 + the row of the object that owns each pixel, 0 none: positions and SPREAD_MODEL leave the pixels of others out.

    Returns
    -------
    result : PsfPhotometry

    Raises
    ------
    BadData
        Shapes differ, positions are not finite, or the PSF has no FWHM.

    Notes
    -----
    Weights are those of the sky, so that flux is linear in the pixels and an imperfect PSF scales all stars alike; the
    errors hold the objects' own noise too. The joint normal equations are solved by Gauss-Seidel sweeps. The error of
    a star with neighbours grows by (1 - c^2)^-1/2, c being the correlation with the nearest one's PSF.
    """
    _check(image, weight, psf, x, y)
    x, y = np.array(x, float), np.array(y, float)
    if segmentation is None:
        segmentation = np.zeros(image.shape, np.int32)
    stars = _Field(image, weight, psf, x, y, segmentation)
    crowd, pairs = _neighbours(x, y, 2.5 * psf.fwhm)
    everyone = np.arange(x.size)
    stars.solve()
    for rows in (everyone, everyone, crowd) if fit_positions else ():
        stars.move(rows)
        stars.solve()
    variance, worst = np.zeros(x.size), np.zeros(x.size)
    flux_variances(image, stars.residual, weight, stars.stamps, stars.near_x, stars.near_y, float(gain), variance)
    pair_correlations(stars.stamps, stars.near_x, stars.near_y, pairs, worst)
    error = np.sqrt(variance / (1.0 - np.minimum(worst, 0.95)))
    spread, spread_error = _spread(image, weight, psf, stars, float(gain))
    return PsfPhotometry(stars.x, stars.y, stars.flux, error, spread, spread_error, stars.residual)


class _Field:
    """Stars of one image under joint fit."""

    def __init__(self, image: np.ndarray, weight: np.ndarray, psf: PsfModel, x: np.ndarray, y: np.ndarray,
                 segmentation: np.ndarray) -> None:
        self.weight, self.psf, self.x, self.y, self.segmentation = weight, psf, x, y, segmentation
        self.start_x, self.start_y = x.copy(), y.copy()
        self.residual = image.copy()
        self.size = psf.default_size()
        self.near_x, self.near_y = (np.floor(a + 0.5).astype(np.int64) for a in (x, y))
        self.stamps = psf.images(x, y, self.size)
        self.flux, self.norm = np.zeros(x.size), np.zeros(x.size)

    def solve(self) -> None:
        """Fluxes at the present positions, brightest first."""
        rows = np.clip(self.near_y, 0, self.residual.shape[0] - 1)
        columns = np.clip(self.near_x, 0, self.residual.shape[1] - 1)
        order = np.argsort(-(self.flux if self.flux.any() else self.residual[rows, columns].astype(float)))
        start, neighbours = _overlaps(self.near_x, self.near_y, self.size)
        solve_fluxes(self.residual, self.weight, self.stamps, self.near_x, self.near_y, order, start, neighbours,
                     self.flux, self.norm, SWEEPS)

    def move(self, rows: np.ndarray) -> None:
        """One step of the positions of `rows`; stamps and residual follow."""
        shift = np.zeros((rows.size, 2))
        fit_shifts(self.residual, self.weight, self.stamps, self.near_x, self.near_y, rows, self.flux, self.segmentation,
                   shift)
        moved = np.hypot(shift[:, 0], shift[:, 1]) > SETTLED
        rows, shift = rows[moved], np.clip(shift[moved], -0.5, 0.5)
        self._add(rows, 1.0)
        self.x[rows] = np.clip(self.x[rows] + shift[:, 0], self.start_x[rows] - REACH, self.start_x[rows] + REACH)
        self.y[rows] = np.clip(self.y[rows] + shift[:, 1], self.start_y[rows] - REACH, self.start_y[rows] + REACH)
        self.near_x[rows] = np.floor(self.x[rows] + 0.5).astype(np.int64)
        self.near_y[rows] = np.floor(self.y[rows] + 0.5).astype(np.int64)
        self.stamps[rows] = self.psf.images(self.x[rows], self.y[rows], self.size)
        self._add(rows, -1.0)

    def _add(self, rows: np.ndarray, sign: float) -> None:
        add_models(self.residual, self.stamps, self.near_x, self.near_y, self.flux, rows, sign)


def _spread(image, weight, psf: PsfModel, stars: _Field, gain: float) -> tuple[np.ndarray, np.ndarray]:
    spread, error = np.zeros(stars.x.size), np.zeros(stars.x.size)
    reach = SPREAD_REACH * psf.fwhm
    size = min(stars.size, 2 * int(np.ceil(reach)) + 1)
    discs = with_disc(psf, MEASURED_SCALE * half_light_diameter(psf)).images(stars.x, stars.y, size)
    spread_models(image, stars.residual, weight, stars.stamps, discs, stars.x, stars.y, stars.flux, stars.segmentation,
                  gain, reach, _spread_scale(psf, size, reach), spread, error)
    return spread, error


def _spread_scale(psf: PsfModel, size: int, reach: float) -> float:
    """Value, by the disc of DISC_SCALE over by that of MEASURED_SCALE, of an object that is the first of them.

    To first order in the disc's area the values of all objects have this ratio.
    """
    at = psf.pol_zero[0] - 1.0, psf.pol_zero[1] - 1.0
    diameter = half_light_diameter(psf)
    planes = [model.image(np.round(at[0]), np.round(at[1]), size)
              for model in (psf, with_disc(psf, DISC_SCALE * diameter), with_disc(psf, MEASURED_SCALE * diameter))]
    rows, columns = np.indices((size, size)) - size // 2
    star, small, large = (plane[np.hypot(rows, columns) < reach] for plane in planes)
    values = [disc @ small / (star @ small) - disc @ star / (star @ star) for disc in (small, large)]
    return float(values[0] / values[1])


def _neighbours(x: np.ndarray, y: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows that have a neighbour within `radius`, and the pairs: (m, 2) int64."""
    if x.size < 2:
        return np.zeros(0, np.int64), np.zeros((0, 2), np.int64)
    pairs = cKDTree(np.stack([x, y], axis=1)).query_pairs(radius, output_type='ndarray').astype(np.int64)
    return np.unique(pairs), pairs.reshape(-1, 2)


def _overlaps(near_x: np.ndarray, near_y: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Stars whose stamps of side `size` overlap that of each star: starts (n + 1,) and rows (m,), int64."""
    pairs = np.zeros((0, 2), np.int64)
    if near_x.size > 1:
        tree = cKDTree(np.stack([near_x, near_y], axis=1).astype(float))
        pairs = tree.query_pairs(size - 0.5, p=np.inf, output_type='ndarray').astype(np.int64).reshape(-1, 2)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind='stable')]
    return np.searchsorted(both[:, 0], np.arange(near_x.size + 1)).astype(np.int64), np.ascontiguousarray(both[:, 1])


def _check(image, weight, psf: PsfModel, x, y) -> None:
    if image.ndim != 2 or image.shape != weight.shape:
        raise BadData(f'image {image.shape} and weight {weight.shape} differ in shape')
    if image.dtype != np.float32 or weight.dtype != np.float32:
        raise BadData(f'image and weight must be float32, got {image.dtype} and {weight.dtype}')
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise BadData('positions for PSF photometry must be finite')
    if not psf.fwhm > 0:
        raise BadData('the PSF model has no FWHM; fit it again')
