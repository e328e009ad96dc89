"""Fakes looked for: detection, cuts and score on a parallel difference, as they are on the difference itself."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS

from sediff.candidates.cuts import LOW_SCORE, NEGATIVE, apply_cuts, reject_names
from sediff.candidates.fakematch import match_fakes
from sediff.candidates.features import features_at, star_proximity
from sediff.candidates.forced import forced_photometry
from sediff.candidates.moving import MovingLimits, moving_stars
from sediff.candidates.score import ScoreModel, score_features
from sediff.candidates.vetostars import Surroundings
from sediff.ccdimage import ROWS, sigma_from_weight, sigma_planes, variance_from_weight
from sediff.detect.finder import detect_on_score
from sediff.detect.matched import ScoreImage, score_image
from sediff.detect.table import with_sky
from sediff.fakes.paint import Planes
from sediff.fakes.truth import outcome_of
from sediff.psf.model import PsfModel
from sediff.psf.zoned import ZonedPsf
from sediff.subtract.photons import HostLight

#: The score is worked out so far from each fake, px: what the cuts see of a detection lies within.
REACH = 22
#: Fewest usable pixels around a fake where there is a score.
LEAST_PIXELS = 200
#: A fake is on usable pixels when so much of its PSF is, and all pixels so near, px.
WHOLE, CORE = 0.9, 2.0


@dataclass(frozen=True)
class Search:
    """What detection, cuts and score need besides the planes.

    Parameters
    ----------
    psf : PsfModel or ZonedPsf
        Of the difference.
    weight, systematic, template : ndarray, (ny, nx) float32
        Inverse variance of the difference, 0 = unusable; square of the error of bright stars' models; the template.
    mask : ndarray, (ny, nx) uint16
    photon_factor, noise_scale, fwhm : float
        `photon_variance`'s factor of the search image; noise scale and FWHM (px) of the score, as the detection found them.
    zero_point : float
        AB mag of one electron.
    wcs : WCS
    veto : structured ndarray
        Stars x, y (0-based px), mag, radius (px).
    cuts : mapping
        Overrides of `sediff.candidates.cuts.DEFAULT_CUTS`.
    moving : MovingLimits
    model : ScoreModel
        Of the score.
    threshold, min_score, veto_magnitude, radius : float
        DIFF_THRESHOLD (sigma), MIN_MLSCORE, VETOMAG, FAKE_RADIUS (arcsec).
    """

    psf: PsfModel | ZonedPsf
    weight: np.ndarray
    systematic: np.ndarray
    template: np.ndarray
    mask: np.ndarray
    photon_factor: float
    noise_scale: float
    fwhm: float
    zero_point: float
    wcs: WCS
    veto: np.ndarray
    cuts: Mapping[str, float]
    moving: MovingLimits
    model: ScoreModel
    threshold: float
    min_score: float
    veto_magnitude: float
    radius: float


def recover(truth: np.ndarray, planes: Planes, search: Search, before: np.ndarray, scored: ScoreImage | None = None
            ) -> np.ndarray:
    """What becomes of each fake.

    Parameters
    ----------
    truth : structured ndarray, (n,) of TRUTH_DTYPE
    planes : Planes
        With the fakes in them.
    before : structured ndarray
        Detections of the difference without fakes.
    scored : ScoreImage, optional
        Of `score_of_fakes`; with it the square of the error of bright stars' models is not looked at.

    Returns
    -------
    structured ndarray, (n,) of OUTCOME_DTYPE

    Notes
    -----
    The score is worked out around the fakes only, and in units of the noise that the detection has found in the whole
    difference: a few per cent of its pixels, so that this costs a fraction of the detection.
    """
    out = outcome_of(truth)
    scored = score_of_fakes(truth, planes, search) if scored is None else scored
    variance = variance_from_weight(search.weight)
    _fill_forced(out, planes, variance, search)
    detections = _detections(planes, variance, search, scored, len(truth))
    del variance, scored                # planes less while the cuts make theirs
    codes, scores = _judged(detections, planes, search, before)
    sky = with_sky(before, search.wcs) if 'ALPHAWIN_J2000' not in (before.dtype.names or ()) else before
    for sign in (1, -1):
        here = truth['SIGN'] == sign
        _fill_matches(out, here, _of_sign(detections, sign), codes, scores, search)
        out['OCCUPIED'][here] = match_fakes(_places(truth[here]), _of_sign(sky, sign), search.radius)['FOUND']
    return out


def _fill_forced(out: np.ndarray, planes: Planes, variance: np.ndarray, search: Search) -> None:
    """Fluxes at the true places, and whether their pixels can be used."""
    x, y = out['X_IMAGE'] - 1.0, out['Y_IMAGE'] - 1.0
    forced = forced_photometry(planes.difference, variance, planes.bad, search.psf.image, x, y,
                               noise_scale=search.noise_scale, photons=planes.photons)
    out['FLUX_FORCED'], out['FLUXERR_FORCED'] = forced['FLUX'], forced['FLUXERR']
    known = np.isfinite(forced['FLUXERR']) & (forced['FLUXERR'] > 0)
    np.divide(np.abs(out['FLUX']), forced['FLUXERR'], out=out['SNR_TRUE'], where=known, casting='unsafe')
    out['USABLE'] = known & (forced['GOOD_FRACTION'] >= WHOLE) & [_core_usable(planes.bad, *each) for each in zip(x, y)]


def _core_usable(bad: np.ndarray, x: float, y: float) -> bool:
    """Whether every pixel within `CORE` of a 0-based place is on the image and usable."""
    i, j, half = int(np.floor(x + 0.5)), int(np.floor(y + 0.5)), int(CORE) + 1
    rows, columns = np.arange(j - half, j + half + 1), np.arange(i - half, i + half + 1)
    if rows[0] < 0 or columns[0] < 0 or rows[-1] >= bad.shape[0] or columns[-1] >= bad.shape[1]:
        return False
    near = np.hypot(columns - x, (rows - y)[:, None]) <= CORE
    return not bad[np.ix_(rows, columns)][near].any()


def score_around(planes: Planes, search: Search, x: np.ndarray, y: np.ndarray) -> ScoreImage:
    """The score image within `REACH` of 0-based places, 0 elsewhere; the variance there with the light of hosts."""
    light = HostLight(planes.photons, planes.difference, search.weight, planes.bad, search.photon_factor).variance
    size = 2 * min(25, max(7, int(np.ceil(2.5 * search.fwhm)))) + 1
    score = np.zeros(planes.difference.shape, np.float32)
    half = REACH + size // 2
    for i, j in zip(np.floor(x + 0.5).astype(int), np.floor(y + 0.5).astype(int)):
        cut = tuple(slice(max(c - half, 0), max(c + half + 1, 0)) for c in (j, i))
        if np.count_nonzero(~planes.bad[cut]) < LEAST_PIXELS:
            continue
        x0, y0 = cut[1].start, cut[0].start

        def psf_at(u: float, v: float, side: int, x0: int = x0, y0: int = y0) -> np.ndarray:
            return search.psf.image(x0 + round(u), y0 + round(v), side)

        found = score_image(planes.difference[cut], light[cut], planes.bad[cut], psf_at, size=size,
                            systematic=search.systematic[cut])
        inner = tuple(slice(max(c - REACH, 0), max(c + REACH + 1, 0)) for c in (j, i))
        own = tuple(slice(n.start - c.start, n.stop - c.start) for n, c in zip(inner, cut))
        score[inner] = found.score[own] * np.float32(found.noise_scale / search.noise_scale)
    return ScoreImage(score, search.noise_scale, 0.0, search.fwhm, size)


def score_of_fakes(truth: np.ndarray, planes: Planes, search: Search) -> ScoreImage:
    """The score around the fakes, 0 elsewhere."""
    return score_around(planes, search, truth['X_IMAGE'] - 1.0, truth['Y_IMAGE'] - 1.0)


def _detections(planes: Planes, variance: np.ndarray, search: Search, scored: ScoreImage, count: int) -> np.ndarray:
    """Detections around so many fakes, with their places on the sky; the light of hosts is added to `variance`."""
    light = HostLight(planes.photons, planes.difference, search.weight, planes.bad, search.photon_factor)
    for first in range(0, len(variance), ROWS):
        rows = slice(first, first + ROWS)
        variance[rows] += light.in_score(rows)
    found = detect_on_score(scored, planes.difference, variance, planes.bad, search.psf.image, search.threshold, search.mask,
                            photons=light.others, max_detections=count * 100)
    return with_sky(found, search.wcs)


def _judged(detections: np.ndarray, planes: Planes, search: Search, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reject codes and scores of detections; lines are those that the detections `before` them make."""
    alone, _ = sigma_planes(search.weight, search.noise_scale, planes.photons)
    sigma = sigma_from_weight(search.weight, search.noise_scale, planes.photons)
    surroundings = Surroundings(planes.difference, alone, planes.bad, search.psf.image, search.fwhm, search.zero_point)
    moving = moving_stars(detections, search.template, planes.search, search.fwhm, search.moving)
    codes = apply_cuts(detections, planes.difference, sigma, planes.bad, search.fwhm, search.veto, search.cuts, moving,
                       surroundings, search.mask, before).reject
    near_star = star_proximity(detections['X_IMAGE'] - 1.0, detections['Y_IMAGE'] - 1.0, search.veto, search.veto_magnitude)
    features = features_at(detections, search.template, planes.difference, sigma, search.fwhm, near_star)
    return codes, score_features(features, search.model)


