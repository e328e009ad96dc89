"""Numba kernel of fixed circular apertures, all diameters in one pass."""
from __future__ import annotations

import numpy as np
from numba import njit

#: Pixels that an aperture's edge crosses are divided in so many parts along each axis, as SExtractor does.
PARTS = 5
#: Half of a pixel's diagonal.
REACH = 0.7072


@njit(cache=True)
def _part_inside(dx: float, dy: float, radius: float) -> float:
    """Fraction of the pixel centred at (dx, dy) that lies within `radius` of the origin."""
    inside = 0
    for j in range(PARTS):
        y = dy + (j + 0.5) / PARTS - 0.5
        for i in range(PARTS):
            x = dx + (i + 0.5) / PARTS - 0.5
            inside += x * x + y * y < radius * radius
    return inside / (PARTS * PARTS)


@njit(cache=True)
def _foreign(segmentation: np.ndarray, bad: np.ndarray, number: int, j: int, i: int) -> bool:
    return bad[j, i] or (segmentation[j, i] > 0 and segmentation[j, i] != number)


@njit(cache=True)
def circular_sums(image: np.ndarray, error: np.ndarray, bad: np.ndarray, segmentation: np.ndarray, number: np.ndarray,
                  x: np.ndarray, y: np.ndarray, radii: np.ndarray, gain: float, flux: np.ndarray,
                  variance: np.ndarray) -> None:
    """Fluxes in circles about given positions.

    Parameters
    ----------
    image, error : ndarray, (ny, nx) float32; bad : ndarray, (ny, nx) bool
    segmentation : ndarray, (ny, nx) int32
    number : ndarray, (n,) int32
        Object numbers in `segmentation`.
    x, y : ndarray, (n,) float64, 0-based pixels
    radii : ndarray, (k,) float64, pixels
        Ascending.
    gain : float
        Electrons per flux unit.
    flux, variance : ndarray, (n, k) float64
        Overwritten.

    Notes
    -----
    A bad pixel, and one that belongs to another object, is replaced by its mirror image about the object's centre; where
    that is no better it counts as zero (SExtractor's MASK_TYPE CORRECT).
    """
    ny, nx = image.shape
    largest = radii[-1] + REACH
    for star in range(x.size):
        flux[star], variance[star] = 0.0, 0.0
        for j in range(max(int(np.ceil(y[star] - largest)), 0), min(int(y[star] + largest) + 1, ny)):
            dy = j - y[star]
            for i in range(max(int(np.ceil(x[star] - largest)), 0), min(int(x[star] + largest) + 1, nx)):
                dx = i - x[star]
                distance = np.sqrt(dx * dx + dy * dy)
                if distance >= largest:
                    continue
                row, column = j, i
                if _foreign(segmentation, bad, number[star], j, i):
                    row, column = int(np.floor(2.0 * y[star] - j + 0.5)), int(np.floor(2.0 * x[star] - i + 0.5))
                    if (row < 0 or column < 0 or row >= ny or column >= nx
                            or _foreign(segmentation, bad, number[star], row, column)):
                        continue
                value, noise = float(image[row, column]), float(error[row, column]) ** 2
                for k in range(radii.size - 1, -1, -1):
                    if distance >= radii[k] + REACH:
                        break
                    part = 1.0 if distance < radii[k] - REACH else _part_inside(dx, dy, radii[k])
                    flux[star, k] += part * value
                    variance[star, k] += part * noise
        for k in range(radii.size):
            variance[star, k] += max(flux[star, k], 0.0) / gain
