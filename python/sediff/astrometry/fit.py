"""The astrometric solution of one CCD against reference stars, and the checks that it must pass."""
from __future__ import annotations

import numpy as np
from astropy.io.fits import Header

from sediff.astrometry.adjust import adjust
from sediff.astrometry.match import find_offset, nearest_unique
from sediff.astrometry.order import Bend, bend, choose_bend, exact_bend
from sediff.astrometry.solution import AstrometryOptions, Solution
from sediff.astrometry.tables import Stars
from sediff.astrometry.tangent import project
from sediff.astrometry.tpv import Tpv
from sediff.errors import BadData
from sediff.sphere import from_vectors, separation, unit_vectors

#: How near (arcsec) a detection must come to its star, from the first fit to the last.
TOLERANCES = (2.0, 1.0, 0.5)
#: Beyond this declination (deg) north turns with the pointing; the most that the search for the rotation is widened, deg.
POLE, POLE_TURN = 85.0, 2.0


def solve(x: np.ndarray, y: np.ndarray, flux: np.ndarray, sigma_px: np.ndarray, header: Header, ref_ra: np.ndarray,
          ref_dec: np.ndarray, ref_mag: np.ndarray, ref_sigma: np.ndarray | None = None,
          options: AstrometryOptions | None = None) -> Solution:
    """Fit the pointing and the linear terms of a CCD to reference stars, and its distortion where the stars warrant it.

    Parameters
    ----------
    x, y : ndarray, (n,) float64, 0-based pixels
        Detections; false ones may be among them.
    flux : ndarray, (n,), any unit
        Ranks them.
    sigma_px : ndarray, (n,), pixels
        Centroid error along one axis.
    header : Header
        Starting WCS: TPV, TAN or SIP.
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
        Too few detections or stars, no significant pattern, too few matches, residuals too large, or a change
        of scale or orientation that the telescope cannot have: the message gives the metrics.
    """
    options = options or AstrometryOptions()
    start = Tpv.of(header)
    stars = Stars.ranked(x, y, flux, sigma_px, ref_ra, ref_dec, ref_mag, ref_sigma)
    for name, count in (('detections', len(stars.x)), ('reference stars', len(stars.ra))):
        if count < options.min_matched:
            raise BadData(f'astrometry needs {options.min_matched} {name}, there are {count}')
    stars, first, second, contrast = _first_match(start, stars, options)
    model = start
    for tolerance in TOLERANCES:
        model, first, second = _refined(model, stars, first, second, tolerance, options)
    model, first, second, found = _bent(model, stars, first, second, options)
    return _judged(start, model, stars, first, second, contrast, found, options)


def _first_match(model: Tpv, stars: Stars, options: AstrometryOptions) -> tuple[Stars, np.ndarray, np.ndarray, float]:
    """Reference stars near the CCD, and the pairs that the best shift and rotation make."""
    sky = model.sky(stars.x, stars.y)
    center = from_vectors(unit_vectors(*sky).sum(axis=0))
    xi, eta = project(*sky, *center)
    ref_xi, ref_eta = project(stars.ra, stars.dec, *center)
    # Near a pole a wrong pointing turns north as well; a turn about the optical axis moves a CCD off it.
    turn = options.max_rotation + min(options.search_radius / 3600.0 * abs(np.tan(np.radians(center[1]))), POLE_TURN)
    radius = options.search_radius + 3600.0 * float(separation(*center, *model.crval)) * np.radians(options.max_rotation)
    margin = radius + 5.0
    near = np.flatnonzero((ref_xi > xi.min() - margin) & (ref_xi < xi.max() + margin)
                          & (ref_eta > eta.min() - margin) & (ref_eta < eta.max() + margin))
    if near.size < options.min_matched:
        raise BadData(f'only {near.size} reference stars lie on the CCD or within {margin:.0f} arcsec of it; '
                      f'{options.min_matched} are needed')
    ref_xi, ref_eta = ref_xi[near], ref_eta[near]
    for n_det in (options.brightest, 4 * options.brightest):
        n_ref = n_det + n_det // 2
        pattern = find_offset(xi[:n_det], eta[:n_det], ref_xi[:n_ref], ref_eta[:n_ref], radius, turn)
        if pattern.contrast >= options.min_contrast or max(len(xi), near.size) <= n_det:
            break
    if pattern.contrast < options.min_contrast:
        raise BadData(f'no significant match of star patterns: {pattern.votes} votes, contrast {pattern.contrast:.2f} '
                      f'(needed {options.min_contrast:.2f}) of {len(xi)} detections and {near.size} reference stars '
                      f'within {options.search_radius:.0f} arcsec; check the pointing and the reference stars')
    first, second = nearest_unique(*pattern.apply(xi, eta), ref_xi, ref_eta, 1.5)
    return stars.only(near), first, second, pattern.contrast


