"""The light of single stars moved by a known shift: in stamps, and in place in an image where neighbours stay."""
from __future__ import annotations

import numpy as np
from numba import njit

from sediff.subtract.basis import FWHM_PER_SIGMA
from sediff.subtract.restore import LEAST_STARS, PROFILE_RADIUS, PROFILE_SNR, PROFILE_STARS, PROFILE_STEP, at, radial_profile
from sediff.subtract.stamps import Stars

#: Half width of the interpolating filter, px (twice as many taps).
HALF = 6
#: A star owns what lies below so many times its mean profile: PSFs vary over the image.
OWNED = 1.5
#: Light below this many sigma of the sky is not moved.
FAINT = 0.3
#: A star is moved when that changes a pixel by more than this many sigma of the sky.
LEAST_CHANGE = 0.05
#: Radius of the disc whose light gives a star's flux, px.
FLUX_RADIUS = 2.5
#: Radii between which the part of a stamp that is moved fades out, in FWHM.
FADE = (2.0, 3.0)


def moved_stamps(stamps: np.ndarray, shift: np.ndarray, fwhm: float) -> np.ndarray:
    """Stamps whose central star is moved; what lies farther from it than three FWHM stays.

    Parameters
    ----------
    stamps : ndarray, (n, side, side) float32
        Sky subtracted.
    shift : ndarray, (n, 2) float64
        Along x and y, px.
    fwhm : float
        Of the stars, px.
    """
    if not np.any(shift):
        return stamps
    half = stamps.shape[1] // 2
    radius = np.hypot(*np.mgrid[-half:half + 1, -half:half + 1])
    share = np.clip((FADE[1] * fwhm - radius) / ((FADE[1] - FADE[0]) * fwhm), 0.0, 1.0)
    out = stamps.copy()
    for k in np.flatnonzero(np.abs(shift).max(axis=1) > 0):
        own = (stamps[k] * (share * share * (3.0 - 2.0 * share))).astype(np.float32)
        out[k] += shifted(own, shift[k, 0], shift[k, 1]) - own
    return out


def move_stars(image: np.ndarray, bad: np.ndarray, sigma: float, x: np.ndarray, y: np.ndarray, shift: np.ndarray,
               stars: Stars) -> int:
    """Move the light of listed stars in place; returns how many were bright enough to need it.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        Sky subtracted.
    bad : ndarray, (ny, nx) bool
        Pixels that the stars' profile is not measured on.
    sigma : float
        Noise of the sky.
    x, y : ndarray, (n,) float64
        0-based places of the stars in the image as it is.
    shift : ndarray, (n, 2) float64
        Where they are to go from there, px.
    stars : Stars
        Stars for the profile, brightest first.

    Notes
    -----
    A star's own light is O = w M, w = min(1, c L / (M + f sigma)), with M the image, L the star's flux times the mean
    radial profile. M becomes M - O + O moved (windowed sinc). Where a neighbour is brighter w is small and it stays.
    """
    profile = profile_of(image, bad, stars)
    ny, nx = image.shape
    inside = (x > -0.5) & (x < nx - 0.5) & (y > -0.5) & (y < ny - 0.5) & (np.abs(shift).max(axis=1) > 0)
    x, y, shift = (np.ascontiguousarray(a[inside], float) for a in (x, y, shift))
    whole = np.floor(shift + 0.5)
    width = float(np.median(stars.fwhm_science)) / FWHM_PER_SIGMA
    return move_light(image, profile, x, y, shift, whole.astype(np.int64), taps(shift - whole), width, sigma)


def profile_of(image: np.ndarray, bad: np.ndarray, stars: Stars) -> np.ndarray:
    """Radial profile of unit flux within 5 px; a Moffat's where bright stars are few: (steps,) float64."""
    bright = stars.take(stars.snr > PROFILE_SNR)
    bright = bright.take(np.arange(min(len(bright.x), PROFILE_STARS)))
    radius = PROFILE_STEP * np.arange(int(PROFILE_RADIUS / PROFILE_STEP) + 1)
    if len(bright.x) >= LEAST_STARS:
        profile = radial_profile(image, np.float32(0.0), bad, bright.x, bright.y)
        lit = profile > 0  # a step that no pixel fell into is 0
        if lit[:int(FLUX_RADIUS / PROFILE_STEP)].any():
            return np.minimum.accumulate(np.interp(radius, radius[lit], profile[lit], right=0.0))
    width = float(np.median(stars.fwhm_science)) / (2.0 * np.sqrt(2.0 ** (1.0 / 3.0) - 1.0))
    profile = (1.0 + (radius / width) ** 2) ** -3.0
    return profile / np.sum(np.where(radius <= 5.0, profile * 2.0 * np.pi * radius * PROFILE_STEP, 0.0))


