"""The astrometric solution of one CCD against reference stars, and the checks without which it is not believed."""
from __future__ import annotations

import numpy as np
from astropy.io.fits import Header

from sediff.astrometry.adjust import CD, adjust_wcs, offsets, wcs_cards
from sediff.astrometry.match import find_offset, nearest_unique
from sediff.astrometry.solution import AstrometryOptions, Solution
from sediff.astrometry.tangent import project
from sediff.camera.wcs import pixel_scale, pixel_to_sky, read_wcs
from sediff.errors import BadData
from sediff.refcat.regions import from_vectors, separation, unit_vectors


def solve(x: np.ndarray, y: np.ndarray, flux: np.ndarray, sigma_px: np.ndarray, header: Header, ref_ra: np.ndarray,
          ref_dec: np.ndarray, ref_mag: np.ndarray, ref_sigma: np.ndarray | None = None,
          options: AstrometryOptions | None = None) -> Solution:
    """Fit CRVAL and the CD matrix of a CCD to reference stars, keeping its distortion.

    Parameters
    ----------
    x, y : ndarray, (n,) float64, 0-based pixels
        Detections; false ones may be among them.
    flux : ndarray, (n,), any unit
        Ranks them.
    sigma_px : ndarray, (n,), pixels
        Centroid error along one axis.
    header : Header
        Starting WCS, TPV, TAN or SIP with a CD matrix.
    ref_ra, ref_dec : ndarray, (m,) float64, deg
        Reference stars at the epoch of the exposure.
    ref_mag : ndarray, (m,), mag
        Ranks them.
    ref_sigma : ndarray, (m,), mas, optional
        Their position errors; none: zero.
    options : AstrometryOptions, optional
        Search ranges and limits.

    Returns
    -------
    Solution

    Raises
    ------
    BadData
        Too few detections or stars, no pattern that stands out, too few matches, residuals too large, or a change
        of scale or orientation that the telescope cannot have: the message gives the figures.
    """
    options = options or AstrometryOptions()
    cards = wcs_cards(header)
    detections = _ranked(np.asarray(flux, float), x, y, sigma_px)
    stars = _ranked(-np.asarray(ref_mag, float), ref_ra, ref_dec, np.zeros(len(ref_ra)) if ref_sigma is None else ref_sigma)
    for name, table in (('detections', detections), ('reference stars', stars)):
        if len(table[0]) < options.min_matched:
            raise BadData(f'astrometry needs {options.min_matched} {name}, there are {len(table[0])}')
    first, second, contrast = _first_match(cards, detections, stars, options)
    for tolerance in (2.0, 1.0, 0.5, 0.5):
        cards, first, second = _refine(cards, detections, stars, first, second, tolerance, options)
    return _judged(wcs_cards(header), cards, detections, stars, first, second, contrast, options)


