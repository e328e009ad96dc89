"""Saturation: pixels at or above the level where an amplifier stops counting."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sediff.errors import BadData
from sediff.instruments.amplifiers import Amplifier
from sediff.maskbits import Bit


def mark_saturation(image: np.ndarray, mask: np.ndarray, amplifiers: Sequence[Amplifier],
                    growth: int = 1) -> np.ndarray:
    """Mask with SATURATE at pixels at or above their amplifier's saturation, and around them.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, ADU
        Overscan-subtracted image, before the gain.
    mask : ndarray, (ny, nx) uint16
    amplifiers : sequence of Amplifier
        `saturate` in ADU.
    growth : int
        Pixels by which the saturated areas grow in all eight directions.

    Returns
    -------
    ndarray, (ny, nx) uint16

    Raises
    ------
    BadData
        More than half of a living amplifier is saturated: the sky is.
    """
    saturated = np.zeros(image.shape, bool)
    for amplifier in amplifiers:
        full = np.greater_equal(image[amplifier.ccd], np.float32(amplifier.saturate), out=saturated[amplifier.ccd])
        if 2 * np.count_nonzero(full) > full.size:
            raise BadData(f'{100 * full.mean():.0f} % of amplifier {amplifier.name} is at or above its saturation of '
                          f'{amplifier.saturate:.0f} ADU; the sky is saturated: leave this exposure out')
    marked = mask.copy()
    rows, columns = np.divmod(np.flatnonzero(saturated), mask.shape[1])
    for y in range(-growth, growth + 1):
        for x in range(-growth, growth + 1):
            near = np.clip(rows + y, 0, mask.shape[0] - 1), np.clip(columns + x, 0, mask.shape[1] - 1)
            marked[near] |= np.uint16(Bit.SATURATE)
    return marked
