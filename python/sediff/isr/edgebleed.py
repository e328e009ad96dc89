"""Edge bleeds: a trail that reaches the serial register spoils the rows read first over the whole amplifier."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sediff.camera.amplifiers import Amplifier
from sediff.camera.maskbits import UNUSABLE, Bit

#: Rows of the amplifier that tell what is normal, counted from the readout edge.
REFERENCE = slice(250, 450)


def mark_edge_bleeds(image: np.ndarray, mask: np.ndarray, amplifiers: Sequence[Amplifier], sky_sigma: float,
                     level: float = 0.5, gap: int = 4, most: int = 200) -> np.ndarray:
    """Mask with EDGEBLEED the rows next to the serial register whose level is off, where a trail ends in the register.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
    mask : ndarray, (ny, nx) uint16
        With TRAIL.
    amplifiers : sequence of Amplifier
        `flip_y` tells at which end the register lies.
    sky_sigma : float
        Noise of a pixel.
    level : float
        A row is off when the median of its usable pixels differs by this many noises from the rows 250 to 450 away.
    gap : int
        Rows in order that end the bleed.
    most : int
        Rows looked at.

    Returns
    -------
    ndarray, (ny, nx) uint16
    """
    marked = mask
    for amplifier in amplifiers:
        step = -1 if amplifier.flip_y else 1
        part = mask[amplifier.ccd][::step]
        if not (part[:2] & np.uint16(Bit.TRAIL)).any() or len(part) < REFERENCE.stop:
            continue
        rows = _off_rows(image[amplifier.ccd][::step], part, level * sky_sigma, gap, most)
        if rows:
            marked = marked.copy() if marked is mask else marked
            marked[amplifier.ccd][::step][:rows] |= np.uint16(Bit.EDGEBLEED)
    return marked


def _off_rows(image: np.ndarray, mask: np.ndarray, limit: float, gap: int, most: int) -> int:
    """Number of rows from the register to the last one that is off."""
    usable = (mask & np.uint16(UNUSABLE & ~Bit.EDGE)) == 0
    reference = image[REFERENCE, ::4][usable[REFERENCE, ::4]]
    if not len(reference):
        return 0
    normal, last, fine = np.median(reference), 0, 0
    for row in range(most):
        own = image[row][usable[row]]
        off = len(own) < image.shape[1] // 8 or abs(np.median(own) - normal) > limit
        fine = 0 if off else fine + 1
        last = row + 1 if off else last
        if fine >= gap:
            break
    return last