def _ranked(rank: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
    """Columns without rows that are not finite, highest rank first."""
    columns = tuple(np.asarray(column, float) for column in columns)
    good = np.isfinite(rank) & np.all([np.isfinite(column) for column in columns], axis=0)
    order = np.flatnonzero(good)[np.argsort(-rank[good], kind='stable')]
    return tuple(column[order] for column in columns)


def _first_match(cards, detections, stars, options) -> tuple[np.ndarray, np.ndarray, float]:
    ra, dec = pixel_to_sky(read_wcs(cards), detections[0], detections[1])
    center = from_vectors(unit_vectors(ra, dec).sum(axis=0))
    xi, eta = project(ra, dec, *center)
    ref_xi, ref_eta = project(stars[0], stars[1], *center)
    margin = options.search_radius + 5.0
    near = ((ref_xi > xi.min() - margin) & (ref_xi < xi.max() + margin)
            & (ref_eta > eta.min() - margin) & (ref_eta < eta.max() + margin))
    chosen = np.flatnonzero(near)
    if chosen.size < options.min_matched:
        raise BadData(f'only {chosen.size} reference stars lie on the CCD or within {margin:.0f} arcsec of it; '
                      f'{options.min_matched} are needed')
    for n_det in (options.brightest, 4 * options.brightest):
        n_ref = n_det + n_det // 2
        pattern = find_offset(xi[:n_det], eta[:n_det], ref_xi[chosen[:n_ref]], ref_eta[chosen[:n_ref]],
                              options.search_radius, options.max_rotation)
        if pattern.contrast >= options.min_contrast or max(len(xi), chosen.size) <= n_det:
            break
    if pattern.contrast < options.min_contrast:
        raise BadData(f'no pattern of stars stands out: {pattern.votes} votes, contrast {pattern.contrast:.2f} '
                      f'(needed {options.min_contrast:.2f}) of {len(xi)} detections and {chosen.size} reference stars '
                      f'within {options.search_radius:.0f} arcsec; check the pointing and the reference stars')
    first, second = nearest_unique(*pattern.apply(xi, eta), ref_xi[chosen], ref_eta[chosen], 1.5)
    return first, chosen[second], pattern.contrast


def _refine(cards, detections, stars, first, second, tolerance, options):
    """Fit the given pairs, match again within `tolerance` (arcsec), clip, and fit what is left."""
    _enough(first, options)
    cards = _fitted(cards, detections, stars, first, second, options)
    ra, dec = pixel_to_sky(read_wcs(cards), detections[0], detections[1])
    origin = from_vectors(unit_vectors(ra, dec).sum(axis=0))
    first, second = nearest_unique(*project(ra, dec, *origin), *project(stars[0], stars[1], *origin), tolerance)
    keep = _clipped(cards, detections, stars, first, second, options)
    _enough(first[keep], options)
    return _fitted(cards, detections, stars, first[keep], second[keep], options), first[keep], second[keep]


def _fitted(cards, detections, stars, first, second, options) -> Header:
    sigma = _sigma(cards, detections, stars, first, second, options)
    return adjust_wcs(cards, detections[0][first], detections[1][first], stars[0][second], stars[1][second], sigma,
                      iterations=2)


def _sigma(cards, detections, stars, first, second, options) -> np.ndarray:
    scale = pixel_scale(read_wcs(cards))
    return np.sqrt((detections[2][first] * scale) ** 2 + (1e-3 * stars[2][second]) ** 2 + (1e-3 * options.floor) ** 2)


def _clipped(cards, detections, stars, first, second, options) -> np.ndarray:
    if len(first) == 0:
        return np.zeros(0, bool)
    east, north = offsets(cards, detections[0][first], detections[1][first], stars[0][second], stars[1][second])
    off = np.hypot(east, north) / (np.sqrt(2.0) * _sigma(cards, detections, stars, first, second, options))
    return off <= options.clip * max(1.0, np.median(off) / np.sqrt(np.log(2.0)))


def _enough(first, options) -> None:
    if len(first) < options.min_matched:
        raise BadData(f'astrometry matched {len(first)} stars, {options.min_matched} are needed; '
                      'check the pointing, the focus and the reference stars')


def _judged(start, cards, detections, stars, first, second, contrast, options) -> Solution:
    x, y = detections[0][first], detections[1][first]
    east, north = offsets(cards, x, y, stars[0][second], stars[1][second])
    sigma = _sigma(cards, detections, stars, first, second, options)
    n = len(first)
    freedom = 2 * n - 6
    rms_ra, rms_dec = (1e3 * float(np.sqrt(np.sum(value ** 2) * 2 / freedom)) for value in (east, north))
    if max(rms_ra, rms_dec) > options.max_rms:
        raise BadData(f'astrometric residuals of {n} stars are {rms_ra:.0f}, {rms_dec:.0f} mas along RA and Dec; '
                      f'at most {options.max_rms:.0f} mas are allowed')
    chance = _chance_matches(cards, detections, stars, 0.5)
    if n < 3.0 * chance:
        raise BadData(f'{n} matched stars are no proof where {chance:.0f} are expected by chance')
    rotation, scale_change = _linear_change(start, cards)
    if scale_change > options.max_scale_change or abs(rotation) > 2.0 * options.max_rotation:
        raise BadData(f'the fit to {n} stars turns the CCD by {rotation:.4f} deg and changes its scale by '
                      f'{100 * scale_change:.2f} %; the telescope cannot do that')
    moved = [pixel_to_sky(read_wcs(header), np.median(detections[0]), np.median(detections[1])) for header in (start, cards)]
    chi2 = float(np.sum((east ** 2 + north ** 2) / sigma ** 2) / freedom)
    return Solution(cards, n, rms_ra, rms_dec, chi2, 3600.0 * float(separation(*moved[0], *moved[1])), rotation,
                    float(contrast))


def _chance_matches(cards, detections, stars, radius: float) -> float:
    """Pairs expected within `radius` (arcsec) if detections and stars had nothing to do with each other."""
    ra, dec = pixel_to_sky(read_wcs(cards), detections[0], detections[1])
    center = from_vectors(unit_vectors(ra, dec).sum(axis=0))
    xi, eta = project(ra, dec, *center)
    ref_xi, ref_eta = project(stars[0], stars[1], *center)
    inside = (ref_xi > xi.min()) & (ref_xi < xi.max()) & (ref_eta > eta.min()) & (ref_eta < eta.max())
    area = max(float(np.ptp(xi) * np.ptp(eta)), 1.0)
    return len(xi) * int(inside.sum()) * np.pi * radius ** 2 / area


def _linear_change(start: Header, cards: Header) -> tuple[float, float]:
    """Rotation (deg) and largest relative scale change between two headers."""
    old, new = (np.array([float(header[keyword]) for keyword in CD]).reshape(2, 2) for header in (start, cards))
    change = new @ np.linalg.inv(old)
    rotation = np.degrees(np.arctan2(change[1, 0] - change[0, 1], change[0, 0] + change[1, 1]))
    return float(rotation), float(np.abs(np.linalg.svd(change, compute_uv=False) - 1.0).max())
