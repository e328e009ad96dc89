"""Peaks of a score image that are no sources: how many there are, and how many Gaussian noise gives."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from sediff.detect.peaks import psf_correlation

#: Thresholds of the table, sigma.
THRESHOLDS = (4.0, 4.5, 5.0, 5.5, 6.0, 7.0, 8.0, 10.0)
#: Neighbourhoods that are drawn for the expectation, how many at a time, and their seed.
DRAWS, PART, SEED = 200_000, 20_000, 7


def peak_density(psf: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """Local maxima above thresholds per pixel of a score image of Gaussian noise, of one sign.

    Parameters
    ----------
    psf : ndarray, (n, n) float32
        PSF of the matched filter, odd n.
    thresholds : sequence of float
        sigma.

    Returns
    -------
    ndarray, (len(thresholds),) float64

    Notes
    -----
    The score of white noise has the autocorrelation rho of the PSF. Given the score z of a pixel its eight neighbours are
    rho_i z + e_i, e of covariance rho_ij - rho_i rho_j, so that the pixel is a maximum where z > m = max e_i / (1 - rho_i):
    n(u) = <Q(max(u, m))>, Q the upper tail of the normal law, the mean over draws of e. Exact on the grid of pixels for any
    PSF, unlike the expectation for smooth fields at high thresholds (Bond & Efstathiou 1987, MNRAS 226, 655).
    """
    rho = psf_correlation(psf, 2)
    offsets = [(j, i) for j in (-1, 0, 1) for i in (-1, 0, 1) if (j, i) != (0, 0)]
    near = np.array([rho[2 + j, 2 + i] for j, i in offsets])
    among = np.array([[rho[2 + j - row, 2 + i - column] for row, column in offsets] for j, i in offsets])
    values, vectors = np.linalg.eigh(among - np.outer(near, near))
    mixing = (np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T / (1.0 - near)).T
    rng = np.random.default_rng(SEED)
    largest = np.concatenate([(mixing @ rng.standard_normal((PART, len(offsets))).T).max(axis=0)
                              for _ in range(DRAWS // PART)])
    high = largest[largest > min(thresholds)]
    return np.array([_mean_tail(high[high > threshold], largest.size, threshold) for threshold in thresholds])


def _mean_tail(above: np.ndarray, count: int, threshold: float) -> float:
    """Mean of Q(max(threshold, m)) over so many m, of which those `above` the threshold are given."""
    return float(ndtr(-above).sum() + (count - above.size) * ndtr(-threshold)) / count


def peak_table(score: np.ndarray, x: np.ndarray, y: np.ndarray, kept: np.ndarray, area: np.ndarray, psf: np.ndarray,
               pixel_scale: float, thresholds: Sequence[float] = THRESHOLDS) -> list[dict]:
    """Peaks of both signs against threshold, and what Gaussian noise gives.

    Parameters
    ----------
    score : ndarray, (n,) float
        Signed score of the peaks, down to the least threshold.
    x, y : ndarray, (n,) int64
        Their 0-based pixels.
    kept : ndarray, (n,) bool
        Which pass the cuts, those of negative ones in the image of turned sign.
    area : ndarray, (ny, nx) bool
        Pixels that count.
    psf : ndarray, (n, n) float32
        PSF of the filter.
    pixel_scale : float
        arcsec.

    Returns
    -------
    list of dict
        For each threshold: positive and negative peaks (the latter are the peaks of the image of turned sign); expected,
        of either sign; places: the effective number of independent places, expected / Q(threshold); flipped_kept: peaks of
        the turned image that pass the cuts; and negative, flipped_kept and expected per square degree.
    """
    inside = area[y, x]
    return peak_counts(score[inside], float(area.sum()), psf, pixel_scale, thresholds, kept[inside])


def peak_counts(score: np.ndarray, pixels: float, psf: np.ndarray, pixel_scale: float,
                thresholds: Sequence[float] = THRESHOLDS, kept: np.ndarray | None = None) -> list[dict]:
    """As `peak_table`, of the peaks (n,) that lie on so many pixels; without flipped_kept where `kept` is not known."""
    square_degrees, rows = pixels * (pixel_scale / 3600.0) ** 2, []
    for threshold, density in zip(thresholds, peak_density(psf, thresholds)):
        positive, negative = (sign * score >= threshold for sign in (1, -1))
        row = {'positive': int(positive.sum()), 'negative': int(negative.sum()), 'expected': float(density * pixels)}
        if kept is not None:
            row['flipped_kept'] = int((negative & kept).sum())
        per_area = {f'{name}_per_deg2': row[name] / max(square_degrees, 1e-12)
                    for name in ('negative', 'flipped_kept', 'expected') if name in row}
        rows.append({'threshold': threshold, **row, 'places': row['expected'] / float(ndtr(-threshold)), **per_area})
    return rows
