"""Pixel variance of an image that comes without one."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from sediff.errors import BadData, BadUsage
from sediff.stats import SIGMA_OF_MAD

#: Pixels looked at, about.
SAMPLE = 500_000
#: Fewest good pixels of a cell.
LEAST_SAMPLE = 30
#: How far the noise at the highest frequencies may fall below that at lower ones where nothing was resampled.
WHITE_LOSS = 0.01


def mesh_of(shape: tuple[int, int]) -> int:
    """Default mesh of a background, px: 128 for a whole CCD, 64 for small images."""
    return 128 if min(shape) >= 1024 else 64


@dataclass(frozen=True)
class SkyNoise:
    """Measured noise of an image, cell by cell.

    Parameters
    ----------
    level, sigma : ndarray, (rows, columns) float64
        Brightness, and the noise of a pixel of that brightness; sigma 0 where too little is good.
    given : ndarray, (rows, columns) float64
        Median of the sigma that the image comes with, at the same pixels; 0 without.
    mesh : int
        Side of the cells, px.
    white : bool
        False where neighbours are correlated, as a resampled image's are.
    """

    level: np.ndarray
    sigma: np.ndarray
    given: np.ndarray
    mesh: int
    white: bool

    def typical(self) -> tuple[float, float]:
        """Median brightness and noise of the cells."""
        good = self.sigma > 0
        return float(np.median(self.level[good])), float(np.median(self.sigma[good]))

    def ratio(self) -> float | None:
        """Median of measured over given noise; None where it is not known."""
        good = (self.sigma > 0) & (self.given > 0)
        return float(np.median(self.sigma[good] / self.given[good])) if good.any() else None


def sky_noise(image: np.ndarray, bad: np.ndarray, variance: np.ndarray | None = None, every: int = 1) -> SkyNoise:
    """Noise of the fainter half of the pixels of each cell, where neither stars nor nebulosity count.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
    bad : ndarray, (ny, nx) bool
    variance : ndarray, (ny, nx) float32, optional
        What the noise is said to be, to compare with.
    every : int
        Measure only every so many cells, for a look.

    Raises
    ------
    BadData
        No cell has a measurable noise.

    Notes
    -----
    Fourth differences along both axes, [1 -4 6 -4 1] x [1 -4 6 -4 1] / 70, have the noise of a white image's pixels and
    next to none of what a PSF has smoothed (after Immerkaer 1996, CVIU 64, 300, who takes second ones); values
    beyond 2.5 sigma, of cores and defects, are left out. In a resampled image they see too little. That shows against
    [1 -4 6 -4 1] x [1 -2 1], which looks at lower frequencies: there the spread of the pixels themselves is taken, clipped.
    """
    image, bad = np.ascontiguousarray(image, np.float32), np.ascontiguousarray(bad, bool)
    mesh = mesh_of(image.shape)
    cells = cell_noise(image, bad, image if variance is None else variance, variance is not None, mesh, every)
    level, sigma, quiet_level, quiet, rows, columns, count, given = cells
    good = (quiet > 0) & (rows > 0) & (columns > 0)
    if not (sigma > 0).any():
        raise BadData('the noise of the sky cannot be measured: no cell of the image has enough good pixels, or they '
                      'are all equal; give a weight')
    if good.any() and _is_white(*(plane[good] for plane in (sigma, quiet, rows, columns, count))):
        return SkyNoise(np.where(good, quiet_level, 0), np.where(good, quiet, 0), given, mesh, True)
    return SkyNoise(level, sigma, given, mesh, False)


def _is_white(sigma: np.ndarray, quiet: np.ndarray, rows: np.ndarray, columns: np.ndarray, count: np.ndarray) -> bool:
    """True unless the noise of the cells falls towards high frequencies as that of a resampled image does.

    The deeper it falls, the more of the pixels' spread it may miss; a spread beyond that is light of stars, not noise.
    (Bilinear at half a pixel, the worst: 0.77, 3.8 times; Lanczos-3: 0.85, 1.9 at half, 0.97, 1.15 at a fifth.)
    """
    other = max(np.median(rows), np.median(columns))
    loss, spread = 1.0 - float(np.median(quiet) / other), float(np.median(sigma) / other)
    return loss < WHITE_LOSS + 1.0 / np.sqrt(count.sum()) or spread > 1.3 + 5.0 * loss + 40.0 * loss ** 2


def variance_from(image: np.ndarray, bad: np.ndarray, noise: SkyNoise, gain: float) -> np.ndarray:
    """Variance plane (ny, nx) float32 of a measured noise of the sky, and photon noise of what is brighter."""
    level, sigma = (_smoothed(plane, noise.sigma > 0) for plane in (noise.level, noise.sigma))
    variance = np.empty(image.shape, np.float32)
    add_noise(image, bad, level, sigma**2, noise.mesh, np.float32(1.0 / gain), variance)
    return variance


@njit(cache=True)
def cell_noise(image, bad, variance, compare, mesh, every):
    """Noise of each cell in two ways, 0 where too little is good.

    Returns
    -------
    level, sigma : median and clipped quartile sigma of the pixels, sources cut at 3 sigma (quartiles of a normal law cut
        there are at 0.67239 sigma)
    quiet_level, quiet : the same of the fainter half, from fourth differences
    other (2 planes) : their noise from differences that look at lower frequencies too, along rows and along columns
    count : pixels of the fainter half
    given : median sigma of `variance` there
    """
    ny, nx = image.shape
    rows, columns = -(-ny // mesh), -(-nx // mesh)
    out = np.zeros((8, rows, columns))
    stride = min(max(1, int(np.sqrt(ny * nx / SAMPLE))), mesh // 16)
    size = (mesh // stride + 1) ** 2
    sample, local = np.empty(size, np.float32), np.empty(size, np.float32)
    differences, said = np.empty((3, size), np.float32), np.empty(size, np.float32)
    for v in range(rows):
        for u in range(columns):
            if (v + 2 * u) % every:
                continue
            n, m = 0, 0
            for y in range(v * mesh, min((v + 1) * mesh, ny), stride):
                for x in range(u * mesh, min((u + 1) * mesh, nx), stride):
                    if bad[y, x]:
                        continue
                    sample[n] = image[y, x]
                    n += 1
                    if 2 <= y < ny - 2 and 2 <= x < nx - 2 and fourth_differences(image, bad, y, x, local, differences, m):
                        if compare:
                            said[m] = variance[y, x]
                        m += 1
            if n < LEAST_SAMPLE:
                continue
            out[0, v, u], out[1, v, u] = clipped_spread(sample[:n])
            if m < LEAST_SAMPLE:
                continue
            faint = np.flatnonzero(local[:m] <= np.median(local[:m]))
            out[2, v, u] = np.median(local[:m][faint])
            for k in range(3):
                out[3 + k, v, u] = clipped_rms(differences[k, :m][faint])
            out[6, v, u] = faint.size
            if compare:
                out[7, v, u] = np.sqrt(max(np.median(said[:m][faint]), 0.0))
    return out


@njit(cache=True)
def fourth_differences(image, bad, y, x, local, differences, at):
    """Mean of 5 x 5 pixels and three differences of them, put at `at`; False where one of them is bad."""
    total, both, rows, columns = 0.0, 0.0, 0.0, 0.0
    for j in range(-2, 3):
        for i in range(-2, 3):
            if bad[y + j, x + i]:
                return False
    for j in range(-2, 3):
        a, b, c, d, e = (image[y + j, x - 2], image[y + j, x - 1], image[y + j, x], image[y + j, x + 1], image[y + j, x + 2])
        fourth = (a + e) - np.float32(4) * (b + d) + np.float32(6) * c
        second = b + d - np.float32(2) * c
        along = 6.0 if j == 0 else -4.0 if abs(j) == 1 else 1.0
        across = -2.0 if j == 0 else 1.0 if abs(j) == 1 else 0.0
        total += a + b + c + d + e
        both += along * fourth
        rows += across * fourth
        columns += along * second
    local[at] = total / 25.0
    differences[0, at], differences[1, at], differences[2, at] = both / 70.0, rows / np.sqrt(420.0), columns / np.sqrt(420.0)
    return True


@njit(cache=True)
def clipped_rms(values):
    """Sigma of a normal law about 0 from the values within 2.5 robust sigma; what is cut there has 0.9546 of it."""
    limit = 2.5 * SIGMA_OF_MAD * np.median(np.abs(values))
    total, used = 0.0, 0
    for value in values:
        if abs(value) <= limit:
            total += value * value
            used += 1
    return np.sqrt(total / max(used, 1)) / 0.9546


@njit(cache=True)
def clipped_spread(sample):
    """Median and quartile sigma of a sample, values beyond 3 sigma rejected."""
    ordered = np.sort(sample)
    low, high = 0, ordered.size
    middle, spread = ordered[high // 2], np.float64(0.0)
    for _ in range(10):
        size = high - low
        middle = ordered[low + size // 2]
        spread = (ordered[low + (3 * size) // 4] - ordered[low + size // 4]) / (2 * 0.67239)
        first = np.searchsorted(ordered, np.float32(middle - 3 * spread))
        last = np.searchsorted(ordered, np.float32(middle + 3 * spread), side='right')
        if (first == low and last == high) or last - first < LEAST_SAMPLE:
            break
        low, high = int(first), int(last)
    return middle, spread


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


def check_gain(gain: float) -> None:
    """Raise BadUsage unless the gain is positive and finite."""
    if not 0.0 < gain < np.inf:
        raise BadUsage(f'gain must be positive and finite, got {gain}')
