"""Calibration images from many frames: mean bias, dome flat, bad-pixel mask."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numba import njit
from scipy import ndimage
from scipy.stats import chi2

from sediff.errors import BadData
from sediff.isr.badpixels import Defect
from sediff.stats import SIGMA_OF_MAD, robust_sigma, sigma_about

#: Gives rows `first` to `last` (not in) of every frame.
ReadRows = Callable[[int, int], Sequence[np.ndarray]]
#: Memory (bytes) that the rows of all frames may take at a time.
MEMORY = 400e6
#: Fewest frames from which a calibration image is made.
FEWEST = 3


def combine_rows(read: ReadRows, count: int, shape: tuple[int, int], sigma: float = 4.0,
                 kind: str = 'frame') -> tuple[np.ndarray, np.ndarray]:
    """Clipped mean of frames, and the scatter between them; the frames are read a band of rows at a time.

    Parameters
    ----------
    read : callable
        `read(first, last)` gives these rows of all frames, float32.
    count : int
        Number of frames; the bands are as high as `MEMORY` allows.
    shape : (int, int)
    sigma : float
        A value this many standard deviations from the pixel's median is rejected.

    Returns
    -------
    mean, rms : ndarray, shape float32, unit of the frames
        The mean and the standard deviation of the values that were kept.

    Raises
    ------
    BadData
        Fewer than three frames, or frames of different shape or with values that are not finite.
    """
    if count < FEWEST:
        raise BadData(f'{count} {kind} frames; at least {FEWEST} are needed')
    mean, rms = np.empty(shape, np.float32), np.empty(shape, np.float32)
    height = int(np.clip(MEMORY / (4 * count * shape[1]), 16, shape[0]))
    for first in range(0, shape[0], height):
        last = min(first + height, shape[0])
        planes = _stack(read(first, last), kind)
        mean[first:last], rms[first:last] = _combine(planes, sigma)
    return mean, rms


def flat_level(frame: np.ndarray, bias: np.ndarray, gain: np.ndarray | float, full: np.ndarray | float, name: str) -> float:
    """Median of a dome flat in electrons, from every fourth row and column.

    Raises
    ------
    BadData
        Above 80 % of saturation, or below 100 ADU.
    """
    part = np.s_[::4, ::4]
    level = float(np.median(frame[part] - bias[part]))
    most = float(np.median(full))
    if level > 0.8 * most:
        raise BadData(f'{name} is saturated: median {level:.0f} ADU of {most:.0f}; leave it out')
    if level < 100.0:
        raise BadData(f'{name} has a median of {level:.0f} ADU: no light; leave it out')
    own = gain[part] if isinstance(gain, np.ndarray) and gain.ndim else gain
    return float(np.median((frame[part] - bias[part]) * own))


def combine_flat_rows(read: ReadRows, levels: Sequence[float], shape: tuple[int, int],
                      sigma: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Normalised flat: clipped mean of dome flats, each divided by its median; median 1.

    Parameters
    ----------
    read : callable
        `read(first, last)` gives these rows of all frames in electrons: the flat divides images in electrons, so the ratio
        of the amplifiers' gains must not be in it.
    levels : sequence of float, electrons
        Medians of the frames (`flat_level`).

    Returns
    -------
    flat : ndarray, shape float32
        NaN nowhere; 0 where the response is not positive.
    rms : ndarray, shape float32
        Scatter between the normalised frames.

    Raises
    ------
    BadData
        As `combine_rows`.
    """
    def normalised(first: int, last: int) -> list[np.ndarray]:
        return [(rows / np.float32(level)).astype(np.float32) for rows, level in zip(read(first, last), levels)]
    flat, rms = combine_rows(normalised, len(levels), shape, sigma, 'flat')
    middle = np.float32(np.median(flat))
    return np.maximum(flat / middle, np.float32(0)), rms / middle


