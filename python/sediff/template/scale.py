"""Flux scale between two exposures from the stars both have."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.stats import sigma_about

#: Error (mag) that no star is better than: flat fields, PSF models.
FLOOR = 0.005
#: Stars farther from the mean than this many of their own errors (enlarged to the scatter found) are rejected.
CLIP = 3.0


@dataclass(frozen=True)
class RelativeScale:
    """Magnitude offset of common stars.

    Parameters
    ----------
    offset, error, scatter : float
        mag; 0, inf and 0 without stars.
    used : int
        Stars that count.
    """

    offset: float = 0.0
    error: float = float('inf')
    scatter: float = 0.0
    used: int = 0


def relative_scale(difference: np.ndarray, error: np.ndarray) -> RelativeScale:
    """Weighted mean of the stars' magnitude differences, variables and mismatches rejected.

    Parameters
    ----------
    difference, error : ndarray, (n,) float, mag
        Values that are not finite are ignored.

    Notes
    -----
    Starts at the median; errors are enlarged together until the median star is as far off as a normal error makes it (never
    made smaller). Three rounds of clipping at 3 sigma. With a minority of bad stars the start, and so the end, is safe.
    """
    difference, error = np.asarray(difference, float), np.hypot(np.asarray(error, float), FLOOR)
    good = np.isfinite(difference) & np.isfinite(error)
    difference, error = difference[good], error[good]
    if not difference.size:
        return RelativeScale()
    centre = float(np.median(difference))
    factor = max(1.0, sigma_about((difference - centre) / error))
    kept = np.ones(difference.size, bool)
    for _ in range(3):
        near = np.abs(difference - centre) <= CLIP * factor * error
        kept = near if near.any() else kept
        weight = error[kept] ** -2.0
        centre = float(np.sum(weight * difference[kept]) / weight.sum())
    scatter = float(np.sqrt(np.mean((difference[kept] - centre) ** 2)))
    return RelativeScale(centre, float(factor / np.sqrt(weight.sum())), scatter, int(kept.sum()))
