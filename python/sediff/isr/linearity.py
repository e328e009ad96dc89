"""Linearity: counts are not quite in proportion to the charge (Bernstein et al. 2017, arXiv:1706.09928, 4.2)."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from sediff.errors import BadData
from sediff.instruments.amplifiers import Amplifier

#: Highest level (ADU) a raw pixel can have, and so the length of the lookup tables.
FULL_SCALE = 65536


@dataclass(frozen=True)
class LinearityCurve:
    """What must be added to an amplifier's counts to make them proportional to the charge.

    Parameters
    ----------
    level : ndarray, (n,) float64, ADU
        Counts above the overscan, ascending.
    correction : ndarray, (n,) float64, ADU
        Added at those levels; straight lines between them, 0 below level 0, the last one above the last level.
    """

    level: np.ndarray
    correction: np.ndarray

    def __post_init__(self) -> None:
        level, correction = np.asarray(self.level, float), np.asarray(self.correction, float)
        if level.ndim != 1 or level.shape != correction.shape or len(level) < 2:
            raise BadData('a linearity curve needs at least two levels and as many corrections')
        if not (np.isfinite(level).all() and np.isfinite(correction).all() and (np.diff(level) > 0).all()):
            raise BadData('the levels of a linearity curve must be finite and ascend, its corrections finite')
        if not (np.diff(level + correction) > 0).all():
            raise BadData('a linearity curve must rise: two levels would mean the same charge')

    def true_level(self, level: np.ndarray | float) -> np.ndarray:
        """Linear counts (ADU) of measured ones."""
        return np.asarray(level) + np.interp(level, self.level, self.correction, left=0.0)

    def measured_level(self, level: np.ndarray) -> np.ndarray:
        """Counts (ADU) that linear ones read as: the inverse of `true_level`."""
        start = 0.0 if self.level[0] > 0.0 else self.level[0]
        measured = np.concatenate([[start], self.level[self.level > start]])
        true = self.true_level(measured)
        low, high = level < true[0], level > true[-1]
        inside = np.interp(level, true, measured)
        return np.where(low, level, np.where(high, level - self.correction[-1], inside))


#: Curve of each amplifier of a CCD, by name, such as 'A'.
LinearityTable = Mapping[str, LinearityCurve]


def linearize(image: np.ndarray, amplifiers: Sequence[Amplifier], table: LinearityTable,
              in_place: bool = False) -> np.ndarray:
    """Counts in proportion to the charge, amplifier by amplifier.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, ADU
        Trimmed, overscan, crosstalk and bias subtracted, before the gain.
    amplifiers : sequence of Amplifier
    table : mapping of amplifier name to LinearityCurve
        An amplifier without a curve is left as it is.
    in_place : bool
        Change the image itself, which must be float32 and contiguous.

    Returns
    -------
    ndarray, (ny, nx) float32, ADU
    """
    corrected = np.ascontiguousarray(image, np.float32)
    corrected = corrected if in_place else corrected.copy()
    for amplifier in amplifiers:
        if amplifier.name in table:
            _add_lookup(corrected[amplifier.ccd], lookup_table(table[amplifier.name]))
    return corrected


def lookup_table(curve: LinearityCurve) -> np.ndarray:
    """The correction at every whole ADU from 0: (FULL_SCALE + 1,) float32."""
    return np.interp(np.arange(FULL_SCALE + 1.0), curve.level, curve.correction, left=0.0).astype(np.float32)


def saturation_levels(amplifiers: Sequence[Amplifier], table: LinearityTable) -> dict[str, float]:
    """Saturation of each amplifier (ADU) on the linear scale."""
    return {amplifier.name: float(table[amplifier.name].true_level(amplifier.saturate))
            if amplifier.name in table else amplifier.saturate for amplifier in amplifiers}


def fit_linearity(level: np.ndarray, exposure: np.ndarray,
                  reference: tuple[float, float] = (300.0, 6000.0)) -> LinearityCurve:
    """The curve of an amplifier from flats of a constant lamp and different exposure times.

    The lamp's rate is the least-squares ratio level / exposure where the level is inside `reference` (relative errors
    alike there), and the correction is rate x exposure - level.

    Parameters
    ----------
    level : ndarray, (n,) float64, ADU
        Mean counts of the flats, below saturation.
    exposure : ndarray, (n,) float64, s
    reference : (float, float), ADU
        Levels that are taken for linear on average.

    Raises
    ------
    BadData
        Fewer than 4 flats, fewer than 2 inside `reference`, or levels that do not rise with the exposure time.
    """
    order = np.argsort(exposure)
    level, exposure = np.asarray(level, float)[order], np.asarray(exposure, float)[order]
    inside = (level >= reference[0]) & (level <= reference[1])
    if len(level) < 4 or np.count_nonzero(inside) < 2:
        raise BadData(f'{len(level)} flats, {np.count_nonzero(inside)} of them between {reference[0]:g} and '
                      f'{reference[1]:g} ADU; a linearity curve needs 4 and 2: take a series of exposure times')
    times, inverse = np.unique(exposure, return_inverse=True)
    means = np.bincount(inverse, level) / np.bincount(inverse)
    if not (np.diff(means) > 0).all():
        raise BadData('the counts of the flats do not rise with the exposure time; the lamp was not constant')
    rate = float(np.mean(level[inside] / exposure[inside]))
    return LinearityCurve(np.concatenate([[0.0], means]), np.concatenate([[0.0], rate * times - means]))


def warm() -> None:
    """Compile the kernel."""
    _add_lookup(np.zeros((2, 4), np.float32)[:, :2], np.zeros(4, np.float32))


@njit(cache=True)
def _add_lookup(image, table):
    last = table.size - 1
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            level = image[y, x]
            if level <= 0.0:
                continue
            if level >= last:
                image[y, x] = level + table[last]
            else:
                k = int(level)
                part = level - np.float32(k)
                image[y, x] = level + table[k] + part * (table[k + 1] - table[k])
