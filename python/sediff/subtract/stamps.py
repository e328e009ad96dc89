"""Stars both images share: found, measured, chosen evenly, and cut out."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from sediff.errors import BadData
from sediff.subtract.basis import FWHM_PER_SIGMA

APERTURE = 5
#: Aperture signal to noise a star needs in both images, and the smallest offset (px) that makes two stars of one.
LEAST_SNR = 20.0
LARGEST_OFFSET = 2.5
BORDER = 8


@dataclass(frozen=True)
class Stars:
    """Stars seen in both images.

    Parameters
    ----------
    x, y : ndarray, (n,) int64
        0-based pixel of the peak in the science image.
    snr : ndarray, (n,) float64
        Aperture signal to noise, the lower of the two images.
    fwhm_science, fwhm_template : ndarray, (n,) float64
        Adaptive-moment FWHM, px.
    ratio : ndarray, (n,) float64
        Science over template aperture flux.
    """

    x: np.ndarray
    y: np.ndarray
    snr: np.ndarray
    fwhm_science: np.ndarray
    fwhm_template: np.ndarray
    ratio: np.ndarray

    def take(self, index: np.ndarray) -> Stars:
        """A subset, by index or boolean mask."""
        return Stars(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


@njit(cache=True)
def find_peaks(image, variance, bad, threshold, border):
    """Pixels above threshold sigma that no neighbour within 2 px exceeds and that touch no bad pixel."""
    ny, nx = image.shape
    found = []
    for y in range(border, ny - border):
        for x in range(border, nx - border):
            value = image[y, x]
            if not value > 0 or value * value < threshold * threshold * variance[y, x]:
                continue
            peak = True
            for j in range(-2, 3):
                for i in range(-2, 3):
                    other = image[y + j, x + i]
                    if bad[y + j, x + i] or other > value or (other == value and (j, i) < (0, 0)):
                        peak = False
                        break
                if not peak:
                    break
            if peak:
                found.append((x, y))
    return found


@njit(cache=True)
def local_sky(image, bad, x0, y0, inner, outer):
    """Median of the good pixels of a ring; 0 when it has none."""
    ny, nx = image.shape
    values = np.empty((2 * outer + 1) ** 2, np.float32)
    count = 0
    for y in range(max(0, y0 - outer), min(ny, y0 + outer + 1)):
        for x in range(max(0, x0 - outer), min(nx, x0 + outer + 1)):
            r2 = (x - x0) ** 2 + (y - y0) ** 2
            if inner * inner <= r2 <= outer * outer and not bad[y, x]:
                values[count] = image[y, x]
                count += 1
    return np.median(values[:count]) if count else np.float32(0.0)


@njit(cache=True)
def measure(image, variance, bad, xs, ys, radius, out):
    """Aperture flux, its error, adaptive-moment sigma, x and y offset and bad pixels of each position: out (n, 6)."""
    ny, nx = image.shape
    for k in range(xs.size):
        x0, y0 = xs[k], ys[k]
        cx, cy, s2 = 0.0, 0.0, 3.0
        flux, noise, lost = 0.0, 0.0, 0
        sky = local_sky(image, bad, x0, y0, radius + 3, radius + 6)
        for iteration in range(12):
            sw, sx, sy, sr = 0.0, 0.0, 0.0, 0.0
            for j in range(-radius, radius + 1):
                for i in range(-radius, radius + 1):
                    y, x = y0 + j, x0 + i
                    if y < 0 or y >= ny or x < 0 or x >= nx or bad[y, x] or i * i + j * j > radius * radius + 1:
                        if iteration == 0 and i * i + j * j <= radius * radius + 1:
                            lost += 1
                        continue
                    value = image[y, x] - sky
                    if iteration == 0:
                        flux += value
                        noise += variance[y, x]
                    r2 = (i - cx) ** 2 + (j - cy) ** 2
                    w = value * np.exp(-0.5 * r2 / s2)
                    sw += w
                    sx += w * (i - cx)
                    sy += w * (j - cy)
                    sr += w * r2
            if sw <= 0:
                s2 = -1.0
                break
            cx, cy = cx + 2 * sx / sw, cy + 2 * sy / sw
            s2 = min(max(sr / sw, 0.2), 60.0)
            if abs(cx) > radius or abs(cy) > radius:
                s2 = -1.0
                break
        out[k, 0], out[k, 1], out[k, 2] = flux, np.sqrt(noise), np.sqrt(s2) if s2 > 0 else np.nan
        out[k, 3], out[k, 4], out[k, 5] = cx, cy, lost


def find_stars(science: np.ndarray, template: np.ndarray, science_variance: np.ndarray, template_variance: np.ndarray,
               science_bad: np.ndarray, template_bad: np.ndarray, positions: np.ndarray | None = None) -> Stars:
    """Unsaturated objects that both images show, brightest first.

    Parameters
    ----------
    science, template, science_variance, template_variance : ndarray, (ny, nx) float32
        Sky-subtracted images and their variance.
    science_bad, template_bad : ndarray, (ny, nx) bool
    positions : ndarray, (n, 2), optional
        0-based x, y of stars to use instead of searching.

    Raises
    ------
    BadData
        No star is seen in both images.
    """
    if positions is None:
        peaks = np.array(find_peaks(science, science_variance, science_bad, 5.0, BORDER), np.int64).reshape(-1, 2)
    else:
        peaks = np.rint(np.asarray(positions, float).reshape(-1, 2)).astype(np.int64)
    figures = np.empty((2, len(peaks), 6))
    x, y = np.ascontiguousarray(peaks[:, 0]), np.ascontiguousarray(peaks[:, 1])
    measure(science, science_variance, science_bad, x, y, APERTURE, figures[0])
    measure(template, template_variance, template_bad, x, y, APERTURE, figures[1])
    with np.errstate(invalid='ignore', divide='ignore'):
        snr = np.where(figures[..., 1] > 0, figures[..., 0] / figures[..., 1], 0.0).min(axis=0)
        ratio = figures[0, :, 0] / figures[1, :, 0]
    offset = np.abs(figures[:, :, 3:5]).max(axis=(0, 2))
    good = (snr > LEAST_SNR) & (offset < LARGEST_OFFSET) & (figures[..., 5].sum(axis=0) == 0)
    good &= np.isfinite(figures[..., 2]).all(axis=0)
    if not good.any():
        raise BadData(f'no common stars: {len(peaks)} objects in the science image, none unsaturated with S/N > '
                      f'{LEAST_SNR:.0f} in both images; are the two aligned, and are the masks right?')
    stars = Stars(x, y, snr, figures[0, :, 2] * FWHM_PER_SIGMA, figures[1, :, 2] * FWHM_PER_SIGMA, ratio).take(good)
    return _without_faint_neighbours(stars.take(np.argsort(-stars.snr)))


def _without_faint_neighbours(stars: Stars, distance: int = 10) -> Stars:
    """Drop objects that have a brighter one nearby (stars come brightest first)."""
    kept: list[int] = []
    for k in range(len(stars.x)):
        near = (np.abs(stars.x[kept] - stars.x[k]) < distance) & (np.abs(stars.y[kept] - stars.y[k]) < distance)
        if not near.any():
            kept.append(k)
    return stars.take(np.array(kept))


def typical_fwhm(stars: Stars) -> tuple[float, float]:
    """Median FWHM (px) of the point-like half of the brighter stars, science and template."""
    bright = stars.take(np.arange(min(len(stars.x), 100)))
    size = bright.fwhm_science * bright.fwhm_template
    compact = size <= np.median(size)
    return float(np.median(bright.fwhm_science[compact])), float(np.median(bright.fwhm_template[compact]))


def choose_evenly(stars: Stars, shape: tuple[int, int], count: int) -> Stars:
    """At most `count` stars, brightest first in each of about count/3 cells of the image."""
    if len(stars.x) <= count:
        return stars
    side = np.sqrt(shape[0] * shape[1] / max(count / 3.0, 1.0))
    columns = max(1, round(shape[1] / side))
    rows = max(1, round(shape[0] / side))
    cell = (stars.y * rows // shape[0]) * columns + stars.x * columns // shape[1]
    order = np.argsort(cell, kind='stable')
    start = np.searchsorted(cell[order], cell[order])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - start
    return stars.take(np.sort(np.lexsort((np.arange(len(rank)), rank))[:count]))


def cut(image: np.ndarray, x: np.ndarray, y: np.ndarray, half: int, fill=0) -> np.ndarray:
    """Square cutouts around 0-based pixels: (n, 2 half + 1, 2 half + 1), `fill` outside the image."""
    padded_x, padded_y = np.arange(-half, half + 1) + x[:, None], np.arange(-half, half + 1) + y[:, None]
    inside = ((padded_y >= 0) & (padded_y < image.shape[0]))[:, :, None] \
        & ((padded_x >= 0) & (padded_x < image.shape[1]))[:, None, :]
    rows, columns = padded_y.clip(0, image.shape[0] - 1), padded_x.clip(0, image.shape[1] - 1)
    values = image[rows[:, :, None], columns[:, None, :]]
    return np.where(inside, values, np.array(fill, image.dtype))
