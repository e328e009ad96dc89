"""A zero point that changes over the CCD, fitted only where held-out stars confirm it."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

#: Powers of (u, v) of the terms; the first two are the plane, all five the quadratic surface.
_POWERS = ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
_DEGREE_TERMS = {1: 2, 2: 5}
FOLDS = 8


@dataclass(frozen=True)
class SpatialOptions:
    """When a spatial term is warranted.

    Parameters
    ----------
    degree : int
        Highest degree tried: 0 none, 1 plane, 2 quadratic.
    stars_per_term : int
        Fewest stars for each coefficient.
    gain : float
        How much the squared, error-weighted residuals of held-out stars must fall for each coefficient.
    """

    degree: int = 2
    stars_per_term: int = 15
    gain: float = 8.0


@dataclass(frozen=True)
class SpatialTerm:
    """Departure of the zero point from its mean over the CCD.

    Parameters
    ----------
    coefficients : tuple of float
        mag, of u, v [, u^2 - 1/3, u v, v^2 - 1/3]; u and v run from -1 to 1 along x and y of the CCD.
    shape : tuple
        (ny, nx), pixels.
    amplitude : float
        Standard deviation of the term over the CCD, mag.
    gain : float
        By how much it lowers the chi square of held-out stars.
    """

    coefficients: tuple[float, ...]
    shape: tuple[int, int]
    amplitude: float
    gain: float

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Its value (mag) at 0-based pixels."""
        return _basis(*unit_places(x, y, self.shape), len(self.coefficients)) @ np.asarray(self.coefficients)

    def record(self) -> dict:
        """Plain numbers, as kept in the quality file."""
        return {'coefficients': list(self.coefficients), 'shape': list(self.shape), 'amplitude': self.amplitude,
                'gain': self.gain}

    @classmethod
    def from_record(cls, record: Mapping | None) -> SpatialTerm | None:
        """The term of `record`; None for none."""
        if not record:
            return None
        return cls(tuple(record['coefficients']), tuple(record['shape']), record['amplitude'], record['gain'])


def unit_places(x: np.ndarray, y: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """0-based pixels as u, v from -1 to 1 over an image of shape (ny, nx)."""
    ny, nx = shape
    return (2.0 * np.asarray(x, float) + 1.0) / nx - 1.0, (2.0 * np.asarray(y, float) + 1.0) / ny - 1.0


def fit_spatial(x: np.ndarray, y: np.ndarray, residual: np.ndarray, variance: np.ndarray, shape: tuple[int, int],
                options: SpatialOptions | None = None) -> SpatialTerm | None:
    """The spatial term that the stars warrant, or None.

    Parameters
    ----------
    x, y : ndarray, (n,) float64
        0-based pixels of the stars.
    residual, variance : ndarray, (n,) float64, mag, mag^2
        About one zero point, and its variance.
    shape : tuple
        (ny, nx), pixels.
    options : SpatialOptions, optional

    Notes
    -----
    Each degree is judged by cross-validation: the stars are dealt into 8 parts, each part is predicted from the others,
    and chi square of the predictions must fall by `gain` for each coefficient more than the simpler model's has (chance
    lowers it for one CCD in several hundred).
    """
    options = options or SpatialOptions()
    basis = _basis(*unit_places(x, y, shape), len(_POWERS))
    fold = np.argsort(np.argsort(y, kind='stable'), kind='stable') % FOLDS      # spread over the CCD, the same every time
    best, terms = _predicted(basis[:, :0], residual, variance, fold), 0
    start = best
    for degree in range(1, options.degree + 1):
        count = _DEGREE_TERMS[degree]
        if len(residual) < options.stars_per_term * (count + 1):
            break
        chi2 = _predicted(basis[:, :count], residual, variance, fold)
        if best - chi2 > options.gain * (count - terms):
            best, terms = chi2, count
    if not terms:
        return None
    fitted = _solve(basis[:, :terms], residual, variance)[1:]
    ny, nx = shape
    return SpatialTerm(tuple(float(value) for value in fitted), (ny, nx), _amplitude(fitted), float(start - best))


def _basis(u: np.ndarray, v: np.ndarray, count: int) -> np.ndarray:
    """Terms without mean over the CCD: (n, count)."""
    columns = [u ** i * v ** j - (1.0 / 3.0 if 2 in (i, j) else 0.0) for i, j in _POWERS[:count]]
    return np.stack(columns, axis=-1) if columns else np.empty((*np.shape(u), 0))


def _solve(basis: np.ndarray, residual: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Constant and coefficients, weighted least squares."""
    root = 1.0 / np.sqrt(variance)
    design = np.column_stack([np.ones(len(residual)), basis]) * root[:, None]
    return np.linalg.lstsq(design, residual * root, rcond=None)[0]


def _predicted(basis: np.ndarray, residual: np.ndarray, variance: np.ndarray, fold: np.ndarray) -> float:
    """Chi square of stars about what the other parts predict for them."""
    chi2 = 0.0
    for number in range(FOLDS):
        out = fold == number
        solution = _solve(basis[~out], residual[~out], variance[~out])
        predicted = solution[0] + basis[out] @ solution[1:]
        chi2 += float(np.sum((residual[out] - predicted) ** 2 / variance[out]))
    return chi2


def _amplitude(coefficients: np.ndarray) -> float:
    mean_square = np.array([1 / 3, 1 / 3, 4 / 45, 1 / 9, 4 / 45])[:len(coefficients)]
    return float(np.sqrt(np.sum(mean_square * coefficients ** 2)))
