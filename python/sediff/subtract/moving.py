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
    flux = fluxes(image, profile, x, y)
    width = float(np.median(stars.fwhm_science)) / FWHM_PER_SIGMA
    needed = flux * profile[0] * np.hypot(*shift.T) / width > LEAST_CHANGE * sigma
    x, y, shift, flux = x[needed], y[needed], shift[needed], flux[needed]
    changes = []
    for k in range(len(x)):
        lit = np.flatnonzero(OWNED * flux[k] * profile > 0.2 * FAINT * sigma)
        reach = int(np.ceil((lit[-1] + 1) * PROFILE_STEP + np.abs(shift[k]).max())) + HALF
        own, top, left = own_light(image, profile, x[k], y[k], flux[k], np.float32(FAINT * sigma), reach)
        changes.append((shifted(own, shift[k, 0], shift[k, 1]) - own, top, left))
    for change, top, left in changes:
        rows, columns = slice(max(top, 0), min(top + len(change), ny)), slice(max(left, 0), min(left + len(change), nx))
        image[rows, columns] += change[rows.start - top:rows.stop - top, columns.start - left:columns.stop - left]
    return len(x)


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
    out = np.zeros_like(stamp)
    whole_x, whole_y = int(np.floor(dx + 0.5)), int(np.floor(dy + 0.5))
    along(stamp, whole_x, taps(dx - whole_x), whole_y, taps(dy - whole_y), out)
    return out


def taps(fraction: float) -> np.ndarray:
    """Weights (2 HALF + 1,) float32 that move a row by a fraction of a pixel: sum and mean offset exact."""
    offset = np.arange(-HALF, HALF + 1)
    distance = offset - fraction
    weights = np.where(np.abs(distance) < HALF, np.sinc(distance) * np.sinc(distance / HALF), 0.0)
    weights /= weights.sum()
    return (weights + (fraction - weights @ offset) / (offset @ offset) * offset).astype(np.float32)


@njit(cache=True)
def along(stamp, whole_x, taps_x, whole_y, taps_y, out):
    """Two passes of one filter each: out[y, x] = sum taps_y[j] taps_x[i] stamp[y - whole_y - j, x - whole_x - i]."""
    side_y, side_x = stamp.shape
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
def fluxes(image, profile, xs, ys):
    """Flux of each star from its innermost pixels: (n,) float64."""
    ny, nx = image.shape
    out = np.zeros(xs.size)
    for k in range(xs.size):
        light, part = 0.0, 0.0
        for y in range(max(0, int(ys[k]) - 3), min(ny, int(ys[k]) + 5)):
            for x in range(max(0, int(xs[k]) - 3), min(nx, int(xs[k]) + 5)):
                radius = np.hypot(x - xs[k], y - ys[k])
                if radius <= FLUX_RADIUS:
                    light += image[y, x]
                    part += at(profile, radius)
        if part > 0.0:
            out[k] = max(light / part, 0.0)
    return out


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
