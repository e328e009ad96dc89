"""Light that saturation cut off, put back from the star's own wings, so that the kernel spreads the right amount."""
from __future__ import annotations

import numpy as np
from numba import njit

from sediff.subtract.convolve import Patch
from sediff.subtract.registration import eliminate
from sediff.subtract.stamps import Stars

#: Stand-ins brighter than this many sigma of the sky belong to a lost core.
CORE_SNR = 100.0
#: Stars the profile is made of at most, and at least; its radius and its step, px.
PROFILE_STARS, LEAST_STARS = 60, 5
PROFILE_RADIUS, PROFILE_STEP = 24, 0.5
#: Stars for the profile need this signal to noise.
PROFILE_SNR = 200.0
#: Width (px) of the ring around a core that its brightness is fitted on.
RING = 7
#: Largest core radius, px, and largest median misfit of the ring, a share of its light.
LARGEST_CORE = 40
LARGEST_MISFIT = 0.3


def restore_cores(image: np.ndarray, level: float, bad: np.ndarray, sigma: float, patch: Patch, stars: Stars
                  ) -> tuple[Patch, np.ndarray]:
    """The patch with the cores of bright stars replaced by the stars' profile fitted to what is left of them.

    Also which of its pixels these are, (n,) bool.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
    level, sigma : float
        Sky level of the image and noise of its sky pixels.
    bad : ndarray, (ny, nx) bool
    patch : Patch
        Of the image (see `sediff.subtract.holes.patch_of`).
    stars : Stars
        Unsaturated stars, brightest first.
    """
    core = np.nonzero(patch.value > CORE_SNR * sigma)[0]
    bright = stars.take(stars.snr > PROFILE_SNR)
    bright = bright.take(np.arange(min(len(bright.x), PROFILE_STARS)))
    restored = np.zeros(len(patch.value), bool)
    if core.size == 0 or len(bright.x) < LEAST_STARS:
        return patch, restored
    profile = radial_profile(image, np.float32(level), bad, bright.x, bright.y)
    nx = image.shape[1]
    rows, columns = patch.index // nx, patch.index % nx
    value = patch.value.copy()
    group = cluster(rows[core], columns[core])
    for k in range(group.max() + 1):
        members = core[group == k]
        fit = _fit_star(image, level, bad, sigma, profile, columns[members], rows[members])
        if fit is not None:
            flux, x, y = fit
            low, high = np.searchsorted(rows, (y - PROFILE_RADIUS, y + PROFILE_RADIUS + 1))
            near = low + np.nonzero(np.hypot(columns[low:high] - x, rows[low:high] - y) <= PROFILE_RADIUS)[0]
            radius = np.hypot(columns[near] - x, rows[near] - y)
            value[near] = flux * np.interp(radius, PROFILE_STEP * np.arange(len(profile)), profile, right=0.0)
            restored[near] = True
    return Patch(patch.index, value.astype(np.float32)), restored


@njit(cache=True)
def cluster(rows, columns):
    """Number of the group of each pixel: pixels closer than 3 px are of one group."""
    group = np.full(rows.size, -1)
    found = 0
    todo = np.empty(rows.size, np.int64)
    for start in range(rows.size):
        if group[start] >= 0:
            continue
        group[start], todo[0], count = found, start, 1
        while count:
            count -= 1
            k = todo[count]
            for other in range(np.searchsorted(rows, rows[k] - 3), np.searchsorted(rows, rows[k] + 4)):
                if group[other] < 0 and abs(columns[other] - columns[k]) <= 3:
                    group[other] = found
                    todo[count] = other
                    count += 1
        found += 1
    return group


@njit(cache=True)
def radial_profile(image, level, bad, xs, ys):
    """Median light at each radius of unit-flux stars (flux within 5 px): (steps,) float64."""
    ny, nx = image.shape
    steps = int(PROFILE_RADIUS / PROFILE_STEP) + 1
    values = np.zeros((steps, xs.size * 400))
    count = np.zeros(steps, np.int64)
    for k in range(xs.size):
        x0, y0 = xs[k], ys[k]
        if min(x0, y0) < PROFILE_RADIUS + 1 or x0 >= nx - PROFILE_RADIUS - 1 or y0 >= ny - PROFILE_RADIUS - 1:
            continue
        flux, sx, sy = 0.0, 0.0, 0.0
        for j in range(-5, 6):
            for i in range(-5, 6):
                if i * i + j * j <= 26:
                    value = image[y0 + j, x0 + i] - level
                    flux += value
                    sx += i * value
                    sy += j * value
        cx, cy = sx / flux, sy / flux
        for j in range(-PROFILE_RADIUS, PROFILE_RADIUS + 1):
            for i in range(-PROFILE_RADIUS, PROFILE_RADIUS + 1):
                n = int(np.hypot(i - cx, j - cy) / PROFILE_STEP + 0.5)
                if n < steps and count[n] < values.shape[1] and not bad[y0 + j, x0 + i]:
                    values[n, count[n]] = (image[y0 + j, x0 + i] - level) / flux
                    count[n] += 1
    out = np.zeros(steps)
    for n in range(steps):
        if count[n]:
            out[n] = np.median(values[n, :count[n]])
    out[0] = max(out[0], out[1])
    return out


