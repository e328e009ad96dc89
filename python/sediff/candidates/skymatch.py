"""Matching on the sphere: unit vectors, HEALPix neighbourhoods, nearest neighbours, pairs."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from sediff.errors import BadUsage
from sediff.healpix import nested_neighbours, nested_pixels
from sediff.sphere import angle_of_chord, chord_of_angle, from_vectors, unit_vectors

#: HEALPix resolution of the candidates' index (NESTED): pixels of 6.4 arcsec.
NSIDE = 2 ** 15

#: Largest radius for which a pixel and its eight neighbours hold every match, arcsec.
MAX_RADIUS = 3.0


def mean_places(places: Places, weight: np.ndarray, starts: np.ndarray) -> Places:
    """Weighted mean direction of each group of places, with its error; right across RA 0 and at the poles.

    Parameters
    ----------
    weight : ndarray, (n,) float64
        Of the places.
    starts : ndarray, (m,) int
        Where each group begins; the first is 0, none is empty.
    """
    total = np.add.reduceat(weight, starts)
    vectors = unit_vectors(places.ra, places.dec) * weight[:, None]
    ra, dec = from_vectors(np.add.reduceat(vectors, starts, axis=0) / total[:, None])
    return Places(ra, dec, *(np.sqrt(np.add.reduceat((weight * error) ** 2, starts)) / total
                             for error in (places.ra_err, places.dec_err)))


def healpix_index(ra: npt.ArrayLike, dec: npt.ArrayLike) -> np.ndarray:
    """NESTED pixel numbers (int64) at NSIDE of RA, Dec (deg)."""
    return nested_pixels(NSIDE, ra, dec)


def healpix_neighbourhood(ra: np.ndarray, dec: np.ndarray, radius: float = MAX_RADIUS) -> np.ndarray:
    """Distinct pixel numbers that hold every point within a radius (arcsec, at most MAX_RADIUS) of the positions (deg).

    Those of the smallest parts of pixels whose neighbours reach so far: of a radius of 1 arcsec four pixels a position, not
    nine.
    """
    if np.size(ra) == 0:
        return np.zeros(0, np.int64)
    halved = min(int(np.log2(MAX_RADIUS / radius)), 4)
    own = nested_pixels(NSIDE << halved, np.atleast_1d(ra), np.atleast_1d(dec))
    around = nested_neighbours(NSIDE << halved, own).ravel()
    return np.unique(np.concatenate([own, around[around >= 0]]) >> 2 * halved)


def nearest(ra: npt.ArrayLike, dec: npt.ArrayLike, ra_of: npt.ArrayLike, dec_of: npt.ArrayLike, radius: float
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
    distance, index = cKDTree(unit_vectors(ra_of, dec_of)).query(unit_vectors(ra, dec),
                                                                 distance_upper_bound=chord_of_angle(radius / 3600.0))
    found = np.isfinite(distance)
    separation = np.where(found, angle_of_chord(np.where(found, distance, 0.0)) * 3600.0, np.inf)
    return np.where(found, index, -1).astype(np.int64), separation


@dataclass(frozen=True)
class Places:
    """Positions on the sky with their errors, all deg, (n,) float64 each; the error of RA is times cos(dec)."""

    ra: np.ndarray
    dec: np.ndarray
    ra_err: np.ndarray
    dec_err: np.ndarray

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping]) -> Places:
        """Of rows of the database (ra, dec, raErr, decErr); an error that is not known is 0."""
        return cls(*(np.array([row[name] or 0.0 for row in rows], float) for name in ('ra', 'dec', 'raErr', 'decErr')))

    def __len__(self) -> int:
        return len(self.ra)

    def __getitem__(self, rows: np.ndarray) -> Places:
        return Places(self.ra[rows], self.dec[rows], self.ra_err[rows], self.dec_err[rows])

    def offsets_to(self, other: Places, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """East and north (arcsec) from the first to the second place of close pairs, (k,); right at the poles, too."""
        ra, dec = np.radians(self.ra[first]), np.radians(self.dec[first])
        step = unit_vectors(other.ra[second], other.dec[second]) - unit_vectors(self.ra[first], self.dec[first])
        east = np.stack([-np.sin(ra), np.cos(ra), np.zeros(len(ra))], axis=-1)
        north = np.stack([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)], axis=-1)
        return 3600.0 * np.degrees((step * east).sum(axis=-1)), 3600.0 * np.degrees((step * north).sum(axis=-1))


def pairs_within(one: Places, other: Places, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of two lists that are within a radius (arcsec).

    Returns
    -------
    first, second : ndarray, (k,) int64
        Indices, by the first, then the second.
    separation : ndarray, (k,) float64
        arcsec.
    """
    if not len(one) or not len(other):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    trees = [cKDTree(unit_vectors(each.ra, each.dec)) for each in (one, other)]
    found = trees[0].sparse_distance_matrix(trees[1], chord_of_angle(radius / 3600.0), output_type='ndarray')
    found = found[np.lexsort((found['j'], found['i']))]
    return found['i'].astype(np.int64), found['j'].astype(np.int64), 3600.0 * angle_of_chord(found['v'])
