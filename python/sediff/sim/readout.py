"""From electrons on the CCD to the numbers in a raw file."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sediff.instruments.amplifiers import Amplifier
from sediff.isr.crosstalk import CrosstalkTable, amplifier_key, crosstalk_signal

#: A full pixel holds this much more than the level that the header calls saturated.
FULL_WELL = 1.02


def full_well(amplifiers: Sequence[Amplifier], columns: int) -> np.ndarray:
    """Electrons that a pixel of each column of the trimmed frame can hold: (columns,) float32."""
    limits = np.zeros(columns, np.float32)
    for amplifier in amplifiers:
        full, own = np.float32(FULL_WELL * amplifier.saturate * amplifier.gain), limits[amplifier.ccd[1]]
        own[...] = np.where(own > 0, np.minimum(own, full), full)
    return limits


def to_adu(image: np.ndarray, amplifiers: Sequence[Amplifier]) -> np.ndarray:
    """Electrons to ADU, each amplifier by its gain: (ny, nx) float32."""
    counts = np.empty_like(image)
    for amplifier in amplifiers:
        counts[amplifier.ccd] = image[amplifier.ccd] / np.float32(amplifier.gain)
    return counts


def add_crosstalk(image: np.ndarray, ccdnum: int, amplifiers: Sequence[Amplifier], sources: Mapping[str, np.ndarray],
                  table: CrosstalkTable) -> np.ndarray:
    """Copies of the other amplifiers' pixels, read at the same time, onto this CCD.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        ADU.
    sources : mapping of str to ndarray, (rows, columns) float32
        Amplifiers by name ('ccd25A'), in readout order, ADU; those not simulated are absent.

    Returns
    -------
    ndarray, (ny, nx) float32
        A new array.
    """
    victim = image.copy()
    for amplifier in amplifiers:
        view = victim[amplifier.ccd][amplifier.readout]
        for term in table.get(amplifier_key(ccdnum, amplifier.name), ()):
            if term.source in sources:
                view += crosstalk_signal(sources[term.source], term)
    return victim


def read_out(rng: np.random.Generator, image: np.ndarray, bias: np.ndarray, amplifiers: Sequence[Amplifier]) -> np.ndarray:
    """The raw frame: pixels, prescan, overscan and postscan, on a level that drifts from row to row, with read noise.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        ADU, crosstalk included.
    bias : ndarray, (ny, nx) float32
        Bias structure, ADU.

    Returns
    -------
    ndarray, (raw ny, raw nx) uint16
    """
    areas = [_area(amplifier) for amplifier in amplifiers]
    raw = np.zeros([max(area[axis].stop for area in areas) for axis in (0, 1)], np.float32)
    for amplifier, area in zip(amplifiers, areas):
        level = _row_levels(rng, len(raw))[:, None]
        own = raw[area]
        noise = np.float32(amplifier.read_noise / amplifier.gain)
        own[...] = level[area[0]] + noise * rng.standard_normal(own.shape, dtype=np.float32)
        raw[amplifier.data] += image[amplifier.ccd] + bias[amplifier.ccd]
    return np.clip(np.rint(raw), 0, 65535).astype(np.uint16)


def _area(amplifier: Amplifier) -> tuple[slice, slice]:
    """Rows and columns of the raw frame that an amplifier reads."""
    parts = [part for part in (amplifier.data, amplifier.bias, amplifier.pre, amplifier.post)
             if part[0].stop > part[0].start]
    rows, columns = (slice(min(part[axis].start for part in parts), max(part[axis].stop for part in parts))
                     for axis in (0, 1))
    return rows, columns


def _row_levels(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Level of each row, ADU: 1500 to 2500, a slow drift of a few ADU and 0.15 ADU from row to row."""
    knots = np.linspace(0, rows - 1, 9)
    drift = np.interp(np.arange(rows), knots, rng.normal(0.0, 1.5, knots.size))
    drift = np.convolve(np.pad(drift, 200, mode='edge'), np.full(401, 1.0 / 401.0), mode='valid')
    return (rng.uniform(1500.0, 2500.0) + drift + rng.normal(0.0, 0.15, rows)).astype(np.float32)