def shifted(stamp: np.ndarray, dx: float, dy: float) -> np.ndarray:
    """A stamp moved by (dx, dy) px, whole pixels and the rest with a windowed sinc; 0 comes in at the edges."""
    out, shift = np.zeros_like(stamp), np.array([dx, dy])
    whole = np.floor(shift + 0.5)
    along(stamp, whole.astype(np.int64), taps(shift - whole), out)
    return out


def taps(fraction: np.ndarray) -> np.ndarray:
    """Weights (..., 2 HALF + 1) float32 that move a row by a fraction (...) of a pixel: sum and mean offset exact."""
    offset = np.arange(-HALF, HALF + 1)
    distance = offset - fraction[..., None]
    weights = np.where(np.abs(distance) < HALF, np.sinc(distance) * np.sinc(distance / HALF), 0.0)
    weights /= weights.sum(axis=-1, keepdims=True)
    return (weights + ((fraction - weights @ offset) / (offset @ offset))[..., None] * offset).astype(np.float32)


@njit(cache=True)
def along(stamp, whole, weights, out):
    """Two passes of one filter each: out[y, x] += sum weights_y[j] weights_x[i] stamp[y - whole_y - j, x - whole_x - i].

    `whole` (2,) and `weights` (2, 2 HALF + 1) are along x and y.
    """
    side_y, side_x = stamp.shape
    whole_x, whole_y, taps_x, taps_y = whole[0], whole[1], weights[0], weights[1]
    half = taps_x.size // 2
    row = np.zeros((side_y, side_x), np.float32)
    for y in range(side_y):
        for i in range(taps_x.size):
            move, w = whole_x + i - half, taps_x[i]
            for x in range(max(0, move), min(side_x, side_x + move)):
                row[y, x] += w * stamp[y, x - move]
    for y in range(side_y):
        for j in range(taps_y.size):
            source, w = y - whole_y - j + half, taps_y[j]
            if 0 <= source < side_y:
                for x in range(side_x):
                    out[y, x] += w * row[source, x]


@njit(cache=True)
def flux_of(image, profile, x0, y0):
    """Flux of a star from its innermost pixels."""
    ny, nx = image.shape
    light, part = 0.0, 0.0
    for y in range(max(0, int(y0) - 3), min(ny, int(y0) + 5)):
        for x in range(max(0, int(x0) - 3), min(nx, int(x0) + 5)):
            radius = np.hypot(x - x0, y - y0)
            if radius <= FLUX_RADIUS:
                light += image[y, x]
                part += at(profile, radius)
    return max(light / part, 0.0) if part > 0.0 else 0.0


@njit(cache=True)
def own_light(image, profile, x0, y0, flux, faint, reach):
    """The star's own light on a square around it, and the square's first row and column."""
    ny, nx = image.shape
    top, left = int(np.floor(y0 + 0.5)) - reach, int(np.floor(x0 + 0.5)) - reach
    own = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for y in range(max(top, 0), min(top + 2 * reach + 1, ny)):
        for x in range(max(left, 0), min(left + 2 * reach + 1, nx)):
            light = OWNED * flux * at(profile, np.hypot(x - x0, y - y0))
            if light > 0.0:
                own[y - top, x - left] = image[y, x] * min(1.0, light / (max(image[y, x], np.float32(0.0)) + faint))
    return own, top, left


@njit(cache=True)
def reach_of(profile, flux, shift, limit):
    """Half side of the square that holds a star's light above a limit before and after its move."""
    lit = 0
    for k in range(profile.size):
        if OWNED * flux * profile[k] > limit:
            lit = k + 1
    return int(np.ceil(lit * PROFILE_STEP + max(abs(shift[0]), abs(shift[1])))) + HALF


@njit(cache=True)
def move_light(image, profile, xs, ys, shifts, whole, weights, width, sigma):
    """Move each star's own light in place, as the image shows it before any is moved; how many change a pixel.

    `whole` (n, 2) and `weights` (n, 2, 2 HALF + 1) are the parts of the shifts, `width` the sigma of the stars, px.
    """
    ny, nx = image.shape
    changes = []
    for k in range(xs.size):
        flux = flux_of(image, profile, xs[k], ys[k])
        if flux * profile[0] * np.hypot(shifts[k, 0], shifts[k, 1]) / width > LEAST_CHANGE * sigma:
            reach = reach_of(profile, flux, shifts[k], 0.2 * FAINT * sigma)
            own, top, left = own_light(image, profile, xs[k], ys[k], flux, np.float32(FAINT * sigma), reach)
            change = np.zeros_like(own)
            along(own, whole[k], weights[k], change)
            change -= own
            changes.append((change, top, left))
    for change, top, left in changes:
        for y in range(max(top, 0), min(top + change.shape[0], ny)):
            for x in range(max(left, 0), min(left + change.shape[1], nx)):
                image[y, x] += change[y - top, x - left]
    return len(changes)
