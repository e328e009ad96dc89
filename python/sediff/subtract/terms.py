"""Polynomials over the image."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.polynomial.legendre import legvander


def term_count(order: int) -> int:
    """Polynomial terms in x and y up to a total degree."""
    return (order + 1) * (order + 2) // 2


def term_degrees(order: int) -> list[tuple[int, int]]:
    """Degrees in x and y of each term, lower total degrees first."""
    return [(total - j, j) for total in range(order + 1) for j in range(total + 1)]


def spatial_terms(x: npt.ArrayLike, y: npt.ArrayLike, shape: tuple[int, int], order: int) -> np.ndarray:
    """Products of Legendre polynomials over the image, lower total degrees first: (n, terms) float64."""
    across = legvander(2.0 * np.asarray(x, float) / max(shape[1] - 1, 1) - 1.0, order)
    along = legvander(2.0 * np.asarray(y, float) / max(shape[0] - 1, 1) - 1.0, order)
    return np.stack([across[:, i] * along[:, j] for i, j in term_degrees(order)], axis=1)
