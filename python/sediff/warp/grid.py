"""Exact pixel map between two headers on a coarse grid, with its interpolation error measured."""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from astropy.wcs import WCS

from sediff.errors import BadData
from sediff.warp.lanczos import row_of_map
from sediff.wcs.read import pixel_to_sky, sky_to_pixel

STEPS = (128, 64, 32, 16)
#: Largest allowed interpolation error, source pixels.
TOLERANCE = 1e-3
#: Rows around a strip's footprint: reach of the kernel, of its careful zone, and curvature within the strip.
MARGIN = 16


@dataclass(frozen=True)
class PixelMap:
    """Where each target pixel lies on the source, known exactly at grid nodes.

    Parameters
    ----------
    x, y : ndarray, (my, mx) float64
        0-based source positions of the nodes; node (j, i) is target pixel ((i - 1) step, (j - 1) step).
        NaN where the source projection has no inverse.
    area : ndarray, (my, mx) float64
        Source pixels per target pixel at the nodes (absolute Jacobian determinant).
    step : int
        Target pixels between nodes.
    error : float
        Largest interpolation error found at the middles of cells on the source, source pixels.
    target_shape, source_shape : (ny, nx)
    """

    x: np.ndarray
    y: np.ndarray
    area: np.ndarray
    step: int
    error: float
    target_shape: tuple[int, int]
    source_shape: tuple[int, int]

    def columns(self, first: int, last: int) -> tuple[PixelMap, int]:
        """The map of some target columns, last excluded, and the first of them: at most a step before the one asked for."""
        node = first // self.step
        nodes = slice(node, None)
        return replace(self, x=self.x[:, nodes], y=self.y[:, nodes], area=self.area[:, nodes],
                       target_shape=(self.target_shape[0], last - node * self.step)), node * self.step

    def source_rows(self, first: int, last: int) -> tuple[int, int] | None:
        """Rows of the source that target rows lie on.

        Parameters
        ----------
        first, last : int
            Target rows, last excluded.

        Returns
        -------
        (first, last) or None
            Rows of the source, last excluded, `MARGIN` of them to spare on either side; None where the source does not
            reach these target rows.
        """
        x, y = np.empty((3, self.target_shape[1])), np.empty((3, self.target_shape[1]))
        for k, row in enumerate((first, (first + last) // 2, last - 1)):
            row_of_map(self.x, row, self.step, x[k])
            row_of_map(self.y, row, self.step, y[k])
        if not (np.isfinite(x).any() and np.isfinite(y).any()):
            return None
        ny, nx = self.source_shape
        if np.nanmax(x) < -MARGIN or np.nanmin(x) > nx - 1 + MARGIN:
            return None
        low, high = int(np.floor(np.nanmin(y))) - MARGIN, int(np.ceil(np.nanmax(y))) + MARGIN + 1
        return (max(0, low), min(ny, high)) if high > 0 and low < ny else None


def pixel_map(target: WCS, target_shape: tuple[int, int], source: WCS, source_shape: tuple[int, int]) -> PixelMap:
    """Map target pixels to source pixels with an error below `TOLERANCE`, proven at cell middles.

    Parameters
    ----------
    target_shape, source_shape : (ny, nx)

    Raises
    ------
    BadData
        Even the finest grid misses the exact positions by more than the tolerance.
    """
    for step in STEPS:
        x, y = _exact(target, source, *_nodes(target_shape, step, 0.0))
        error = _middle_error(target, source, x, y, target_shape, source_shape, step)
        if error <= TOLERANCE:
            return PixelMap(x, y, _area(x, y, step), step, error, target_shape, source_shape)
    raise BadData(f'pixel map between the two WCS is not smooth: {error:.3g} px off at a step of {STEPS[-1]} px; '
                  'check the distortion cards of both headers')


def _nodes(shape: tuple[int, int], step: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Target x, y of the nodes: one before the image, enough to pass its end by one."""
    count_y, count_x = (-(-size // step) + 3 for size in shape)
    return np.meshgrid((np.arange(count_x) - 1 + shift) * step, (np.arange(count_y) - 1 + shift) * step)


def _exact(target: WCS, source: WCS, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ra, dec = pixel_to_sky(target, x.ravel(), y.ravel())
    source_x, source_y = sky_to_pixel(source, ra, dec)
    return source_x.reshape(x.shape), source_y.reshape(x.shape)


def _middle_error(target, source, x, y, target_shape, source_shape, step) -> float:
    """Largest distance between interpolated and exact positions at cell middles that fall on the source."""
    exact_x, exact_y = _exact(target, source, *_nodes(target_shape, step, 0.5))
    exact_x, exact_y = exact_x[1:-2, 1:-2], exact_y[1:-2, 1:-2]
    distance = np.hypot(_middles(x) - exact_x, _middles(y) - exact_y)
    margin = step
    on_source = ((exact_x > -margin) & (exact_x < source_shape[1] + margin)
                 & (exact_y > -margin) & (exact_y < source_shape[0] + margin))
    return float(np.nanmax(np.where(on_source, distance, 0.0), initial=0.0))


def _middles(nodes: np.ndarray) -> np.ndarray:
    """Four-point cubic interpolation at the middle of each inner cell."""
    weights = np.array([-1.0, 9.0, 9.0, -1.0]) / 16.0
    rows = sum(w * nodes[k:nodes.shape[0] - 3 + k] for k, w in enumerate(weights))
    return sum(w * rows[:, k:nodes.shape[1] - 3 + k] for k, w in enumerate(weights))


def _area(x: np.ndarray, y: np.ndarray, step: int) -> np.ndarray:
    x_dy, x_dx = np.gradient(x, step)
    y_dy, y_dx = np.gradient(y, step)
    return np.abs(x_dx * y_dy - x_dy * y_dx)
