"""Geometry on the sphere: unit vectors, separations, cones, boxes and polygons, right across RA 0 and at the poles."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sediff.errors import BadUsage


def unit_vectors(ra: npt.ArrayLike, dec: npt.ArrayLike) -> np.ndarray:
    """Unit vectors, (..., 3), of positions in degrees."""
    ra, dec = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def from_vectors(vectors: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """RA in [0, 360) and Dec (deg) of vectors (..., 3) of any length."""
    x, y, z = np.moveaxis(np.asarray(vectors, float), -1, 0)
    return np.mod(np.degrees(np.arctan2(y, x)), 360.0), np.degrees(np.arctan2(z, np.hypot(x, y)))


def angle_of_chord(chord: npt.ArrayLike) -> np.ndarray:
    """Angle (deg) between unit vectors from the length of the chord between them; accurate at all distances."""
    return np.degrees(2.0 * np.arcsin(np.clip(np.asarray(chord) / 2.0, 0.0, 1.0)))


def chord_of_angle(degrees: float) -> float:
    """Length of the chord between unit vectors that many degrees apart."""
    return float(2.0 * np.sin(np.radians(degrees) / 2.0))


def separation(ra1: npt.ArrayLike, dec1: npt.ArrayLike, ra2: npt.ArrayLike, dec2: npt.ArrayLike) -> np.ndarray:
    """Angular distance (deg), accurate at all distances."""
    return angle_of_chord(np.linalg.norm(unit_vectors(ra1, dec1) - unit_vectors(ra2, dec2), axis=-1))


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


def inside_polygon(ra: npt.ArrayLike, dec: npt.ArrayLike, corners: np.ndarray) -> np.ndarray:
    """Which positions (deg) lie in a convex polygon with corners (n, 3), unit vectors in order: bool array."""
    sides = np.cross(corners, np.roll(corners, -1, axis=0))
    sides *= np.sign(sides[0] @ corners.sum(axis=0))
    vectors = unit_vectors(np.asarray(ra, float), np.asarray(dec, float))
    inside = np.ones(vectors.shape[:-1], bool)
    for side in sides:
        inside &= vectors @ side >= 0.0
    return inside


def inside_box(ra: npt.ArrayLike, dec: npt.ArrayLike, box: tuple[float, float, float, float]) -> np.ndarray:
    """Which positions lie in a box (ra_west, ra_east, dec_south, dec_north), deg.

    The box runs east from ra_west to ra_east, across RA 0 where ra_east < ra_west; a span of 360 or more is every RA.
    """
    west, east, south, north = box
    dec = np.asarray(dec, float)
    span = 360.0 if east - west >= 360.0 else np.mod(east - west, 360.0)
    in_ra = np.mod(np.asarray(ra, float) - west, 360.0) <= span
    return in_ra & (dec >= south) & (dec <= north)


def enclosing_box(ra: npt.ArrayLike, dec: npt.ArrayLike) -> tuple[float, float, float, float]:
    """Smallest (ra_west, ra_east, dec_south, dec_north) that holds all positions (deg).

    The RA interval is the complement of the widest gap between neighbours. Positions without a gap of 180 deg
    go round a pole; their box is all RA up to that pole.

    Raises
    ------
    BadUsage
        No positions, or one that is not finite.
    """
    along, across = np.mod(np.ravel(np.asarray(ra, float)), 360.0), np.ravel(np.asarray(dec, float))
    if along.size == 0 or not (np.isfinite(along).all() and np.isfinite(across).all()):
        raise BadUsage('a box needs at least one position, all of them finite')
    ordered = np.sort(along)
    gaps = np.diff(np.append(ordered, ordered[0] + 360.0))
    widest = int(np.argmax(gaps))
    if gaps[widest] <= 180.0:
        south, north = (-90.0, across.max()) if across.mean() < 0.0 else (across.min(), 90.0)
        return 0.0, 360.0, float(south), float(north)
    west = ordered[(widest + 1) % ordered.size]
    return float(west), float(ordered[widest]), float(across.min()), float(across.max())
