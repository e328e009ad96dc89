"""Matching on the sphere: unit vectors, HEALPix neighbourhoods, nearest neighbours."""
from __future__ import annotations

import healpy
import numpy as np
from scipy.spatial import cKDTree

from sediff.errors import BadUsage

#: HEALPix resolution of the candidates' index (NESTED): pixels of 6.4 arcsec.
NSIDE = 2 ** 15

#: Largest radius for which a pixel and its eight neighbours hold every match, arcsec.
MAX_RADIUS = 3.0


def unit_vectors(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """(n, 3) unit vectors of RA, Dec (deg)."""
    ra, dec = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def mean_position(ra: np.ndarray, dec: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Weighted mean direction: RA in [0, 360), Dec (deg); right across RA 0 and at the poles."""
    x, y, z = np.average(unit_vectors(ra, dec), axis=0, weights=weight)
    return float(np.degrees(np.arctan2(y, x)) % 360.0), float(np.degrees(np.arctan2(z, np.hypot(x, y))))


def healpix_index(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """NESTED pixel numbers (int64) at NSIDE of RA, Dec (deg)."""
    return healpy.ang2pix(NSIDE, np.asarray(ra, float), np.asarray(dec, float), nest=True, lonlat=True)


def healpix_neighbourhood(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Distinct pixel numbers that hold every point within MAX_RADIUS of the positions (deg)."""
    if np.size(ra) == 0:
        return np.zeros(0, np.int64)
    own = np.atleast_1d(healpix_index(ra, dec))
    around = healpy.get_all_neighbours(NSIDE, own, nest=True).ravel()
    return np.unique(np.concatenate([own, around[around >= 0]]))


def nearest(ra: np.ndarray, dec: np.ndarray, ra_of: np.ndarray, dec_of: np.ndarray, radius: float
            ) -> tuple[np.ndarray, np.ndarray]:
    """Nearest of a second list for each position of the first.

    Parameters
    ----------
    ra, dec : array_like, (n,) float
        deg.
    ra_of, dec_of : array_like, (m,) float
        deg.
    radius : float
        Largest separation, arcsec.

    Returns
    -------
    index : ndarray, (n,) int64
        Into the second list, -1 where none is near enough.
    separation : ndarray, (n,) float64
        arcsec, inf where none is near enough.

    Raises
    ------
    BadUsage
        The radius is not positive.
    """
    if not radius > 0:
        raise BadUsage(f'match radius {radius} arcsec must be positive')
    count = np.size(ra)
    if count == 0 or np.size(ra_of) == 0:
        return np.full(count, -1, np.int64), np.full(count, np.inf)
    chord = 2.0 * np.sin(0.5 * np.radians(radius / 3600.0))
    distance, index = cKDTree(unit_vectors(ra_of, dec_of)).query(unit_vectors(ra, dec), distance_upper_bound=chord)
    found = np.isfinite(distance)
    separation = np.where(found, np.degrees(2.0 * np.arcsin(0.5 * np.where(found, distance, 0.0))) * 3600.0, np.inf)
    return np.where(found, index, -1).astype(np.int64), separation
