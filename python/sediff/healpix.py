"""HEALPix in NESTED order (Gorski et al. 2005, ApJ 622, 759): pixels of positions, their neighbours, those of a polygon.

What every CCD needs of it, in numpy: the package healpy draws maps too, and its import takes a third of a second.
"""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Of the 12 base faces: ring of the lowest corner and longitude of the middle, in units of nside and of pi/4.
_RING = np.array([2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4])
_LONGITUDE = np.array([1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7])
#: Face across each side and corner (row: 4 + column step + 3 row steps) of a face, -1 where three faces meet; and how
#: columns and rows change on the way there, by the third of the faces: 1, 2 they run backwards, 4 they change places.
_ACROSS = np.array([[8, 9, 10, 11, -1, -1, -1, -1, 10, 11, 8, 9], [5, 6, 7, 4, 8, 9, 10, 11, 9, 10, 11, 8],
                    [-1, -1, -1, -1, 5, 6, 7, 4, -1, -1, -1, -1], [4, 5, 6, 7, 11, 8, 9, 10, 11, 8, 9, 10],
                    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], [1, 2, 3, 0, 0, 1, 2, 3, 5, 6, 7, 4],
                    [-1, -1, -1, -1, 7, 4, 5, 6, -1, -1, -1, -1], [3, 0, 1, 2, 3, 0, 1, 2, 4, 5, 6, 7],
                    [2, 3, 0, 1, -1, -1, -1, -1, 0, 1, 2, 3]])
_TURNED = np.array([[0, 0, 3], [0, 0, 6], [0, 0, 0], [0, 0, 5], [0, 0, 0], [5, 0, 0], [0, 0, 0], [6, 0, 0], [3, 0, 0]])
_STEPS = np.array([[-1, 0], [-1, 1], [0, 1], [1, 1], [1, 0], [1, -1], [0, -1], [-1, -1]])
_SPREAD = tuple((16 >> k, mask) for k, mask in enumerate((
    0x0000FFFF0000FFFF, 0x00FF00FF00FF00FF, 0x0F0F0F0F0F0F0F0F, 0x3333333333333333, 0x5555555555555555)))


def nested_pixels(nside: int, ra: npt.ArrayLike, dec: npt.ArrayLike) -> np.ndarray:
    """NESTED pixel (int64) of each position (deg, any shape); `nside` is a power of two."""
    theta = 0.5 * np.pi - np.radians(np.asarray(dec, float))
    z, quarter = np.cos(theta), np.mod(np.radians(np.asarray(ra, float)) / (0.5 * np.pi), 4.0)
    quarter = np.where(quarter >= 4.0, 0.0, quarter)
    polar = np.abs(z) > 2.0 / 3.0
    face, column, row = (np.where(polar, *both) for both in zip(_near_a_pole(nside, z, np.sin(theta), quarter),
                                                               _near_the_equator(nside, z, quarter)))
    return _number(nside, face, column, row)


def _near_the_equator(nside: int, z: np.ndarray, quarter: np.ndarray) -> tuple[np.ndarray, ...]:
    """Face, column and row of positions within 41.8 deg of the equator."""
    down, up = (np.floor(nside * (0.5 + quarter) + sign * nside * z * 0.75).astype(np.int64) for sign in (-1, 1))
    one, other = down // nside, up // nside
    face = np.where(one == other, one | 4, np.where(one < other, one, other + 8))
    return face, up % nside, nside - down % nside - 1


def _near_a_pole(nside: int, z: np.ndarray, sine: np.ndarray, quarter: np.ndarray) -> tuple[np.ndarray, ...]:
    """Face, column and row of positions further from it; `sine` is that of the distance from the pole."""
    third, high = np.minimum(quarter.astype(np.int64), 3), np.abs(z)
    rest = quarter - third
    reach = nside * np.where(sine < 0.01, sine / np.sqrt((1.0 + high) / 3.0), np.sqrt(3.0 * np.maximum(1.0 - high, 0.0)))
    east, west = (np.minimum((share * reach).astype(np.int64), nside - 1) for share in (rest, 1.0 - rest))
    north = z >= 0.0
    return (np.where(north, third, third + 8), np.where(north, nside - west - 1, east),
            np.where(north, nside - east - 1, west))


