"""Stars both images share: found, measured, chosen evenly, and cut out."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from sediff.errors import BadData
from sediff.subtract.basis import FWHM_PER_SIGMA
from sediff.subtract.finding import find_peaks, first_of_each, measure

APERTURE = 5
#: Aperture signal to noise a star needs in both images, and the smallest offset (px) that makes two stars of one.
LEAST_SNR = 20.0
#: Where fewer stars than this are found, fainter ones are taken too.
FEW, FAINT_SNR = 4, 8.0
#: A star whose flux ratio differs from the others' by more than this share (and its noise) varies: it is rejected.
LARGEST_CHANGE = 0.15
LARGEST_OFFSET = 2.5
BORDER = 8
#: Height of a peak over the noise of its pixel.
PEAK_SNR = 6.0
#: An offset between the images is looked for when fewer than a fifth of the objects, or of these, are common; how far, px.
WANTED, LARGEST_SEARCH = 200, 80
#: Objects with a brighter one within this many px (in x and y) are left out.
CROWDING = 10


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


def find_stars(science: np.ndarray, template: np.ndarray, science_variance: np.ndarray, template_variance: np.ndarray,
               science_bad: np.ndarray, template_bad: np.ndarray, positions: np.ndarray | None = None,
               levels: tuple[float, float] = (0.0, 0.0)) -> Stars:
    """Unsaturated objects that both images show, brightest first.

    Parameters
    ----------
    science, template, science_variance, template_variance : ndarray, (ny, nx) float32
        Images and their variance.
    science_bad, template_bad : ndarray, (ny, nx) bool
    positions : ndarray, (n, 2), optional
        0-based x, y of stars to use instead of searching.
    levels : (float, float)
        Sky levels of the two images.

    Raises
    ------
    BadData
        No star is seen in both images.
    """
    arrays = (science, template, science_variance, template_variance, science_bad, template_bad)
    if positions is None:
        peaks = _peaks(science, science_variance, science_bad, levels[0])
    else:
        peaks = np.rint(np.asarray(positions, float).reshape(-1, 2)).astype(np.int64)
    stars = _measured(arrays, peaks, levels, LEAST_SNR)
    if len(stars.x) < FEW:
        stars = _measured(arrays, peaks, levels, FAINT_SNR)
    if positions is None and len(stars.x) < 0.2 * min(len(peaks), WANTED):
        _look_for_offset(peaks, template, template_variance, template_bad, levels[1])
    if len(stars.x) == 0:
        raise BadData(f'no common stars: {len(peaks)} objects in the science image, none unsaturated with S/N > '
                      f'{FAINT_SNR:.0f} in both images; are the two aligned, and are the masks right?')
    return _constant(stars)


def _peaks(image, variance, bad, level: float) -> np.ndarray:
    """0-based x, y of the objects of an image: (n, 2) int64."""
    sample = variance[::61, ::61][~bad[::61, ::61]]
    floor = PEAK_SNR * np.sqrt(np.percentile(sample, 1)) if sample.size else 0.0
    return np.array(find_peaks(image, np.float32(level), variance, bad, PEAK_SNR, BORDER, np.float32(floor)),
                    np.int64).reshape(-1, 2)


def _measured(arrays, peaks: np.ndarray, levels, least_snr: float) -> Stars:
    """The objects that both images show above a signal to noise, brightest first."""
    science, template, science_variance, template_variance, science_bad, template_bad = arrays
    metrics = np.zeros((2, len(peaks), 5))
    x, y = np.ascontiguousarray(peaks[:, 0]), np.ascontiguousarray(peaks[:, 1])
    good = np.ones(len(peaks), bool)
    measure(template, template_variance, template_bad, np.float32(levels[1]), x, y, APERTURE, least_snr, good, metrics[1])
    measure(science, science_variance, science_bad, np.float32(levels[0]), x, y, APERTURE, least_snr, good, metrics[0])
    good &= np.abs(metrics[:, :, 3:5]).max(axis=(0, 2), initial=0.0) < LARGEST_OFFSET
    metrics, x, y = metrics[:, good], x[good], y[good]
    snr = (metrics[..., 0] / metrics[..., 1]).min(axis=0)
    stars = Stars(x, y, snr, metrics[0, :, 2] * FWHM_PER_SIGMA, metrics[1, :, 2] * FWHM_PER_SIGMA,
                  metrics[0, :, 0] / metrics[1, :, 0])
    stars = stars.take(np.argsort(-snr, kind='stable'))
    return stars.take(first_of_each(stars.x, stars.y, CROWDING, science.shape))


def _constant(stars: Stars) -> Stars:
    """Stars whose flux ratio is that of the others; all of them when most disagree."""
    middle = np.median(stars.ratio)
    alike = np.abs(stars.ratio / middle - 1.0) < LARGEST_CHANGE + 5.0 / stars.snr
    return stars.take(alike) if alike.sum() >= max(3, 0.6 * len(alike)) else stars


def _look_for_offset(peaks: np.ndarray, template, variance, bad, level: float) -> None:
    """Raise BadData when the template's objects lie where the science image's do but for one offset.

    The commonest difference between positions of bright objects, in cells of 4 px, against the next commonest.
    """
    others = np.array(find_peaks(template, np.float32(level), variance, bad, 3.0 * PEAK_SNR, BORDER, np.float32(0)),
                      np.int64).reshape(-1, 2)
    if min(len(peaks), len(others)) < 5:
        return
    first, second = (p[np.linspace(0, len(p) - 1, min(len(p), 3000)).astype(int)] for p in (peaks, others))
    cells = np.zeros((2 * LARGEST_SEARCH // 4 + 1,) * 2, np.int64)
    for position in first:
        difference = second - position
        near = difference[(np.abs(difference) <= LARGEST_SEARCH).all(axis=1)]
        np.add.at(cells, tuple((near.T + LARGEST_SEARCH) // 4), 1)
    best = np.unravel_index(cells.argmax(), cells.shape)
    around = cells[max(best[0] - 1, 0):best[0] + 2, max(best[1] - 1, 0):best[1] + 2].sum()
    expected = 9 * cells.mean()
    if around > expected + 8 * np.sqrt(expected + 1) and around >= 5:
        dx, dy = (4 * k - LARGEST_SEARCH + 2 for k in best)
        if max(abs(dx), abs(dy)) > LARGEST_OFFSET:
            raise BadData(f'the template is offset by about {dx:+d} px in x and {dy:+d} px in y: align it first '
                          '(--align, or sediff warp), or correct its WCS')


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
    out = np.empty((len(x), 2 * half + 1, 2 * half + 1), image.dtype)
    copy_stamps(image, np.asarray(x, np.int64), np.asarray(y, np.int64), half, np.array(fill, image.dtype)[()], out)
    return out


@njit(cache=True)
def copy_stamps(image, x, y, half, fill, out):
    """Fill out (n, side, side) with the cutouts."""
    ny, nx = image.shape
    side = 2 * half + 1
    for k in range(x.size):
        for j in range(side):
            v, left = y[k] - half + j, x[k] - half
            for i in range(side):
                out[k, j, i] = image[v, left + i] if 0 <= v < ny and 0 <= left + i < nx else fill
