"""Cosmic rays: what is sharper than any star can be, by linear tests that the PSF's width decides.

Like the Laplacian of van Dokkum (2001, PASP 113, 1420, arXiv:astro-ph/0108003) the tests measure edges; as in the SDSS
photo pipeline (and the Rubin pipelines' finder after it) a pixel is compared with its neighbours through the ratio that
the PSF has there. A star obeys every test wherever it lies in the pixel, so blends of stars, and galaxies, which are
stars smeared out, obey them too: the tests are linear.
"""
from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numba import njit

from sediff.errors import BadData
from sediff.isr.rayground import light_at, light_under
from sediff.isr.raytracks import follow_tracks
from sediff.isr.raytracks import warm as warm_tracks
from sediff.maskbits import UNUSABLE, Bit

#: Mask bits whose pixels are neither searched nor used. Edges are searched.
_BLIND = int(UNUSABLE & ~(Bit.EDGE | Bit.CRAY))
#: A star that a pixel is tested against has this fraction of the measured FWHM: room for ellipticity and wrong seeing.
MARGIN = 0.85
#: On steep ground (lower quartile of the surroundings this many sigma below their median) the median says nothing of a
#: replaced pixel: only tests without one count there, at _STRICT sigma. Elsewhere a pixel must stand out by _SPREAD times
#: that difference.
_STEEP, _SPREAD, _STRICT = 3.0, 1.5, 2.0
#: Sigma above the light around, and of a test on what is left without it, from which a pixel joins on steep ground.
_ABOVE, _ABOVE_SHARP = 2.5, 1.8
#: Steps from a pixel that a test has found to the last that joins by the light around alone, itself counted.
_CHAIN = 4

#: The tests: (core pixels, neighbours) as offsets (y, x) from the pixel, which is always the first of the core.
TESTS = (
    (((0, 0),), ((0, -1), (0, 1))), (((0, 0),), ((-1, 0), (1, 0))),
    (((0, 0),), ((-1, -1), (1, 1))), (((0, 0),), ((-1, 1), (1, -1))),
    (((0, 0),), ((0, -1), (0, 1), (-1, 0), (1, 0))),
    (((0, 0), (0, 1)), ((0, -1), (0, 2))), (((0, 0), (0, -1)), ((0, 1), (0, -2))),
    (((0, 0), (1, 0)), ((-1, 0), (2, 0))), (((0, 0), (-1, 0)), ((1, 0), (-2, 0))),
)
#: Farthest that a test reaches from its pixel.
REACH = 2


