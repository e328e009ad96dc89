"""Cosmic rays by Laplacian edge detection (van Dokkum 2001, PASP 113, 1420, arXiv:astro-ph/0108003)."""
from __future__ import annotations

import math

import numpy as np
from numba import njit

from sediff.camera.maskbits import UNUSABLE, Bit
from sediff.errors import BadData

#: Mask bits whose pixels are neither searched nor used. Edges are searched.
_BLIND = int(UNUSABLE & ~(Bit.EDGE | Bit.CRAY))


def find_cosmic_rays(image: np.ndarray, weight: np.ndarray, mask: np.ndarray, fwhm: float, limit: float = 4.5,
                     grow_limit: float = 1.0, sharpness: float = 3.0, iterations: int = 4) -> np.ndarray:
    """Pixels hit by cosmic rays.

    The Laplacian of the image subsampled twice, negative lobes cut off and summed back to pixels, measures edges.
    In units of the noise (sky, read noise and the 5 x 5 median of the image) and less its own 5 x 5 median it must
    exceed `limit`; and in relation to the fine structure (3 x 3 median less the 7 x 7 median of that) it must exceed
    what the sharpest pixel of a star of this FWHM shows, times `sharpness`. Then neighbours above `grow_limit`
    join. Found pixels are replaced by the median of the good ones around, and the search repeats near them.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, electrons
        Sky-subtracted.
    weight : ndarray, (ny, nx) float32, electrons^-2
        Inverse variance of sky and read noise. EDGE pixels may have weight 0: the typical weight is used there.
    mask : ndarray, (ny, nx) uint16
        Unusable pixels (EDGE and CRAY excepted) are neither searched nor used.
    fwhm : float, pixels
        Of the PSF. Rather too small than too large: stars sharper than this are taken for cosmic rays.
    limit, grow_limit : float
        Noise-normalised thresholds.
    sharpness : float
        Margin over a noiseless star's sharpness.
    iterations : int
        Most passes made; the search stops when a pass finds nothing.

    Returns
    -------
    ndarray, (ny, nx) bool

    Raises
    ------
    BadData
        FWHM is not between 1 and 20 pixels, or no pixel has weight.
    """
    if not 1.0 <= fwhm <= 20.0:
        raise BadData(f'a FWHM of {fwhm} pixels cannot be that of a star; cosmic rays need one between 1 and 20')
    if not (weight > 0).any():
        raise BadData('no pixel has weight; cosmic rays cannot be found')
    usable = (mask & np.uint16(_BLIND)) == 0
    sample = weight[::16, ::16]
    noise = _noise_map(np.ascontiguousarray(weight, np.float32), np.float32(np.median(sample[sample > 0])
                       if (sample > 0).any() else weight[weight > 0].mean()))
    clean = np.ascontiguousarray(image, np.float32).copy()
    rays = np.zeros(image.shape, np.bool_)
    ratio = sharpness * star_sharpness(fwhm)
    edges = np.zeros(image.shape, np.float32)
    search = usable.copy()
    for _ in range(iterations):
        _laplacian(clean, usable, noise, edges)
        new = _select(clean, usable, noise, edges, search & ~rays, float(limit), ratio)
        if not len(new):
            break
        found = _grow(clean, usable, noise, edges, rays, new, float(limit), float(grow_limit))
        _replace(clean, usable, rays, found)
        search[:] = False
        _mark_around(search, found)
    return rays


def star_sharpness(fwhm: float) -> float:
    """Largest ratio of Laplacian to fine structure that a noiseless star (Moffat, beta 3.5) of this FWHM shows.

    Over 5 x 5 positions of its centre in a pixel and all its pixels above 5 % of the peak's Laplacian.
    """
    largest = 0.0
    for phase_y in np.linspace(-0.4, 0.4, 5):
        for phase_x in np.linspace(-0.4, 0.4, 5):
            star = _moffat(fwhm, phase_y, phase_x).astype(np.float32)
            largest = max(largest, _largest_ratio(star, np.ones(star.shape, np.bool_)))
    return largest


