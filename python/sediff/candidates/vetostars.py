"""Detections near listed stars: variable stars, what bad subtraction leaves, and sources of their own."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from sediff.candidates.forced import forced_photometry
from sediff.detect.matched import FWHM_OF_SIGMA, PsfAt
from sediff.detect.table import Flag

#: A detection so near to a star (FWHM), or within so many errors of both positions, is the star.
AT_STAR = 0.4
#: A variation, or a source in a star's false light, is this many times the error that the star leaves there.
SIGNIFICANT = 5.0
#: Largest misfit of a PSF-shaped source: sqrt(chi2 - 1) / SNR; largest |aperture / PSF flux - 1| besides two errors.
MISFIT, APERTURE_MISFIT = 0.15, 0.5
#: A ring in which the score scatters more holds false light; the farthest such ring that is looked for, px.
DISTURBED, FARTHEST = 1.3, 400.0
#: Relative error of stars' fluxes in the difference: at least this, and from at least so many stars of like magnitude.
LEAST_ERROR, LIKE_STARS = 0.002, 12
#: Share of the PSF that must be usable where the difference is judged.
_COVERAGE = 0.3


@dataclass(frozen=True)
class StarVerdict:
    """What the stars make of each detection.

    Parameters
    ----------
    vetoed : ndarray, (n,) bool
        It is not above what the subtraction of a star leaves there.
    variable : ndarray, (n,) bool
        It is the variation of a star.
    """

    vetoed: np.ndarray
    variable: np.ndarray


@dataclass(frozen=True)
class Surroundings:
    """The planes that the stars' residuals are measured in.

    Parameters
    ----------
    difference, sigma : ndarray, (ny, nx) float32
        Difference image and its noise per pixel (calibrated), electrons.
    bad : ndarray, (ny, nx) bool
    psf_at : callable
        ``psf_at(x, y, size)`` gives the unit-flux PSF of the difference at 0-based x, y.
    fwhm : float
        FWHM of the noise-equivalent Gaussian of the PSF, px.
    zero_point : float
        AB mag of one electron.
    """

    difference: np.ndarray
    sigma: np.ndarray
    bad: np.ndarray
    psf_at: PsfAt
    fwhm: float
    zero_point: float


def judge_near_stars(detections: np.ndarray, stars: np.ndarray, planes: Surroundings, magnitude: float,
                     scale: float = 1.0) -> StarVerdict:
    """Whether each detection is a star's variation, its residual, or neither.

    Parameters
    ----------
    detections : structured ndarray, (n,)
        Of `sediff.detect.detect`.
    stars : structured ndarray, (m,)
        x, y (0-based px), mag, radius (px): a list of SNVETO.
    magnitude : float
        Fainter stars do not veto (VETOMAG); their variations are known as such all the same.
    scale : float
        The radii are multiplied by this (VETO_SCALE).

    Notes
    -----
    At a star's position a PSF-shaped detection whose flux exceeds SIGNIFICANT times its error, that of the star's photons
    and the relative error that stars of like magnitude show in this difference, is a variable star; another one is vetoed.
    Elsewhere a detection is judged against the scatter of the score at its distance from the star, on the other sides of
    it: out to the list's radius, beyond the masked core and as far as the rings scatter more than noise, it is vetoed when
    it is less than SIGNIFICANT times that scatter or not PSF-shaped.
    """
    count = len(detections)
    vetoed, variable = np.zeros(count, bool), np.zeros(count, bool)
    if not count or not len(stars):
        return StarVerdict(vetoed, variable)
    places = np.column_stack([detections['X_IMAGE'] - 1.0, detections['Y_IMAGE'] - 1.0])
    tree, shaped = cKDTree(places), psf_shaped(detections)
    owner, distance = _nearest(places, stars)
    at_star = distance <= AT_STAR * planes.fwhm
    chosen = np.flatnonzero(at_star)
    if chosen.size:
        limit = SIGNIFICANT * variation_error(detections['FLUXERR_PSF'][chosen], stars, owner[chosen], planes)
        variable[chosen] = shaped[chosen] & (np.abs(detections['FLUX_PSF'][chosen]) > limit)
        vetoed[chosen] = ~variable[chosen] & (stars['mag'][owner[chosen]] < magnitude)
    for star in stars[stars['mag'] < magnitude]:
        radius = max(scale * float(star['radius']), planes.fwhm)
        for member, scatter in _disturbed(places, tree, star, radius, planes):
            if not at_star[member]:
                vetoed[member] |= bool(not shaped[member] or detections['SNR'][member] < SIGNIFICANT * scatter)
    return StarVerdict(vetoed, variable)


def psf_shaped(detections: np.ndarray) -> np.ndarray:
    """Detections that look like one point source: no dipole, no misfit, the aperture's flux that of the PSF: (n,) bool."""
    snr = np.maximum(detections['SNR'], 1e-3)
    misfit = np.sqrt(np.maximum(detections['CHI2_PSF'] - 1.0, 0.0)) / snr
    flux = np.where(detections['FLUX_PSF'] == 0.0, 1e-6, detections['FLUX_PSF'])
    excess = np.abs(detections['FLUX_APER'] / flux - 1.0) - 2.0 * detections['FLUXERR_APER'] / np.abs(flux)
    return (detections['FLAGS'] & Flag.DIPOLE == 0) & (misfit < MISFIT) & (excess < APERTURE_MISFIT)