def find_cosmic_rays(image: np.ndarray, weight: np.ndarray, mask: np.ndarray, fwhm: float, limit: float = 4.5,
                     grow_limit: float = 3.0, grow_sharpness: float = 1.0, passes: int = 10) -> np.ndarray:
    """Pixels hit by cosmic rays.

    A pixel is hit when it stands `limit` sigma above the 5 x 5 median around it and one test says, at `limit` - 0.25
    sigma, that it is sharper than a star: r x (mean of the core) - (mean of the neighbours) is positive, where r is the
    smallest ratio of neighbours to core that a star of 0.85 FWHM shows anywhere. Then, pass by pass, pixels that touch a
    hit one join when, with the hit ones replaced by the median of the good ones around, they stand out by `grow_limit`
    sigma and one test shows `grow_sharpness`; on the flanks of stars only tests that need no replaced pixel count, and
    what stands above the light around (`sediff.isr.rayground`). Last, straight tracks are followed through their gaps
    (`sediff.isr.raytracks`).

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, electrons
        Sky-subtracted.
    weight : ndarray, (ny, nx) float32, electrons^-2
        Inverse variance of sky and read noise. EDGE pixels may have weight 0: the typical weight is used there.
    mask : ndarray, (ny, nx) uint16
        Unusable pixels (EDGE and CRAY excepted) are neither searched nor used.
    fwhm : float, pixels
        Of the PSF. Rather too small than too large: stars much sharper than this are taken for cosmic rays.
    limit, grow_limit, grow_sharpness : float
        Thresholds in units of the noise.
    passes : int
        Most passes of growing.

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
    sample = weight[::16, ::16]
    typical = np.median(sample[sample > 0]) if (sample > 0).any() else weight[weight > 0].mean()
    image, weight = (np.ascontiguousarray(plane, np.float32) for plane in (image, weight))
    tests = _tests(round(float(fwhm), 3))
    rays = np.zeros(image.shape, np.bool_)
    seeds = _seeds(image, weight, mask, np.uint16(_BLIND), np.float32(typical), tests, float(limit))
    steps, seen = np.zeros((2, *image.shape), np.uint8)
    _grow(image, weight, mask, np.uint16(_BLIND), np.float32(typical), tests, rays, seeds, float(grow_limit),
          float(grow_sharpness), passes, steps, seen)
    follow_tracks(image, weight, mask, _BLIND, typical, rays)
    return rays


@lru_cache(maxsize=32)
def star_ratios(fwhm: float) -> np.ndarray:
    """For each of `TESTS` the smallest ratio of mean neighbour to mean core of a star (Moffat, beta 3.5), float64.

    Over 7 x 7 positions of the star's centre in a pixel, and all pixels above 2 % of its peak.
    """
    phases = np.linspace(-0.5, 0.5, 7)
    stars = np.stack([_moffat(fwhm, y, x) for y in phases for x in phases])
    bright = (stars > 0.02 * stars.max(axis=(1, 2), keepdims=True))[:, REACH:-REACH, REACH:-REACH]
    size = bright.shape[1]
    shifted = {(y, x): stars[:, REACH + y:REACH + y + size, REACH + x:REACH + x + size][bright]
               for y, x in {step for test in TESTS for part in test for step in part}}
    return np.array([np.min(np.mean([shifted[step] for step in neighbours], axis=0)
                            / np.mean([shifted[step] for step in core], axis=0)) for core, neighbours in TESTS])


def warm() -> None:
    """Compile the kernels."""
    rng = np.random.default_rng(1)
    image = rng.normal(0, 1, (32, 32)).astype(np.float32)
    image[15:18, 15] += 200
    find_cosmic_rays(image, np.ones_like(image), np.zeros(image.shape, np.uint16), 4.0)
    warm_tracks()


def _moffat(fwhm: float, phase_y: float, phase_x: float, fine: int = 5) -> np.ndarray:
    """A pixel-integrated star wide enough for its pixels above 2 % of the peak."""
    beta, size = 3.5, 2 * int(2.0 * fwhm + 4) + 1
    alpha = fwhm / (2.0 * math.sqrt(2.0 ** (1.0 / beta) - 1.0))
    axis = (np.arange(size * fine) + 0.5) / fine - 0.5 - size // 2
    radius2 = (axis[:, None] - phase_y) ** 2 + (axis[None, :] - phase_x) ** 2
    base = 1.0 + radius2 / alpha ** 2
    light = 1.0 / (base * base * base * np.sqrt(base))      # base ** -beta
    return light.reshape(size, fine, size, fine).mean(axis=(1, 3))


@lru_cache(maxsize=32)
def _tests(fwhm: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The tests as arrays: offsets (tests, 6, 2), number of core pixels and of neighbours (tests, 2), ratios."""
    offsets = np.zeros((len(TESTS), 6, 2), np.int64)
    counts = np.zeros((len(TESTS), 2), np.int64)
    for k, (core, neighbours) in enumerate(TESTS):
        offsets[k, :len(core) + len(neighbours)] = core + neighbours
        counts[k] = len(core), len(neighbours)
    return offsets, counts, star_ratios(max(MARGIN * fwhm, 1.0))


@njit(cache=True)
def _variance(weight, y, x, typical):
    w = weight[y, x]
    return 1.0 / (w if w > 0 else typical)