def _number(nside: int, face: np.ndarray, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    return np.asarray(face, np.int64) * nside * nside + _spread(column) + 2 * _spread(row)


def _spread(value: np.ndarray) -> np.ndarray:
    """Bits of whole numbers with a zero between any two."""
    value = np.asarray(value, np.int64)
    for shift, mask in _SPREAD:
        value = (value | value << shift) & mask
    return value


def _gathered(value: np.ndarray) -> np.ndarray:
    """Every second bit of whole numbers."""
    value = np.asarray(value, np.int64) & _SPREAD[-1][1]
    for (shift, _), (_, mask) in zip(_SPREAD[::-1], (*_SPREAD[-2::-1], (0, 0x00000000FFFFFFFF))):
        value = (value | value >> shift) & mask
    return value


def _place(nside: int, pixel: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Face, column and row of NESTED pixels."""
    face, rest = np.divmod(np.asarray(pixel, np.int64), nside * nside)
    return face, _gathered(rest), _gathered(rest >> 1)


def _ring(nside: int, face: np.ndarray, column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of the ring, from 1 at the north pole, and a quarter of its pixels."""
    ring = _RING[face] * nside - column - row - 1
    return ring, np.minimum(np.minimum(ring, 4 * nside - ring), nside)


def nested_to_ring(nside: int, pixel: npt.ArrayLike) -> np.ndarray:
    """RING numbers (int64) of NESTED pixels."""
    face, column, row = _place(nside, np.asarray(pixel))
    ring, quarter = _ring(nside, face, column, row)
    before = np.where(ring < nside, 2 * quarter * (quarter - 1), np.where(
        ring > 3 * nside, 12 * nside * nside - 2 * quarter * (quarter + 1),
        2 * nside * (nside - 1) + 4 * nside * (ring - nside)))
    shift = np.where(quarter == nside, (ring - nside) & 1, 0)
    return before + ((_LONGITUDE[face] * quarter + column - row + 1 + shift) // 2 - 1) % (4 * quarter)


def _centres(nside: int, pixel: np.ndarray) -> np.ndarray:
    """Unit vectors (n, 3) of the centres of NESTED pixels."""
    face, column, row = _place(nside, pixel)
    ring, quarter = _ring(nside, face, column, row)
    cap = quarter * quarter / (3.0 * nside * nside)
    z = np.where(ring < nside, 1.0 - cap, np.where(ring > 3 * nside, cap - 1.0, (2 * nside - ring) * 2.0 / (3.0 * nside)))
    phi = 0.25 * np.pi * (_LONGITUDE[face] * quarter + column - row) / quarter
    sine = np.sqrt(np.where(quarter < nside, cap * (2.0 - cap), 1.0 - z * z))
    return np.stack([sine * np.cos(phi), sine * np.sin(phi), z], axis=-1)


def nested_neighbours(nside: int, pixel: npt.ArrayLike) -> np.ndarray:
    """The eight pixels around each NESTED pixel, (8, n) int64; -1 for those that three faces lack where they meet."""
    face, column, row = _place(nside, np.atleast_1d(pixel))
    column, row = (place + step[:, None] for place, step in zip((column, row), _STEPS.T))
    side = 4 + column // nside + 3 * (row // nside)
    column, row = column % nside, row % nside
    turned = _TURNED[side, face // 4]
    column, row = np.where(turned & 1, nside - 1 - column, column), np.where(turned & 2, nside - 1 - row, row)
    column, row = np.where(turned & 4, row, column), np.where(turned & 4, column, row)
    there = _ACROSS[side, face]
    return np.where(there < 0, -1, _number(nside, there, column, row))


def nested_in_polygon(nside: int, corners: np.ndarray, finer: int = 4) -> np.ndarray:
    """NESTED pixels, ascending, that a convex polygon touches.

    Parameters
    ----------
    corners : ndarray, (n, 3) float64
        Unit vectors, in order.
    finer : int
        A power of two. Pixels of `finer` times `nside` within their own radius of the polygon count: none that it touches is
        lacking, a few are listed that it just misses.
    """
    normals = np.cross(corners, np.roll(corners, -1, axis=0))
    middle = corners.sum(axis=0)
    normals *= np.sign(normals @ middle)[:, None] / np.linalg.norm(normals, axis=1)[:, None]
    middle = middle / np.linalg.norm(middle)
    around = float(np.arccos(np.clip(corners @ middle, -1.0, 1.0)).max())
    size, pixels = 1, np.arange(12)
    while True:
        centres, radius = _centres(size, pixels), _radius(size)
        near = (centres @ normals.T >= -np.sin(min(radius, 0.5 * np.pi))).all(axis=1)
        pixels = pixels[near & (centres @ middle >= np.cos(min(around + radius, np.pi)))]
        if size == finer * nside:
            return np.unique(pixels // finer ** 2)
        size, pixels = 2 * size, (4 * pixels[:, None] + np.arange(4)).ravel()


def _radius(nside: int) -> float:
    """The largest distance of a pixel's corner from its centre, rad."""
    angle, cap = 0.25 * np.pi / nside, (1.0 - 1.0 / nside) ** 2 / 3.0
    sine, other = np.sqrt(5.0) / 3.0, np.sqrt(cap * (2.0 - cap))
    one = np.array([sine * np.cos(angle), sine * np.sin(angle), 2.0 / 3.0])
    two = np.array([other, 0.0, 1.0 - cap])
    return float(np.arctan2(np.linalg.norm(np.cross(one, two)), one @ two))