def variation_error(flux_error: np.ndarray, stars: np.ndarray, owner: np.ndarray, planes: Surroundings) -> np.ndarray:
    """Error (electrons) of the variation of the star `owner` (n,) of each of n detections with these flux errors.

    sqrt(sky^2 + 2 F + (e F)^2): sky and read noise, the photons of a star of flux F in both images, and the relative error
    e of the LIKE_STARS stars of the list that are nearest in magnitude: the median of their |flux| in the difference over
    their F, as that of a normal law, less the noise.
    """
    flux = 10.0 ** (0.4 * (planes.zero_point - np.asarray(stars['mag'], float)))
    ny, nx = planes.difference.shape
    inside = np.flatnonzero((stars['x'] > 0) & (stars['x'] < nx - 1) & (stars['y'] > 0) & (stars['y'] < ny - 1))
    found = forced_photometry(planes.difference, np.where(planes.bad, 0.0, planes.sigma ** 2).astype(np.float32), planes.bad,
                              planes.psf_at, stars['x'][inside], stars['y'][inside])
    whole = found['GOOD_FRACTION'] > 0.9
    reference, found = inside[whole], found[whole]
    error = np.full(len(owner), LEAST_ERROR)
    for row, star in enumerate(owner if len(reference) else ()):
        near = np.argsort(np.abs(stars['mag'][reference] - stars['mag'][star]))[:LIKE_STARS]
        own = flux[reference[near]]
        spread = 1.4826 * np.median(np.abs(found['FLUX'][near]) / own)
        noise = np.median(np.sqrt(found['FLUXERR'][near] ** 2 + 2.0 * own) / own)
        error[row] = np.sqrt(max(spread ** 2 - noise ** 2, LEAST_ERROR ** 2))
    return np.sqrt(np.asarray(flux_error, float) ** 2 + 2.0 * flux[owner] + (error * flux[owner]) ** 2)