@njit(cache=True)
def _seeds(image, weight, mask, blind, typical, tests, limit):
    """Pixels that exceed their surroundings significantly and are sharper than a star."""
    values = np.empty(49, np.float32)
    none = np.zeros((1, 1), np.bool_)
    least = np.float32(max(limit - 1.0, 0.0) ** 2)
    found = []
    ny, nx = image.shape
    for y in range(ny):
        for x in range(nx):
            w = weight[y, x]
            if image[y, x] * abs(image[y, x]) * (w if w > 0 else typical) < least or mask[y, x] & blind:
                continue
            variance = _variance(weight, y, x, typical)
            if _sharpness(image, mask, blind, y, x, variance, tests, none, True, values) < limit - 0.25:
                continue
            level, _ = _surroundings(image, mask, blind, none, y, x, 2, values)
            if image[y, x] - level > limit * math.sqrt(variance + max(level, 0.0)):
                found.append((y, x))
    return _as_array(found)


@njit(cache=True)
def _as_array(pixels):
    array = np.empty((len(pixels), 2), np.int64)
    for k in range(len(pixels)):
        array[k, 0], array[k, 1] = pixels[k]
    return array


@njit(cache=True)
def _sharpness(image, mask, blind, y, x, variance, tests, rays, strict, values):
    """Largest excess over a star's ratio, in units of its noise.

    Neighbours among `rays` count as their surroundings' median; `strict` leaves out the tests that have any.
    """
    offsets, counts, ratios = tests
    ny, nx = image.shape
    largest = -1e30
    for k in range(len(ratios)):
        cores, total = counts[k, 0], counts[k, 0] + counts[k, 1]
        inner, outer = 0.0, 0.0
        good = True
        for m in range(total):
            j, i = y + offsets[k, m, 0], x + offsets[k, m, 1]
            if j < 0 or i < 0 or j >= ny or i >= nx or mask[j, i] & blind:
                good = False
                break
            value = image[j, i]
            if rays.shape[0] > 1 and rays[j, i]:
                if strict or m < cores:
                    good = False
                    break
                value = _surroundings(image, mask, blind, rays, j, i, 2, values)[0]
            if m < cores:
                inner += value / cores
            else:
                outer += value / (total - cores)
        if not good:
            continue
        ratio, level = ratios[k], max(outer, 0.0)
        noise2 = ratio * ratio * (variance + level / ratio) / cores + (variance + level) / (total - cores)
        largest = max(largest, (ratio * inner - outer) / math.sqrt(noise2))
    return largest


@njit(cache=True)
def _sharp_excess(image, mask, blind, y, x, variance, excess, tests, steps, solution):
    """Largest excess over a star's ratio of what is left above the light that `light_under` has found.

    Pixels that a test has found count as 0.
    """
    offsets, counts, ratios = tests
    largest = -1e30
    for k in range(len(ratios)):
        if counts[k, 0] > 1:
            continue
        outer, good = 0.0, True
        for m in range(1, 1 + counts[k, 1]):
            v, u = offsets[k, m, 0], offsets[k, m, 1]
            j, i = y + v, x + u
            if j < 0 or i < 0 or j >= image.shape[0] or i >= image.shape[1] or mask[j, i] & blind:
                good = False
                break
            if steps[j, i] != 1:
                outer += (image[j, i] - light_at(solution, float(u), float(v), variance)) / counts[k, 1]
        if good:
            largest = max(largest, ratios[k] * excess - outer)
    return largest


@njit(cache=True)
def _surroundings(image, mask, blind, rays, y, x, half, values):
    """Median and lower quartile of the good pixels around (of the next larger window when there are few)."""
    ny, nx = image.shape
    count = 0
    for j in range(max(y - half, 0), min(y + half + 1, ny)):
        for i in range(max(x - half, 0), min(x + half + 1, nx)):
            if not mask[j, i] & blind and not (rays.shape[0] > 1 and rays[j, i]):
                values[count] = image[j, i]
                count += 1
    if count < 5 and half < 3:
        return _surroundings_wide(image, mask, blind, rays, y, x, values)
    return _median_and_quartile(values, count)