@njit(cache=True)
def at(profile, radius):
    """The profile at a radius, linear between its steps, 0 beyond."""
    position = radius / PROFILE_STEP
    k = int(position)
    if k >= profile.size - 1:
        return 0.0
    return profile[k] + (position - k) * (profile[k + 1] - profile[k])


def _fit_star(image, level, bad, sigma, profile, columns, rows) -> tuple[float, float, float] | None:
    """Flux and centre of the star whose core covers these pixels; None when its ring does not look like one."""
    x, y = columns.mean(), rows.mean()
    outer = np.hypot(columns - x, rows - y).max() + RING
    if outer > min(LARGEST_CORE, PROFILE_RADIUS):
        return None
    fit = np.array([0.0, x, y])
    misfit = fit_core(image, level, bad, sigma, profile, outer, fit)
    return (float(fit[0]), float(fit[1]), float(fit[2])) if fit[0] > 0 and misfit < LARGEST_MISFIT else None


@njit(cache=True)
def fit_ring(image, level, bad, sigma, profile, outer, fit):
    """Fit flux and centre to the good pixels within `outer` of the first centre, in place; flux 0 on failure."""
    ny, nx = image.shape
    x0, y0, reach = fit[1], fit[2], int(outer) + 1
    row = np.zeros(3)
    for turn in range(7):
        matrix, right = np.eye(3) * 1e-12, np.zeros(3)
        for v in range(max(0, int(y0) - reach), min(ny, int(y0) + reach + 2)):
            for u in range(max(0, int(x0) - reach), min(nx, int(x0) + reach + 2)):
                if bad[v, u] or (u - x0) ** 2 + (v - y0) ** 2 > outer * outer:
                    continue
                radius = np.hypot(u - fit[1], v - fit[2])
                row[0] = at(profile, radius)
                slope = fit[0] * (at(profile, radius + 0.5) - at(profile, max(radius - 0.5, 0.0))) / max(radius, 0.5)
                row[1], row[2] = -slope * (u - fit[1]), -slope * (v - fit[2])
                data = image[v, u] - level
                w = 1.0 / (sigma * sigma + (0.05 * max(fit[0] * row[0], data if turn == 0 else 0.0)) ** 2)
                for a in range(3):
                    right[a] += w * row[a] * (data - fit[0] * row[0])
                    for b in range(3):
                        matrix[a, b] += w * row[a] * row[b]
        if turn == 0:
            fit[0] = right[0] / matrix[0, 0]
        else:
            for a in range(3):
                matrix[a, a] *= 1.0 + 1e-9
            if not eliminate(matrix, right):
                fit[0] = 0.0
                return
            fit[0] += right[0]
            fit[1] += min(max(right[1], -1.0), 1.0)
            fit[2] += min(max(right[2], -1.0), 1.0)
        if not fit[0] > 0 or abs(fit[1] - x0) > outer or abs(fit[2] - y0) > outer:
            fit[0] = 0.0
            return


@njit(cache=True)
def ring_misfit(image, level, bad, sigma, profile, outer, x0, y0, fit):
    """Median misfit of the good pixels, a share of their light."""
    ny, nx = image.shape
    reach = int(outer) + 1
    values, count = np.empty((2 * reach + 2) ** 2), 0
    for v in range(max(0, int(y0) - reach), min(ny, int(y0) + reach + 2)):
        for u in range(max(0, int(x0) - reach), min(nx, int(x0) + reach + 2)):
            if not bad[v, u] and (u - x0) ** 2 + (v - y0) ** 2 <= outer * outer:
                light = fit[0] * at(profile, np.hypot(u - fit[1], v - fit[2]))
                values[count] = abs(image[v, u] - level - light) / max(light, sigma)
                count += 1
    return np.median(values[:count]) if count >= 30 else np.inf


@njit(cache=True)
def fit_core(image, level, bad, sigma, profile, outer, fit):
    """`fit_ring`, and the `ring_misfit` about the first centre."""
    x0, y0 = fit[1], fit[2]
    fit_ring(image, level, bad, sigma, profile, outer, fit)
    return ring_misfit(image, level, bad, sigma, profile, outer, x0, y0, fit)
