"""The sky that is left in a difference image, measured on sky pixels."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from sediff.errors import BadData
from sediff.subtract.terms import spatial_terms, term_count, term_degrees

#: Pixels of a cell that must be sky for its level to count on its own.
LEAST_PIXELS = 50
#: Model pixels further from the model's sky than this many of its sigma are sources. Selecting closer by a noisy model
#: biases the sky of the difference: at 3 sigma by 0.005 of its noise.
SOURCE_SIGMA = 8.0
#: Pixels a sky level is measured on.
SAMPLE = 20_000


@dataclass(frozen=True)
class Sky:
    """Smooth sky over an image, as a grid that is interpolated, or a polynomial.

    Parameters
    ----------
    shape : (ny, nx)
    grid : ndarray, (rows, columns) float64, or None
        Levels at cell centres.
    mesh : int
        Side of the cells, px.
    coefficients : ndarray, (order + 1, order + 1) float64, or None
        Of Legendre polynomials, axes (y, x).
    share : float
        Share of the pixels it was measured on.
    """

    shape: tuple[int, int]
    grid: np.ndarray | None
    mesh: int
    coefficients: np.ndarray | None = None
    share: float = 1.0

    def strips(self, height: int):
        """First row, end row and sky (rows, nx) float32 of one strip of the image after the other."""
        y, x = np.arange(self.shape[0]), np.arange(self.shape[1])
        if self.coefficients is not None:
            along, across = (np.polynomial.legendre.legvander(2.0 * p / max(len(p) - 1, 1) - 1.0, len(self.coefficients) - 1)
                             for p in (y, x))
            middle = self.coefficients
        else:
            middle = self._levels()
            along, across = (spline_weights(len(p), self.mesh, cells, p) for p, cells in zip((y, x), middle.shape))
        right = (middle @ across.T).astype(np.float32)
        along = along.astype(np.float32)
        for start in range(0, len(y), height):
            yield start, min(start + height, len(y)), along[start:start + height] @ right

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The sky at positions: (n,) float64."""
        if self.coefficients is not None:
            order = len(self.coefficients) - 1
            along, across = (np.polynomial.legendre.legvander(2.0 * p / max(size - 1, 1) - 1.0, order)
                             for p, size in zip((y, x), self.shape))
            return np.einsum('ni,ij,nj->n', along, self.coefficients, across)
        grid = self._levels()
        along, across = (spline_weights(size, self.mesh, cells, p)
                         for p, size, cells in zip((y, x), self.shape, grid.shape))
        return np.einsum('ni,ij,nj->n', along, grid, across)

    def _levels(self) -> np.ndarray:
        assert self.grid is not None    # there is one where there are no coefficients
        return self.grid

    def image(self) -> np.ndarray:
        """The sky of the whole image: (ny, nx) float32."""
        return next(self.strips(self.shape[0]))[2]


def spline_weights(size: int, mesh: int, cells: int, position: np.ndarray) -> np.ndarray:
    """Weights (n, cells) of the cells in a natural cubic spline through their centres; constant past the outer ones."""
    edges = np.minimum(np.arange(cells + 1) * mesh, size)
    centres = 0.5 * (edges[1:] + edges[:-1] - 1)
    if cells == 1:
        return np.ones((len(position), 1))
    step = np.diff(centres)
    system, right = np.eye(cells), np.zeros((cells, cells))
    for k in range(1, cells - 1):
        system[k, k - 1:k + 2] = step[k - 1], 2.0 * (step[k - 1] + step[k]), step[k]
        right[k, k - 1:k + 2] = 6.0 / step[k - 1], -6.0 / step[k - 1] - 6.0 / step[k], 6.0 / step[k]
    curvature = np.linalg.solve(system, right)
    at = np.clip(position, centres[0], centres[-1])
    cell = np.clip(np.searchsorted(centres, at, 'right') - 1, 0, cells - 2)
    h, identity = step[cell], np.eye(cells)
    b = (at - centres[cell]) / h
    a = 1.0 - b
    out = a[:, None] * identity[cell] + b[:, None] * identity[cell + 1]
    out += ((a**3 - a) * h * h / 6.0)[:, None] * curvature[cell] + ((b**3 - b) * h * h / 6.0)[:, None] * curvature[cell + 1]
    return out


def sky_level(image: np.ndarray, bad: np.ndarray) -> tuple[float, float]:
    """Median and robust sigma of the good pixels, sources clipped, from a sample of them.

    Raises
    ------
    BadData
        Every pixel is masked.
    """
    step = max(1, int(np.sqrt(image.size / SAMPLE)))
    sample = image[::step, ::step][~bad[::step, ::step]]
    if sample.size == 0:
        sample = image[~bad]
    if sample.size == 0:
        raise BadData('all pixels are masked; check the mask, the weight and the saturation limits')
    return clipped_level(sample)


def clipped_level(sample: np.ndarray) -> tuple[float, float]:
    """Median and robust sigma, values further than 3 sigma rejected."""
    for _ in range(5):
        low, middle, high = np.percentile(sample, (25, 50, 75))
        sigma = (high - low) / 1.34898
        kept = sample[np.abs(sample - middle) <= 3.0 * sigma]
        if kept.size == sample.size or kept.size == 0:
            break
        sample = kept
    return float(middle), float(sigma)


