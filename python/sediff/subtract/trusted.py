"""Errors of the stars' models in a difference, of stars whose motion is known and of those whose motion is not."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.stats import sigma_about
from sediff.subtract.background import Sky
from sediff.subtract.basis import FWHM_PER_SIGMA
from sediff.subtract.fit import Fit
from sediff.subtract.planes import Planes
from sediff.subtract.stamps import Stars
from sediff.subtract.trust import SHIFT_ERROR, ModelError, model_error, shift_error, star_residuals

#: Brightest objects that the errors are estimated from.
TRUST_STARS = 400
#: Objects broader than the stars by this factor are extended.
EXTENDED = 1.15
#: Fewest objects of a kind that their own error is estimated from.
LEAST_OF_A_KIND = 5
#: Objects of this signal to noise get an error of place of their own.
LEAST_SNR = 20.0
#: Colours (mag, rms about the usual one) of galaxies, and of stars whose colour is not known.
GALAXY_COLOURS, STAR_COLOURS = 0.3, 0.6


@dataclass(frozen=True)
class Trust:
    """Errors of the light subtracted, and stars whose place has another error than the rest: (n, 3) x, y, px."""

    error: ModelError
    places: np.ndarray


def trust_in(planes: Planes, model: np.ndarray, sky: Sky, variance: np.ndarray, mask: np.ndarray, stars: Stars, fit: Fit,
             photons: float, noise_factor: float) -> Trust:
    """Errors that the residuals of bright objects show.

    Parameters
    ----------
    model : ndarray, (ny, nx) float32
        The convolved and moved image.
    fit : Fit
        With the list of stars whose shifts are known.
    photons : float
        Variance of a unit of the model's light that `variance` leaves out.
    noise_factor : float
        See `sediff.subtract.trust.model_error`.

    Notes
    -----
    The error of place that all light has is that of stars with a known shift or, without a list, of extended objects,
    which do not move; where both are few, that of all. Stars without a known shift have theirs, or the spread of the
    known shifts.
    """
    bright = stars.take(np.arange(min(len(stars.x), TRUST_STARS)))
    width2 = float(np.median(bright.fwhm_science) / FWHM_PER_SIGMA) ** 2
    found = np.empty((len(bright.x), 8))
    star_residuals(planes.science, np.float32(planes.science_level), model, sky.at(bright.x, bright.y), variance,
                   photons, mask, bright.x, bright.y, width2, found)
    point = stars.fwhm_science < EXTENDED * np.median(bright.fwhm_science)
    known, unknown_shift = _listed(stars, fit)
    first = np.arange(len(bright.x))
    error = model_error(found, noise_factor)
    common = _first_of((found[known[first] & point[first]], found[~point[first]], found), noise_factor)
    apart = found[~known[first] & point[first]]
    other = shift_error(apart, noise_factor) if _enough(apart) else max(common, unknown_shift)
    slope = np.zeros(2) if fit.colour_shift is None else fit.colour_shift.slope
    own = np.where(known, common, np.hypot(other, STAR_COLOURS * np.hypot(*slope)))
    different = point & (stars.snr > LEAST_SNR) & (known & slope.any() | (own != common))
    places = np.stack([stars.x, stars.y, own], axis=1)[different]
    east, north = (float(v) for v in GALAXY_COLOURS * slope)
    return Trust(ModelError(error.flux, error.shape, common, (east, north)), places)


def _listed(stars: Stars, fit: Fit) -> tuple[np.ndarray, float]:
    """Which objects are stars of known shift and (where it matters) colour; the spread of the known shifts, px."""
    listed = fit.listed
    if listed is None or not len(listed.x):
        return np.zeros(len(stars.x), bool), 0.0
    index = listed.nearest(stars.x, stars.y)
    known = listed.known(index)
    if fit.colour_shift is not None:
        known &= np.isfinite(listed.colours(index))
    shift = listed.shift[np.isfinite(listed.shift).all(axis=1)]
    return known, sigma_about(shift)


def _enough(found: np.ndarray) -> bool:
    return int((found[:, SHIFT_ERROR] > 0).sum()) >= LEAST_OF_A_KIND


def _first_of(kinds: tuple[np.ndarray, ...], noise_factor: float) -> float:
    """Error of place of the first kind of objects that there are enough of."""
    return next((shift_error(found, noise_factor) for found in kinds if _enough(found)), 0.0)
