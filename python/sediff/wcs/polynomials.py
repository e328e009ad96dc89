"""Polynomials in two variables, multiplied, and rewritten for other variables."""
from __future__ import annotations

import numpy as np


def product(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Coefficients of the product of two polynomials, without the terms that do not fit in.

    Parameters
    ----------
    first, second : ndarray, (n, n) float64
        [i, j] multiplies x^i y^j.

    Returns
    -------
    ndarray, (n, n) float64
        To the last bit those of `scipy.signal.convolve2d`, whose import takes a second: terms are added in its order, four
        of a row together.
    """
    size = len(first)
    fours = size // 4 * 4
    groups = [range(k, k + 4) for k in range(0, fours, 4)] + [range(k, k + 1) for k in range(fours, size)]
    out = np.zeros((size, size))
    for i in range(size):
        for columns in (group for group in groups if second[i, group].any()):
            together = np.zeros((size, size))
            for j in columns:
                together[i:, j:] += second[i, j] * first[:size - i, :size - j]
            out += together
    return out


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
            rows.append(product(rows[-1], line))
        powers.append(rows)
    out = np.zeros((size, size))
    for i, j in np.argwhere(coefficients != 0.0):
        out += coefficients[i, j] * product(powers[0][i], powers[1][j])
    return out
