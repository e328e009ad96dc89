"""Zones of a template in which its noise is of one kind: depth, and what its noise was convolved with."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.ndimage import median_filter

from sediff.subtract.planes import Planes

#: Side of the cells that have one label, px.
CELL = 8
#: Logarithm of the ratio of variances: a zone whose cells differ by more (5 to 95 per cent of them) is split.
LARGEST_SPREAD = 0.25
#: Parts a zone is split into at most, and its least share of the cells to be split at all.
MOST_PARTS, LEAST_SHARE = 6, 0.05
#: Cells that are looked at, and side (cells) of the median filter before they are given to a part.
SAMPLE, SMOOTHING = 20_000, 5


@dataclass(frozen=True)
class Zones:
    """Kinds of noise of a coadd.

    Parameters
    ----------
    labels : ndarray, (rows, columns) uint8
        Of each cell of `CELL` px: an index into `kernels`.
    kernels : ndarray, (m, w, w) float32
        What white noise (of the image's weight) was convolved with, unit sum.
    """

    labels: np.ndarray
    kernels: np.ndarray


@dataclass(frozen=True)
class NoiseZones:
    """Zones of a pair of images.

    Parameters
    ----------
    labels : ndarray, (rows, columns) uint8
    ratio : ndarray, (rows, columns) float32
        Variance of the image that the kernel convolves over that of the other, for each cell; typical where unknown.
    typical : ndarray, (m,) float64
        The median ratio of each zone.
    kernels : ndarray, (m, w, w) float32, or None
        What the template's noise was convolved with.
    """

    labels: np.ndarray
    ratio: np.ndarray
    typical: np.ndarray
    kernels: np.ndarray | None


def cells_of(shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the cells of an image."""
    ny, nx = shape
    return -(-ny // CELL), -(-nx // CELL)


def noise_zones(planes: Planes, given: Zones | None = None) -> NoiseZones:
    """Zones with one ratio of the two images' variances each: those given, split where the ratio asks for it."""
    shape = cells_of(planes.science.shape)
    ratio = np.zeros(shape, np.float32)
    cell_ratios(planes.template_variance, planes.science_variance, planes.template_bad, planes.science_bad, ratio)
    known = ratio > 0
    if not known.any():
        return NoiseZones(np.zeros(shape, np.uint8), np.ones(shape, np.float32), np.ones(1),
                          None if given is None else given.kernels[:1])
    first = np.zeros(shape, np.uint8) if given is None else given.labels
    labels = np.zeros(shape, np.uint8)
    ratios: list[float] = []
    of: list[int] = []
    for label in np.unique(first):
        here = first == label
        parts = split(ratio, here & known)
        nearest = _nearest(ratio, parts) if len(parts) > 1 else 0
        labels[here] = (len(ratios) + nearest * np.ones(shape, int))[here]
        ratios += parts or [float(np.median(ratio[known]))]
        of += [int(label)] * max(len(parts), 1)
    typical = np.array(ratios)
    ratio = np.where(known, ratio, typical[labels]).astype(np.float32)
    return NoiseZones(labels, ratio, typical, None if given is None else given.kernels[of])


def split(ratio: np.ndarray, here: np.ndarray) -> list[float]:
    """The ratios that describe the cells `here`: one, or as many (Lloyd 1982) as keep each part narrow."""
    values = np.log(ratio[here])
    if not values.size:
        return []
    most = MOST_PARTS if values.size > LEAST_SHARE * ratio.size else 1
    values = np.sort(values[::max(1, values.size // SAMPLE)])
    for count in range(1, most + 1):
        centres = np.quantile(values, (np.arange(count) + 0.5) / count)
        for _ in range(20):
            edges = np.searchsorted(values, 0.5 * (centres[1:] + centres[:-1]))
            parts = np.split(values, edges)
            centres = np.array([np.median(part) if part.size else centre for part, centre in zip(parts, centres)])
        if all(np.subtract(*np.quantile(part, (0.95, 0.05))) <= LARGEST_SPREAD for part in parts if part.size):
            break
    return [float(np.exp(centre)) for centre, part in zip(centres, parts) if part.size]


def _nearest(ratio: np.ndarray, parts: list[float]) -> np.ndarray:
    """Index of the nearest of some ratios for each cell, stars and other single cells smoothed away."""
    smooth = np.log(np.maximum(median_filter(ratio, SMOOTHING), 1e-30))
    return np.argmin(np.abs(smooth[..., None] - np.log(parts)), axis=-1)


@njit(cache=True)
def cell_ratios(above, below, bad_above, bad_below, out):
    """Median over each cell of the ratio of two variances on pixels good in both (one in four); out stays 0 without any."""
    ny, nx = above.shape
    values = np.empty(CELL * CELL, np.float32)
    for v in range(out.shape[0]):
        for u in range(out.shape[1]):
            count = 0
            for y in range(v * CELL, min((v + 1) * CELL, ny), 2):
                for x in range(u * CELL, min((u + 1) * CELL, nx), 2):
                    if not (bad_above[y, x] or bad_below[y, x]) and below[y, x] > 0 and above[y, x] > 0:
                        ratio, place = above[y, x] / below[y, x], count
                        while place > 0 and values[place - 1] > ratio:
                            values[place] = values[place - 1]
                            place -= 1
                        values[place] = ratio
                        count += 1
            if count:
                out[v, u] = np.float32(0.5) * (values[(count - 1) // 2] + values[count // 2])
