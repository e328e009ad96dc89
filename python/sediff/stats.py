"""Robust statistics: the spread of values of which some do not belong."""
from __future__ import annotations

import numpy as np

#: Sigma of a normal distribution over the median of the absolute deviations from its centre, 1 / 0.6745.
SIGMA_OF_MAD = 1.4826


def sigma_about(values: np.ndarray, centre: float | np.floating = 0.0) -> float:
    """Robust sigma of values about a known centre: 1.4826 median |v - centre|; 0 of nothing.

    Parameters
    ----------
    values : ndarray of any shape and unit
    centre : float, same unit

    Notes
    -----
    Up to half of the values may be anything. Of n values of a normal distribution it is good to 1.17 / sqrt(2 n) of itself
    (Rousseeuw & Croux 1993).
    """
    if not np.size(values):
        return 0.0
    return SIGMA_OF_MAD * float(np.median(np.abs(values - centre if centre else values)))


def robust_sigma(values: np.ndarray) -> float:
    """Robust sigma of values about their median; 0 of nothing."""
    return sigma_about(values, np.median(values)) if np.size(values) else 0.0


def all_finite(values: np.ndarray) -> bool:
    """Whether no value is NaN or infinite; where that is so the sum says it, and no plane of flags is made."""
    with np.errstate(all='ignore'):
        return bool(np.isfinite(values.sum())) or bool(np.isfinite(values).all())


def clipped(values: np.ndarray, sigma: float, rounds: int) -> np.ndarray:
    """Values within `sigma` robust sigma of their median, clipped again and again; 1e-6 is allowed where all are the same.

    Parameters
    ----------
    values : (n,) ndarray
    rounds : int
        How often; each takes median and sigma of what the one before has left.
    """
    for _ in range(rounds):
        middle = np.median(values)
        values = values[np.abs(values - middle) <= sigma * sigma_about(values, middle) + 1e-6]
    return values
