"""Detections near listed stars: variable stars, what bad subtraction leaves, and sources of their own."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from sediff.candidates.forced import forced_photometry
from sediff.ccdimage import Derived, Plane
from sediff.detect.matched import FWHM_OF_SIGMA, PsfAt, noise_area
from sediff.detect.measure import APERTURE
from sediff.detect.table import Flag
from sediff.stats import sigma_about

#: Relative error of stars' fluxes in the difference: at least the first, from so many other stars of like magnitude, and the
#: second where they are fewer than FEW_STARS.
LEAST_ERROR, WORST_ERROR, LIKE_STARS, FEW_STARS = 0.002, 0.02, 25, 5
#: Variance of the flux that the filter, of uniform weight, finds for a star whose photons come in two images: 2 sum p^3 /
#: (sum p^2)^2 of a Gaussian, times the flux.
PHOTONS = 8.0 / 3.0
#: Pixels of a ring, and stars of the list, that are looked at at most.
RING_PIXELS, MOST_STARS = 4000, 2000
#: Share of the PSF that must be usable where the difference is judged.
_COVERAGE = 0.3


@dataclass(frozen=True)
class StarLimits:
    """What makes a detection the star, PSF-shaped, significant.

    Parameters
    ----------
    at, on : float
        A detection so near to a star is the star; one this near lies on its light (both FWHM).
    significance : float
        A variation, or a source in a star's false light, is this many times the error that the star leaves there.
    misfit : float
        Largest sqrt(chi2 - 1) / SNR of a star that varies.
    aperture : float
        Largest |aperture / PSF flux - 1| of a PSF-shaped source besides two errors.
    opposite : float
        Largest opposite peak beside it, of its own.
    disturbed : float
        A ring in which the score scatters more holds false light.
    farthest : float
        The farthest such ring that is looked for, in units of the list's radius.
    """

    at: float = 0.4
    on: float = 1.5
    significance: float = 5.0
    misfit: float = 0.15
    aperture: float = 0.5
    opposite: float = 0.4
    disturbed: float = 1.3
    farthest: float = 4.0


@dataclass(frozen=True)
class StarVerdict:
    """What the stars make of each detection.

    Parameters
    ----------
    vetoed : ndarray, (n,) bool
        It is not above what the subtraction of a star leaves there.
    variable : ndarray, (n,) bool
        It is the variation of a star.
    significance : ndarray, (n,) float64
        Of what is vetoed: its flux over what the subtraction of the star leaves there, 0 where it is not PSF-shaped.
        Infinite elsewhere.
    variation : ndarray, (n,) float64
        Of what is variable: its flux over the error that the star leaves. 0 elsewhere.
    """

    vetoed: np.ndarray
    variable: np.ndarray
    significance: np.ndarray
    variation: np.ndarray

    @classmethod
    def of(cls, count: int, vetoed: np.ndarray | None = None) -> StarVerdict:
        """The verdict on `count` detections, none of them variable, by their places alone."""
        vetoed = np.zeros(count, bool) if vetoed is None else vetoed
        return cls(vetoed, np.zeros(count, bool), np.where(vetoed, 0.0, np.inf), np.zeros(count))


@dataclass(frozen=True)
class Surroundings:
    """The planes that the stars' residuals are measured in.

    Parameters
    ----------
    difference, sigma : ndarray, (ny, nx) float32
        Difference image and its noise per pixel (calibrated) of sky and read-out alone, electrons: the photons of stars are
        added here.
    bad : ndarray, (ny, nx) bool
    psf_at : callable
        ``psf_at(x, y, size)`` gives the unit-flux PSF of the difference at 0-based x, y.
    fwhm : float
        FWHM of the noise-equivalent Gaussian of the PSF, px.
    zero_point : float
        AB mag of one electron.
    """

    difference: np.ndarray
    sigma: Plane
    bad: np.ndarray
    psf_at: PsfAt
    fwhm: float
    zero_point: float


def judge_near_stars(detections: np.ndarray, stars: np.ndarray, planes: Surroundings, magnitude: float,
                     scale: float = 1.0, limits: StarLimits = StarLimits()) -> StarVerdict:
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
    limits : StarLimits

    Notes
    -----
    At a star's position a PSF-shaped detection whose flux exceeds `significance` times its error (`variation_error`: the
    star's photons, and the relative error that stars of like magnitude show in this difference) is a variable star; another
    one is vetoed, and likewise on the rest of the star's body. Elsewhere a detection is judged against the scatter of the
    score at its distance from the star, on the other sides of it: out to the list's radius, beyond the masked core and as
    far as the rings scatter more than noise (at most `farthest` radii), it is vetoed when it is less than `significance`
    times that scatter or not PSF-shaped.
    """
    count = len(detections)
    vetoed, variable = np.zeros(count, bool), np.zeros(count, bool)
    if not count or not len(stars):
        return StarVerdict.of(count)
    left, variation = np.full(count, np.inf), np.zeros(count)
    places = np.column_stack([detections['X_IMAGE'] - 1.0, detections['Y_IMAGE'] - 1.0])
    tree, shaped = cKDTree(places), psf_shaped(detections, planes.fwhm, limits)
    owner, distance = _nearest(places, stars)
    at_star, chosen = distance <= limits.at * planes.fwhm, np.flatnonzero(distance <= limits.on * planes.fwhm)
    shaped &= ~at_star | (_misfit(detections) < limits.misfit)
    sky_error = _sky_error(detections, planes)
    if chosen.size:
        error = variation_error(sky_error[chosen], stars, owner[chosen], distance[chosen], planes)
        clear = shaped[chosen] & (np.abs(detections['FLUX_PSF'][chosen]) > limits.significance * error)
        variable[chosen] = clear & at_star[chosen]
        vetoed[chosen] = ~clear & (stars['mag'][owner[chosen]] < magnitude)
        ratio = np.where(shaped[chosen], np.abs(detections['FLUX_PSF'][chosen]) / error, 0.0)
        left[chosen] = np.minimum(ratio, limits.significance)
        variation[chosen] = np.maximum(ratio, limits.significance)
    noise, significance = float(np.median(sky_error)), np.abs(detections['FLUX_PSF']) / sky_error
    for number in np.flatnonzero(stars['mag'] < magnitude):
        radius = max(scale * float(stars['radius'][number]), planes.fwhm)
        for member, scatter in _disturbed(places, tree, stars[number], radius, planes, noise, limits):
            if not (at_star[member] and owner[member] == number):
                beneath = bool(not shaped[member] or significance[member] < limits.significance * scatter)
                vetoed[member] |= beneath
                if beneath:
                    over = significance[member] / scatter if shaped[member] else 0.0
                    left[member] = min(left[member], over, limits.significance)
    variable &= ~vetoed
    return StarVerdict(vetoed, variable, np.where(vetoed, left, np.inf), np.where(variable, variation, 0.0))


