"""Overscan: the zero level of each row, taken from the columns read beyond the last pixel."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sediff.camera.amplifiers import Amplifier
from sediff.errors import BadData


def subtract_overscan(raw: np.ndarray, amplifiers: Sequence[Amplifier], trim: int = 5, smooth: int = 0,
                      dead: Sequence[str] = ()) -> np.ndarray:
    """Subtract each row's overscan level, drop the overscan, and put the amplifiers in their places.

    Parameters
    ----------
    raw : ndarray, (4146, 2160) uint16 or float32, ADU
        Raw image of a CCD.
    amplifiers : sequence of Amplifier
        From `read_amplifiers`.
    trim : int
        Overscan columns left out at each side (deferred charge; DES uses 5).
    smooth : int
        Half width (rows) of a running mean of the levels; 0: none.
    dead : sequence of str
        Amplifiers known to be unusable; their pixels become 0.

    Returns
    -------
    ndarray, (4096, 2048) float32, ADU

    Raises
    ------
    BadData
        The raw image is smaller than the header's sections, the overscan is too narrow, or an amplifier that
        should live reads the same value everywhere.
    """
    shape = tuple(max(amplifier.ccd[axis].stop for amplifier in amplifiers) for axis in (0, 1))
    image = np.zeros(shape, np.float32)
    for amplifier in amplifiers:
        _check_size(raw, amplifier)
        if amplifier.name in dead:
            continue
        pixels = raw[amplifier.data]
        if pixels.min() == pixels.max():
            raise BadData(f'amplifier {amplifier.name} reads {pixels.flat[0]} everywhere; it is dead: leave this CCD '
                          'out, or list it in catalogs/ccds.csv')
        level = overscan_level(raw, amplifier, trim, smooth)
        np.subtract(pixels, level[:, None], out=image[amplifier.ccd], dtype=np.float32)
    return image


def overscan_level(raw: np.ndarray, amplifier: Amplifier, trim: int = 5, smooth: int = 0) -> np.ndarray:
    """Zero level of every row of an amplifier: mean of its overscan columns without outliers.

    A column's value is an outlier when it is more than 4 robust standard deviations (1.4826 MAD, of the whole
    section about its rows' medians) from the row's median. The error of a row is read noise / sqrt(columns):
    0.9 e- for 40 columns and 6 e-.

    Returns
    -------
    ndarray, (rows,) float32, ADU
    """
    columns = amplifier.bias[1]
    width = columns.stop - columns.start - 2 * trim
    if width < 3:
        raise BadData(f'overscan of amplifier {amplifier.name} has {columns.stop - columns.start} columns, of which '
                      f'{width} remain after trimming {trim} at each side; 3 are needed')
    section = raw[amplifier.bias[0], columns.start + trim:columns.stop - trim].astype(np.float32)
    deviation = section - np.median(section, axis=1, keepdims=True)
    limit = 4.0 * max(1.4826 * float(np.median(np.abs(deviation))), 0.5)
    good = np.abs(deviation) <= limit
    level = (np.where(good, section, 0.0).sum(axis=1) / good.sum(axis=1)).astype(np.float32)
    return _running_mean(level, smooth) if smooth else level


def _running_mean(level: np.ndarray, half_width: int) -> np.ndarray:
    padded = np.pad(level.astype(np.float64), half_width, mode='reflect')
    kernel = np.full(2 * half_width + 1, 1.0 / (2 * half_width + 1))
    return np.convolve(padded, kernel, mode='valid').astype(np.float32)


def _check_size(raw: np.ndarray, amplifier: Amplifier) -> None:
    for kind, section in (('DATASEC', amplifier.data), ('BIASSEC', amplifier.bias)):
        if section[0].stop > raw.shape[0] or section[1].stop > raw.shape[1]:
            raise BadData(f'{kind}{amplifier.name} reaches beyond the image of {raw.shape[1]} x {raw.shape[0]} pixels; '
                          'this is no raw DECam CCD')
    if amplifier.data[0] != amplifier.bias[0]:
        raise BadData(f'DATASEC{amplifier.name} and BIASSEC{amplifier.name} cover different rows')
