"""Regions of the sky: HEALPix shards, cones and boxes, right across RA 0 and at the poles."""
from __future__ import annotations

import healpy
import numpy as np

from sediff.errors import BadUsage
from sediff.refcat.stars import CELL_NSIDE, CELLS, SHARD_NSIDE


def unit_vectors(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Unit vectors, (..., 3), of positions in degrees."""
    ra, dec = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def from_vectors(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """RA in [0, 360) and Dec (deg) of vectors (..., 3) of any length."""
    x, y, z = np.moveaxis(np.asarray(vectors, float), -1, 0)
    return np.mod(np.degrees(np.arctan2(y, x)), 360.0), np.degrees(np.arctan2(z, np.hypot(x, y)))


def separation(ra1, dec1, ra2, dec2) -> np.ndarray:
    """Angular distance (deg), accurate at all distances (from the chord)."""
    chord = np.linalg.norm(unit_vectors(ra1, dec1) - unit_vectors(ra2, dec2), axis=-1)
    return np.degrees(2.0 * np.arcsin(np.clip(chord / 2.0, 0.0, 1.0)))


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
    return healpy.ang2pix(nside, np.asarray(ra, float), np.asarray(dec, float), nest=nest, lonlat=True)


def cells_of(ra: np.ndarray, dec: np.ndarray, pixel: int) -> np.ndarray:
    """Cell, 0 to CELLS - 1, of positions that lie in the shard of a RING pixel: its place in NESTED order at CELL_NSIDE."""
    first = healpy.ring2nest(SHARD_NSIDE, int(pixel)) * CELLS
    return pixels_of(ra, dec, CELL_NSIDE, nest=True) - first


def cells_for_polygon(corners: np.ndarray) -> dict[int, np.ndarray]:
    """Cells that a convex polygon touches, by the RING pixel of their shard: {pixel: ascending cell numbers}.

    Its corners are unit vectors (n, 3) in order.
    """
    cells = healpy.query_polygon(CELL_NSIDE, corners, inclusive=True, fact=4, nest=True)
    nested, place = np.divmod(np.sort(cells), CELLS)
    parents, starts = np.unique(nested, return_index=True)
    groups = np.split(place, starts[1:])
    return {int(healpy.nest2ring(SHARD_NSIDE, int(parent))): group for parent, group in zip(parents, groups)}


def widened(corners: np.ndarray, margin_deg: float) -> np.ndarray:
    """The corners (4, 3), unit vectors in order, of a quadrangle moved out by a margin (deg) along both of its axes."""
    centre = corners.sum(axis=0)
    centre /= np.linalg.norm(centre)
    plane = corners / (corners @ centre)[:, None] - centre
    first, second = plane[1] - plane[0] + plane[2] - plane[3], plane[3] - plane[0] + plane[2] - plane[1]
    first, second = first / np.linalg.norm(first), second / np.linalg.norm(second)
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    out = centre + plane + np.tan(np.radians(margin_deg)) * (signs @ np.array([first, second]))
    return out / np.linalg.norm(out, axis=1)[:, None]


def inside_polygon(ra, dec, corners: np.ndarray) -> np.ndarray:
    """Which positions (deg) lie in a convex polygon with corners (n, 3), unit vectors in order: bool array."""
    sides = np.cross(corners, np.roll(corners, -1, axis=0))
    sides *= np.sign(sides[0] @ corners.sum(axis=0))
    vectors = unit_vectors(np.asarray(ra, float), np.asarray(dec, float))
    inside = np.ones(vectors.shape[:-1], bool)
    for side in sides:
        inside &= vectors @ side >= 0.0
    return inside


def inside_cone(ra, dec, ra_center: float, dec_center: float, radius_deg: float) -> np.ndarray:
    """Which positions lie within `radius_deg` of a centre (all deg): bool array (haversines, right at poles and RA 0)."""
    ra, dec, center = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float)), np.radians(dec_center)
    across = np.sin((ra - np.radians(ra_center)) / 2.0)
    along = np.sin((dec - center) / 2.0)
    haversine = along * along + (np.cos(dec) * np.cos(center)) * (across * across)
    return haversine <= np.sin(np.radians(min(radius_deg, 180.0)) / 2.0) ** 2


def inside_box(ra, dec, box: tuple[float, float, float, float]) -> np.ndarray:
    """Which positions lie in a box (ra_west, ra_east, dec_south, dec_north), deg.

    The box runs east from ra_west to ra_east, across RA 0 where ra_east < ra_west; a span of 360 or more is every RA.
    """
    west, east, south, north = box
    dec = np.asarray(dec, float)
    span = 360.0 if east - west >= 360.0 else np.mod(east - west, 360.0)
    in_ra = np.mod(np.asarray(ra, float) - west, 360.0) <= span
    return in_ra & (dec >= south) & (dec <= north)


def enclosing_box(ra, dec) -> tuple[float, float, float, float]:
    """Smallest (ra_west, ra_east, dec_south, dec_north) that holds all positions (deg).

    The RA interval is the complement of the widest gap between neighbours. Positions without a gap of 180 deg
    go round a pole; their box is all RA up to that pole.

    Raises
    ------
    BadUsage
        No positions, or one that is not finite.
    """
    ra, dec = np.mod(np.ravel(np.asarray(ra, float)), 360.0), np.ravel(np.asarray(dec, float))
    if ra.size == 0 or not (np.isfinite(ra).all() and np.isfinite(dec).all()):
        raise BadUsage('a box needs at least one position, all of them finite')
    ordered = np.sort(ra)
    gaps = np.diff(np.append(ordered, ordered[0] + 360.0))
    widest = int(np.argmax(gaps))
    if gaps[widest] <= 180.0:
        south, north = (-90.0, dec.max()) if dec.mean() < 0.0 else (dec.min(), 90.0)
        return 0.0, 360.0, float(south), float(north)
    west = ordered[(widest + 1) % ordered.size]
    return float(west), float(ordered[widest]), float(dec.min()), float(dec.max())