@njit(cache=True)
def _surroundings_wide(image, mask, blind, rays, y, x, values):
    ny, nx = image.shape
    count = 0
    for j in range(max(y - 3, 0), min(y + 4, ny)):
        for i in range(max(x - 3, 0), min(x + 4, nx)):
            if not mask[j, i] & blind and not (rays.shape[0] > 1 and rays[j, i]):
                values[count] = image[j, i]
                count += 1
    return _median_and_quartile(values, count)


@njit(cache=True)
def _median_and_quartile(values, count):
    if count == 0:
        return 0.0, 0.0
    for i in range(1, count):
        value = values[i]
        j = i - 1
        while j >= 0 and values[j] > value:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = value
    return 0.5 * (values[count // 2] + values[(count - 1) // 2]), float(values[count // 4])


@njit(cache=True)
def _grow(image, weight, mask, blind, typical, tests, rays, seeds, grow_limit, grow_sharpness, passes, steps, seen):
    """Mark the seeds and, pass by pass, neighbours of what the pass before marked.

    On steep ground a pixel may also join by what stands above the light around, at most `_CHAIN` steps from one that a test
    has found; such pixels are no reason for others: so that no star is eaten bit by bit. `steps` and `seen` are (ny, nx)
    uint8 of 0 to work with.
    """
    values = np.empty(49, np.float32)
    rows, solution = np.empty((81, 9), np.float64), np.empty((6, 7), np.float64)
    ny, nx = image.shape
    for y, x in seeds:
        rays[y, x], steps[y, x] = True, 1
    front, joined = seeds, [(0, 0) for _ in range(0)]
    for number in range(1, passes + 1):
        new = []
        for y, x in front:
            for j in range(max(y - 1, 0), min(y + 2, ny)):
                for i in range(max(x - 1, 0), min(x + 2, nx)):
                    if steps[j, i] or seen[j, i] == number or mask[j, i] & blind:
                        continue
                    seen[j, i] = number
                    variance = _variance(weight, j, i, typical)
                    level, low = _surroundings(image, mask, blind, rays, j, i, 2, values)
                    noise = math.sqrt(variance + max(level, 0.0))
                    steep = level - low > _STEEP * noise
                    excess = image[j, i] - level
                    if not steep and (excess < grow_limit * noise or excess < _SPREAD * (level - low)):
                        continue
                    sharp = _sharpness(image, mask, blind, j, i, variance, tests, rays, steep, values)
                    if excess >= grow_limit * noise and sharp > (_STRICT if steep else grow_sharpness):
                        new.append((j, i, 1))
                    elif steep and _fewest_steps(steps, j, i) < _CHAIN:
                        light, error = light_under(image, mask, blind, steps, j, i, variance, rows, solution)
                        excess, noise = image[j, i] - light, math.sqrt(variance + max(light, 0.0) + error * error)
                        if excess < _ABOVE * noise:
                            continue
                        sharp = _sharp_excess(image, mask, blind, j, i, variance, excess, tests, steps, solution)
                        if sharp > _ABOVE_SHARP * noise:
                            new.append((j, i, _fewest_steps(steps, j, i) + 1))
        for y, x, step in new:
            rays[y, x], steps[y, x] = step == 1, step
            if step > 1:
                joined.append((y, x))
        if not len(new):
            break
        front = _as_array([(y, x) for y, x, _ in new])
    for y, x in joined:
        rays[y, x] = True


@njit(cache=True)
def _fewest_steps(steps, y, x):
    """The least of the neighbours that are hit."""
    least = 255
    for j in range(max(y - 1, 0), min(y + 2, steps.shape[0])):
        for i in range(max(x - 1, 0), min(x + 2, steps.shape[1])):
            if steps[j, i] and steps[j, i] < least:
                least = steps[j, i]
    return least
