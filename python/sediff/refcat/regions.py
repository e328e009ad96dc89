"""HEALPix shards and their cells: which hold a position, which a region touches."""
from __future__ import annotations

import numpy as np

from sediff.errors import BadUsage
from sediff.healpix import nested_in_polygon, nested_pixels, nested_to_ring
from sediff.refcat.stars import CELL_NSIDE, CELLS, SHARD_NSIDE
from sediff.sphere import unit_vectors


def shards_for_region(ra: float, dec: float, radius_deg: float, nside: int = SHARD_NSIDE) -> np.ndarray:
    """RING pixels that any part of a disc touches.

    Parameters
    ----------
    ra, dec : float
        Centre of the disc, deg ICRS.
    radius_deg : float
        Radius of the disc, deg.
    nside : int
        HEALPix resolution.

    Returns
    -------
    ndarray, (n,) int64
        Pixel numbers, ascending; the list may hold a pixel that the disc just misses, never lack one it touches.

    Raises
    ------
    BadUsage
        A position off the sphere, a radius not positive, or an nside that HEALPix does not know.
    """
    import healpy
    if not (np.isfinite(ra) and np.isfinite(dec) and abs(dec) <= 90.0):
        raise BadUsage(f'no such position: RA {ra}, Dec {dec} deg')
    if not radius_deg > 0.0:
        raise BadUsage(f'the radius must be positive, not {radius_deg} deg')
    if not healpy.isnsideok(nside, nest=True):
        raise BadUsage(f'nside must be a power of two, not {nside}')
    pixels = healpy.query_disc(nside, unit_vectors(ra, dec), np.radians(min(radius_deg, 180.0)), inclusive=True, fact=16)
    return np.sort(pixels).astype(np.int64)


def pixels_of(ra: np.ndarray, dec: np.ndarray, nside: int = SHARD_NSIDE, nest: bool = False) -> np.ndarray:
    """Pixel of each position (deg), RING or with `nest` NESTED."""
    pixels = nested_pixels(nside, ra, dec)
    return pixels if nest else nested_to_ring(nside, pixels)


def cells_of(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Cell of positions in their shards, 0 to CELLS - 1: its place in NESTED order at CELL_NSIDE."""
    return nested_pixels(CELL_NSIDE, ra, dec) % CELLS


def cells_for_polygon(corners: np.ndarray) -> dict[int, np.ndarray]:
    """Cells that a convex polygon touches, by the RING pixel of their shard: {pixel: ascending cell numbers}.

    Its corners are unit vectors (n, 3) in order.
    """
    nested, place = np.divmod(nested_in_polygon(CELL_NSIDE, corners), CELLS)
    parents, starts = np.unique(nested, return_index=True)
    return dict(zip(nested_to_ring(SHARD_NSIDE, parents).tolist(), np.split(place, starts[1:])))