def warm() -> None:
    """Compile the kernels."""
    rng = np.random.default_rng(1)
    image = rng.normal(0, 1, (32, 32)).astype(np.float32)
    image[15:18, 15] += 200
    find_cosmic_rays(image, np.ones_like(image), np.zeros(image.shape, np.uint16), 4.0)


def _moffat(fwhm: float, phase_y: float, phase_x: float, size: int = 31, fine: int = 5) -> np.ndarray:
    beta = 3.5
    alpha = fwhm / (2.0 * math.sqrt(2.0 ** (1.0 / beta) - 1.0))
    axis = (np.arange(size * fine) + 0.5) / fine - 0.5 - size // 2
    radius2 = (axis[:, None] - phase_y) ** 2 + (axis[None, :] - phase_x) ** 2
    return ((1.0 + radius2 / alpha ** 2) ** -beta).reshape(size, fine, size, fine).mean(axis=(1, 3))


def _largest_ratio(star: np.ndarray, usable: np.ndarray) -> float:
    edges = np.zeros_like(star)
    _laplacian(star, usable, np.ones_like(star), edges)
    return _scan_ratio(star, usable, edges, np.float32(0.05) * edges.max())


@njit(cache=True)
def _noise_map(weight, typical):
    noise = np.empty(weight.shape, np.float32)
    for y in range(weight.shape[0]):
        for x in range(weight.shape[1]):
            w = weight[y, x]
            noise[y, x] = 1.0 / math.sqrt(w if w > 0 else typical)
    return noise


@njit(cache=True)
def _laplacian(image, usable, noise, edges):
    """Half the rectified Laplacian of the twice subsampled image, in units of the noise."""
    ny, nx = image.shape
    for y in range(ny):
        above, below = min(y + 1, ny - 1), max(y - 1, 0)
        for x in range(nx):
            edges[y, x] = 0.0
            if not usable[y, x]:
                continue
            right, left = min(x + 1, nx - 1), max(x - 1, 0)
            value = image[y, x]
            up = value - image[above, x] if usable[above, x] else np.float32(0)
            down = value - image[below, x] if usable[below, x] else np.float32(0)
            east = value - image[y, right] if usable[y, right] else np.float32(0)
            west = value - image[y, left] if usable[y, left] else np.float32(0)
            total = max(up + east, np.float32(0)) + max(up + west, np.float32(0))
            total += max(down + east, np.float32(0)) + max(down + west, np.float32(0))
            edges[y, x] = np.float32(0.125) * total / noise[y, x]