def _refined(model, stars, first, second, tolerance, options) -> tuple[Tpv, np.ndarray, np.ndarray]:
    """Fit the given pairs, match again within `tolerance` (arcsec), clip, and fit what is left."""
    _enough(first, options)
    model = _linear(model, stars, first, second, options)
    first, second = stars.pairs(model, tolerance)
    keep = stars.unclipped(model, first, second, options)
    _enough(first[keep], options)
    return _linear(model, stars, first[keep], second[keep], options), first[keep], second[keep]


def _linear(model, stars: Stars, first, second, options) -> Tpv:
    return adjust(model, *stars.matched(first, second), stars.sigma(model, first, second, options.floor))


def _bent(model, stars, first, second, options) -> tuple[Tpv, np.ndarray, np.ndarray, Bend]:
    """Choose the order, put the polynomial into the solution, match and clip again, and fit that order once more."""
    corners = np.array([[stars.x.min(), stars.y.min()], [stars.x.max(), stars.y.max()]])
    center, half = corners.mean(axis=0), np.maximum(np.ptp(corners, axis=0) / 2.0, 1.0)

    def data(pairs) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Places of matched pairs in units of the CCD, offsets that are left, and their errors."""
        x, y, ra, dec = stars.matched(*pairs)
        off_xi, off_eta = model.off(x, y, ra, dec)
        return ((x - center[0]) / half[0], (y - center[1]) / half[1], -off_xi, -off_eta,
                stars.sigma(model, *pairs, options.floor))

    found = choose_bend(*data((first, second)), options.max_order)
    if found.order > 1:
        model = bend(model, found, center, half)
    first, second = stars.pairs(model, TOLERANCES[-1])
    keep = stars.unclipped(model, first, second, options)
    first, second = first[keep], second[keep]
    _enough(first, options)
    if found.order == 1:
        return _linear(model, stars, first, second, options), first, second, found
    found = exact_bend(found.order, *data((first, second)))
    return bend(model, found, center, half), first, second, found


def _enough(first, options) -> None:
    if len(first) < options.min_matched:
        raise BadData(f'astrometry matched {len(first)} stars, {options.min_matched} are needed; '
                      'check the pointing, the focus and the reference stars')


def _judged(start: Tpv, model: Tpv, stars: Stars, first, second, contrast, found: Bend, options) -> Solution:
    east, north = model.off(*stars.matched(first, second))
    sigma = stars.sigma(model, first, second, options.floor)
    n = len(first)
    freedom = max(2 * n - (found.order + 1) * (found.order + 2), 1)
    rms_ra, rms_dec = (1e3 * float(np.sqrt(np.sum(value ** 2) * 2 / freedom)) for value in (east, north))
    if max(rms_ra, rms_dec) > options.max_rms:
        raise BadData(f'astrometric residuals of {n} stars are {rms_ra:.0f}, {rms_dec:.0f} mas along RA and Dec; '
                      f'at most {options.max_rms:.0f} mas are allowed; check focus, guiding and the date of the exposure')
    chance = stars.chance(model, TOLERANCES[-1])
    if n < 3.0 * chance:
        raise BadData(f'{n} matched stars prove nothing where {chance:.0f} are expected by chance')
    rotation, scale_change = linear_change(start, model, stars)
    if scale_change > options.max_scale_change or abs(rotation) > 2.0 * options.max_rotation:
        raise BadData(f'the fit to {n} stars turns the CCD by {rotation:.4f} deg and changes its scale by '
                      f'{100 * scale_change:.2f} %; the telescope cannot do that')
    moved = [each.sky(np.median(stars.x), np.median(stars.y)) for each in (start, model)]
    chi2 = float(np.sum((east ** 2 + north ** 2) / sigma ** 2) / freedom)
    return Solution(model.header(), n, rms_ra, rms_dec, chi2, 3600.0 * float(separation(*moved[0], *moved[1])), rotation,
                    float(contrast), found.order, 'own', found.held_out)


def linear_change(start: Tpv, model: Tpv, stars: Stars) -> tuple[float, float]:
    """Rotation (deg, east of north) and largest relative scale change over the detections between two solutions.

    The rotation is against north; close to a pole, where north turns with the pointing, against the sky if that is less.
    """
    places = (np.array([stars.x.min(), stars.x.max(), stars.x.min(), stars.x.max()]),
              np.array([stars.y.min(), stars.y.min(), stars.y.max(), stars.y.max()]))
    old, new = (each.sky(*places) for each in (start, model))
    middle = from_vectors(unit_vectors(*old).sum(axis=0))
    changes = []
    for center in (middle, from_vectors(unit_vectors(*new).sum(axis=0))):
        arms = [np.stack(project(*pair, *origin)) for pair, origin in ((old, middle), (new, center))]
        before, after = (each - each.mean(axis=1, keepdims=True) for each in arms)
        changes.append(after @ np.linalg.pinv(before))
    turns = [float(np.degrees(np.arctan2(each[1, 0] - each[0, 1], each[0, 0] + each[1, 1]))) for each in changes]
    turn = min(turns, key=abs) if abs(middle[1]) > POLE else turns[1]
    return turn, float(np.abs(np.linalg.svd(changes[0], compute_uv=False) - 1.0).max())
