"""Detection on a difference image: score, peaks, measurements."""
from __future__ import annotations

import numpy as np

from sediff.ccdimage import Plane
from sediff.detect.matched import ROWS, PsfAt, ScoreImage, checked_psf, score_image, usable_pixels
from sediff.detect.measure import Planes, measure
from sediff.detect.peaks import find_peaks, psf_correlation
from sediff.detect.table import DETECTION_DTYPE
from sediff.errors import BadData


def detect(difference: np.ndarray, variance: np.ndarray, bad: np.ndarray, psf_at: PsfAt, threshold: float = 5.0,
           mask: np.ndarray | None = None, merge_radius: float = 1.0, dipole_radius: float = 1.4,
           dipole_threshold: float = 4.0, coverage: float = 0.5, tile: int = 512,
           max_detections: int = 20000, systematic: np.ndarray | None = None,
           photons: Plane | None = None) -> np.ndarray:
    """Sources of both signs in a difference image.

    Parameters
    ----------
    difference, variance : ndarray, (ny, nx) float32
        Difference image and its variance (units squared); noise uncorrelated between pixels.
    bad : ndarray, (ny, nx) bool
        True where a pixel must not be used.
    psf_at : callable
        ``psf_at(x, y, size)`` gives the (size, size) unit-flux PSF at 0-based x, y.
    threshold : float
        Least significance, sigma.
    mask : ndarray, (ny, nx) uint16, optional
        Mask plane reported in IMAFLAGS_ISO.
    merge_radius : float
        Peaks of one sign closer than this are one source, FWHM.
    dipole_radius : float
        How far to look for an opposite peak, FWHM.
    dipole_threshold : float
        Least significance of such a peak, sigma.
    coverage : float
        Least share of the PSF's weight, sum(p^2), on usable pixels.
    tile : int
        Side of the squares in which the filter's PSF is constant, px.
    max_detections : int
        More peaks than this mean that the subtraction failed.
    systematic : ndarray, (ny, nx) float32, optional
        Square of the error that bright stars' models may have. It lowers the score, so that their residuals stay
        quiet; fluxes and their errors are those of the photons alone.
    photons : ndarray, (ny, nx) float32, optional
        Photon variance of sources and hosts that `variance` leaves out (`sediff.subtract.photons.photon_variance`): in
        the errors of fluxes, positions and shapes and in chi^2, not in the weights nor in the score. What of it `variance`
        holds already (`light_in_score`) is subtracted first.

    Returns
    -------
    detections : structured ndarray, (n,) of DETECTION_DTYPE
        The most significant first.

    Raises
    ------
    BadInput
        Planes of different shape, or a PSF that is no stamp.
    BadData
        No usable pixel, or more than `max_detections` peaks.

    Notes
    -----
    Errors are those of `variance` times the score's noise scale (see `sediff.detect.matched.score_image`). The flux is
    taken at the fitted position, which favours it by about flux / SNR^2.
    """
    scored = score_image(difference, variance, bad, psf_at, tile=tile, systematic=systematic)
    return detect_on_score(scored, difference, variance, bad, psf_at, threshold, mask, merge_radius, dipole_radius,
                           dipole_threshold, coverage, max_detections, photons)


def score_peaks(scored: ScoreImage, psf_at: PsfAt, threshold: float = 5.0, merge_radius: float = 1.0
                ) -> tuple[np.ndarray, np.ndarray]:
    """0-based y, x (n,) int64 of the peaks above a threshold, the most significant first; see `detect`."""
    ny, nx = scored.score.shape
    psf = checked_psf(psf_at, nx // 2, ny // 2, scored.size)
    return find_peaks(scored.score, threshold, merge_radius * scored.fwhm, psf_correlation(psf, scored.size // 2))


def detect_on_score(scored: ScoreImage, difference: np.ndarray, variance: np.ndarray, bad: np.ndarray, psf_at: PsfAt,
                    threshold: float = 5.0, mask: np.ndarray | None = None, merge_radius: float = 1.0,
                    dipole_radius: float = 1.4, dipole_threshold: float = 4.0, coverage: float = 0.5,
                    max_detections: int = 20000, photons: Plane | None = None,
                    peaks: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray:
    """As `detect`, on a score image made before (so that its noise scale can be reported).

    `peaks` are those to measure, of `score_peaks`; by default all of them, no more than `max_detections`.
    """
    rows, columns = score_peaks(scored, psf_at, threshold, merge_radius) if peaks is None else peaks
    if peaks is None and len(rows) > max_detections:
        raise BadData(f'{len(rows)} peaks above {threshold} sigma (at most {max_detections} allowed): the subtraction '
                      'failed or its variance is wrong; look at the difference image')
    plane = np.zeros(difference.shape, np.uint16) if mask is None else mask.astype(np.uint16, copy=False)
    unusable = np.empty(bad.shape, bool)
    for start in range(0, len(bad), ROWS):
        part = slice(start, start + ROWS)
        np.logical_not(usable_pixels(difference[part], variance[part], bad[part]), out=unusable[part])
    planes = Planes(difference, variance, unusable, plane, scored, psf_at, photons)
    table = np.zeros(len(rows), DETECTION_DTYPE)
    kept = np.array([measure(planes, j, i, table[n], dipole_radius, dipole_threshold, coverage)
                     for n, (j, i) in enumerate(zip(rows, columns))], bool)
    table = table[kept]
    table['NUMBER'] = np.arange(1, len(table) + 1)
    return table
