"""The registration error that is left after the kernel: a smooth random field, measured on stars."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from sediff.stats import SIGMA_OF_MAD

#: Correlation lengths tried first, px.
LENGTHS = (90.0, 190.0, 400.0, 900.0)
#: Gain in ln(likelihood) the stars must show for a field to be used, and stars it takes to tell a field from offsets
#: without relation to each other; fewer only need offsets: the field then ends near each.
LEAST_GAIN, FEW = 12.0, 20
LEAST_STARS = 3
#: Error of a star's offset that no photon count brings down, px.
FLOOR = 0.002
#: Stars the length and the size are found from, and stars the field is made from.
SEARCH_STARS, FIELD_STARS = 180, 700
#: Fitted disc around a star, px, and steps between nodes of the field, px.
RADIUS, STEP = 7, 16
#: Offsets larger than this are no registration error, px.
LARGEST = 0.7


@dataclass(frozen=True)
class Field:
    """Offsets of the convolved image's stars to be taken out: s^2 exp(-r^2 / 2 L^2) correlated, known at stars.

    Parameters
    ----------
    x, y : ndarray, (n,) float64
    weight : ndarray, (n, 2) float64
        Of each star's correlation function, for offsets along x and y, px.
    length, rms : float
        L and s, px.
    """

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    length: float
    rms: float

    def nodes(self, shape: tuple[int, int]) -> np.ndarray:
        """Offsets at every STEP pixels: (2, my, mx) float32; node (j, i) is pixel (j STEP, i STEP)."""
        across = _correlation(np.arange(0, shape[1] + STEP, STEP), self.x, self.length)
        along = _correlation(np.arange(0, shape[0] + STEP, STEP), self.y, self.length)
        return np.stack([(along * self.weight[:, k]) @ across.T for k in (0, 1)]).astype(np.float32)


def fit_field(x: np.ndarray, y: np.ndarray, offset: np.ndarray, error: np.ndarray,
              known: tuple[float, float] | None = None) -> Field | None:
    """The field that the stars' offsets are most likely drawn from, or None when they show none.

    Parameters
    ----------
    x, y : ndarray, (n,)
        Positions, px.
    offset : ndarray, (n, 2) float64
        Measured offsets along x and y, px.
    error : ndarray, (n,) float64
        Their error, px.
    known : (length, rms), optional
        Found before: only the field is made.

    Notes
    -----
    A Gaussian process (Rasmussen & Williams 2006, chapters 2 and 5): length and rms maximise the marginal likelihood.
    """
    good = (np.abs(offset).max(axis=1) < LARGEST) & (error < LARGEST)
    x, y, offset, error = (np.asarray(a, float)[good] for a in (x, y, offset, error))
    if len(x) < LEAST_STARS:
        return None
    error = np.hypot(error, FLOOR)
    first = np.argsort(error)[:SEARCH_STARS if known is None else FIELD_STARS]
    x, y, offset, error = x[first], y[first], offset[first], error[first]
    spread = SIGMA_OF_MAD * np.sqrt(np.median(np.minimum(offset**2 - error[:, None]**2, LARGEST**2).clip(0)))
    kept = (np.abs(offset) < 5.0 * np.hypot(error, max(spread, 0.01))[:, None]).all(axis=1)
    x, y, offset, error = x[kept], y[kept], offset[kept], error[kept]
    if known is None:
        known = _search(x, y, offset, error)
        if known is None:
            return None
    length, rms = known
    system = rms**2 * _correlation(x, x, length) * _correlation(y, y, length)
    system[np.diag_indices(len(x))] += error**2
    return Field(x, y, rms**2 * np.linalg.solve(system, offset), length, rms)


def _correlation(a: np.ndarray, b: np.ndarray, length: float) -> np.ndarray:
    return np.exp(-0.5 * ((a[:, None] - b) / length) ** 2)


def _search(x, y, offset, error) -> tuple[float, float] | None:
    """Length and rms of largest likelihood; None when no offsets, or many unrelated ones, do nearly as well."""
    distance2 = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    weight = 1.0 / (error**2 + np.median(error) ** 2)
    excess = np.sum(weight * (0.5 * (offset**2).sum(axis=1) - error**2)) / weight.sum()
    if not excess > FLOOR**2:
        return None
    apart = [-0.5 * np.sum(offset**2 / v[:, None]) - np.sum(np.log(v)) for v in (error**2, error**2 + excess)]
    best, found = max(apart[:1] if len(x) < FEW else apart) + LEAST_GAIN, None
    rms = np.sqrt(excess)
    for length in LENGTHS:
        for trial in (rms, 1.5 * rms):
            value = _likelihood(distance2, offset, error, length, trial)
            if value > best:
                best, found = value, (length, trial)
    if found is None:
        return None
    for ring in (((1 / 1.45, 1.0), (1.45, 1.0)), ((1.0, 0.7), (0.85, 1.0), (1.18, 1.0), (1.0, 1.25))):
        middle = found
        for length, factor in ring:
            trial = middle[0] * length, middle[1] * factor
            value = _likelihood(distance2, offset, error, *trial)
            if value > best:
                best, found = value, trial
    return found


def _likelihood(distance2, offset, error, length, rms) -> float:
    system = rms**2 * np.exp(-0.5 / length**2 * distance2)
    system[np.diag_indices(len(error))] += error**2
    root = np.linalg.cholesky(system)
    return float(-0.5 * np.sum(offset * np.linalg.solve(system, offset)) - 2 * np.sum(np.log(np.diag(root))))


@njit(cache=True)
def slope_of(second_before, before, after, second_after):
    """Derivative of an image along a row or column, from the two pixels on each side."""
    return (second_before - second_after + np.float32(8.0) * (after - before)) / np.float32(12.0)


@njit(cache=True)
def slopes_at(model, y, x):
    """Derivatives of an image along x and y, five points each."""
    along_x = slope_of(model[y, x - 2], model[y, x - 1], model[y, x + 1], model[y, x + 2])
    along_y = slope_of(model[y - 2, x], model[y - 1, x], model[y + 1, x], model[y + 2, x])
    return along_x, along_y


@njit(cache=True)
def eliminate(matrix, right):
    """Gauss-Jordan: the inverse of a positive matrix and the solution, in place; False when it is singular."""
    n = right.size
    for k in range(n):
        pivot = matrix[k, k]
        if not pivot > 0:
            return False
        matrix[k, k] = 1.0
        for j in range(n):
            matrix[k, j] /= pivot
        right[k] /= pivot
        for i in range(n):
            if i != k:
                share = matrix[i, k]
                matrix[i, k] = 0.0
                for j in range(n):
                    matrix[i, j] -= share * matrix[k, j]
                right[i] -= share * right[k]
    return True


@njit(cache=True)
def measure_offsets(science, level, model, variance, bad, xs, ys, radius, floor, out, photons=0.0):
    """Offset along x and y of the science star from the model's, and its error: out (n, 3); error -1 on failure.

    `photons` is the variance of a unit of light that `variance` leaves out.
    Each star is fitted with two derivatives, its own flux and a constant.
    """
    ny, nx = science.shape
    row, reach = np.zeros(4), radius + 2
    for k in range(xs.size):
        matrix, right, lost = np.zeros((4, 4)), np.zeros(4), 0
        out[k, 2] = -1.0
        if xs[k] < reach or ys[k] < reach or xs[k] >= nx - reach or ys[k] >= ny - reach:
            continue
        for j in range(-radius, radius + 1):
            for i in range(-radius, radius + 1):
                y, x = ys[k] + j, xs[k] + i
                if i * i + j * j > radius * radius:
                    continue
                if bad[y, x]:
                    lost += 1
                    continue
                along_x, along_y = slopes_at(model, y, x)
                row[0], row[1], row[2], row[3] = -along_x, -along_y, model[y, x], 1.0
                w = 1.0 / (variance[y, x] + photons * max(model[y, x], 0.0) + (floor * model[y, x]) ** 2)
                residual = science[y, x] - level - model[y, x]
                for a in range(4):
                    right[a] += w * row[a] * residual
                    for b in range(4):
                        matrix[a, b] += w * row[a] * row[b]
        if lost > radius or matrix[2, 2] <= 0:
            continue
        if eliminate(matrix, right):
            out[k, 0], out[k, 1] = right[0], right[1]
            out[k, 2] = np.sqrt(0.5 * (matrix[0, 0] + matrix[1, 1]))


@njit(cache=True)
def move_rows(model, nodes, step):
    """Shift an image in place by the field (second-order expansion), the two outer pixels left as they are."""
    ny, nx = model.shape
    ring, moved = np.empty((5, nx), np.float32), np.empty(nx, np.float32)
    offset = np.empty((2, nx), np.float32)
    half, twelfth, eight = np.float32(0.5), np.float32(1.0 / 12.0), np.float32(8.0)
    for y in range(min(4, ny)):
        ring[y] = model[y]
    for y in range(2, ny - 2):
        ring[(y + 2) % 5] = model[y + 2]
        r0, r1, r2 = ring[(y - 2) % 5], ring[(y - 1) % 5], ring[y % 5]
        r3, r4 = ring[(y + 1) % 5], ring[(y + 2) % 5]
        v, t = y // step, np.float32((y % step) / step)
        for a in range(2):
            for u in range(nodes.shape[2] - 1):
                left = nodes[a, v, u] + t * (nodes[a, v + 1, u] - nodes[a, v, u])
                right = nodes[a, v, u + 1] + t * (nodes[a, v + 1, u + 1] - nodes[a, v, u + 1])
                slope = (right - left) / np.float32(step)
                for i in range(min(step, nx - u * step)):
                    offset[a, u * step + i] = left + np.float32(i) * slope
        for x in range(2, nx - 2):
            dx, dy = offset[0, x], offset[1, x]
            gx = twelfth * (r2[x - 2] - r2[x + 2] + eight * (r2[x + 1] - r2[x - 1]))
            gy = twelfth * (r0[x] - r4[x] + eight * (r3[x] - r1[x]))
            xx = r2[x - 1] + r2[x + 1] - r2[x] - r2[x]
            yy = r1[x] + r3[x] - r2[x] - r2[x]
            xy = np.float32(0.25) * (r3[x + 1] - r3[x - 1] - r1[x + 1] + r1[x - 1])
            moved[x] = r2[x] - dx * gx - dy * gy + half * (dx * dx * xx + dy * dy * yy) + dx * dy * xy
        for x in range(2, nx - 2):
            model[y, x] = moved[x]
