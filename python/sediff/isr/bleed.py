"""Bleed trails: charge that spilled along the columns from a saturated star."""
from __future__ import annotations

import numpy as np
from numba import njit
from scipy import ndimage

from sediff.isr.areas import touching_areas
from sediff.maskbits import Bit

#: Rows next to the first and the last one that a puddle of charge at the serial register may fill.
EDGE_ROWS = 60


def mark_bleed_trails(image: np.ndarray, mask: np.ndarray, read_noise: float, min_length: int = 20,
                      elongation: float = 1.5, sigma: float = 3.0) -> np.ndarray:
    """Mask with TRAIL on bleed trails, and EDGEBLEED on those that reach the first or last row.

    A column's run of saturated pixels is a trail when it is at least `min_length` pixels long and `elongation` times
    the largest width (along a row) of the saturated area it belongs to, the rows within `EDGE_ROWS` of the first and last
    one left out where there are others: the core of a star is round, a trail is not, and a full puddle at the register is
    wide.
    From both ends the trail goes on, saturated or not, while the pixels stand `sigma` times the noise above the brighter
    of the two sides (means of the 3rd to 5th pixel beside the trail), with gaps of up to 2 pixels. It grows by one
    pixel on each side.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, electrons
        Sky not subtracted.
    mask : ndarray, (ny, nx) uint16
        With SATURATE.
    read_noise : float, electrons

    Returns
    -------
    ndarray, (ny, nx) uint16
    """
    saturated = (mask & np.uint16(Bit.SATURATE)) != 0
    if not saturated.any():
        return mask.copy()
    trail = np.zeros(mask.shape, np.bool_)
    pixels = np.ascontiguousarray(image, np.float32)
    for box, area in touching_areas(saturated):
        height = box[0].stop - box[0].start
        if height < min_length:
            continue
        first = max(min(EDGE_ROWS, mask.shape[0] // 4) - box[0].start, 0)
        last = min(mask.shape[0] - min(EDGE_ROWS, mask.shape[0] // 4), box[0].stop) - box[0].start
        runs = _long_runs(area, max(min_length, 1), elongation, first, last)
        for x, start, end in runs:
            _trace(pixels, trail, x + box[1].start, start + box[0].start, end + box[0].start, len(runs), read_noise, sigma)
    if not trail.any():
        return mask.copy()
    return mask | _trail_bits(trail)


def warm() -> None:
    """Compile the kernels."""
    image = np.full((64, 64), 100, np.float32)
    mask = np.zeros(image.shape, np.uint16)
    image[10:50, 30:32], mask[10:50, 30:32] = 2e5, int(Bit.SATURATE)
    mark_bleed_trails(image, mask, 6.0)


def _trail_bits(trail: np.ndarray) -> np.ndarray:
    grown = trail.copy()
    grown[:, 1:] |= trail[:, :-1]
    grown[:, :-1] |= trail[:, 1:]
    bits = np.multiply(grown, np.uint16(Bit.TRAIL), dtype=np.uint16)
    columns = np.flatnonzero(grown[0] | grown[-1])
    for x in columns:
        ends = _end_run(grown[:, x])
        bits[ends, x] |= np.uint16(Bit.EDGEBLEED)
    return bits


def _end_run(column: np.ndarray) -> np.ndarray:
    """Pixels of the runs that touch the first or last row: (ny,) bool."""
    labels, _ = ndimage.label(column)
    touching = {label for label in (labels[0], labels[-1]) if label}
    return np.isin(labels, list(touching))


@njit(cache=True)
def _long_runs(area, min_length, elongation, low, high):
    """(column, first row, last row) of the runs that are too long for a star's core, whose width rows low to high tell."""
    ny, nx = area.shape
    if high - low < min_length:
        low, high = 0, ny
    width = 0
    for y in range(low, high):
        run = 0
        for x in range(nx):
            run = run + 1 if area[y, x] else 0
            width = max(width, run)
    needed = max(float(min_length), elongation * width)
    runs = []
    for x in range(nx):
        first = -1
        for y in range(ny + 1):
            inside = y < ny and area[y, x]
            if inside and first < 0:
                first = y
            elif not inside and first >= 0:
                if y - first >= needed:
                    runs.append((x, first, y - 1))
                first = -1
    found = np.empty((len(runs), 3), np.int64)
    for k in range(len(runs)):
        found[k, 0], found[k, 1], found[k, 2] = runs[k]
    return found


@njit(cache=True)
def _trace(image, trail, x, first, last, width, read_noise, sigma):
    """Mark a run and follow it beyond both ends."""
    ny = image.shape[0]
    trail[first:last + 1, x] = True
    for step, start in ((-1, first), (1, last)):
        end, gap, y = start, 0, start + step
        while 0 <= y < ny and gap <= 2:
            side = max(_side(image, y, x - width, -1), _side(image, y, x + width, 1))
            noise = np.sqrt(max(side, 0.0) + read_noise * read_noise)
            if image[y, x] > side + sigma * noise:
                end, gap = y, 0
            else:
                gap += 1
            y += step
        trail[min(start, end):max(start, end) + 1, x] = True


@njit(cache=True)
def _side(image, y, x, step):
    """Mean of three pixels beside a trail; very low beyond the image."""
    total, count = 0.0, 0
    for k in range(2, 5):
        i = x + step * k
        if 0 <= i < image.shape[1]:
            total += image[y, i]
            count += 1
    return total / count if count else -1e30
