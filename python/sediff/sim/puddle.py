"""Puddles: charge of a bleed trail that ran into the serial register and comes out over a limited number of columns."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sediff.instruments.amplifiers import Amplifier

#: Shapes that `add_puddle` knows: charge that falls off exponentially from the register, or a flat pool with a sharp rim.
SHAPES = ('exponential', 'flat')


def add_puddle(image: np.ndarray, near_top: bool, column: float, shape: str, peak: float, height: float,
               widths: tuple[float, float]) -> np.ndarray:
    """Add the puddle of one trail, in place.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, electrons
    near_top : bool
        Whether the register lies beyond the last row instead of the first.
    column : float
        Where the trail enters the register.
    shape : str
        One of `SHAPES`.
    peak, height : float
        Electrons at the register, and rows: the scale of the fall, or the depth of the pool.
    widths : (float, float)
        Columns that it reaches to the left and to the right.

    Returns
    -------
    ndarray, (ny, nx) float32
        What was added, electrons.
    """
    rows = np.arange(image.shape[0], dtype=np.float32)[:, None]
    offset = np.arange(image.shape[1], dtype=np.float32)[None, :] - np.float32(column)
    reach = np.abs(offset) / np.where(offset < 0, np.float32(widths[0]), np.float32(widths[1]))
    depth = np.float32(height) * np.sqrt(np.clip(1.0 - reach ** 2, 0.0, None))
    if shape == 'flat':
        added = np.where(rows < depth, np.float32(peak), np.float32(0.0))
    else:
        added = np.where(depth > 0, np.float32(peak) * np.exp(-rows / np.maximum(depth, np.float32(1e-3))), np.float32(0.0))
    added = np.broadcast_to(added, image.shape).astype(np.float32)
    if near_top:
        added = added[::-1]
    image += added
    return added


def puddles_into_register(rng: np.random.Generator, image: np.ndarray, amplifiers: Sequence[Amplifier],
                          lost: np.ndarray, threshold: float) -> np.ndarray:
    """A puddle, in place, wherever neighbouring columns lost charge to the serial register.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, electrons
    lost : ndarray, (2, nx) float32, electrons
        Charge that left each column beyond the first and the last row.
    threshold : float, electrons
        Pixels that got more belong to the truth.

    Returns
    -------
    ndarray, (ny, nx) bool
    """
    near_top = bool(amplifiers[0].flip_y)
    charge = lost[1 if near_top else 0]
    added = np.zeros(image.shape, np.float32)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], charge > 0, [False]]).astype(np.int8))).reshape(-1, 2)
    for first, last in edges:
        total = float(charge[first:last].sum())
        column = float(np.average(np.arange(first, last), weights=charge[first:last]))
        peak, height = min(300.0 + total / 2e4, 2e4), rng.uniform(6.0, 25.0)
        reach = float(np.clip(total / (10.0 * peak * height), 40.0, 400.0))
        added += add_puddle(image, near_top, column, SHAPES[int(rng.integers(2))], peak, height,
                            (reach * rng.uniform(0.4, 1.0), reach * rng.uniform(0.4, 1.0)))
    return added > threshold
