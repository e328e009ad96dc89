"""One pass of the PSF fit: compare stars with a model, then correct the model from their residuals."""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sediff.errors import BadData
from sediff.psf.compare_kernels import compare_stars
from sediff.psf.model import PsfModel
from sediff.psf.render import centre_stamps
from sediff.psf.stamps import StarStamps

#: Pixels further than this many sigma from the model count as equal to it (neighbours, cosmic rays).
PIXEL_CLIP = 5.0
#: Pixels where the model exceeds this fraction of its peak make a star's chi2; further out are the neighbours.
CORE = 0.01


@dataclass
class Comparison:
    """Stars against a model.

    Parameters
    ----------
    unit : ndarray, (m, s, s)
        Model of unit flux at each star.
    residual, variance : ndarray, (m, s, s)
        Data minus model and its variance; 0 and inf at unusable pixels.
    shift : ndarray, (m, 2), pixels
        Offset (x, y) of the star from its given position according to the model.
    chi2 : ndarray, (m,)
        Reduced chi2 where the model exceeds 1 % of its peak.
    """

    unit: np.ndarray
    residual: np.ndarray
    variance: np.ndarray
    shift: np.ndarray
    chi2: np.ndarray


def first_model(stars: StarStamps, accepted: np.ndarray, size: int, samp: float,
                shape: tuple[int, int]) -> PsfModel:
    """Constant model: the median of the accepted stars, each resampled to its centre and divided by its flux.

    Raises
    ------
    BadData
        The median star has no flux.
    """
    samples = np.empty((stars.x.size, size, size))
    seen = np.empty_like(samples)
    _to_grid(stars, stars.data, samp, samples)
    _to_grid(stars, (stars.weight > 0).astype(float), samp, seen)
    samples = np.where(seen > 0.9, samples / stars.flux[:, None, None], np.nan)[accepted]
    lost = np.isnan(samples).all(axis=0)
    samples[:, lost] = 0.0
    plane = np.nanmedian(samples, axis=0)
    total = plane.sum() * samp ** 2
    if not total > 0:
        raise BadData('the median of the PSF stars has no flux; check the sky subtraction and the star list')
    ny, nx = shape
    return PsfModel(mask=plane[None] / total, degree=0, pol_zero=((nx + 1) / 2.0, (ny + 1) / 2.0),
                    pol_scale=(float(nx), float(ny)), samp=samp)


def with_degree(model: PsfModel, degree: int) -> PsfModel:
    """The same PSF with zero planes added, or its higher planes dropped."""
    if degree == model.degree:
        return model
    count = (degree + 1) * (degree + 2) // 2
    planes = np.zeros((count, *model.mask.shape[1:]), np.float32)
    if degree > model.degree and model.degree > 0:
        raise BadData('a model can only grow from a constant one')
    planes[0] = model.mask[0]
    return replace(model, mask=planes, degree=degree)


def compare(stars: StarStamps, model: PsfModel, gain: float, soft: float) -> Comparison:
    """Fit flux and centre of every star to the model; `stars.flux` is updated."""
    count, side = stars.data.shape[:2]
    unit = model.images(stars.near_x, stars.near_y, side, stars.shift_x, stars.shift_y)
    residual, variance = np.empty_like(unit), np.empty_like(unit)
    shift, chi2 = np.empty((count, 2)), np.empty(count)
    stars.flux = stars.flux.copy()
    compare_stars(stars.data, stars.weight, unit, stars.flux, float(gain), float(soft), CORE, residual, variance, shift,
                  chi2)
    return Comparison(unit, residual, variance, shift, chi2)


def improve(stars: StarStamps, accepted: np.ndarray, model: PsfModel, found: Comparison) -> PsfModel:
    """Model corrected by the regression of the accepted stars' residuals; `stars` are moved to the fitted centres."""
    terms = model.terms(stars.near_x, stars.near_y)
    _recentre(stars, found.shift, terms, accepted)
    residual, inverse = residual_samples(stars, found, model, PIXEL_CLIP)
    size, count = model.mask.shape[1], model.mask.shape[0]
    current = model.mask.reshape(count, -1).astype(float)
    planes = current + _regress(residual[accepted], inverse[accepted], terms[accepted], current)
    total = planes.sum(axis=1) * model.samp ** 2
    planes /= total[0]
    planes[1:] -= (total[1:] / total[0])[:, None] * planes[0]
    return replace(model, mask=planes.reshape(count, size, size))


def residual_samples(stars: StarStamps, found: Comparison, model: PsfModel,
                     pixel_clip: float) -> tuple[np.ndarray, np.ndarray]:
    """Residuals per unit flux on the model's grid and their inverse variances: two (m, size*size) float64 arrays."""
    used = np.isfinite(found.variance) & (found.residual ** 2 <= pixel_clip ** 2 * found.variance)
    size, samp = model.mask.shape[1], model.samp
    samples = np.empty((stars.x.size, size, size))
    _to_grid(stars, np.where(used, found.residual, 0.0), samp, samples)
    nearest = np.floor((np.arange(size) - size // 2) * samp + 0.5).astype(int) + stars.data.shape[1] // 2
    inverse = np.where(used, 1.0 / found.variance, 0.0)[:, nearest[:, None], nearest[None, :]]
    scale = stars.flux[:, None]
    return samples.reshape(stars.x.size, -1) / scale, inverse.reshape(stars.x.size, -1) * scale ** 2


def _recentre(stars: StarStamps, shift: np.ndarray, terms: np.ndarray, accepted: np.ndarray) -> None:
    """Move the stars to their fitted centres, less the smooth part, which belongs to the definition of position."""
    typical = np.linalg.lstsq(terms[accepted], shift[accepted], rcond=None)[0]
    moved = np.clip(shift - terms @ typical, -0.3, 0.3)
    stars.x, stars.y = stars.x + moved[:, 0], stars.y + moved[:, 1]


def _regress(residual: np.ndarray, inverse: np.ndarray, terms: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Weighted least squares of each sample: the (k, p) correction from (m, p) residuals and (m, k) terms.

    The variation planes carry a prior of mean zero and of width 0.3 constant planes (plus 0.1 % of the peak), so that
    the wings of a PSF from few stars do not vary at random.
    """
    k = terms.shape[1]
    products = (terms[:, :, None] * terms[:, None, :]).reshape(terms.shape[0], k * k)
    normal = (inverse.T @ products).reshape(-1, k, k)
    right = (inverse * residual).T @ terms
    width = 0.3 * np.abs(current[0]) + 1e-3 * current[0].max()
    prior = 1.0 / width ** 2
    for term in range(1, k):
        normal[:, term, term] += prior
        right[:, term] -= prior * current[term]
    normal += (1e-12 * np.trace(normal, axis1=1, axis2=2).max() + 1e-30) * np.eye(k)
    return np.linalg.solve(normal, right[:, :, None])[:, :, 0].T


def _to_grid(stars: StarStamps, stamps: np.ndarray, samp: float, out: np.ndarray) -> None:
    centre = stars.data.shape[1] // 2
    centre_stamps(np.ascontiguousarray(stamps), centre + stars.shift_x, centre + stars.shift_y, float(samp), out)
