"""What a CCD's sky has beyond the smooth components, to the scale that is known: fringes, and detail in proportion to it.

Both are measured on bins of 4 x 4 pixels (`sky_bins`), objects left out in every exposure, and noise is kept out of them by
a Wiener filter (`sky_shrink`).
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from sediff.errors import BadData
from sediff.isr.sky_bins import polynomial, polynomial_terms, standing_out
from sediff.isr.sky_shrink import shrink
from sediff.stats import robust_sigma

#: Degree of the polynomial over a CCD that takes up what the components of the focal plane leave.
DEGREE = 3
#: Side (bins) of the surroundings of a gap.
BORDER = 9


@dataclass(frozen=True)
class Left:
    """What is left of a CCD's sky after its components: a polynomial and the strength of a pattern.

    Parameters
    ----------
    polynomial : ndarray, (terms,) electrons
        See `sky_bins.polynomial`, of degree `DEGREE`.
    strength, error : float, electrons
        0 without a pattern.
    sky : ndarray, (ny, nx) bool
        Bins without objects.
    """

    polynomial: np.ndarray
    strength: float
    error: float
    sky: np.ndarray


def fit_left(bins: np.ndarray, weight: np.ndarray, pattern: np.ndarray | None = None, passes: int = 6,
             rough: bool = False, wide: bool = True, border: np.ndarray | None = None) -> Left:
    """Least squares for a polynomial and a pattern together, objects left out; those are found again in each pass.

    Every second row and column of the bins is fitted, objects are looked for on all.

    Parameters
    ----------
    bins : ndarray, (ny, nx) float32, electrons
        Smooth sky subtracted.
    weight : ndarray, (ny, nx) float32, electrons^-2
        Inverse variances, 0 where nothing is known.
    pattern : ndarray, (ny, nx) float32, optional
    rough : bool
        Leave out only what exceeds all the structure that there is: for a first guess, before a pattern is known
        whose crests would count as objects.
    wide : bool
        Whether faint wide wings are looked for in the end; a pattern that is not known to 10 % would count as such.
    border : ndarray, (ny, nx) bool, optional
        Bins where nothing is taken for an object: beside gaps in the pattern, where it is not well known.
    """
    part = np.s_[::2, ::2]
    terms = polynomial_terms(bins.shape, DEGREE)[:, *part]
    if pattern is not None:
        terms = np.concatenate([terms, pattern[part][None]])
    terms = terms.reshape(len(terms), -1)
    known = weight > 0
    if not known.any():
        raise BadData('no pixel of the CCD is usable: all amplifiers are dead or masked; leave this CCD out')
    sky = known & (np.abs(bins - np.median(bins[known])) <= 3.0 * robust_sigma(bins[known]))
    for number in range(passes):
        share = np.where(sky, weight, np.float32(0))[part].ravel()
        weighted = terms * share
        matrix = (weighted @ terms.T).astype(float)
        solution = np.linalg.lstsq(matrix, (weighted @ bins[part].ravel()).astype(float), rcond=1e-8)[0]
        strength = 0.0 if pattern is None else solution[-1]
        coefficients = solution if pattern is None else solution[:-1]
        residual = bins - polynomial(coefficients, bins.shape, DEGREE)
        residual = residual if pattern is None else residual - np.float32(strength) * pattern
        sky = _without_objects(residual, weight, known, rough, wide and number >= passes - 2)
        sky = known & (sky if border is None else sky | border)
    error = 0.0 if pattern is None else float(np.sqrt(np.linalg.pinv(matrix)[-1, -1]))
    return Left(coefficients, float(strength), error, sky)


def _without_objects(residual: np.ndarray, weight: np.ndarray, known: np.ndarray, rough: bool, wide: bool) -> np.ndarray:
    """Bins that only the sky is in."""
    if rough:
        far = np.abs(residual) > 3.0 * robust_sigma(residual[known])
        return ~ndimage.maximum_filter(far & known, 5, mode='constant')
    scaled = residual * np.sqrt(weight)
    excess = max(robust_sigma(scaled[known]), 1.0)
    sky = ~standing_out(residual, weight, 3.5 * excess) & (scaled > -5.0 * excess)
    if wide:
        left = np.where(sky, weight, np.float32(0))
        sky &= ~standing_out(np.where(sky, residual, np.float32(0)), left, 5.0 * excess, wide=True)
    return sky


def build_pattern(bins: Sequence[np.ndarray], weights: Sequence[np.ndarray], levels: np.ndarray,
                  first: tuple[np.ndarray, Sequence[Left]] | None = None,
                  passes: int = 4) -> tuple[np.ndarray, list[Left]]:
    """The pattern that exposures share with a strength of its own in each (fringes), by alternating the two.

    Where all have an object on the same pixels the pattern has a gap, which is filled from around it; beside a gap no
    further objects are looked for, or the errors of the filling would make it grow.

    Parameters
    ----------
    bins : sequence of ndarray, (ny, nx) float32, electrons
        An exposure each, smooth sky subtracted.
    weights : sequence of ndarray, (ny, nx) float32, electrons^-2
    levels : ndarray, (exposures,)
        First guess of the strengths, up to a factor.
    first : (pattern, fits), optional
        A better first guess: what this function gave before.

    Returns
    -------
    pattern : ndarray, (ny, nx) float32
        rms 1.
    fits : list of Left
        Of each exposure with that pattern.
    """
    if first is None:
        strengths, pattern = np.asarray(levels, float) / np.median(levels), np.zeros(bins[0].shape, np.float32)
        fits = [fit_left(*pair, rough=True) for pair in zip(bins, weights)]
    else:
        pattern, fits = first[0], list(first[1])
        strengths = np.array([fit.strength for fit in fits])
    gap = np.zeros(pattern.shape, bool) if first is None else ~np.any([fit.sky for fit in fits], axis=0)
    for number in range(passes):
        planes = [_left_over(*pair) for pair in zip(bins, fits)]
        shares = [np.where(fit.sky, weight, np.float32(0)) for fit, weight in zip(fits, weights)]
        if first is not None or number > 0:
            shares = [np.where(np.abs(plane - np.float32(strength) * pattern) * np.sqrt(weight) < 5.0, share, np.float32(0))
                      for plane, strength, weight, share in zip(planes, strengths, weights, shares)]
        mean, norm = _mean(planes, shares, strengths)
        pattern = shrink(mean, norm, thorough=number == passes - 1)
        pattern = pattern / max(float(np.sqrt(np.mean(pattern[norm > 0] ** 2))), 1e-30)
        border = ndimage.maximum_filter(gap, BORDER) & ~gap
        fits = [fit_left(plane, np.where(gap, np.float32(0), weight), pattern, wide=number >= passes - 2, border=border)
                for plane, weight in zip(bins, weights)]
        gap |= ~np.any([fit.sky for fit in fits], axis=0)
        strengths = np.array([fit.strength for fit in fits])
    return pattern, fits


def build_detail(bins: Sequence[np.ndarray], weights: Sequence[np.ndarray], levels: np.ndarray,
                 fits: Sequence[Left], pattern: np.ndarray | None) -> np.ndarray:
    """What is in proportion to the sky and not smooth, over the sky: (ny, nx) float32."""
    planes = [_left_over(plane, fit, pattern) for plane, fit in zip(bins, fits)]
    shares = [np.where(fit.sky, weight, np.float32(0)) for fit, weight in zip(fits, weights)]
    return shrink(*_mean(planes, shares, levels), bins[0].shape[1] // 2)


def fixed_objects(bins: Sequence[np.ndarray], weights: Sequence[np.ndarray], fits: Sequence[Left],
                  pattern: np.ndarray | None, sigma: float = 4.0) -> np.ndarray:
    """Faint objects that lie on the same pixels in all exposures, where these are not dithered: (ny, nx) bool.

    They are significant in the mean of the exposures, and are sharper than anything that the sky has.
    """
    planes = [_left_over(plane, fit, pattern) for plane, fit in zip(bins, fits)]
    shares = [np.where(fit.sky, weight, np.float32(0)) for fit, weight in zip(fits, weights)]
    mean, norm = _mean(planes, shares, np.ones(len(bins)))
    beside_gaps = ndimage.maximum_filter(norm <= 0, BORDER)
    return standing_out(mean - ndimage.median_filter(mean, 9, mode='nearest'), norm, sigma) & ~beside_gaps


def _left_over(plane: np.ndarray, fit: Left, pattern: np.ndarray | None = None) -> np.ndarray:
    """An exposure's bins without its polynomial, and without its pattern where one is given."""
    rest = plane - polynomial(fit.polynomial, plane.shape, DEGREE)
    return rest if pattern is None else rest - np.float32(fit.strength) * pattern


def _mean(planes: Sequence[np.ndarray], weights: Sequence[np.ndarray],
          factors: Sequence[float] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What multiplies the factors in all planes, by weighted least squares, and its inverse variance."""
    total, norm = np.zeros(planes[0].shape, np.float32), np.zeros(planes[0].shape, np.float32)
    for plane, weight, factor in zip(planes, weights, factors):
        total += np.float32(factor) * weight * plane
        norm += np.float32(factor ** 2) * weight
    return total / np.maximum(norm, 1e-30), norm
