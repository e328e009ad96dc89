"""Polynomials in two variables, rewritten for other variables."""
from __future__ import annotations

import numpy as np
from scipy.signal import convolve2d


def substitute(coefficients: np.ndarray, matrix: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Coefficients in (x, y) of a polynomial in (s, t), where (s, t) = matrix (x, y) + offset.

    Parameters
    ----------
    coefficients : ndarray, (n, n) float64
        [i, j] multiplies s^i t^j; zero where i + j >= n.
    matrix : ndarray, (2, 2); offset : ndarray, (2,)

    Returns
    -------
    ndarray, (n, n) float64
    """
    size = len(coefficients)
    powers = []
    for axis in (0, 1):
        line = np.zeros((size, size))
        line[0, 0] = offset[axis]
        if size > 1:
            line[1, 0], line[0, 1] = matrix[axis]
        one = np.zeros((size, size))
        one[0, 0] = 1.0
        rows = [one]
        for _ in range(size - 1):
            rows.append(convolve2d(rows[-1], line)[:size, :size])
        powers.append(rows)
    out = np.zeros((size, size))
    for i, j in np.argwhere(coefficients != 0.0):
        out += coefficients[i, j] * convolve2d(powers[0][i], powers[1][j])[:size, :size]
    return out
