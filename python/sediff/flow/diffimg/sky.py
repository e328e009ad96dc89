"""Sky sources of RUN20: empty places of the difference, measured while its score is in memory."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.candidates.falsepeaks import THRESHOLDS, peak_counts
from sediff.candidates.skysources import QuietPlaces, far_from, sky_figures, sky_sources
from sediff.ccdimage import Plane, variance_from_weight
from sediff.detect.finder import score_peaks
from sediff.detect.matched import PsfAt, ScoreImage, noise_area
from sediff.engine.context import Context
from sediff.errors import BadData
from sediff.subtract.photons import HostLight
from sediff.wcs.read import pixel_scale, read_wcs

#: A pixel is on a bright source where the error of its model exceeds this share of the noise, in variance.
MODEL_SHARE = 0.1
#: Of the places.
SEED = 0


@dataclass(frozen=True)
class DrawnSky:
    """Places that were drawn on the quiet sky of a CCD: 0-based x, y, as many as are wanted, the share that is quiet."""

    x: np.ndarray
    y: np.ndarray
    number: int
    share: float


def draw_sky(number: int, light: HostLight, systematic: np.ndarray, fwhm: float) -> DrawnSky:
    """Random quiet places of a CCD.

    Parameters
    ----------
    number : int
        As many as are wanted; twice as many are drawn, some will lie near detections.
    light : HostLight
    systematic : ndarray, (ny, nx) float32
        Square of the error of bright stars' models.
    fwhm : float
        px.
    """
    def bright(cut: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        variance = variance_from_weight(light.weight[cut])
        return bright_light(light.bad[cut], light.in_score(cut), systematic[cut], variance, fwhm)
    x, y, share = (QuietPlaces(light.bad, bright, fwhm).drawn(number, SEED) if number
                   else (np.zeros(0, int), np.zeros(0, int), 0.0))
    return DrawnSky(x, y, number, share)


def bright_light(bad: np.ndarray, hosts: np.ndarray, systematic: np.ndarray, variance: np.ndarray, fwhm: float
                 ) -> np.ndarray:
    """Which pixels of planes, or of parts of them, have light of stars and galaxies: bool, of their shape.

    `hosts` is the photon variance of stars and hosts (`light_in_score`), `variance` that of sky and read-out.
    """
    return (hosts > 0) | (np.float32(noise_area(fwhm)) * systematic > np.float32(MODEL_SHARE) * variance) & ~bad


def measured_sky(context: Context, sky: DrawnSky, scored: ScoreImage,
                 planes: tuple[np.ndarray, np.ndarray, np.ndarray, PsfAt], photons: Plane, detections: np.ndarray
                 ) -> dict:
    """Noise and depth at the places, and peaks of both signs against threshold beside what Gaussian noise gives.

    Parameters
    ----------
    planes : difference, variance, bad, psf_at
        As of `detect_on_score`.
    photons : ndarray, (ny, nx) float32
        Photon variance besides.

    Returns
    -------
    dict
        Of `sky_figures`, or `places` and the `reason` why there are none of these; `quiet_share`; `peaks` on usable pixels
        (`peak_counts`).
    """
    difference, variance, bad, psf_at = planes
    chosen = far_from(sky.x, sky.y, detections, scored.fwhm, sky.number)
    sources = sky_sources(scored, difference, variance, bad, psf_at, sky.x[chosen], sky.y[chosen], photons)
    try:
        figures: dict = sky_figures(sources, scored.noise_scale, context.load('search_zp')['zero_point'])
        context.log(f'{figures["places"]} sky sources: noise {figures["noise_over_weights"]:.3f} of the propagated one, '
                    f'5-sigma depth {figures["depth_5sigma"]:.3f} mag')
    except BadData as error:
        figures = {'places': len(chosen), 'reason': str(error)}
        context.log(f'no figures of sky sources: {error}')
    rows, columns = score_peaks(scored, psf_at, min(THRESHOLDS))
    psf = psf_at(difference.shape[1] // 2, difference.shape[0] // 2, scored.size)
    scale = pixel_scale(read_wcs(context.load('diff').header))
    peaks = peak_counts(scored.score[rows, columns], float(np.count_nonzero(~bad)), psf, scale)
    return figures | {'quiet_share': sky.share, 'peaks': peaks}
