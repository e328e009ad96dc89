"""Peaks of the score image: local maxima, merged and cleaned of their bright neighbours' slopes."""
from __future__ import annotations

import numpy as np
from numba import njit

from sediff.errors import BadUsage


def find_peaks(score: np.ndarray, threshold: float, merge_radius: float,
               correlation: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Peaks of |score| above a threshold.

    Parameters
    ----------
    score : ndarray, (ny, nx) float32
        Significance, sigma 1 in empty sky.
    threshold : float
        Least |score|, sigma.
    merge_radius : float
        A weaker peak of the same sign closer than this to a stronger one is dropped, px.
    correlation : ndarray, (2h+1, 2h+1) float, optional
        Auto-correlation of the PSF, 1 at its centre. A peak must stay above the threshold after the share of stronger
        peaks of its sign is subtracted (noise on the slope of a bright source is no detection).

    Returns
    -------
    y, x : ndarrays, (n,) int64
        0-based pixels, the strongest first.

    Raises
    ------
    BadUsage
        The threshold or the radius is not positive.
    """
    if not threshold > 0 or not merge_radius >= 0:
        raise BadUsage(f'threshold ({threshold}) must be positive and merge radius ({merge_radius}) not negative')
    y, x = _local_maxima(score, np.float32(threshold))
    values = score[y, x]
    order = np.lexsort((x, y, -np.abs(values)))
    y, x, values = y[order], x[order], values[order].astype(np.float64)
    keep = _clean(y, x, values, threshold, merge_radius, correlation)
    return y[keep], x[keep]


def psf_correlation(psf: np.ndarray, half: int) -> np.ndarray:
    """Auto-correlation of a PSF stamp, (2 half + 1, 2 half + 1), 1 at its centre."""
    side = psf.shape[0] + 2 * half + 1
    power = np.abs(np.fft.rfft2(psf.astype(np.float64), (side, side))) ** 2
    full = np.fft.fftshift(np.fft.irfft2(power, (side, side)))
    centre = side // 2
    cut = full[centre - half:centre + half + 1, centre - half:centre + half + 1]
    return np.maximum(cut / full[centre, centre], 0.0)


def _clean(y, x, values, threshold, merge_radius, correlation) -> np.ndarray:
    """Walk from the strongest down; drop what a stronger kept peak explains."""
    from scipy.spatial import cKDTree
    keep = np.ones(len(y), bool)
    if len(y) < 2:
        return keep
    half = 0 if correlation is None else correlation.shape[0] // 2
    tree = cKDTree(np.column_stack([x, y]))
    pairs = tree.query_pairs(max(merge_radius, half * np.sqrt(2.0)), output_type='ndarray')
    pairs = np.sort(pairs, axis=1)
    pairs = pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]
    table = np.zeros((1, 1)) if correlation is None else np.ascontiguousarray(correlation, np.float64)
    _drop(pairs, y, x, values, float(threshold), float(merge_radius), table, half, keep)
    return keep


@njit(cache=True)
def _drop(pairs, y, x, values, threshold, merge_radius, table, half, keep):
    residual = np.abs(values)
    for k in range(len(pairs)):
        strong, weak = pairs[k]
        if not keep[strong] or not keep[weak] or values[strong] * values[weak] < 0:
            continue
        dy, dx = y[weak] - y[strong], x[weak] - x[strong]
        if dy * dy + dx * dx <= merge_radius * merge_radius:
            keep[weak] = False
        elif half > 0 and abs(dy) <= half and abs(dx) <= half:
            residual[weak] -= abs(values[strong]) * table[dy + half, dx + half]
            if residual[weak] < threshold:
                keep[weak] = False


@njit(cache=True)
def _local_maxima(score, threshold):
    """0-based rows and columns of the local maxima of |score| among the eight neighbours of the same sign."""
    ny, nx = score.shape
    ys, xs = [], []
    for j in range(ny):
        for i in range(nx):
            value = score[j, i]
            if abs(value) < threshold:
                continue
            if _is_peak(score, j, i, ny, nx, np.float32(1.0) if value > 0 else np.float32(-1.0)):
                ys.append(j)
                xs.append(i)
    return np.array(ys, np.int64), np.array(xs, np.int64)


@njit(cache=True)
def _is_peak(score, j, i, ny, nx, sign):
    value = sign * score[j, i]
    for dj in range(-1, 2):
        for di in range(-1, 2):
            jj, ii = j + dj, i + di
            if (dj == 0 and di == 0) or jj < 0 or ii < 0 or jj >= ny or ii >= nx:
                continue
            other = sign * score[jj, ii]
            later = dj > 0 or (dj == 0 and di > 0)
            if other > value or (other == value and not later):
                return False
    return True
