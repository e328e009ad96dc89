"""Fit of the PSF model to stars: each sample of the model is a polynomial in x and y.

A model of free samples as PSFEx's PIXEL basis (Bertin 2011, ASPC 442, 435), solved by passes: draw the current model at
each star, fit flux and centre, resample the residual (not the star) to the centre, and solve each sample's weighted
polynomial regression for the correction. Drawing and fitting share one interpolation, so that its errors cancel; masked
and deviant pixels count as equal to the model.
"""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sediff.errors import BadData
from sediff.psf.model import PsfModel
from sediff.psf.shape import stamp_fwhm
from sediff.psf.solve import PIXEL_CLIP, Comparison, compare, first_model, improve, residual_samples, with_degree
from sediff.psf.stamps import StarStamps, cut_stamps
from sediff.stats import robust_sigma, sigma_about

#: Model error as a fraction of the model, pass by pass: generous while the model is rough. One pass an entry.
SOFTENING = (0.20, 0.05, 0.02, 0.02)
#: Model error allowed in the reported chi2 (PSFEx's PSF_ACCURACY).
ACCURACY = 0.01


@dataclass
class PsfStatistics:
    """How well a model describes stars that took no part in its fit (those of the fit when none could be spared).

    Parameters
    ----------
    n_reserve : int
        Stars kept out of the fit.
    reserve : ndarray of int
        Their rows in the caller's arrays.
    residual_peak : float
        Largest |mean residual| of a sample over the model's peak; single pixels 5 sigma off are neighbours and rejected.
    residual_noise : float
        What noise alone makes of the central sample of that mean residual, over the peak.
    core_scatter : float
        Scatter (1.48 MAD) of summed residual over flux within one FWHM of the centre.
    chi2 : float
        Median reduced chi2 of the stars used, with a model error of 1 %.
    degree : int
        Degree used; lower than asked with few stars.
    """

    n_reserve: int = 0
    reserve: np.ndarray = field(default_factory=lambda: np.empty(0, int))
    residual_peak: float = 0.0
    residual_noise: float = 0.0
    core_scatter: float = 0.0
    chi2: float = 0.0
    degree: int = 0


def stamp_size(fwhm: float) -> int:
    """Side of the PSF stamp in pixels: 31, or 7.5 FWHM (odd) in bad seeing, at most 71."""
    return int(np.clip(2 * int(np.ceil(7.5 * fwhm / 2.0)) + 1, 31, 71))


def stars_needed(degree: int) -> int:
    """Fewest stars for a polynomial degree: 3 for a constant PSF, else three a coefficient and two more."""
    return 3 if degree == 0 else 3 * (degree + 1) * (degree + 2) // 2 + 2


def fit_psf(image: np.ndarray, weight: np.ndarray, mask: np.ndarray, x: np.ndarray, y: np.ndarray, flux: np.ndarray, *,
            size: int | None = None, degree: int = 2, samp: float = 1.0, segmentation: np.ndarray | None = None,
            gain: float = 1.0, clip: float = 4.0, reserve: float = 0.1,
            seed: int = 1) -> tuple[PsfModel, np.ndarray, PsfStatistics]:
    """Fit a position-dependent PSF to stars.

    Parameters
    ----------
    image, weight : ndarray, (ny, nx) float32
        Sky-subtracted flux and its inverse variance (sky and read noise).
    mask : ndarray, (ny, nx) uint16
        DES bits.
    x, y : ndarray, (m,) float
        0-based (windowed) positions of stars.
    flux : ndarray, (m,) float
        First guess of their fluxes.
    size : int, optional
        Odd side of the planes in samples; default `stamp_size` of the FWHM found.
    degree : int
        Polynomial degree asked for; lowered until `stars_needed` is met.
    samp : float
        Image pixels per sample.
    segmentation : ndarray, (ny, nx) int, optional
        Object numbers, to leave the neighbours' pixels out.
    gain : float
        Electrons per flux unit, for the stars' own noise.
    clip : float
        Stars whose chi2 exceeds the median by `clip` sigma are dropped.
    reserve : float
        Fraction of the stars kept out of the fit for the statistics, when there are 20 or more.
    seed : int
        Chooses which.

    Returns
    -------
    model : PsfModel
        Sum of the planes 1 / samp^2 at every position.
    used : ndarray of int
        Rows of `x` that made the model.
    statistics : PsfStatistics

    Raises
    ------
    BadData
        Fewer than three usable stars, or an even size.
    """
    stars, size = _gather(image, weight, mask, x, y, flux, segmentation, size, samp)
    spare = _choose_reserve(stars.x.size, reserve, seed)
    accepted = ~spare
    model = first_model(stars, accepted, size, samp, image.shape)
    for number, soft in enumerate(SOFTENING):
        model = _improved(stars, model, accepted, degree if number else 0, gain, clip, soft)
    final = compare(stars, model, gain, ACCURACY)
    model.chi2 = float(np.median(final.chi2[accepted]))
    model.fwhm = model.samp * stamp_fwhm(model.mask[0].astype(float))
    model.n_loaded, model.n_accepted = int(np.size(x)), int(accepted.sum())
    return model, stars.index[accepted], _statistics(stars, final, spare, accepted, model, clip)


