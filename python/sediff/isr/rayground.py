"""Light of an object under a cosmic ray on its flank, from the pixels around that the ray has not hit."""
from __future__ import annotations

import math

import numpy as np
from numba import njit

#: Half a side of the window, fewest good pixels in it.
HALF, FEWEST = 4, 16
#: Exponent of the Moffat profile, and sigma added to the light so that it is positive.
BETA, OFFSET = 3.5, 2.0
#: Share of the light by which the fit may be wrong wherever it is, and sigma above the fit at which a pixel is left out.
MODEL_ERROR, CLIP = 0.025, 2.5


@njit(cache=True)
def light_under(image, mask, blind, rays, y, x, variance, rows, solution):
    """Light expected at a pixel, and the error of that, without the noise of the pixel itself; infinite: not known.

    Parameters
    ----------
    rays : ndarray, (ny, nx)
        Not 0 where hit; these pixels and, where enough others are left, those that touch them tell nothing.
    variance : float
        Of sky and read noise, electrons^2.
    rows, solution : ndarray, (81, 9) and (6, 7) float64
        Working space.
    """
    light, error = _fit(image, mask, blind, rays, y, x, variance, 1, rows, solution)
    if not np.isfinite(error):
        light, error = _fit(image, mask, blind, rays, y, x, variance, 0, rows, solution)
    return light, error


@njit(cache=True)
def light_at(solution, u, v, variance):
    """Light of the last fit, u columns and v rows away from its pixel."""
    power = solution[0, 6] + solution[1, 6] * u + solution[2, 6] * v + solution[3, 6] * u * u + solution[4, 6] * u * v \
        + solution[5, 6] * v * v
    return math.exp(-BETA * math.log(max(power, 1e-6))) - OFFSET * math.sqrt(variance)


@njit(cache=True)
def _fit(image, mask, blind, rays, y, x, variance, clear, rows, solution):
    """`light_under` by a fit to I^(-1 / beta), which for a Moffat, round or not, is a quadratic in x and y.

    Pixels within `clear` of a hit one are left out, the pixel itself, and by and by what stands above the fit. Blends do not
    fit, and have a large error. `rows` holds, for each pixel, six terms, the value, its weight, and whether it is left out.
    """
    ny, nx = image.shape
    offset = OFFSET * math.sqrt(variance)
    count = 0
    for j in range(max(y - HALF, 0), min(y + HALF + 1, ny)):
        for i in range(max(x - HALF, 0), min(x + HALF + 1, nx)):
            if (j == y and i == x) or mask[j, i] & blind or _touches(rays, j, i, clear):
                continue
            value = max(image[j, i], np.float32(-offset + 1.0)) + offset
            v, u = float(j - y), float(i - x)
            row = rows[count]
            row[0], row[1], row[2], row[3], row[4], row[5] = 1.0, u, v, u * u, u * v, v * v
            power = math.exp(-math.log(value) / BETA)
            row[6] = power
            noise2 = (variance + max(image[j, i], np.float32(0.0))) / (value * value)
            row[7] = (BETA / power) ** 2 / (noise2 + MODEL_ERROR * MODEL_ERROR) / (1.0 + 0.1 * (u * u + v * v))
            row[8] = 0.0
            count += 1
    if count < FEWEST:
        return 0.0, np.inf
    chi2, used = 0.0, 0
    for _ in range(3):
        if not _solve(rows, count, solution):
            return 0.0, np.inf
        chi2, used = 0.0, 0
        for k in range(count):
            row = rows[k]
            model = 0.0
            for m in range(6):
                model += row[m] * solution[m, 6]
            rest = (row[6] - model) * math.sqrt(row[7] * (1.0 + 0.1 * (row[1] ** 2 + row[2] ** 2)))
            row[8] = 1.0 if -rest > CLIP else 0.0
            if row[8] == 0.0:
                chi2 += rest * rest
                used += 1
        if used < FEWEST:
            return 0.0, np.inf
    spread = math.sqrt(max(chi2 / (used - 5.0), 1.0))
    if solution[0, 6] <= 0.0:
        return 0.0, np.inf
    light = light_at(solution, 0.0, 0.0, variance)
    light = max(light, -OFFSET * math.sqrt(variance))
    noise = math.sqrt((variance + max(light, 0.0)) / (0.25 * used))
    return light, spread * (MODEL_ERROR * max(light, 0.0) + noise)


@njit(cache=True)
def _touches(rays, y, x, clear):
    """Whether a pixel is hit or touches one that is."""
    for j in range(max(y - clear, 0), min(y + clear + 1, rays.shape[0])):
        for i in range(max(x - clear, 0), min(x + clear + 1, rays.shape[1])):
            if rays[j, i]:
                return True
    return False


@njit(cache=True)
def _solve(rows, count, solution):
    """Normal equations of the rows that are not left out, into the last column of `solution`; False: singular."""
    solution[:] = 0.0
    for k in range(count):
        row = rows[k]
        if row[8] > 0.0:
            continue
        for m in range(6):
            part = row[m] * row[7]
            for n in range(m, 6):
                solution[m, n] += part * row[n]
            solution[m, 6] += part * row[6]
    for m in range(6):
        for n in range(m):
            solution[m, n] = solution[n, m]
    for m in range(6):
        pivot = solution[m, m]
        if abs(pivot) < 1e-9:
            return False
        for n in range(m, 7):
            solution[m, n] /= pivot
        for k in range(6):
            if k != m and solution[k, m] != 0.0:
                factor = solution[k, m]
                for n in range(m, 7):
                    solution[k, n] -= factor * solution[m, n]
    return True
