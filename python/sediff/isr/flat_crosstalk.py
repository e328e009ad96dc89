"""Crosstalk of even light: a dome flat fills every amplifier, so that each adds a smooth share of itself to the others.

Coefficients add up to 0.1 % of an amplifier, and the amplifiers of a CCD differ in them: left in, the halves of a
flat are off by that, and the sky divided by it has a step between the amplifiers. The light is smooth, so that blocks of 64
pixels of the sources, from every 64th row, tell what they add to 1e-5 of the level; no source has to be read whole.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sediff.instruments.amplifiers import Amplifier, sampled, trimmed_shape
from sediff.isr.crosstalk import CrosstalkTable, amplifier_key, crosstalk_signal
from sediff.isr.overscan import subtract_overscan

#: Rows and columns of a block; one row of each block is read.
BLOCK = 64


def source_levels(rows: np.ndarray, ccdnum: int, amplifiers: Sequence[Amplifier], dead: Sequence[str] = (),
                  overscan: str = 'mean') -> dict[str, np.ndarray]:
    """Levels of a CCD's amplifiers in readout order, by crosstalk name.

    Parameters
    ----------
    rows : ndarray, (n, raw nx) uint16, ADU
        Rows of the raw image, `BLOCK` apart, from the first row of its pixels on.
    amplifiers : sequence of Amplifier
        Of the whole raw image.
    dead : sequence of str
        Unusable amplifiers, which are no sources.

    Returns
    -------
    mapping of str to ndarray, (n, columns // BLOCK) float32, ADU
    """
    few = sampled(amplifiers, 0, min(trimmed_shape(amplifiers)[0], len(rows) * BLOCK), BLOCK)[1]
    image = subtract_overscan(rows, few, dead=dead, method=overscan)
    levels = {}
    for each in few:
        if each.name not in dead:
            columns = image[each.ccd].shape[1] // BLOCK
            blocks = np.median(image[each.ccd][:, :columns * BLOCK].reshape(len(rows), columns, BLOCK), axis=2)
            levels[amplifier_key(ccdnum, each.name)] = blocks[each.readout].astype(np.float32)
    return levels


def crosstalk_of_light(ccdnum: int, amplifiers: Sequence[Amplifier], levels: Mapping[str, np.ndarray], table: CrosstalkTable,
                       shape: tuple[int, int]) -> np.ndarray:
    """What the sources add to the blocks of a CCD, with the coefficients and the onset that SE01 uses.

    Parameters
    ----------
    amplifiers : sequence of Amplifier
        Those of the CCD, the victim.
    levels : mapping of str to ndarray
        From `source_levels`; amplifiers that are not there add nothing.
    shape : (int, int)
        Of the CCD.

    Returns
    -------
    ndarray, (ny // BLOCK, nx // BLOCK) float32, ADU
    """
    added = np.zeros([length // BLOCK for length in shape], np.float32)
    for each in amplifiers:
        terms = [term for term in table.get(amplifier_key(ccdnum, each.name), ()) if term.source in levels]
        if terms:
            blocks = np.asarray(sum(crosstalk_signal(levels[term.source], term) for term in terms))
            added[tuple(slice(part.start // BLOCK, part.stop // BLOCK) for part in each.ccd)] = blocks[each.readout]
    return added


def rows_of_blocks(blocks: np.ndarray, first: int, last: int) -> np.ndarray:
    """Rows `first` to `last` (not in) of the image that blocks stand for."""
    return blocks[np.arange(first, last) // BLOCK].repeat(BLOCK, axis=1)