@njit(cache=True)
def cell_levels(science, level, model, bad, model_low, model_high, sigma, mesh, step):
    """Mean of science - level - model over each cell's sky pixels, clipped about their median, and their number.

    Every `step`-th row is used.
    """
    ny, nx = science.shape
    rows, columns = -(-ny // mesh), -(-nx // mesh)
    out, count = np.zeros((rows, columns)), np.zeros((rows, columns), np.int64)
    sample = np.empty(mesh * mesh, np.float32)
    stride = max(1, mesh // 24)
    for v in range(rows):
        for u in range(columns):
            n = 0
            for y in range(v * mesh, min((v + 1) * mesh, ny), stride):
                for x in range(u * mesh, min((u + 1) * mesh, nx), stride):
                    if not bad[y, x] and model_low <= model[y, x] <= model_high:
                        sample[n] = science[y, x] - level - model[y, x]
                        n += 1
            if n == 0:
                continue
            middle = np.median(sample[:n])
            low, high = np.float32(middle - 3.0 * sigma), np.float32(middle + 3.0 * sigma)
            total, used = np.float64(0.0), 0
            for y in range(v * mesh, min((v + 1) * mesh, ny), step):
                row = np.float32(0.0)
                for x in range(u * mesh, min((u + 1) * mesh, nx)):
                    value = science[y, x] - level - model[y, x]
                    if not bad[y, x] and model_low <= model[y, x] <= model_high and low <= value <= high:
                        row += value - middle
                        used += 1
                total += row
            if used:
                out[v, u], count[v, u] = middle + total / used, used
    return out, count


def residual_sky(science: np.ndarray, level: float | np.float32, model: np.ndarray, bad: np.ndarray, mesh: int,
                 order: int | None = None, step: int = 1) -> Sky:
    """Smooth sky of the difference science - level - model.

    Parameters
    ----------
    science, model : ndarray, (ny, nx) float32
        Image, and the convolved image to subtract: pixels far off the model's sky either way are left out.
    level : float
    bad : ndarray, (ny, nx) bool
    mesh : int
        Size of the cells whose clipped means are taken, px.
    order : int, optional
        Fit one polynomial of this degree to the cells; default: a bicubic spline through them.
    step : int
        Use every so many rows.

    Raises
    ------
    BadData
        No sky pixel is left.
    """
    middle, spread = sky_level(model, bad)
    stride = max(1, int(np.sqrt(science.size / SAMPLE)))
    part = (slice(None, None, stride), slice(None, None, stride))
    sample = (science[part] - np.float32(level) - model[part])[~bad[part]]
    sigma = clipped_level(sample.astype(float))[1] if sample.size else 1.0
    for limit in (SOURCE_SIGMA * max(spread, 1e-30), np.inf):
        levels, count = cell_levels(science, np.float32(level), model, bad, np.float32(middle - limit),
                                    np.float32(middle + limit), max(sigma, 1e-30), mesh, step)
        if (count * step >= LEAST_PIXELS).any():
            break
    else:
        raise BadData('no sky pixel is left to measure the residual background on; check the masks')
    share = float(count.sum() * step / science.size)
    if order is not None:
        return Sky(science.shape, None, mesh, _polynomial(levels, count * step, mesh, science.shape, order), share)
    return Sky(science.shape, _filled(levels, count * step, mesh), mesh, None, share)


def _filled(levels: np.ndarray, count: np.ndarray, mesh: int) -> np.ndarray:
    """Cells with few sky pixels drawn towards the mean of those around them."""
    weight = count / (count + 0.02 * mesh * mesh) * (count >= LEAST_PIXELS)
    smooth, total = levels * weight, weight.copy()
    for _ in range(max(levels.shape)):
        if (total > 0).all():
            break
        smooth, total = _spread(smooth, total)
    around, near = _spread(levels * weight, weight)
    mean = np.where(near > 0, around / np.where(near > 0, near, 1), smooth / np.where(total > 0, total, 1))
    return weight * levels + (1.0 - weight) * mean


def _spread(value: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums over 3 x 3 cells."""
    out = []
    for plane in (value, weight):
        padded = np.pad(plane, 1)
        total = np.zeros_like(plane)
        for j, i in np.ndindex(3, 3):
            total = total + padded[j:j + plane.shape[0], i:i + plane.shape[1]]
        out.append(total)
    return out[0], out[1]


def _polynomial(levels: np.ndarray, count: np.ndarray, mesh: int, shape: tuple[int, int], order: int) -> np.ndarray:
    """Polynomial of total degree `order` through the cells, weighted by their pixels: Legendre coefficients (y, x)."""
    rows, columns = np.nonzero(count >= LEAST_PIXELS)
    centres = [0.5 * (k * mesh + np.minimum((k + 1) * mesh, size) - 1) for k, size in zip((rows, columns), shape)]
    order = min(order, max(k for k in range(order + 1) if term_count(k) <= len(rows)))
    root = np.sqrt(count[rows, columns])
    terms = spatial_terms(centres[1], centres[0], shape, order)
    solution = np.linalg.lstsq(terms * root[:, None], levels[rows, columns] * root, rcond=None)[0]
    out = np.zeros((order + 1, order + 1))
    for (i, j), coefficient in zip(term_degrees(order), solution):
        out[j, i] = coefficient
    return out
