"""Overscan: the zero level of each row, taken from the columns read beyond the last pixel (Bernstein et al. 2017, 4.1)."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from sediff.errors import BadData
from sediff.instruments.amplifiers import Amplifier
from sediff.stats import sigma_about

#: How the level of a row is found: clipped mean or median of its own columns, or a smooth curve through the rows.
METHODS = ('mean', 'median', 'fit')
#: Half width (rows) of the running mean of 'fit'.
FIT_ROWS = 25


@dataclass(frozen=True)
class Overscan:
    """Zero level of an amplifier's rows, (rows,) float32 ADU, and its read noise, ADU."""

    level: np.ndarray
    noise: float


def subtract_overscan(raw: np.ndarray, amplifiers: Sequence[Amplifier], trim: int = 5, smooth: int = 0,
                      dead: Sequence[str] = (), method: str = 'mean',
                      overscans: Mapping[str, Overscan] | None = None) -> np.ndarray:
    """Subtract each row's overscan level, drop the overscan, and put the amplifiers in their places.

    Parameters
    ----------
    raw : ndarray, (raw ny, raw nx) uint16 or float32, ADU
        Raw image of a CCD.
    amplifiers : sequence of Amplifier
        From `read_amplifiers`.
    trim : int
        Overscan columns left out at each side (deferred charge; DES uses 5).
    smooth : int
        Half width (rows) of a running mean of the levels; 0: none.
    dead : sequence of str
        Amplifiers known to be unusable; their pixels become 0.
    method : str
        One of `METHODS`.
    overscans : mapping of amplifier name to Overscan, optional
        Where they were measured before.

    Returns
    -------
    ndarray, (ny, nx) float32, ADU

    Raises
    ------
    BadData
        The raw image is smaller than the header's sections, the overscan is too narrow, or an amplifier that
        should live reads the same value everywhere.
    """
    overscans = overscans or measure_overscans(raw, amplifiers, trim, method, dead)
    shape = tuple(max(amplifier.ccd[axis].stop for amplifier in amplifiers) for axis in (0, 1))
    image = np.zeros(shape, np.float32)
    for amplifier in amplifiers:
        if amplifier.name not in dead:
            level = overscans[amplifier.name].level
            level = _running_mean(level, smooth) if smooth else level
            np.subtract(raw[amplifier.data], level[:, None], out=image[amplifier.ccd], dtype=np.float32)
    return image


def measure_overscans(raw: np.ndarray, amplifiers: Sequence[Amplifier], trim: int = 5, method: str = 'mean',
                      dead: Sequence[str] = ()) -> dict[str, Overscan]:
    """Zero level and read noise of every living amplifier; raises as `subtract_overscan`."""
    found = {}
    for amplifier in amplifiers:
        _check_size(raw, amplifier)
        if amplifier.name in dead:
            continue
        pixels = raw[amplifier.data]
        value = pixels.flat[0]
        if (pixels[:64] == value).all() and (pixels == value).all():
            raise BadData(f'amplifier {amplifier.name} reads {value} everywhere; it is dead: leave this CCD '
                          'out, or list it in ccds.csv of the instrument')
        found[amplifier.name] = measure_overscan(raw, amplifier, trim, method)
    return found


def measure_overscan(raw: np.ndarray, amplifier: Amplifier, trim: int = 5, method: str = 'mean') -> Overscan:
    """Zero level of every row of an amplifier, without outliers, and the read noise.

    A column's value is an outlier when it is more than 4 robust standard deviations (1.4826 MAD, of the whole
    section about its rows' medians) from the row's median. 'mean': the mean of the others; its error is
    read noise / sqrt(columns), 0.9 e- for 40 columns and 6 e-. 'median': the row's median, error 1.25 times as large,
    whatever a part of the columns does. 'fit': the means, smoothed over 51 rows after rows that stand 4 robust
    deviations out of the running median are put on it; for electronics whose level drifts but does not jump.

    Raises
    ------
    BadData
        Fewer than 3 columns remain after trimming, or the method is unknown.
    """
    if method not in METHODS:
        raise BadData(f'overscan method {method!r} is unknown; choose one of {", ".join(METHODS)}')
    columns = amplifier.bias[1]
    width = columns.stop - columns.start - 2 * trim
    if width < 3:
        raise BadData(f'overscan of amplifier {amplifier.name} has {columns.stop - columns.start} columns, of which '
                      f'{width} remain after trimming {trim} at each side; 3 are needed')
    section = raw[amplifier.bias[0], columns.start + trim:columns.stop - trim].astype(np.float32)
    middle = np.median(section, axis=1)
    deviation = section - middle[:, None]
    limit = 4.0 * max(sigma_about(deviation), 0.5)
    good = np.abs(deviation) <= limit
    count = np.maximum(good.sum(axis=1), 1)
    mean = (np.where(good, section, 0.0).sum(axis=1) / count).astype(np.float32)
    residual = np.where(good, section - mean[:, None], np.float32(0))
    degrees = max(int(good.sum()) - len(mean), 1)
    noise = float(np.sqrt(np.sum(residual.astype(np.float64) ** 2) / degrees))
    level = {'mean': mean, 'median': middle.astype(np.float32)}.get(method)
    return Overscan(_smooth_curve(mean) if level is None else level, noise)


def _smooth_curve(level: np.ndarray) -> np.ndarray:
    middle = ndimage.median_filter(level, size=min(2 * FIT_ROWS + 1, len(level) // 2 * 2 - 1), mode='nearest')
    deviation = level - middle
    limit = 4.0 * max(sigma_about(deviation), 1e-3)
    return _running_mean(np.where(np.abs(deviation) > limit, middle, level), min(FIT_ROWS, (len(level) - 1) // 2))


def _running_mean(level: np.ndarray, half_width: int) -> np.ndarray:
    padded = np.pad(level.astype(np.float64), half_width, mode='reflect')
    kernel = np.full(2 * half_width + 1, 1.0 / (2 * half_width + 1))
    return np.convolve(padded, kernel, mode='valid').astype(np.float32)


def _check_size(raw: np.ndarray, amplifier: Amplifier) -> None:
    if raw.ndim != 2:
        raise BadData(f'the raw image has {raw.ndim} axes; a CCD has 2')
    for kind, section in (('DATASEC', amplifier.data), ('BIASSEC', amplifier.bias)):
        if section[0].stop > raw.shape[0] or section[1].stop > raw.shape[1]:
            raise BadData(f'{kind}{amplifier.name} reaches beyond the image of {raw.shape[1]} x {raw.shape[0]} pixels; '
                          'this is no raw CCD')
    if amplifier.data[0] != amplifier.bias[0]:
        raise BadData(f'DATASEC{amplifier.name} and BIASSEC{amplifier.name} cover different rows')
