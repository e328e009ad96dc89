"""Edge bleeds: a trail that reaches the serial register spoils pixels of the rows read first.

The charge spreads over a limited number of columns (a puddle), or over the whole amplifier; it may hide the end of the trail
that it came from.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from sediff.instruments.amplifiers import Amplifier
from sediff.isr.starlight import light_without_bleeds
from sediff.maskbits import UNUSABLE, Bit

#: A pixel is off where the mean of a box (rows, columns) around it differs by so many sigma of a pixel, four or more of the
#: mean; pixels that a smaller box has found do not count in a larger one, so that a sharp rim stays sharp.
BOXES = (((1, 1), 4.0), ((3, 3), 1.5), ((5, 11), 0.7))
#: Share of a star's light by which the model of it may be wrong, and pixels by which its middle may be.
MODEL_ERROR, CENTRE_ERROR = 0.04, 0.5
#: Rows of a saturated area that may have lost charge to the register.
LEAST_HEIGHT = 15
#: Columns without an off pixel that end a puddle.
COLUMN_GAP = 6
#: Parts of an amplifier's row that are looked at apart, and how many of them must be off for the whole row to be.
PARTS, MOST_PARTS = 8, 7


def mark_edge_bleeds(image: np.ndarray, mask: np.ndarray, amplifiers: Sequence[Amplifier], sky_sigma: float,
                     level: float = 0.5, gap: int = 4, most: int = 200) -> np.ndarray:
    """Mask with EDGEBLEED what charge that ran into the serial register has spoilt, and with TRAIL the trails under it.

    Looked at are the rows nearest to the register where a trail or a large saturated star lies among them: the trail may
    end, as far as can be seen, at the rim of its puddle. The sky (a plane an amplifier) and the light of saturated stars are
    subtracted. A puddle reaches, in each column, from the register to the last row that is off, and sideways from the
    columns of the trail as far as there are such columns. Rows that are off over a whole amplifier are marked whole.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, electrons
        Sky not subtracted.
    mask : ndarray, (ny, nx) uint16
        With SATURATE and TRAIL.
    amplifiers : sequence of Amplifier
        `flip_y` tells at which end the register lies.
    sky_sigma : float
        Noise of a pixel.
    level : float
        A row of an amplifier is off when the median of its usable pixels differs by this many sigma.
    gap : int
        Rows in order that end a bleed.
    most : int
        Rows looked at.

    Returns
    -------
    ndarray, (ny, nx) uint16
    """
    for top in (False, True):
        own = [each.ccd[1] for each in amplifiers if bool(each.flip_y) == top]
        if own:
            mask = _at_register(image, mask, own, top, sky_sigma, level, gap, most)
    return mask


def _at_register(image: np.ndarray, mask: np.ndarray, columns: Sequence[slice], top: bool, sky_sigma: float, level: float,
                 gap: int, most: int) -> np.ndarray:
    """`mark_edge_bleeds` at one of the registers: that beyond the last row, or before the first, with its columns."""
    image, flags = (plane[::-1] if top else plane for plane in (image, mask))
    source = _sources(flags[:most])
    if not source.any() or len(image) < 5 * most:
        return mask
    columns = sorted(columns, key=lambda part: part.start)
    usable = (flags[:most] & np.uint16(UNUSABLE & ~Bit.EDGE)) == 0
    heights, spoilt = np.zeros(image.shape[1], int), None
    for _ in range(3):
        light, stars = light_without_bleeds(image, flags, columns, sky_sigma, most, spoilt)
        wrong = np.float32(MODEL_ERROR) * stars + np.float32(CENTRE_ERROR) * np.hypot(*np.gradient(stars))
        excess = (image[:most] - light) / (np.sqrt(np.float32(sky_sigma) ** 2 + np.maximum(stars, 0)) + wrong)
        found = _heights(_off(excess, usable), usable, gap)
        unsure = (wrong > 0.5 * sky_sigma)[:max(int(found.max()), 1)].any(axis=0)
        heights = _puddle(found, np.any(source, axis=0), ~np.any(usable[:gap], axis=0), unsure)
        if not heights.any():
            break
        # a second time without the puddle's own light in the model
        spoilt = np.where(heights > 0, heights * 3 // 2 + 5, 0)
    for part in columns:
        if source[:, part].any():
            heights[part] = np.maximum(heights[part], _off_rows(excess[:, part], usable[:, part], level, gap))
    return _marked(mask, heights, top, gap) if heights.any() else mask


def _sources(flags: np.ndarray) -> np.ndarray:
    """Pixels of trails, and of saturated areas that are high enough to have one: (rows, nx) bool."""
    full = (flags & np.uint16(Bit.SATURATE | Bit.TRAIL)) != 0
    labels, count = ndimage.label(full, np.ones((3, 3)))
    high = [box is not None and box[0].stop - box[0].start >= LEAST_HEIGHT for box in ndimage.find_objects(labels, count)]
    return full & (np.array([False, *high])[labels] | ((flags & np.uint16(Bit.TRAIL)) != 0))


def _off(excess: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Pixels that are off, from the sharpest to the faintest: (rows, nx) bool."""
    off = np.zeros(excess.shape, np.bool_)
    for box, limit in BOXES:
        free = usable & ~off
        count = ndimage.uniform_filter(free.astype(np.float32), box, mode='constant') * (box[0] * box[1])
        total = ndimage.uniform_filter(np.where(free, excess, np.float32(0.0)), box, mode='constant') * (box[0] * box[1])
        least = limit * np.sqrt(box[0] * box[1] / np.maximum(count, 1.0))
        off |= free & (np.abs(total) > least * count) & (2 * count > box[0])
    return off


