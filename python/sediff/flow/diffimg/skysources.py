"""Sky sources and false peaks of a finished difference, from its products, at any time after it."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sediff import steps
from sediff.candidates.cuts import apply_cuts
from sediff.candidates.falsepeaks import THRESHOLDS, peak_table
from sediff.candidates.skysources import empty_places, quiet_sky, sky_figures, sky_sources
from sediff.ccdimage import CcdImage, variance_from_weight
from sediff.detect.finder import detect_on_score, score_peaks
from sediff.detect.matched import ScoreImage, score_image
from sediff.errors import BadInput
from sediff.flow.diffimg.candidates import cut_settings
from sediff.flow.diffimg.sky import bright_light
from sediff.flow.diffimg.star_shifts import model_variance
from sediff.flow.exposure.usable import failure, held_back
from sediff.psf.model import PsfModel
from sediff.psf.zoned import ZonedPsf
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.subtract.photons import light_in_score
from sediff.wcs.read import pixel_scale, read_wcs


@dataclass(frozen=True)
class Staged:
    """A difference with what its detections were measured against, made again from the products.

    Parameters
    ----------
    difference : CcdImage
    bad, bright : ndarray, (ny, nx) bool
        Unusable pixels; pixels with light of stars and galaxies.
    psf : PsfModel or ZonedPsf
    variance, others : ndarray, (ny, nx) float32
        Variance in the score; photon variance besides.
    scored : ScoreImage
    """

    difference: CcdImage
    bad: np.ndarray
    bright: np.ndarray
    psf: PsfModel | ZonedPsf
    variance: np.ndarray
    others: np.ndarray
    scored: ScoreImage


def staged_difference(exposure: Exposure) -> Staged:
    """The difference of a CCD and its score, as RUN20 has made it, from the products of RUN18 to RUN28.

    Raises
    ------
    BadInput
        A product is missing, or of an earlier run than the others.
    """
    repository = Repository.of(exposure)
    problem = failure(exposure, [step for step in steps.DIFFIMG if step.id != 'RUN25'])
    photons = next((name for name in ('photons', 'force_photons') if repository.exists(name, exposure)), '')
    if problem or not photons or (photons == 'force_photons' and exposure.ccd in held_back(exposure)):
        raise BadInput(f'{exposure.label()}: {problem or "the photon noise of its difference is not there"}; run its '
                       'difference imaging (RUN_DIFFIMG_PIPELINE.sh)')
    difference, psf, info = (repository.get(name, exposure) for name in ('diff_mh', 'diff_psf', 'diff_info'))
    image, light = difference.image, repository.get(photons, exposure)
    bad = difference.weight <= 0
    systematic = model_variance(repository.get('immask', exposure).image, image, bad, psf.fwhm, info,
                                repository.get('star_shifts', exposure))
    hosts = light_in_score(light, image, info['photon_factor'], bad)
    variance = variance_from_weight(difference.weight)
    bright = bright_light(bad, hosts, systematic, variance, psf.fwhm)
    variance += hosts
    scored = score_image(image, variance, bad, psf.image, systematic=systematic,
                         zones=psf if isinstance(psf, ZonedPsf) else None)
    return Staged(difference, bad, bright, psf, variance, light - hosts, scored)


def measure_sky(exposure: Exposure, parameters: Mapping, number: int = 500, seed: int = 0) -> dict:
    """Noise, depth and false peaks of a CCD's difference; the figures are also written as its product `sky_sources`.

    Parameters
    ----------
    exposure : Exposure
        With its CCD set.
    number : int
        Sky sources.
    seed : int
        Of their places.

    Returns
    -------
    dict
        Of `sky_figures`, with `peaks` (`peak_table`, everywhere), `quiet_peaks` (away from masked pixels and bright
        sources), `number`, `seed`, `square_degrees` of both.

    Raises
    ------
    BadInput
        As `staged_difference`.
    BadData
        Too few empty places.
    """
    repository, staged = Repository.of(exposure), staged_difference(exposure)
    scored, image = staged.scored, staged.difference
    quiet = quiet_sky(staged.bad, staged.bright, scored.fwhm)
    x, y = empty_places(quiet, repository.get('diff_cat', exposure), scored.fwhm, number, seed)
    sources = sky_sources(scored, image.image, staged.variance, staged.bad, staged.psf.image, x, y, staged.others)
    figures: dict = sky_figures(sources, scored.noise_scale, repository.get('search_zp', exposure)['zero_point'])
    scale = pixel_scale(read_wcs(image.header))
    figures |= {'number': number, 'seed': seed}
    peaks = score_peaks(scored, staged.psf.image, min(THRESHOLDS))
    kept = _flipped_kept(staged, *peaks, parameters)
    psf = staged.psf.image(image.shape[1] // 2, image.shape[0] // 2, scored.size)
    for name, area in (('peaks', ~staged.bad), ('quiet_peaks', quiet)):
        figures[f'{name}_deg2'] = float(area.sum()) * (scale / 3600.0) ** 2
        figures[name] = peak_table(scored.score[peaks], *peaks[::-1], kept, area, psf, scale)
    repository.put('sky_sources', exposure, figures)
    return figures


def sky_path(exposure: Exposure) -> Path:
    """Where the figures of a CCD are."""
    return Repository.of(exposure).path('sky_sources', exposure)


def _flipped_kept(staged: Staged, rows: np.ndarray, columns: np.ndarray, parameters: Mapping) -> np.ndarray:
    """Which peaks are detections that pass the cuts in the image of turned sign, where none is real: (n,) bool.

    Without the stars of SNVETO and without moving stars, which both judge by what lies on the sky.
    """
    scored, image = staged.scored, staged.difference
    turned = ScoreImage(-scored.score, scored.noise_scale, -scored.median, scored.fwhm, scored.size)
    found = detect_on_score(turned, -image.image, staged.variance, staged.bad, staged.psf.image, min(THRESHOLDS),
                            photons=staged.others, peaks=(rows, columns))
    variance = np.float32(scored.noise_scale**2) * variance_from_weight(image.weight)
    sigma = np.sqrt(variance + np.maximum(staged.others, 0), dtype=np.float32)
    result = apply_cuts(found, -image.image, sigma, staged.bad, scored.fwhm, cuts=cut_settings(parameters))
    passed = {(int(row['XPEAK_IMAGE']) - 1, int(row['YPEAK_IMAGE']) - 1) for row in found[result.kept]}
    return np.array([place in passed for place in zip(columns.tolist(), rows.tolist())], bool)
