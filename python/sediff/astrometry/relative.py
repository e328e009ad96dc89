"""The small correction that lays a template image's WCS onto the search image's catalogue."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.io.fits import Header

from sediff.astrometry.adjust import adjust_wcs, offsets, wcs_cards
from sediff.astrometry.match import find_offset, nearest_unique
from sediff.astrometry.tangent import project
from sediff.sphere import from_vectors, unit_vectors
from sediff.wcs.read import pixel_to_sky, read_wcs


@dataclass(frozen=True)
class RelativeOptions:
    """What is corrected and what is rejected.

    Parameters
    ----------
    radius : float
        Largest offset sought, arcsec.
    tolerance : float
        How near a template star must come to its search star after the common offset, arcsec.
    min_linear : int
        Stars needed for shift and 2x2 matrix; fewer: shift alone.
    min_shift : int
        Stars needed for a shift; fewer: no correction.
    max_rms : float
        Largest rms residual along either axis after the correction, mas.
    max_shift : float
        Largest mean offset, arcsec; more than this is a wrong solution, not a residual.
    clip : float
        Stars further off than this many robust scatters are rejected.
    """

    radius: float = 3.0
    tolerance: float = 1.0
    min_linear: int = 30
    min_shift: int = 5
    max_rms: float = 150.0
    max_shift: float = 1.0
    clip: float = 3.5


@dataclass(frozen=True)
class RelativeCorrection:
    """Outcome of `relative_correction`.

    Parameters
    ----------
    header : Header
        Corrected WCS cards; the input's own where `kind` is 'none'.
    kind : str
        'linear', 'shift' or 'none'.
    reason : str
        Why nothing was changed; '' otherwise.
    n_matched : int
        Stars used.
    shift_ra, shift_dec : float
        Mean offset taken out, east and north, mas (template minus search).
    rms_before, rms_after : float
        Residual along one axis, mas, mean offset included before; NaN with no stars.
    """

    header: Header
    kind: str
    reason: str
    n_matched: int
    shift_ra: float
    shift_dec: float
    rms_before: float
    rms_after: float


def relative_correction(x: np.ndarray, y: np.ndarray, header: Header, ra: np.ndarray, dec: np.ndarray,
                        sigma: np.ndarray | None = None, options: RelativeOptions | None = None) -> RelativeCorrection:
    """Correct a template's WCS such that its stars fall on the search image's.

    Parameters
    ----------
    x, y : ndarray, (n,) float64, 0-based pixels
        Stars of the template's catalogue.
    header : Header
        The template's WCS.
    ra, dec : ndarray, (m,) float64, deg
        Stars of the search image, by its own solution.
    sigma : ndarray, (n,), arcsec, optional
        Position errors of the template stars; none: all equal.
    options : RelativeOptions, optional
        Ranges and limits.

    Returns
    -------
    RelativeCorrection
        Never fails for want of stars: the header then comes back unchanged, with the reason.

    Raises
    ------
    BadData
        The header has no WCS that can be adjusted.
    """
    options = options or RelativeOptions()
    cards = wcs_cards(header)
    sigma = np.full(len(x), 0.03) if sigma is None else np.asarray(sigma, float)
    x, y, sigma = _finite(x, y, sigma)
    ra, dec = _finite(ra, dec)
    first, second = _matched(cards, x, y, ra, dec, options)
    first, second = _clipped(cards, x, y, ra, dec, first, second, options)
    n = len(first)
    if n < options.min_shift:
        return _unchanged(cards, n, f'{n} common stars, {options.min_shift} are needed')
    pairs = x[first], y[first], ra[second], dec[second]
    east, north = offsets(cards, *pairs)
    shift, before = (float(np.median(east)), float(np.median(north))), _rms(east, north)
    if np.hypot(*shift) > options.max_shift:
        return _unchanged(cards, n, f'mean offset {np.hypot(*shift):.2f} arcsec, at most {options.max_shift:.2f} are '
                          'corrected: one of the two solutions is wrong', shift, before)
    linear = n >= options.min_linear
    fitted = adjust_wcs(cards, *pairs, sigma[first], linear=linear)
    after = _rms(*offsets(fitted, *pairs))
    if after > options.max_rms:
        return _unchanged(cards, n, f'residuals {after:.0f} mas after the correction, at most {options.max_rms:.0f} are '
                          'allowed', shift, before)
    return RelativeCorrection(fitted, 'linear' if linear else 'shift', '', n, 1e3 * shift[0], 1e3 * shift[1], before, after)


def _finite(*columns) -> tuple[np.ndarray, ...]:
    columns = tuple(np.asarray(column, float) for column in columns)
    good = np.all([np.isfinite(column) for column in columns], axis=0)
    return tuple(column[good] for column in columns)


def _matched(cards, x, y, ra, dec, options) -> tuple[np.ndarray, np.ndarray]:
    if len(x) == 0 or len(ra) == 0:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    sky = pixel_to_sky(read_wcs(cards), x, y)
    center = from_vectors(unit_vectors(*sky).sum(axis=0))
    xi, eta = project(*sky, *center)
    ref_xi, ref_eta = project(ra, dec, *center)
    near = np.flatnonzero(np.isfinite(ref_xi))
    pattern = find_offset(xi, eta, ref_xi[near], ref_eta[near], options.radius, 0.0)
    first, second = nearest_unique(*pattern.apply(xi, eta), ref_xi[near], ref_eta[near], options.tolerance)
    return first, near[second]


def _clipped(cards, x, y, ra, dec, first, second, options) -> tuple[np.ndarray, np.ndarray]:
    for _ in range(5):
        if len(first) < options.min_shift:
            break
        east, north = offsets(cards, x[first], y[first], ra[second], dec[second])
        off = np.hypot(east - np.median(east), north - np.median(north))
        keep = off <= options.clip * max(np.median(off) / np.sqrt(2.0 * np.log(2.0)), 1e-3)
        if keep.all():
            break
        first, second = first[keep], second[keep]
    return first, second


def _rms(east: np.ndarray, north: np.ndarray) -> float:
    return 1e3 * float(np.sqrt(np.mean(east ** 2 + north ** 2) / 2.0))


def _unchanged(cards, n, reason, shift=(0.0, 0.0), before=np.nan) -> RelativeCorrection:
    return RelativeCorrection(cards, 'none', reason, n, 1e3 * shift[0], 1e3 * shift[1], before, before)