def _heights(off: np.ndarray, usable: np.ndarray, gap: int) -> np.ndarray:
    """Rows from the register to the last one that is off before `gap` that are not, of each column: (nx,) int."""
    rows = np.arange(1, len(off) + 1)[:, None]
    fine = np.cumsum(usable & ~off, axis=0)
    last = np.where(off, fine, 0)
    since = fine - np.maximum.accumulate(last, axis=0)
    ended = np.logical_or.accumulate(since >= gap, axis=0)
    return np.where(off & ~ended, rows, 0).max(axis=0)


def _puddle(heights: np.ndarray, source: np.ndarray, hidden: np.ndarray, unsure: np.ndarray) -> np.ndarray:
    """Heights of the columns that hang together with those of a trail: (nx,) int.

    Columns hidden by masks get their neighbours'; those where the star is too bright to be `sure` get at least what is
    between the sure ones on both sides, for a puddle is deepest where its charge came from.
    """
    wet = ndimage.binary_closing(np.pad((heights > 0) | hidden, COLUMN_GAP), np.ones(COLUMN_GAP))[COLUMN_GAP:-COLUMN_GAP]
    labels, _ = ndimage.label(wet)
    reached = ndimage.binary_dilation(source, np.ones(2 * COLUMN_GAP + 1))
    chosen = np.isin(labels, [label for label in np.unique(labels[reached]) if label]) & wet
    known = np.flatnonzero(chosen & (heights > 0))
    if len(known) < COLUMN_GAP:
        return np.zeros(heights.shape, int)
    columns = np.arange(len(heights))
    filled = ndimage.median_filter(np.where(chosen, np.interp(columns, known, heights[known], 0, 0), 0), 11, mode='nearest')
    sure = np.flatnonzero(chosen & (heights > 0) & ~unsure)
    if len(sure) > COLUMN_GAP:
        filled = np.where(unsure, np.maximum(filled, np.interp(columns, sure, filled[sure], 0, 0)), filled)
    return np.where(chosen, np.rint(filled), 0).astype(int)


def _off_rows(excess: np.ndarray, usable: np.ndarray, limit: float, gap: int) -> int:
    """Number of rows from the register to the last one that is off over the whole amplifier."""
    last = fine = 0
    parts = np.array_split(np.arange(excess.shape[1]), PARTS)
    for row in range(len(excess)):
        near = slice(max(row - 1, 0), row + 2)
        own = excess[row][usable[row]]
        medians = [np.median(excess[near, part][usable[near, part]]) for part in parts if usable[near, part].sum() > 20]
        wide = np.count_nonzero(np.abs(medians) > 0.5 * limit) * PARTS >= MOST_PARTS * len(medians) > 0
        off = wide and abs(np.median(own)) > limit if len(own) else False
        fine = 0 if off else fine + 1
        last = row + 1 if off else last
        if fine >= gap:
            break
    return last


def _marked(mask: np.ndarray, heights: np.ndarray, top: bool, gap: int) -> np.ndarray:
    marked = mask.copy()
    flags = marked[::-1] if top else marked
    rows = np.arange(int(heights.max()))[:, None]
    flags[:len(rows)][rows < heights] |= np.uint16(Bit.EDGEBLEED)
    trail = (flags[:heights.max() + gap] & np.uint16(Bit.TRAIL)) != 0
    for x in np.flatnonzero(trail.any(axis=0) & (heights > 0)):
        first = int(np.argmax(trail[:, x]))
        if first <= heights[x] + gap:
            flags[:first, x] |= np.uint16(Bit.TRAIL | Bit.EDGEBLEED)
    return marked
