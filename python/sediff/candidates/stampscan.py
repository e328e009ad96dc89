"""Features of stamps without a pipeline around them: noise and PSF are measured in the stamps themselves."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.ndimage import maximum_filter, uniform_filter

from sediff.candidates.features import FEATURES, features_at
from sediff.candidates.painters import moffat_psf
from sediff.detect import detect_on_score, score_image
from sediff.detect.matched import FWHM_OF_SIGMA
from sediff.detect.shape import ellipse
from sediff.errors import SediffError
from sediff.stats import robust_sigma

#: Where the stamps hold no source to measure, px: seeing of 1.05 arcsec.
TYPICAL_FWHM = 4.0
#: Sources are measured above this S/N of a pixel; narrower or wider ones than this (px) are no stars.
BRIGHT, NARROWEST, WIDEST = 12.0, 2.2, 14.0
#: The detection's peak lies within this of the stamp's middle, px.
CENTRE = 3


def measured_fwhm(stamps: Sequence[Mapping[str, np.ndarray]]) -> float:
    """FWHM (px) of the stars of stamps that share a PSF.

    The first quartile of the sizes of compact sources in the search stamps (galaxies are broader), or of what is in the
    middle of the differences, or TYPICAL_FWHM.
    """
    for kind in ('srch', 'diff'):
        sizes = [size for stamp in stamps for size in _sizes(np.asarray(stamp[kind], float), kind == 'diff')]
        if sizes:
            return float(np.quantile(sizes, 0.25, method='lower'))
    return TYPICAL_FWHM


def _sizes(stamp: np.ndarray, middle: bool) -> list[float]:
    """FWHM (px) of the bright sources of a stamp that are not at its rim; `middle`: of the one in its middle."""
    usable = np.isfinite(stamp)
    if not usable.any():
        return []
    image = np.where(usable, stamp - np.median(stamp[usable]), 0.0)
    noise, smooth, half = robust_sigma(image[usable]), uniform_filter(image, 3), stamp.shape[0] // 2
    if not noise > 0:
        return []
    peaks = np.argwhere((smooth == maximum_filter(smooth, 11)) & (smooth > (0.4 if middle else 1.0) * BRIGHT * noise))
    rim = half - CENTRE if middle else 9
    sizes = [_size(image, usable, j, i) for j, i in peaks if rim <= min(j, i, 2 * half - j, 2 * half - i)]
    return [size for size in sizes if NARROWEST <= size <= WIDEST]


def _size(image: np.ndarray, usable: np.ndarray, j: int, i: int) -> float:
    """FWHM (px) of the source at a pixel, the window being as wide as what it finds; 0 where it has none or is elongated."""
    reach = min(15, j, i, image.shape[0] - 1 - j, image.shape[0] - 1 - i)
    cut = (slice(j - reach, j + reach + 1), slice(i - reach, i + reach + 1))
    stamp, weight = np.ascontiguousarray(image[cut]), np.ascontiguousarray(usable[cut].astype(float))
    total = np.clip(stamp[reach - 1:reach + 2, reach - 1:reach + 2], 0, None)
    x, y = (reach + float((total * step).sum() / max(total.sum(), 1e-30)) for step in (np.array([[-1, 0, 1]]),
                                                                                     np.array([[-1], [0], [1]])))
    sigma = TYPICAL_FWHM / FWHM_OF_SIGMA
    for _ in range(6):
        axes = ellipse(stamp, weight, x, y, sigma)
        if axes is None or axes[0] > 1.5 * axes[1]:
            return 0.0
        sigma = float(np.clip(np.sqrt(axes[0] * axes[1]), 0.8, 7.0))
    return FWHM_OF_SIGMA * sigma


def stamp_features(stamp: Mapping[str, np.ndarray], fwhm: float) -> np.ndarray | None:
    """Features (1, len(FEATURES)) of the detection in the middle of a triplet; None where there is nothing to measure.

    Parameters
    ----------
    stamp : mapping
        'temp', 'srch', 'diff' -> ndarray, (s, s) float32, s odd and at least 21; NaN where unusable.
    fwhm : float
        Of the PSF, px; its profile is taken to be a Moffat of beta 3.5.
    """
    difference, template = (np.ascontiguousarray(stamp[kind], np.float32) for kind in ('diff', 'temp'))
    bad, size = ~np.isfinite(difference), difference.shape[0]
    noise = robust_sigma(difference[~bad]) if np.count_nonzero(~bad) > 100 else 0.0
    if not noise > 0:
        return None
    variance, psf_at = np.full(difference.shape, noise ** 2, np.float32), moffat_psf(fwhm)
    try:
        scored = score_image(difference, variance, bad, psf_at)
    except SediffError:
        return None
    middle = slice(size // 2 - CENTRE, size // 2 + CENTRE + 1)
    peak = np.unravel_index(np.abs(scored.score[middle, middle]).argmax(), (2 * CENTRE + 1,) * 2)
    j, i = (np.array([size // 2 - CENTRE + int(at)]) for at in peak)
    found = detect_on_score(scored, difference, variance, bad, psf_at, peaks=(j, i))
    if not len(found):
        return None
    sigma = np.where(bad, np.nan, noise * scored.noise_scale).astype(np.float32)
    return features_at(found, template, difference, sigma, scored.fwhm)


def set_features(stamps: Sequence[Mapping[str, np.ndarray]], one_psf: bool, fwhm: float | None = None
                 ) -> tuple[np.ndarray, np.ndarray]:
    """Features of each triplet, zero where there is nothing to measure, and where there is: (n, f) float64, (n,) bool."""
    shared = fwhm or (measured_fwhm(stamps) if one_psf else None)
    rows = [stamp_features(stamp, shared or measured_fwhm([stamp])) for stamp in stamps]
    seen = np.array([row is not None for row in rows], bool)
    return np.concatenate([np.zeros((1, len(FEATURES))) if row is None else row for row in rows]), seen
