"""Pixel variance of an image that comes without one."""
from __future__ import annotations

import numpy as np
from numba import njit

from sediff.errors import BadData, BadUsage

#: Fewest good pixels of a cell.
LEAST_SAMPLE = 30


def mesh_of(shape: tuple[int, int]) -> int:
    """Default mesh of a background, px: 128 for a whole CCD, 64 for small images."""
    return 128 if min(shape) >= 1024 else 64


def measured_variance(image: np.ndarray, bad: np.ndarray, gain: float) -> np.ndarray:
    """Variance from the measured noise of the sky and the photon noise of the sources.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        Sky subtracted or not; its pixels must be independent (not resampled).
    bad : ndarray, (ny, nx) bool
    gain : float
        Electrons per unit of the image.

    Returns
    -------
    ndarray, (ny, nx) float32

    Raises
    ------
    BadUsage
        The gain is not positive.
    BadData
        The sky has no measurable noise.
    """
    check_gain(gain)
    mesh = mesh_of(image.shape)
    level, sigma = cell_noise(image, bad, mesh)
    if not (sigma > 0).any():
        raise BadData('the noise of the sky cannot be measured: no cell of the image has enough good pixels, or they '
                      'are all equal; give a weight')
    level, sigma = (_smoothed(plane, sigma > 0) for plane in (level, sigma))
    variance = np.empty(image.shape, np.float32)
    add_noise(image, bad, level, sigma**2, mesh, np.float32(1.0 / gain), variance)
    return variance


@njit(cache=True)
def cell_noise(image, bad, mesh):
    """Median and robust sigma of the sky in each cell, sources clipped at 3 sigma; sigma 0 where too little is good.

    Quartiles of a normal law cut at 3 sigma are at 0.67239 sigma.
    """
    ny, nx = image.shape
    rows, columns = -(-ny // mesh), -(-nx // mesh)
    level, sigma = np.zeros((rows, columns)), np.zeros((rows, columns))
    stride = max(1, mesh // 40)
    sample = np.empty((mesh // stride + 1) ** 2, np.float32)
    for v in range(rows):
        for u in range(columns):
            n = 0
            for y in range(v * mesh, min((v + 1) * mesh, ny), stride):
                for x in range(u * mesh, min((u + 1) * mesh, nx), stride):
                    if not bad[y, x]:
                        sample[n] = image[y, x]
                        n += 1
            if n < LEAST_SAMPLE:
                continue
            ordered = np.sort(sample[:n])
            low, high = 0, n
            for _ in range(10):
                size = high - low
                middle = ordered[low + size // 2]
                spread = (ordered[low + (3 * size) // 4] - ordered[low + size // 4]) / (2 * 0.67239)
                first = np.searchsorted(ordered, np.float32(middle - 3 * spread))
                last = np.searchsorted(ordered, np.float32(middle + 3 * spread), side='right')
                if (first == low and last == high) or last - first < LEAST_SAMPLE:
                    break
                low, high = first, last
            level[v, u], sigma[v, u] = middle, spread
    return level, sigma


def _smoothed(cells: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Median over 3 x 3 good cells; where there is none, that of all good cells."""
    padded = np.pad(np.where(good, cells, np.nan), 1, constant_values=np.nan)
    around = np.array([padded[j:j + cells.shape[0], i:i + cells.shape[1]] for j in range(3) for i in range(3)])
    none = np.isnan(around).all(axis=0)
    around[:, none] = np.median(cells[good])
    return np.nanmedian(around, axis=0)


@njit(cache=True)
def add_noise(image, bad, level, sky_variance, mesh, scale, out):
    """Sky variance, bilinear between cell centres, plus the photon noise of what is above the sky (none where bad)."""
    ny, nx = image.shape
    rows, columns = level.shape
    cell, share = np.empty(nx, np.int64), np.empty(nx, np.float32)
    for x in range(nx):
        at = min(max((x + 0.5) / mesh - 0.5, 0.0), columns - 1.0)
        cell[x] = min(int(at), max(columns - 2, 0))
        share[x] = at - cell[x]
    sky, noise = np.empty(columns + 1, np.float32), np.empty(columns + 1, np.float32)
    for y in range(ny):
        at = min(max((y + 0.5) / mesh - 0.5, 0.0), rows - 1.0)
        j = min(int(at), max(rows - 2, 0))
        t, below = at - j, min(j + 1, rows - 1)
        for i in range(columns):
            sky[i] = level[j, i] + t * (level[below, i] - level[j, i])
            noise[i] = sky_variance[j, i] + t * (sky_variance[below, i] - sky_variance[j, i])
        sky[columns], noise[columns] = sky[columns - 1], noise[columns - 1]
        for x in range(nx):
            i, f = cell[x], share[x]
            photons = image[y, x] - (sky[i] + f * (sky[i + 1] - sky[i]))
            if bad[y, x] or not photons > 0:
                photons = np.float32(0.0)
            out[y, x] = noise[i] + f * (noise[i + 1] - noise[i]) + photons * scale


def counted_variance(image: np.ndarray, gain: float, read_noise: float) -> np.ndarray:
    """Variance of photon counting and read-out, for images that include their sky.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
    gain : float
        Electrons per unit of the image.
    read_noise : float
        Electrons.
    """
    check_gain(gain)
    counts = np.maximum(np.nan_to_num(image, nan=0.0, posinf=0.0, neginf=0.0), 0.0)
    return (counts / gain + (read_noise / gain) ** 2).astype(np.float32)


def check_gain(gain: float) -> None:
    """Raise BadUsage unless the gain is positive."""
    if not gain > 0:
        raise BadUsage(f'gain must be positive, got {gain}')
