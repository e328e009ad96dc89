"""How many terms the stars of a CCD warrant beyond the linear ones, judged by stars held out of the fit."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.astrometry.tpv import Tpv

#: Stars a parameter needs along one axis before a polynomial is tried.
STARS_A_TERM = 2
#: Size expected of a coefficient beyond the linear ones, mas: real headers are off by up to 20 mas at the edges.
PRIOR_MAS = 4.0


@dataclass(frozen=True)
class Bend:
    """A polynomial correction and how it was judged.

    Parameters
    ----------
    order : int
        1: none; 2 or 3: degree of the polynomial.
    first, second : ndarray, (order + 1, order + 1), arcsec
        Coefficient [i, j] multiplies s^i t^j.
    held_out : float
        rms error, mas along one axis, of stars held out of the fit of this order.
    worst_error : float
        Largest formal error (mas, one axis) anywhere on the CCD.
    """

    order: int
    first: np.ndarray
    second: np.ndarray
    held_out: float
    worst_error: float


def choose_bend(s: np.ndarray, t: np.ndarray, d_xi: np.ndarray, d_eta: np.ndarray, sigma: np.ndarray, max_order: int = 3,
                max_error: float = 15.0) -> Bend:
    """The polynomial that best predicts stars held out of its fit.

    Parameters
    ----------
    s, t : ndarray, (n,)
        Places of the stars, -1 to 1 over the CCD.
    d_xi, d_eta : ndarray, (n,) arcsec
        What the polynomial is to take up.
    sigma : ndarray, (n,) arcsec
        Error along one axis.
    max_order : int
        Highest degree tried.
    max_error : float
        A degree whose formal error exceeds this (mas) somewhere on the CCD is not taken: too few stars, or none in a corner.

    Returns
    -------
    Bend
        Order 1 always comes out where nothing higher is warranted; its polynomial is then the linear one.

    Notes
    -----
    Each star is predicted from all others, e_i / (1 - h_i) with h_i its leverage (Allen 1974, PRESS). A higher degree is
    taken where the sum of squares, in units of the errors, falls by more than the standard error of its fall. Its
    coefficients have a Gaussian prior of zero mean (ridge regression), which gives way as stars become many.
    """
    best, best_squares = _fitted(1, s, t, d_xi, d_eta, sigma)
    for order in range(2, max_order + 1):
        if len(s) < STARS_A_TERM * (order + 1) * (order + 2) // 2:
            break
        trial, squares = _fitted(order, s, t, d_xi, d_eta, sigma)
        gain = best_squares - squares
        if trial.worst_error <= max_error and gain.mean() > gain.std() / np.sqrt(len(gain)):
            best, best_squares = trial, squares
    return best


def exact_bend(order: int, s, t, d_xi, d_eta, sigma) -> Bend:
    """The polynomial of a given degree."""
    return _fitted(order, s, t, d_xi, d_eta, sigma)[0]


def bend(model: Tpv, found: Bend, center: np.ndarray, half: np.ndarray) -> Tpv:
    """The solution with the polynomial put into its PV terms."""
    return model.bent(found.first, found.second, center, half)


def _exponents(order: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(order + 1) for j in range(order + 1 - i)]


def _design(order: int, s, t) -> np.ndarray:
    return np.stack([s ** i * t ** j for i, j in _exponents(order)], axis=1)


def _fitted(order, s, t, d_xi, d_eta, sigma) -> tuple[Bend, np.ndarray]:
    weight = 1.0 / sigma
    design = _design(order, s, t) * weight[:, None]
    prior = np.diag([1e3 / PRIOR_MAS if i + j > 1 else 0.0 for i, j in _exponents(order)])
    q, r = np.linalg.qr(np.concatenate([design, prior]))
    q = q[:len(s)]
    data = np.stack([d_xi, d_eta], axis=1) * weight[:, None]
    diagonal = np.abs(np.diag(r))
    if diagonal.min() < 1e-9 * diagonal.max():
        first, second = np.zeros((2, order + 1, order + 1))
        return Bend(order, first, second, np.inf, np.inf), np.full(len(s), np.inf)
    solution = np.linalg.solve(r, q.T @ data)
    held_out = (data - q @ (q.T @ data)) / np.maximum(1.0 - (q ** 2).sum(axis=1), 1e-3)[:, None]
    squares = (held_out ** 2).sum(axis=1)
    tables = np.zeros((2, order + 1, order + 1))
    for row, (i, j) in zip(solution, _exponents(order)):
        tables[:, i, j] = row
    edge = np.linspace(-1.0, 1.0, 5)
    grid = _design(order, *(values.ravel() for values in np.meshgrid(edge, edge)))
    errors = np.sqrt(np.square(np.linalg.solve(r.T, grid.T)).sum(axis=0))
    rms = float(np.sqrt(np.average((held_out * sigma[:, None]) ** 2, weights=np.stack([weight ** 2] * 2, axis=1))))
    return Bend(order, tables[0], tables[1], 1e3 * rms, 1e3 * float(errors.max())), squares
