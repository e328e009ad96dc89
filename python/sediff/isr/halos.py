"""Halos of bright stars: circles in which the wings of a saturated star stand above the sky."""
from __future__ import annotations

import numpy as np

from sediff.isr.areas import touching_areas
from sediff.maskbits import UNUSABLE, Bit

#: Radii (px) of the rings in which the light around a star is measured: 10 % apart.
RADII = np.unique(np.rint(4.0 * 1.1 ** np.arange(55)).astype(int))


#: Up to this radius (px) every pixel is looked at, beyond every fourth row and column.
NEAR = 40


def mark_halos(image: np.ndarray, mask: np.ndarray, sky_sigma: float, level: float = 0.5, min_area: int = 40,
               max_radius: int = 400) -> tuple[np.ndarray, list[tuple[float, float, float]]]:
    """Mask with STAR around saturated stars.

    A star is a saturated area of at least `min_area` pixels; its middle is that of its widest rows, so that the trail
    does not move it. Rings about the middle, without the columns of the trail and without unusable pixels, give the light's
    median; beyond the last ring where it stands more than `level` sigma above the sky around the star the halo ends. The
    sky around the star is the least median of the rings.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, electrons
    mask : ndarray, (ny, nx) uint16
        With SATURATE and TRAIL.
    sky_sigma : float, electrons
        Noise of a pixel of the sky.
    level : float
        In units of `sky_sigma`.
    min_area, max_radius : int, pixels

    Returns
    -------
    mask : ndarray, (ny, nx) uint16
    halos : list of (x, y, radius), pixels
    """
    stars = [(box, area) for box, area in touching_areas((mask & np.uint16(Bit.SATURATE)) != 0)
             if np.count_nonzero(area) >= min_area]
    if not stars:
        return mask, []
    marked, halos = mask.copy(), []
    for box, area in stars:
        x, y = _middle(area)
        x, y = x + box[1].start, y + box[0].start
        radius = _halo_radius(image, mask, x, y, level * sky_sigma, max_radius)
        if radius:
            _mark_circle(marked, x, y, radius)
            halos.append((x, y, float(radius)))
    return marked, halos


def _middle(area: np.ndarray) -> tuple[float, float]:
    """x, y of the middle of the rows that are at least half as wide as the widest."""
    width = area.sum(axis=1)
    rows = np.flatnonzero(width >= max(0.5 * width.max(), 2.0))
    rows = rows if len(rows) else np.flatnonzero(width)
    columns = np.nonzero(area[rows])[1]
    return float(columns.mean()), float(rows.mean())


def _halo_radius(image: np.ndarray, mask: np.ndarray, x: float, y: float, threshold: float, max_radius: int) -> int:
    edges = RADII[max_radius >= RADII]
    near = _ring_medians(image, mask, x, y, edges[edges <= NEAR], 1)
    medians = np.concatenate([near, _ring_medians(image, mask, x, y, edges, 4)[len(near):]])
    known = np.flatnonzero(np.isfinite(medians))
    if not len(known):
        return 0
    bright = medians[known] - medians[known].min() > threshold
    # the first ring that is dark ends the halo
    dark = np.flatnonzero(~bright)
    return int(edges[known[dark[0]]]) if len(dark) else int(edges[-1])


def _ring_medians(image: np.ndarray, mask: np.ndarray, x: float, y: float, edges: np.ndarray, step: int) -> np.ndarray:
    """Median of the usable pixels between each edge and the one before, of every `step`th row and column; NaN: too few."""
    reach = int(edges[-1])
    box = tuple(slice(max(0, int(middle) - reach), min(length, int(middle) + reach + 1), step)
                for middle, length in zip((y, x), image.shape))
    rows, columns = (np.arange(part.start, part.stop, step) for part in box)
    distance = np.hypot(rows[:, None] - y, columns[None, :] - x)
    good = (mask[box] & np.uint16(UNUSABLE & ~Bit.EDGE)) == 0
    ring, values = np.searchsorted(edges, distance[good]), image[box][good]
    order = np.argsort(ring, kind='stable')
    bounds = np.searchsorted(ring[order], np.arange(len(edges) + 1))
    medians = np.full(len(edges), np.nan)
    for k in range(1, len(edges)):
        own = values[order[bounds[k]:bounds[k + 1]]]
        if len(own) >= 12:
            medians[k] = np.median(own)
    return medians


def _mark_circle(mask: np.ndarray, x: float, y: float, radius: float) -> None:
    rows = np.arange(max(0, int(y - radius)), min(mask.shape[0], int(y + radius) + 2))
    columns = np.arange(max(0, int(x - radius)), min(mask.shape[1], int(x + radius) + 2))
    inside = (rows[:, None] - y) ** 2 + (columns[None, :] - x) ** 2 <= radius * radius
    mask[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1] |= np.where(inside, int(Bit.STAR), 0).astype(np.uint16)