def _nearest(places: np.ndarray, stars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    distance, owner = cKDTree(np.column_stack([stars['x'], stars['y']])).query(places)
    return owner, distance


def _disturbed(places: np.ndarray, tree: cKDTree, star: np.void, radius: float, planes: Surroundings):
    """(detection, scatter of the score at its distance from the star) of the detections in the star's false light."""
    x, y, half = float(star['x']), float(star['y']), max(2.0 * radius, radius + 4.0 * planes.fwhm)
    if not tree.query_ball_point((x, y), half):
        return
    score, usable, origin = local_score(planes, x, y, half)
    reach = _reach(score, usable, x - origin[0], y - origin[1], radius, half, planes.fwhm)
    while reach >= half - planes.fwhm and half < FARTHEST:
        half = min(2.0 * half, FARTHEST)
        score, usable, origin = local_score(planes, x, y, half)
        reach = _reach(score, usable, x - origin[0], y - origin[1], radius, half, planes.fwhm)
    rows, columns = np.indices(score.shape)
    from_star = np.hypot(columns + origin[0] - x, rows + origin[1] - y)
    for member in tree.query_ball_point((x, y), reach):
        at_x, at_y = places[member]
        distance = float(np.hypot(at_x - x, at_y - y))
        band = usable & (np.abs(from_star - distance) <= max(0.5 * planes.fwhm, 0.1 * distance))
        if distance < 2.0 * planes.fwhm:
            band |= usable & (from_star < distance)
        band &= np.hypot(columns + origin[0] - at_x, rows + origin[1] - at_y) > 1.25 * planes.fwhm
        values = score[band]
        if values.size >= 20:
            yield member, max(_scatter(values, distance < 2.5 * planes.fwhm), 1.0)


def _scatter(values: np.ndarray, few: bool) -> float:
    """Scatter of the score about zero; of few independent values the clipped rms, of many the robust one."""
    return float(np.sqrt(np.mean(np.clip(values, -20.0, 20.0) ** 2)) if few else 1.4826 * np.median(np.abs(values)))


def _reach(score: np.ndarray, usable: np.ndarray, x: float, y: float, radius: float, half: float, fwhm: float) -> float:
    """Radius (px) to which the star's false light goes: `radius`, and on ring by ring while they scatter or are masked."""
    rows, columns = np.indices(score.shape)
    ring = (np.hypot(columns - x, rows - y) / fwhm).astype(int)
    order = np.argsort(ring, axis=None)
    bounds = np.searchsorted(ring.ravel()[order], np.arange(int(half / fwhm) + 1))
    reach = radius
    for number in range(int(radius / fwhm), int(half / fwhm)):
        members = order[bounds[number]:bounds[number + 1]]
        good = members[usable.ravel()[members]]
        masked = 2 * good.size < members.size
        if not masked and (good.size < 20 or _scatter(score.ravel()[good], False) < DISTURBED):
            break
        reach = max(radius, (number + 2) * fwhm if masked else (number + 1) * fwhm)
    return min(reach, half)


def local_score(planes: Surroundings, x: float, y: float, half: float) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Significance of a point source around a place, with a Gaussian for the PSF.

    Returns
    -------
    score : ndarray, (h, w) float32
    usable : ndarray, (h, w) bool
    origin : (x, y) of its first pixel
    """
    ny, nx = planes.difference.shape
    x0, x1 = (int(np.clip(value, 0, nx)) for value in (x - half, x + half + 2))
    y0, y1 = (int(np.clip(value, 0, ny)) for value in (y - half, y + half + 2))
    cut, width = (slice(y0, y1), slice(x0, x1)), planes.fwhm / FWHM_OF_SIGMA
    good = ~planes.bad[cut] & np.isfinite(planes.sigma[cut]) & (planes.sigma[cut] > 0)
    chi = np.divide(planes.difference[cut], planes.sigma[cut], out=np.zeros(good.shape, np.float32), where=good)
    smooth = gaussian_filter(chi, width, mode='constant', truncate=3.0)
    share = gaussian_filter(good.astype(np.float32), width / np.sqrt(2.0), mode='constant', truncate=3.0)
    usable = good & (share > _COVERAGE)
    score = np.divide(smooth * np.float32(2.0 * width * np.sqrt(np.pi)), np.sqrt(np.maximum(share, 1e-6)),
                      out=np.zeros_like(smooth), where=usable)
    return score, usable, (x0, y0)