def _of_sign(detections: np.ndarray, sign: int) -> np.ndarray:
    """Detections with those of the sign made positive and the others negative, for `match_fakes`."""
    out = detections.copy()
    out['SIGN'] = np.where(detections['SIGN'] == sign, 1, -1)
    return out


def _places(truth: np.ndarray) -> np.ndarray:
    out = np.zeros(len(truth), [('id', 'i8'), ('ra', 'f8'), ('dec', 'f8'), ('mag', 'f4')])
    for name, source in (('id', 'ID'), ('ra', 'RA'), ('dec', 'DEC'), ('mag', 'MAG')):
        out[name] = truth[source]
    return out


def _fill_matches(out: np.ndarray, here: np.ndarray, detections: np.ndarray, codes: np.ndarray, scores: np.ndarray,
                  search: Search) -> None:
    """The detection of each fake `here`, and what the cuts and the score say."""
    own = codes & ~NEGATIVE
    table = match_fakes(_places(out[here]), detections, search.radius, own, scores, search.min_score)
    part = out[here]
    for name, source in (('FOUND', 'FOUND'), ('PASSED', 'PASSED'), ('OBJID', 'OBJID'), ('SEPARATION', 'SEPARATION'),
                         ('FLUX_PSF', 'FLUX_PSF'), ('FLUXERR_PSF', 'FLUXERR_PSF'), ('SNR', 'SNR'), ('ML_SCORE', 'SCORE')):
        part[name] = table[source]
    found = part['FOUND'] > 0
    part['REJECT'] = table['REJECT'] | np.where(found & (table['SCORE'] < search.min_score), LOW_SCORE, 0)
    part['REASON'] = [reject_names(int(code)) if seen else 'not_detected' for code, seen in zip(part['REJECT'], found)]
    significance = dict(zip(detections['NUMBER'].tolist(), detections['SCORE'].tolist()))
    part['SCORE'] = [significance.get(int(number), 0.0) for number in part['OBJID']]
    out[here] = part


