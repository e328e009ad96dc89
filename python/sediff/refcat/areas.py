"""Areas of the sky as sets of shards: cones, polygons, HEALPix probability maps; and the outline of a pixel."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sediff.errors import BadData, BadUsage
from sediff.refcat.regions import pixels_of, shards_for_region
from sediff.refcat.stars import SHARD_NSIDE
from sediff.sphere import from_vectors, separation, unit_vectors

#: Spacing (deg) of the points along the edges of a polygon, well below a shard's 1.8 deg.
EDGE_STEP = 0.1
#: NESTED pixels of this many a shard side are tested for lying inside a polygon.
INSIDE_NSIDE = 8 * SHARD_NSIDE
#: A polygon reaches at most this far (deg) from its middle.
POLYGON_RADIUS = 80.0
#: How much larger than a pixel its outline is drawn, so that the chords of its sides leave nothing out.
OUTLINE_GROWTH = 1.03


def shards_of_cones(ra: npt.ArrayLike, dec: npt.ArrayLike, radius_deg: float) -> np.ndarray:
    """RING pixels that any of the discs (centres and radius in deg) touches, ascending."""
    centers = zip(np.atleast_1d(ra), np.atleast_1d(dec))
    return np.unique(np.concatenate([shards_for_region(float(a) % 360.0, float(d), radius_deg) for a, d in centers]))


def shards_of_polygon(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """RING pixels that a polygon touches.

    Parameters
    ----------
    ra, dec : array, (n >= 3,)
        Corners in order, either way round, deg ICRS; sides are great circles. It need not be convex.

    Returns
    -------
    ndarray of int64
        Ascending pixel numbers.

    Raises
    ------
    BadUsage
        Fewer than three corners, one off the sphere, or a polygon of about a hemisphere or more.
    """
    import healpy
    ra, dec = np.asarray(ra, float), np.asarray(dec, float)
    if ra.size < 3 or ra.size != dec.size or not (np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90.0)).all():
        raise BadUsage(f'a polygon needs at least three corners RA,Dec in degrees, not {ra.tolist()} {dec.tolist()}')
    center = unit_vectors(ra, dec).sum(axis=0)
    middle = [float(value) for value in from_vectors(center)]
    if np.linalg.norm(center) == 0.0 or separation(ra, dec, *middle).max() > POLYGON_RADIUS:
        raise BadUsage(f'the polygon reaches more than {POLYGON_RADIUS:g} deg from its middle; give several smaller ones')
    edges = _edge_points(unit_vectors(ra, dec))
    candidates = healpy.query_disc(INSIDE_NSIDE, unit_vectors(*middle),
                                   np.radians(separation(ra, dec, *middle).max()) + 0.01, nest=True)
    x, y, z = healpy.pix2vec(INSIDE_NSIDE, candidates, nest=True)
    inside = candidates[_inside(np.stack([x, y, z], -1), unit_vectors(ra, dec), middle)]
    shards = healpy.nest2ring(SHARD_NSIDE, inside // (INSIDE_NSIDE // SHARD_NSIDE) ** 2)
    return np.union1d(shards, pixels_of(*from_vectors(edges))).astype(np.int64)


def shards_of_map(probability: np.ndarray, pixels: np.ndarray, nsides: np.ndarray, fraction: float) -> np.ndarray:
    """RING pixels that the smallest area of a given probability touches.

    Parameters
    ----------
    probability : ndarray, (n,)
        Of each map pixel; need not be normalised.
    pixels, nsides : ndarray, (n,) int
        NESTED pixel numbers and the nside of each.
    fraction : float
        Probability of the area, 0 to 1.

    Raises
    ------
    BadUsage
        A fraction outside (0, 1].
    BadData
        A map without probability.
    """
    import healpy
    if not 0.0 < fraction <= 1.0:
        raise BadUsage(f'the fraction of the sky map must be above 0 and at most 1, not {fraction}')
    probability = np.where(np.isfinite(probability), probability, 0.0)
    if probability.min() < 0.0 or probability.sum() <= 0.0:
        raise BadData('the sky map has no probability in it, or a negative one')
    order = np.argsort(-probability / (4.0 * np.pi / (12.0 * nsides.astype(float) ** 2)), kind='stable')
    total = np.cumsum(probability[order])
    chosen = order[:int(np.searchsorted(total, fraction * total[-1] * (1.0 - 1e-12))) + 1]
    shards = [np.zeros(0, np.int64)]
    for nside in np.unique(nsides[chosen]).tolist():
        numbers = pixels[chosen[nsides[chosen] == nside]]
        if nside >= SHARD_NSIDE:
            shards.append(numbers // (nside // SHARD_NSIDE) ** 2)
        else:
            children = (SHARD_NSIDE // nside) ** 2
            shards.append((numbers[:, None] * children + np.arange(children)).ravel())
    return np.sort(healpy.nest2ring(SHARD_NSIDE, np.unique(np.concatenate(shards)))).astype(np.int64)


def pixel_outline(pixel: int, nside: int) -> tuple[np.ndarray, np.ndarray]:
    """RA and Dec (deg) of a polygon, counterclockwise on the sky, that holds all of a NESTED pixel and little more."""
    import healpy
    corners = healpy.boundaries(nside, int(pixel), step=4, nest=True).T
    middle = np.array(healpy.pix2vec(nside, int(pixel), nest=True))
    ra, dec = from_vectors(middle + OUTLINE_GROWTH * (corners - middle))
    return ra[::-1], dec[::-1]


def _edge_points(corners: np.ndarray) -> np.ndarray:
    """Vectors along the sides of a polygon, at most EDGE_STEP apart."""
    points = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0)):
        length = np.degrees(np.arccos(np.clip(start @ end, -1.0, 1.0)))
        part = np.linspace(0.0, 1.0, max(2, int(length / EDGE_STEP * 2.0) + 2))[:, None]
        points.append(start + part * (end - start))
    return np.concatenate(points)


def _inside(points: np.ndarray, corners: np.ndarray, middle: list[float]) -> np.ndarray:
    """Which vectors lie in the polygon: even-odd rule in the gnomonic plane, where great circles are straight."""
    ra, dec = np.radians(middle)
    outward = unit_vectors(*middle)
    east = np.array([-np.sin(ra), np.cos(ra), 0.0])
    north = np.array([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)])
    (x, y), (cx, cy) = ((v @ east / (v @ outward), v @ north / (v @ outward)) for v in (points, corners))
    inside = np.zeros(len(points), bool)
    for x1, y1, x2, y2 in zip(cx, cy, np.roll(cx, -1), np.roll(cy, -1)):
        crosses = (y1 > y) != (y2 > y)
        slope = (x2 - x1) / (y2 - y1) if y2 != y1 else 0.0
        inside ^= crosses & (x < x1 + (y - y1) * slope)
    return inside
