"""Which template CCDs overlap a search CCD: outlines of CCDs on the sky, tested exactly."""
from __future__ import annotations

import numpy as np

from sediff.errors import BadData
from sediff.sphere import unit_vectors

#: A CCD is half a degree long; an outline that reaches farther from its centre than this (deg) is no CCD's.
MAX_RADIUS = 20.0
#: Outlines that share less than this (tangent-plane radians, 0.2 milliarcsec) only touch.
MIN_DEPTH = 1e-9


def overlaps(search_corners: np.ndarray, template_corners: np.ndarray) -> bool:
    """Whether two CCDs share some sky.

    Parameters
    ----------
    search_corners, template_corners : ndarray, (4, 2) float64, deg
        RA and Dec of the corners, in any order.

    Raises
    ------
    BadData
        Corners that are no CCD's: wrong shape, not finite, Dec beyond the poles, no area, or too far apart.
    """
    return bool(overlap_matrix(np.asarray(search_corners)[None], np.asarray(template_corners)[None])[0, 0])


def overlap_matrix(search: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Whether each search CCD overlaps each template CCD.

    Parameters
    ----------
    search : ndarray, (n, 4, 2) float64, deg
    template : ndarray, (m, 4, 2) float64, deg

    Returns
    -------
    ndarray, (n, m) bool

    Notes
    -----
    Both outlines are projected gnomonically about the search CCD's centre, where great circles are straight lines:
    RA 0h and the poles are nothing special. Two convex polygons are disjoint if and only if a line along an edge of one
    of them separates them (Gottschalk et al. 1996, separating axis theorem); so corners of either inside the
    other, crossing edges, and one CCD within the other are all found.
    """
    search, template = _checked(search, 'search'), _checked(template, 'template')
    centres, radii = _caps(search)
    template_centres, template_radii = _caps(template)
    reach = np.minimum(radii[:, None] + template_radii[None, :], np.pi / 2)
    near = centres @ template_centres.T >= np.cos(reach) - 1e-12
    found = np.zeros(near.shape, bool)
    for index, centre in enumerate(centres):
        others = np.flatnonzero(near[index])
        if others.size:
            outline = _outlines(search[index][None], centre)[0]
            found[index, others] = _polygons_meet(outline, _outlines(template[others], centre))
    return found


def pair_ccds(search: np.ndarray, template: np.ndarray) -> dict[int, list[int]]:
    """The template CCDs that overlap each search CCD.

    Parameters
    ----------
    search, template : ndarray, structured
        Rows of `.out` files with fields ccdnum and corners (4, 2), see `sediff.formats.corners.read_out`.

    Returns
    -------
    dict
        Search CCD -> template CCDs in ascending order; an empty list where none overlaps.
    """
    matrix = overlap_matrix(search['corners'], template['corners'])
    return {int(ccd): sorted(int(other) for other in template['ccdnum'][row])
            for ccd, row in zip(search['ccdnum'], matrix, strict=True)}


def pair_line(search_expnum: int, search_ccd: int, template_expnum: int, template_ccds: list[int]) -> str:
    """Text of a pair file: exposure, CCD, template exposure, number of template CCDs, their numbers.

    Empty where no CCD overlaps, as the `.no` file of such a pair is.
    """
    if not template_ccds:
        return ''
    numbers = ' '.join(f'{ccd:2d}' for ccd in template_ccds)
    return f'{search_expnum:8d} {search_ccd:2d} {template_expnum:8d} {len(template_ccds):2d}  {numbers}\n'


def _checked(corners: np.ndarray, which: str) -> np.ndarray:
    corners = np.asarray(corners, float)
    if corners.ndim != 3 or corners.shape[1:] != (4, 2):
        raise BadData(f'{which} corners have shape {corners.shape[1:]}, not (4, 2): four pairs of RA and Dec')
    if not np.isfinite(corners).all() or np.abs(corners[..., 1]).max(initial=0.0) > 90.0:
        raise BadData(f'{which} corners hold a value that is no RA or Dec in degrees; make the .out file again')
    return corners


def _vectors(corners: np.ndarray) -> np.ndarray:
    return unit_vectors(corners[..., 0], corners[..., 1])


def _caps(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre (n, 3) and radius (n) in radians of a circle on the sky around each CCD."""
    vectors = _vectors(corners)
    centres = vectors.mean(axis=1)
    length = np.linalg.norm(centres, axis=1, keepdims=True)
    centres = centres / np.maximum(length, 1e-12)
    cosines = np.einsum('nij,nj->ni', vectors, centres).min(axis=1, initial=1.0)
    radii = np.arccos(np.clip(cosines, -1.0, 1.0))
    if (radii > np.radians(MAX_RADIUS)).any():
        worst = int(np.argmax(radii))
        raise BadData(f'corners {corners[worst].tolist()} reach {np.degrees(radii[worst]):.1f} deg from their centre, '
                      'which no CCD does; make the .out file again')
    return centres, radii


def _outlines(corners: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Corners (m, 4, 2) on the tangent plane at `centre` (radians), in order around each CCD."""
    pole = np.eye(3)[np.argmin(np.abs(centre))]
    east = np.cross(pole, centre)
    east /= np.linalg.norm(east)
    north = np.cross(centre, east)
    vectors = _vectors(corners)
    plane = np.stack([vectors @ east, vectors @ north], axis=-1) / (vectors @ centre)[..., None]
    offsets = plane - plane.mean(axis=1, keepdims=True)
    order = np.argsort(np.arctan2(offsets[..., 1], offsets[..., 0]), axis=1)
    plane = np.take_along_axis(plane, order[..., None], axis=1)
    following = np.roll(plane, -1, axis=1)
    area = 0.5 * np.abs((plane[..., 0] * following[..., 1] - plane[..., 1] * following[..., 0]).sum(axis=1))
    if (area < MIN_DEPTH**2).any():
        raise BadData(f'corners {corners[int(np.argmin(area))].tolist()} enclose no area; make the .out file again')
    return plane


def _polygons_meet(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether the convex polygon `one` (4, 2) shares area with each of `others` (m, 4, 2)."""
    own_axes = np.broadcast_to(_normals(one), (len(others), 4, 2))
    axes = np.concatenate([own_axes, _normals(others)], axis=1)
    own = np.einsum('mak,ik->mai', axes, one)
    their = np.einsum('mak,mik->mai', axes, others)
    depth = np.minimum(own.max(axis=2), their.max(axis=2)) - np.maximum(own.min(axis=2), their.min(axis=2))
    return (depth > MIN_DEPTH).all(axis=1)


def _normals(polygons: np.ndarray) -> np.ndarray:
    """Unit normals of the edges; zero-length edges give no direction and are left out as the x axis."""
    edges = np.roll(polygons, -1, axis=-2) - polygons
    length = np.linalg.norm(edges, axis=-1, keepdims=True)
    normals = np.stack([-edges[..., 1], edges[..., 0]], axis=-1)
    return np.where(length > 0, normals / np.where(length > 0, length, 1.0), np.array([1.0, 0.0]))