@njit(cache=True)
def _median(values, count):
    """Median of the first `count` values, which it sorts."""
    for i in range(1, count):
        value = values[i]
        j = i - 1
        while j >= 0 and values[j] > value:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = value
    if count % 2:
        return values[count // 2]
    return np.float32(0.5) * (values[count // 2 - 1] + values[count // 2])


@njit(cache=True)
def _window_median(image, usable, y, x, half, values):
    ny, nx = image.shape
    count = 0
    for j in range(max(y - half, 0), min(y + half + 1, ny)):
        for i in range(max(x - half, 0), min(x + half + 1, nx)):
            if usable[j, i]:
                values[count] = image[j, i]
                count += 1
    return _median(values, count) if count else np.float32(0)


@njit(cache=True)
def _fine_structure(image, usable, y, x, values, medians):
    """3 x 3 median less the 7 x 7 median of the 3 x 3 medians."""
    ny, nx = image.shape
    count = 0
    for j in range(max(y - 3, 0), min(y + 4, ny)):
        for i in range(max(x - 3, 0), min(x + 4, nx)):
            medians[count] = _window_median(image, usable, j, i, 1, values)
            count += 1
    return _window_median(image, usable, y, x, 1, values) - _median(medians, count)


@njit(cache=True)
def _significance(image, usable, noise, edges, y, x, values):
    """Laplacian less its 5 x 5 median, over the noise with the source's own; and that noise in units of the sky's."""
    excess = edges[y, x] - _window_median(edges, usable, y, x, 2, values)
    level = max(_window_median(image, usable, y, x, 2, values), np.float32(0))
    factor = math.sqrt(1.0 + level / (noise[y, x] * noise[y, x]))
    return excess / factor, factor


@njit(cache=True)
def _select(image, usable, noise, edges, search, limit, ratio):
    values, medians = np.empty(25, np.float32), np.empty(49, np.float32)
    found = []
    ny, nx = image.shape
    for y in range(ny):
        for x in range(nx):
            if edges[y, x] <= limit or not search[y, x]:
                continue
            significance, factor = _significance(image, usable, noise, edges, y, x, values)
            if significance <= limit:
                continue
            fine = _fine_structure(image, usable, y, x, values, medians)
            own_noise = noise[y, x] * factor
            if significance * own_noise > ratio * max(fine, np.float32(0.01) * own_noise):
                found.append((y, x))
    return _as_array(found)


@njit(cache=True)
def _as_array(pixels):
    array = np.empty((len(pixels), 2), np.int64)
    for k in range(len(pixels)):
        array[k, 0], array[k, 1] = pixels[k]
    return array


@njit(cache=True)
def _grow(image, usable, noise, edges, rays, new, limit, grow_limit):
    """Mark the new pixels; their neighbours above `limit`, and then those above `grow_limit`, join."""
    values = np.empty(25, np.float32)
    ny, nx = image.shape
    found = [(y, x) for y, x in new]
    for y, x in found:
        rays[y, x] = True
    for threshold in (limit, grow_limit):
        end = len(found)
        for k in range(end):
            y, x = found[k]
            for j in range(max(y - 1, 0), min(y + 2, ny)):
                for i in range(max(x - 1, 0), min(x + 2, nx)):
                    if rays[j, i] or not usable[j, i] or edges[j, i] <= threshold:
                        continue
                    if _significance(image, usable, noise, edges, j, i, values)[0] > threshold:
                        rays[j, i] = True
                        found.append((j, i))
    return _as_array(found)


@njit(cache=True)
def _replace(image, usable, rays, found):
    values = np.empty(49, np.float32)
    fills = np.empty(len(found), np.float32)
    ny, nx = image.shape
    for k in range(len(found)):
        y, x = found[k]
        count = 0
        for j in range(max(y - 3, 0), min(y + 4, ny)):
            for i in range(max(x - 3, 0), min(x + 4, nx)):
                near = abs(j - y) <= 2 and abs(i - x) <= 2
                if near and usable[j, i] and not rays[j, i]:
                    values[count] = image[j, i]
                    count += 1
        fills[k] = _median(values, count) if count else np.float32(0)
    for k in range(len(found)):
        image[found[k][0], found[k][1]] = fills[k]


@njit(cache=True)
def _mark_around(search, found):
    ny, nx = search.shape
    for y, x in found:
        search[max(y - 3, 0):min(y + 4, ny), max(x - 3, 0):min(x + 4, nx)] = True


@njit(cache=True)
def _scan_ratio(star, usable, edges, floor):
    values, medians = np.empty(25, np.float32), np.empty(49, np.float32)
    largest = 0.0
    centre_y, centre_x = star.shape[0] // 2, star.shape[1] // 2
    for y in range(centre_y - 6, centre_y + 7):
        for x in range(centre_x - 6, centre_x + 7):
            excess = edges[y, x] - _window_median(edges, usable, y, x, 2, values)
            if excess > floor:
                fine = _fine_structure(star, usable, y, x, values, medians)
                largest = max(largest, excess / max(fine, np.float32(1e-9)))
    return largest