def _sky_error(detections: np.ndarray, planes: Surroundings) -> np.ndarray:
    """Errors (electrons) of the detections' PSF fluxes from the sky alone: (n,) float64.

    Theirs hold the photons of what lies there besides; they are taken where no noise is known.
    """
    ny, nx = planes.sigma.shape
    columns, rows = (np.clip(np.rint(detections[name] - 1.0).astype(int), 0, size - 1)
                     for name, size in (('X_IMAGE', nx), ('Y_IMAGE', ny)))
    sigma = planes.sigma[rows, columns].astype(float)
    usable = ~planes.bad[rows, columns] & np.isfinite(sigma) & (sigma > 0.0)
    return np.where(usable, np.sqrt(noise_area(planes.fwhm)) * np.where(usable, sigma, 1.0), detections['FLUXERR_PSF'])


def psf_shaped(detections: np.ndarray, fwhm: float, limits: StarLimits = StarLimits()) -> np.ndarray:
    """Detections that look like one point source: no dipole, and the aperture's flux that of the PSF: (n,) bool.

    Chi square is not looked at, for the photons of a star beside the source are in it.
    """
    share = 1.0 - np.exp(-4.0 * np.log(2.0) * (APERTURE / fwhm) ** 2)       # of a Gaussian
    flux = share * np.where(detections['FLUX_PSF'] == 0.0, 1e-6, detections['FLUX_PSF'])
    excess = np.abs(detections['FLUX_APER'] / flux - 1.0) - 2.0 * detections['FLUXERR_APER'] / np.abs(flux)
    dipole = (detections['FLAGS'] & Flag.DIPOLE > 0) & (detections['DIPOLE_RATIO'] > limits.opposite)
    return ~dipole & (excess < limits.aperture)