def _improved(stars: StarStamps, model: PsfModel, accepted: np.ndarray, degree: int, gain: float, clip: float,
              soft: float) -> PsfModel:
    """One pass: outliers leave `accepted`, the others correct the model, of the degree that they support."""
    found = compare(stars, model, gain, soft)
    accepted &= ~_outliers(found.chi2, accepted, clip)
    possible = _possible_degree(int(accepted.sum()), degree)
    if possible < model.degree:
        found = compare(stars, with_degree(model, possible), gain, soft)
    return improve(stars, accepted, with_degree(model, possible), found)


def _gather(image, weight, mask, x, y, flux, segmentation, size: int | None,
            samp: float) -> tuple[StarStamps, int]:
    """Stamps of the usable stars and the size of the planes."""
    if size is not None and size % 2 == 0:
        raise BadData(f'the PSF planes need an odd side, got {size}')
    trial = stamp_size(0.0) if size is None else size
    stars = cut_stamps(image, weight, mask, x, y, flux, _pixels(trial, samp), segmentation)
    if stars.x.size >= 3 and size is None:
        rough = first_model(stars, np.ones(stars.x.size, bool), trial, samp, image.shape)
        size = _odd(stamp_size(samp * stamp_fwhm(rough.mask[0].astype(float))) / samp)
        stars = cut_stamps(image, weight, mask, x, y, flux, _pixels(size, samp), segmentation)
    if stars.x.size < 3:
        raise BadData(f'{stars.x.size} of {np.size(x)} PSF stars are usable (inside the image, unmasked core, positive '
                      'flux); at least 3 are needed: lower the S/N limit of the star selection')
    return stars, trial if size is None else size


def _pixels(size: int, samp: float) -> int:
    """Odd side in image pixels that covers `size` samples."""
    return _odd(size * samp)


def _odd(length: float) -> int:
    return 2 * int(np.ceil(length / 2.0 - 0.5)) + 1


def _choose_reserve(count: int, fraction: float, seed: int) -> np.ndarray:
    spare = np.zeros(count, bool)
    number = round(fraction * count) if count >= 20 else 0
    spare[np.random.default_rng(seed).permutation(count)[:number]] = True
    return spare


def _outliers(chi2: np.ndarray, accepted: np.ndarray, clip: float) -> np.ndarray:
    """Stars whose chi2 lies `clip` sigma above the accepted ones' median; the three best always stay."""
    middle = np.median(chi2[accepted])
    spread = sigma_about(chi2[accepted], middle)
    best = np.sort(chi2[accepted])[:stars_needed(0)]
    return chi2 > max(middle + clip * max(spread, 0.05 * middle), best[-1])


def _possible_degree(count: int, degree: int) -> int:
    """Highest degree up to `degree` that `count` stars allow."""
    return max(d for d in range(degree + 1) if count >= stars_needed(d))


def _statistics(stars: StarStamps, found: Comparison, spare: np.ndarray, accepted: np.ndarray, model: PsfModel,
                clip: float) -> PsfStatistics:
    judged = spare & ~_outliers(found.chi2, accepted, clip)
    judged = judged if judged.any() else accepted
    residual, inverse = residual_samples(stars, found, model, PIXEL_CLIP)
    weight = inverse[judged].sum(axis=0)
    mean = (inverse[judged] * residual[judged]).sum(axis=0) / np.maximum(weight, 1e-30)
    peak, centre = float(model.mask[0].max()), model.mask[0].size // 2
    rows, columns = np.indices(found.unit.shape[1:]) - found.unit.shape[1] // 2
    core = np.hypot(rows, columns) <= model.fwhm
    excess = found.residual[judged][:, core].sum(axis=1) / stars.flux[judged]
    scatter = robust_sigma(excess)
    return PsfStatistics(n_reserve=int(spare.sum()), reserve=stars.index[spare],
                         residual_peak=float(np.abs(mean).max()) / peak,
                         residual_noise=float(weight[centre] ** -0.5) / peak, core_scatter=scatter, chi2=model.chi2,
                         degree=model.degree)
