"""Sky sources: empty places of a difference measured like detections, for its true noise and depth."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter

from sediff.candidates.forced import forced_photometry
from sediff.ccdimage import Plane
from sediff.detect.matched import PsfAt, ScoreImage
from sediff.errors import BadData
from sediff.stats import sigma_about

#: Distances that empty places keep from masked pixels, from bright sources and from detections, FWHM.
FROM_MASKED, FROM_BRIGHT, FROM_DETECTIONS = 2.0, 1.5, 4.0
#: Two places are not in one cell of this side, FWHM: their fluxes would be one and the same.
CELL = 2.0
#: Relative error of a robust sigma of n values, times sqrt(n); that of a median, in sigma (Rousseeuw & Croux 1993).
SIGMA_ERROR, MEDIAN_ERROR = 1.17 / np.sqrt(2.0), 1.2533
#: Pixels that are drawn for each place that is wanted.
DRAWS = 8
#: Fewest places that give figures.
FEWEST = 20

SKY_DTYPE = np.dtype([('X_IMAGE', 'f8'), ('Y_IMAGE', 'f8'), ('SCORE', 'f4'), ('FLUX', 'f8'), ('FLUXERR', 'f8')])


def quiet_sky(bad: np.ndarray, bright: np.ndarray, fwhm: float) -> np.ndarray:
    """Pixels away from masked pixels, bright sources and the image's edge: (ny, nx) bool.

    Parameters
    ----------
    bad, bright : ndarray, (ny, nx) bool
        Pixels that cannot be used; pixels on the light of stars and galaxies.
    fwhm : float
        Of the difference's PSF, px.
    """
    near_bad, near_bright = (round(distance * fwhm) for distance in (FROM_MASKED, FROM_BRIGHT))
    quiet = ~_grown(bad, near_bad) & ~_grown(bright, near_bright)
    inside = np.zeros_like(quiet)
    inside[near_bad:-near_bad or None, near_bad:-near_bad or None] = True
    return quiet & inside


def _grown(plane: np.ndarray, pixels: int) -> np.ndarray:
    return maximum_filter(plane.astype(np.uint8), 2 * pixels + 1, mode='constant').astype(bool)


@dataclass(frozen=True)
class QuietPlaces:
    """`quiet_sky`, asked place by place: for a few places of a CCD, without planes.

    Parameters
    ----------
    bad : ndarray, (ny, nx) bool
        Pixels that cannot be used.
    bright : callable
        Rows (n, w, 1) and columns (n, 1, w) of the CCD -> which of these pixels (n, w, w) are on the light of stars and
        galaxies, bool.
    fwhm : float
        Of the difference's PSF, px.
    """

    bad: np.ndarray
    bright: Callable[[tuple[np.ndarray, np.ndarray]], np.ndarray]
    fwhm: float

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Which 0-based pixels (n,) int64 are quiet: (n,) bool."""
        near_bad, near_bright = (round(distance * self.fwhm) for distance in (FROM_MASKED, FROM_BRIGHT))
        ny, nx = self.bad.shape
        out = (x >= near_bad) & (x < nx - near_bad) & (y >= near_bad) & (y < ny - near_bad)
        for plane, reach in ((self.bad.__getitem__, near_bad), (self.bright, near_bright)):
            here = np.flatnonzero(out)
            if here.size:
                out[here] = ~plane(_boxes(x[here], y[here], reach, self.bad.shape)).any(axis=(1, 2))
        return out

    def drawn(self, number: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, float]:
        """Random quiet pixels x, y (n,) int64, no two in one cell, and the share of all pixels that is quiet.

        Twice as many as are wanted, for those that lie near detections; fewer where there is no room.
        """
        ny, nx = self.bad.shape
        x, y = np.random.default_rng(seed).integers((0, 0), (nx, ny), (DRAWS * number, 2)).T
        quiet = self.at(x, y)
        x, y, side = x[quiet], y[quiet], max(round(CELL * self.fwhm), 1)
        _, first = np.unique((y // side) * (nx // side + 1) + x // side, return_index=True)
        chosen = np.sort(first)[:2 * number]
        return x[chosen], y[chosen], float(quiet.mean())


def _boxes(x: np.ndarray, y: np.ndarray, reach: int, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, w, 1) and columns (n, 1, w) of squares about pixels; beyond the image those of its edge."""
    rows, columns = (np.clip(place[:, None] + np.arange(-reach, reach + 1), 0, size - 1)
                     for place, size in zip((y, x), shape))
    return rows[:, :, None], columns[:, None, :]


def far_from(x: np.ndarray, y: np.ndarray, detections: np.ndarray, fwhm: float, number: int) -> np.ndarray:
    """The first `number` of places (n,; 0-based px) that keep away from detections: indices."""
    reach, far = round(FROM_DETECTIONS * fwhm), np.ones(len(x), bool)
    for i, j in zip(detections['X_IMAGE'], detections['Y_IMAGE']):
        far &= (np.abs(x - round(float(i)) + 1) > reach) | (np.abs(y - round(float(j)) + 1) > reach)
    return np.flatnonzero(far)[:number]


def empty_places(quiet: np.ndarray, detections: np.ndarray, fwhm: float, number: int = 500, seed: int = 0
                 ) -> tuple[np.ndarray, np.ndarray]:
    """Random pixels of quiet sky, away from detections.

    Parameters
    ----------
    quiet : ndarray, (ny, nx) bool
        Of `quiet_sky`.
    detections : structured ndarray, (m,)
        X_IMAGE, Y_IMAGE (px, 1-based).
    number : int
        As many as are wanted; fewer where there is no room.
    seed : int
        The same seed gives the same places.

    Returns
    -------
    x, y : ndarray, (n,) int64
        0-based px.
    """
    free, reach = quiet.copy(), round(FROM_DETECTIONS * fwhm)
    for x, y in zip(detections['X_IMAGE'], detections['Y_IMAGE']):
        i, j = round(float(x)) - 1, round(float(y)) - 1
        free[max(j - reach, 0):max(j + reach + 1, 0), max(i - reach, 0):max(i + reach + 1, 0)] = False
    pixels = np.flatnonzero(free)
    if not pixels.size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    drawn = pixels[np.random.default_rng(seed).integers(0, pixels.size, 20 * number)]
    y, x = np.divmod(drawn, free.shape[1])
    side = max(round(CELL * fwhm), 1)
    _, first = np.unique((y // side) * (free.shape[1] // side + 1) + x // side, return_index=True)
    chosen = np.sort(first)[:number]
    return x[chosen], y[chosen]


def sky_sources(scored: ScoreImage, difference: np.ndarray, variance: np.ndarray, bad: np.ndarray, psf_at: PsfAt,
                x: np.ndarray, y: np.ndarray, photons: Plane | None = None) -> np.ndarray:
    """Score and PSF flux at places, as `sediff.detect.detect_on_score` measures a detection's.

    Parameters
    ----------
    scored, difference, variance, bad, psf_at, photons
        As in `sediff.detect.detect_on_score`.
    x, y : ndarray, (n,) int64
        0-based px, inside the image.

    Returns
    -------
    structured ndarray, (n,) of SKY_DTYPE
        Positions 1-based; FLUXERR with the noise scale of the score, as that of a detection.
    """
    found = forced_photometry(difference, variance, bad, psf_at, x, y, scored.size, scored.noise_scale, photons)
    table = np.zeros(len(x), SKY_DTYPE)
    for name in ('X_IMAGE', 'Y_IMAGE', 'FLUX', 'FLUXERR'):
        table[name] = found[name]
    table['SCORE'] = scored.score[y, x]
    return table


def sky_figures(sources: np.ndarray, noise_scale: float, zero_point: float) -> dict[str, float]:
    """What sky sources say of the noise.

    Parameters
    ----------
    sources : structured ndarray, (n,) of SKY_DTYPE
    noise_scale : float
        Of the score (`ScoreImage.noise_scale`).
    zero_point : float
        AB mag of one unit of the difference.

    Returns
    -------
    dict
        places: how many; noise_over_errors: robust sigma of FLUX / FLUXERR, 1 where errors are right, with its error;
        noise_over_weights: the same over the errors of the weights alone; median: of FLUX / FLUXERR, sigma, with its error;
        score_sigma, score_median: of SCORE; depth_5sigma: AB mag of a point source of five times the true noise, with
        its error: zero point - 2.5 log10(5 noise_over_errors median(FLUXERR)).

    Raises
    ------
    BadData
        Fewer than FEWEST places.
    """
    good = np.isfinite(sources['FLUX']) & (sources['FLUXERR'] > 0)
    if good.sum() < FEWEST:
        raise BadData(f'{good.sum()} empty places are fewer than {FEWEST}: the CCD is crowded or masked')
    chi, count = sources['FLUX'][good] / sources['FLUXERR'][good], int(good.sum())
    median = float(np.median(chi))
    sigma, relative = sigma_about(chi, median), SIGMA_ERROR / np.sqrt(count)
    noise = sigma * float(np.median(sources['FLUXERR'][good]))
    middle = float(np.median(sources['SCORE'][good]))
    return {'places': count, 'noise_over_errors': sigma, 'noise_over_errors_error': sigma * relative,
            'noise_over_weights': sigma * noise_scale, 'median': median,
            'median_error': float(MEDIAN_ERROR * sigma / np.sqrt(count)),
            'score_sigma': sigma_about(sources['SCORE'][good], middle), 'score_median': middle,
            'depth_5sigma': float(zero_point - 2.5 * np.log10(5.0 * noise)),
            'depth_5sigma_error': float(2.5 / np.log(10.0) * relative)}