def _misfit(detections: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(detections['CHI2_PSF'] - 1.0, 0.0)) / np.maximum(detections['SNR'], 1e-3)


def variation_error(flux_error: np.ndarray, stars: np.ndarray, owner: np.ndarray, distance: np.ndarray,
                    planes: Surroundings) -> np.ndarray:
    """Error (electrons) of a flux at some distance (px) from the star `owner` (n,), which has the sky's error besides.

    Notes
    -----
    variance = sky^2 + 8/3 F exp(-d^2 / 3 s^2) + (e F)^2 exp(-d^2 / 2 s^2), for a Gaussian PSF of width s: sky and read
    noise, the photons of a star of flux F in both images as the filter at d sees them, and the relative error e of the
    LIKE_STARS other stars that are nearest in magnitude: the median of their |flux| in the difference over their F,
    as that of a normal law, less the noise and a sigma of what so few stars tell of it.
    """
    flux = 10.0 ** (0.4 * (planes.zero_point - np.asarray(stars['mag'], float)))
    ny, nx = planes.difference.shape
    inside = np.flatnonzero((stars['x'] > 0) & (stars['x'] < nx - 1) & (stars['y'] > 0) & (stars['y'] < ny - 1))
    inside = inside[np.argsort(stars['mag'][inside], kind='stable')][::len(inside) // MOST_STARS + 1]
    variance = Derived(planes.bad.shape, lambda cut: np.where(planes.bad[cut], np.float32(0.0), planes.sigma[cut] ** 2))
    found = forced_photometry(planes.difference, variance, planes.bad, planes.psf_at, stars['x'][inside], stars['y'][inside])
    whole = found['GOOD_FRACTION'] > 0.9
    reference, found = inside[whole], found[whole]
    error = np.full(len(owner), WORST_ERROR)
    for row, star in enumerate(owner):
        near = np.argsort(np.abs(stars['mag'][reference] - stars['mag'][star]))
        near = near[reference[near] != star][:LIKE_STARS]
        if len(near) < FEW_STARS:
            continue
        own = flux[reference[near]]
        spread = sigma_about(found['FLUX'][near] / own)
        noise = np.median(np.sqrt(found['FLUXERR'][near] ** 2 + PHOTONS * own) / own)
        # the spread of n values is off by 1.17 / sqrt(2 n) of itself
        noise *= 1.0 + 1.17 / np.sqrt(2.0 * len(near))
        error[row] = np.sqrt(max(spread ** 2 - noise ** 2, LEAST_ERROR ** 2))
    square = (np.asarray(distance, float) / (planes.fwhm / FWHM_OF_SIGMA)) ** 2
    return np.sqrt(np.asarray(flux_error, float) ** 2 + PHOTONS * flux[owner] * np.exp(-square / 3.0)
                   + (error * flux[owner]) ** 2 * np.exp(-square / 2.0))


def _nearest(places: np.ndarray, stars: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    distance, owner = cKDTree(np.column_stack([stars['x'], stars['y']])).query(places)
    return owner, distance


def _disturbed(places: np.ndarray, tree: cKDTree, star: np.void, radius: float, planes: Surroundings, noise: float,
               limits: StarLimits):
    """(detection, scatter of the score at its distance from the star) of the detections in the star's false light.

    `noise` is the error (electrons) of a flux in the sky. The scatter is that beyond the noise of the star's photons.
    """
    x, y, half = float(star['x']), float(star['y']), limits.farthest * radius + planes.fwhm
    if not tree.query_ball_point((x, y), half):
        return
    score, usable, origin = local_score(planes, x, y, half)
    reach = _reach(score, usable, x - origin[0], y - origin[1], radius, half, planes.fwhm, limits.disturbed)
    own = _PhotonNoise(planes, float(star['mag']), noise)
    values, rows, columns, radii = _by_radius(score, usable, x - origin[0], y - origin[1])
    for member in tree.query_ball_point((x, y), reach):
        at_x, at_y = places[member] - origin
        distance = float(np.hypot(at_x + origin[0] - x, at_y + origin[1] - y))
        width = np.clip(0.1 * distance, 0.5 * planes.fwhm, 2.0 * planes.fwhm)
        first = np.searchsorted(radii, 0.0 if distance < limits.on * planes.fwhm else distance - width)
        last = np.searchsorted(radii, distance + width, 'right')
        ring = slice(first, last, max((last - first) // RING_PIXELS, 1))
        other = np.hypot(columns[ring] - at_x, rows[ring] - at_y) > 1.25 * planes.fwhm
        if np.count_nonzero(other) >= 20:
            sample = values[ring][other] / own.at(radii[ring][other])
            yield member, own.at(distance) * max(_scatter(sample, distance < 2.5 * planes.fwhm), 1.0)


class _PhotonNoise:
    """Noise of the filter at radii (px) from a star, in units of that in the sky, from the star's photons."""

    def __init__(self, planes: Surroundings, magnitude: float, noise: float):
        self.photons = PHOTONS * 10.0 ** (0.4 * (planes.zero_point - magnitude)) / noise ** 2
        self.width2 = (planes.fwhm / FWHM_OF_SIGMA) ** 2

    def at(self, radius):
        """For radii of any shape."""
        return np.sqrt(1.0 + self.photons * np.exp(-np.square(radius) / (3.0 * self.width2)))


def _by_radius(score: np.ndarray, usable: np.ndarray, x: float, y: float) -> tuple[np.ndarray, ...]:
    """Score, row, column and radius about (x, y) of the usable pixels, by radius."""
    rows, columns = np.nonzero(usable)
    radii = np.hypot(columns - x, rows - y)
    order = np.argsort(radii)
    return score[rows, columns][order], rows[order], columns[order], radii[order]


def _scatter(values: np.ndarray, few: bool) -> float:
    """Scatter of the score about zero; of few independent values the clipped rms, of many the robust one."""
    return float(np.sqrt(np.mean(np.clip(values, -20.0, 20.0) ** 2)) if few else sigma_about(values))


def _reach(score: np.ndarray, usable: np.ndarray, x: float, y: float, radius: float, half: float, fwhm: float,
           disturbed: float) -> float:
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
        if not masked and (good.size < 20 or _scatter(score.ravel()[good], False) < disturbed):
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
    noise = planes.sigma[cut]
    good = ~planes.bad[cut] & np.isfinite(noise) & (noise > 0)
    chi = np.divide(planes.difference[cut], noise, out=np.zeros(good.shape, np.float32), where=good)
    smooth = gaussian_filter(chi, width, mode='constant', truncate=3.0)
    share = gaussian_filter(good.astype(np.float32), width / np.sqrt(2.0), mode='constant', truncate=3.0)
    usable = good & (share > _COVERAGE)
    score = np.divide(smooth * np.float32(2.0 * width * np.sqrt(np.pi)), np.sqrt(np.maximum(share, 1e-6)),
                      out=np.zeros_like(smooth), where=usable)
    return score, usable, (x0, y0)
