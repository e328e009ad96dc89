"""Matching of two lists of sky positions."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from sediff.errors import BadUsage
from sediff.sphere import angle_of_chord, chord_of_angle, unit_vectors


def match_sky(ra1: npt.ArrayLike, dec1: npt.ArrayLike, ra2: npt.ArrayLike, dec2: npt.ArrayLike,
              radius_arcsec: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of positions, each the other's nearest, no further apart than a radius.

    Parameters
    ----------
    ra1, dec1, ra2, dec2 : ndarray, float64, deg
        Two lists, any order; across RA 0 and at the poles distances are the true ones.
    radius_arcsec : float
        Largest distance of a pair.

    Returns
    -------
    first, second : ndarray, (n,) intp
        Indices into the two lists, ascending in the first; no index comes twice.
    distance : ndarray, (n,) float64, arcsec

    Raises
    ------
    BadUsage
        The radius is not positive, or a position is not finite.
    """
    one, two = _checked(ra1, dec1, radius_arcsec), _checked(ra2, dec2, radius_arcsec)
    if len(one) == 0 or len(two) == 0:
        return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)
    chord, second = cKDTree(two).query(one, distance_upper_bound=chord_of_angle(radius_arcsec / 3600.0) * (1.0 + 1e-12))
    first = np.flatnonzero(np.isfinite(chord))
    chord, second = chord[first], second[first]
    _, back = cKDTree(one).query(two[second])
    mutual = back == first
    distance = 3600.0 * angle_of_chord(chord[mutual])
    return first[mutual], second[mutual], distance


def group_sky(ra: np.ndarray, dec: np.ndarray, radius_arcsec: float) -> tuple[int, np.ndarray]:
    """Group positions that chains of steps of at most a radius connect: number of groups, group of each (n,) int.

    Raises
    ------
    BadUsage
        The radius is not positive, or a position is not finite.
    """
    vectors = _checked(ra, dec, radius_arcsec)
    n = len(vectors)
    if n == 0:
        return 0, np.empty(0, int)
    pairs = cKDTree(vectors).query_pairs(chord_of_angle(radius_arcsec / 3600.0), output_type='ndarray')
    links = coo_matrix((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    count, labels = connected_components(links, directed=False)
    return int(count), labels


def _checked(ra, dec, radius_arcsec) -> np.ndarray:
    if not radius_arcsec > 0.0:
        raise BadUsage(f'the matching radius must be positive, not {radius_arcsec} arcsec')
    vectors = unit_vectors(np.atleast_1d(ra), np.atleast_1d(dec))
    if not np.isfinite(vectors).all():
        raise BadUsage('positions to match must be finite; leave out the others first')
    return vectors