def bad_pixels(flat: np.ndarray, bias: np.ndarray, bias_rms: np.ndarray, frames: int, low: float = 0.5,
               high: float = 1.5, hot: float = 10.0, noisy: float = 2.0, column_fraction: float = 0.2) -> np.ndarray:
    """Static bad pixels: bits of `Defect` where a pixel responds or reads differently from its neighbourhood.

    Parameters
    ----------
    flat : ndarray, (ny, nx) float32
    bias, bias_rms : ndarray, (ny, nx) float32, ADU
    frames : int
        Number of zeros behind `bias_rms`.
    low, high : float
        Bad where flat / (15 x 15 median of the flat) is outside.
    hot : float
        Bad where |bias| stands this many robust standard deviations out of the CCD's bias, and at least 5 ADU.
    noisy : float
        Bad where the noise of a pixel is surely more than this times the CCD's: chance gives its rms to fewer than
        one pixel in 10 million of a pixel with that noise.
    column_fraction : float
        A column of which more than this fraction is bad is bad from its first to its last bad pixel.

    Returns
    -------
    ndarray, (ny, nx) uint16

    Raises
    ------
    BadData
        The shapes differ.
    """
    if not flat.shape == bias.shape == bias_rms.shape:
        raise BadData(f'flat {flat.shape}, bias {bias.shape} and its rms {bias_rms.shape} differ in shape')
    smooth = np.maximum(local_median(flat), np.float32(1e-3))
    response = flat / smooth
    spread = robust_sigma(bias)
    defects: np.ndarray = (np.where(response > low, 0, int(Defect.FLAT_MIN))
                           | np.where(response < high, 0, int(Defect.FLAT_MAX)))
    hot_pixels = np.abs(bias - np.median(bias)) > max(hot * spread, 5.0)
    dof = frames - 1
    chance = np.sqrt(chi2.isf(1e-7, dof) / chi2.median(dof))
    unsteady = bias_rms > noisy * chance * max(float(np.median(bias_rms)), 1e-6)
    defects |= np.where(hot_pixels, int(Defect.BIAS_HOT), 0) | np.where(unsteady, int(Defect.BIAS_WARM), 0)
    bad = defects != 0
    for x in np.flatnonzero(bad.mean(axis=0) > column_fraction):
        rows = np.flatnonzero(bad[:, x])
        defects[rows[0]:rows[-1] + 1, x] |= int(Defect.BIAS_COL)
    return defects.astype(np.uint16)


def warm() -> None:
    """Compile the kernels."""
    _combine(np.zeros((3, 4, 4), np.float32), 4.0)


def local_median(image: np.ndarray) -> np.ndarray:
    """15 x 15 median of an image, taken on 5 x 5 block medians: (ny, nx) float32."""
    ny, nx = image.shape
    padded = np.pad(image, ((0, -ny % 5), (0, -nx % 5)), mode='edge')
    blocks = padded.reshape(padded.shape[0] // 5, 5, padded.shape[1] // 5, 5).transpose(0, 2, 1, 3)
    medians = np.median(blocks.reshape(*blocks.shape[:2], 25), axis=2)
    return ndimage.median_filter(medians, size=3).repeat(5, axis=0).repeat(5, axis=1)[:ny, :nx].astype(np.float32)


def _stack(frames: Iterable[np.ndarray], kind: str) -> list[np.ndarray]:
    planes = [np.ascontiguousarray(frame, np.float32) for frame in frames]
    if len(planes) < FEWEST:
        raise BadData(f'{len(planes)} {kind} frames; at least {FEWEST} are needed')
    if len({plane.shape for plane in planes}) > 1:
        raise BadData(f'{kind} frames differ in shape: {sorted({plane.shape for plane in planes})}')
    for number, plane in enumerate(planes, 1):
        if not np.isfinite(plane).all():
            raise BadData(f'{kind} frame {number} has values that are not finite')
    return planes


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
    return values[count // 2] if count % 2 else np.float32(0.5) * (values[count // 2 - 1] + values[count // 2])


@njit(cache=True)
def _clipped(values, deviations, count, sigma, floor):
    """Mean and standard deviation of the values within `sigma` robust deviations of their median."""
    middle = _median(values, count)
    for i in range(count):
        deviations[i] = abs(values[i] - middle)
    spread = max(SIGMA_OF_MAD * _median(deviations, count), floor)
    total, square, kept = 0.0, 0.0, 0
    for i in range(count):
        if abs(values[i] - middle) <= sigma * spread:
            total += values[i] - middle
            square += (values[i] - middle) ** 2
            kept += 1
    mean = total / kept
    variance = (square - kept * mean * mean) / (kept - 1) if kept > 1 else 0.0
    return middle + mean, np.sqrt(max(variance, 0.0))


@njit(cache=True)
def _combine_rows(rows, sigma, floor, mean, rms):
    count, columns = rows.shape
    values, deviations = np.empty(count, np.float32), np.empty(count, np.float32)
    for x in range(columns):
        for k in range(count):
            values[k] = rows[k, x]
        mean[x], rms[x] = _clipped(values, deviations, count, sigma, floor)


def _combine(stack: list[np.ndarray] | np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Combine row by row; the spread of a pixel is taken to be at least that between frames elsewhere."""
    shape = stack[0].shape
    mean, rms = np.empty(shape, np.float32), np.empty(shape, np.float32)
    sample = np.stack([plane[::max(shape[0] // 64, 1), ::max(shape[1] // 64, 1)] for plane in stack])
    floor = float(sigma_about(np.diff(sample, axis=0)) / np.sqrt(2.0))
    for y in range(shape[0]):
        _combine_rows(np.stack([plane[y] for plane in stack]), float(sigma), floor, mean[y], rms[y])
    return mean, rms
