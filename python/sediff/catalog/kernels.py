"""Numba kernels of the catalogue: image preparation, smoothing, sums over segments and ellipses."""
from __future__ import annotations

import numpy as np
from numba import njit

#: Sums may be reordered (and so vectorised); NaN and infinity keep their meaning.
REORDER = {'reassoc', 'contract', 'nsz'}


@njit(cache=True, error_model='numpy')
def prepare(image: np.ndarray, weight: np.ndarray, mask: np.ndarray, unusable: int, see_through: int, fill: float,
            clean: np.ndarray, error: np.ndarray, inverse: np.ndarray, bad: np.ndarray) -> int:
    """Split the pixels in good and bad ones; returns the number of good ones.

    Parameters
    ----------
    unusable : int
        Mask bits whose pixels have no weight, whatever `weight` says.
    see_through : int
        Mask bits whose pixels keep their value although they have no weight (error `fill`).
    fill : float
        Typical error.
    clean, error, inverse : ndarray, (ny, nx) float32; bad : ndarray, (ny, nx) bool
        Overwritten; bad pixels get value 0 and error `fill`; `inverse` is the weight, 0 for pixels without one.
    """
    good, nothing, far = 0, np.float32(0.0), np.float32(np.inf)
    usual, hidden, shown = np.float32(fill), np.uint16(unusable), np.uint16(see_through)
    for j in range(image.shape[0]):
        for i in range(image.shape[1]):
            value, w, bits = image[j, i], weight[j, i], mask[j, i]
            noise = np.float32(1.0) / np.sqrt(w)
            known = (w > nothing) & (w < far) & ((bits & hidden) == 0)
            usable = (abs(value) < far) & (known | ((bits & shown) != 0))
            known = known & usable
            bad[j, i] = not usable
            clean[j, i] = value if usable else nothing
            inverse[j, i] = w if known else nothing
            error[j, i] = noise if known else usual
            good += usable
    return good


@njit(cache=True, fastmath=REORDER)
def smooth(image: np.ndarray, taps: np.ndarray, out: np.ndarray) -> None:
    """Convolve with a separable symmetric kernel, zero outside the image.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
    taps : ndarray, (h + 1,) float32
        Centre first.
    out : ndarray, (ny, nx) float32
        Overwritten.
    """
    ny, nx = image.shape
    half = taps.size - 1
    row = np.zeros(nx, np.float32)
    padded = np.zeros(nx + 2 * half, np.float32)
    nothing = np.zeros(nx, np.float32)
    for j in range(ny):
        for i in range(nx):
            row[i] = taps[0] * image[j, i]
        # two taps at a time: fewer passes over the row
        for k in range(1, half + 1, 2):
            below = image[j - k] if j - k >= 0 else nothing
            above = image[j + k] if j + k < ny else nothing
            below_next = image[j - k - 1] if j - k - 1 >= 0 else nothing
            above_next = image[j + k + 1] if j + k + 1 < ny else nothing
            tap, tap_next = taps[k], taps[k + 1] if k < half else np.float32(0.0)
            for i in range(nx):
                row[i] += tap * (below[i] + above[i]) + tap_next * (below_next[i] + above_next[i])
        padded[half:half + nx] = row
        line = out[j]
        for i in range(nx):
            line[i] = taps[0] * row[i]
        for k in range(1, half, 2):
            tap, tap_next = taps[k], taps[k + 1]
            left, right = padded[half - k:half - k + nx], padded[half + k:half + k + nx]
            left_next, right_next = padded[half - k - 1:half - k - 1 + nx], padded[half + k + 1:half + k + 1 + nx]
            for i in range(nx):
                line[i] += tap * (left[i] + right[i]) + tap_next * (left_next[i] + right_next[i])
        if half % 2:
            left, right = padded[:nx], padded[2 * half:2 * half + nx]
            for i in range(nx):
                line[i] += taps[half] * (left[i] + right[i])


@njit(cache=True)
def segment_sums(segmentation: np.ndarray, image: np.ndarray, error: np.ndarray, mask: np.ndarray, bad: np.ndarray,
                 threshold: float, bits: np.ndarray, peak: np.ndarray, area: np.ndarray) -> None:
    """OR of the mask, largest pixel and area of each object; bad pixels that touch an object count for its bits.

    Parameters
    ----------
    segmentation : ndarray, (ny, nx) int32
        Object number from 1, 0 for none.
    threshold : float
        In units of `error`: pixels of the unfiltered image above it make the area.
    bits, area : ndarray, (n,) int32; peak : ndarray, (n,) float32
        Updated in place.
    """
    ny, nx = segmentation.shape
    for j in range(ny):
        for i in range(nx):
            owner = segmentation[j, i]
            if owner > 0:
                bits[owner - 1] |= mask[j, i]
                peak[owner - 1] = max(peak[owner - 1], image[j, i])
                area[owner - 1] += image[j, i] > threshold * error[j, i]
            elif bad[j, i]:
                if j > 0 and segmentation[j - 1, i] > 0:
                    bits[segmentation[j - 1, i] - 1] |= mask[j, i]
                if j < ny - 1 and segmentation[j + 1, i] > 0:
                    bits[segmentation[j + 1, i] - 1] |= mask[j, i]
                if i > 0 and segmentation[j, i - 1] > 0:
                    bits[segmentation[j, i - 1] - 1] |= mask[j, i]
                if i < nx - 1 and segmentation[j, i + 1] > 0:
                    bits[segmentation[j, i + 1] - 1] |= mask[j, i]


@njit(cache=True)
def foreign_fraction(segmentation: np.ndarray, bad: np.ndarray, number: np.ndarray, x: np.ndarray, y: np.ndarray,
                     cxx: np.ndarray, cyy: np.ndarray, cxy: np.ndarray, scale: np.ndarray, reach: np.ndarray,
                     fraction: np.ndarray, outside: np.ndarray) -> None:
    """Part of an object's ellipse held by other objects or bad pixels, and whether it leaves the image.

    Parameters
    ----------
    cxx, cyy, cxy, scale : ndarray, (n,) float64
        Ellipse cxx dx^2 + cyy dy^2 + cxy dx dy <= scale^2.
    reach : ndarray, (n,) float64
        Half size of the box searched.
    fraction : ndarray, (n,) float64; outside : ndarray, (n,) bool
        Overwritten.
    """
    ny, nx = segmentation.shape
    for star in range(x.size):
        inside, foreign, lost = 0, 0, 0
        for j in range(int(y[star] - reach[star]), int(y[star] + reach[star]) + 2):
            dy = j - y[star]
            for i in range(int(x[star] - reach[star]), int(x[star] + reach[star]) + 2):
                dx = i - x[star]
                if cxx[star] * dx * dx + cyy[star] * dy * dy + cxy[star] * dx * dy > scale[star] * scale[star]:
                    continue
                inside += 1
                if j < 0 or i < 0 or j >= ny or i >= nx:
                    lost += 1
                elif bad[j, i] or (segmentation[j, i] > 0 and segmentation[j, i] != number[star]):
                    foreign += 1
        fraction[star] = foreign / max(inside, 1)
        outside[star] = lost > 0
