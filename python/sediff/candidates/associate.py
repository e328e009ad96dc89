"""makeCand: which candidate each detection belongs to."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.candidates.skymatch import MAX_RADIUS, nearest
from sediff.candidates.texttable import table_text
from sediff.errors import BadUsage


@dataclass(frozen=True)
class Association:
    """Outcome for n detections.

    Parameters
    ----------
    candidate : ndarray, (n,) int64
        Index of the known candidate, -1 for a new one.
    founder : ndarray, (n,) int64
        For a new one: index of the detection that founds it (itself or a stronger one within the radius), else -1.
    separation : ndarray, (n,) float64
        arcsec to the candidate or founder.
    """

    candidate: np.ndarray
    founder: np.ndarray
    separation: np.ndarray


def check_radius(radius: float) -> None:
    """Raise BadUsage unless 0 < radius <= MAX_RADIUS arcsec."""
    if not 0 < radius <= MAX_RADIUS:
        raise BadUsage(f'association radius {radius} arcsec must lie in (0, {MAX_RADIUS}]')


def associate_positions(ra: np.ndarray, dec: np.ndarray, snr: np.ndarray, known_ra: np.ndarray, known_dec: np.ndarray,
                        radius: float = 1.0) -> Association:
    """Nearest known candidate within the radius, else a new candidate.

    Parameters
    ----------
    ra, dec : ndarray, (n,) float64
        Detections, deg ICRS.
    snr : ndarray, (n,) float
        Rank: the strongest of unmatched neighbours founds the candidate.
    known_ra, known_dec : ndarray, (m,) float64
        Known candidates, deg ICRS.
    radius : float
        arcsec.

    Raises
    ------
    BadUsage
        The radius is not positive or too large.
    """
    check_radius(radius)
    candidate, separation = nearest(ra, dec, known_ra, known_dec, radius)
    founder = np.full(len(candidate), -1, np.int64)
    founders: list[int] = []
    left = np.flatnonzero(candidate < 0)
    for index in left[np.argsort(-np.asarray(snr, float)[left], kind='stable')]:
        match, distance = nearest([ra[index]], [dec[index]], np.asarray(ra)[founders], np.asarray(dec)[founders],
                                  radius)
        if match[0] < 0:
            founders.append(int(index))
            founder[index], separation[index] = index, 0.0
        else:
            founder[index], separation[index] = founders[match[0]], distance[0]
    return Association(candidate, founder, separation)


def candidate_table_text(rows: list[dict], comments: tuple[str, ...] = ()) -> str:
    """The text of `..._makeCand.out` from what `sediff.io.database.associate` returns; zero rows are fine."""
    names = ('number', 'diaSourceId', 'diaObjectId', 'isNew', 'ra', 'dec', 'separation', 'nDiaSources', 'sourceClass')
    columns = {name: [row[name] for row in rows] for name in names}
    columns['isNew'] = [int(value) for value in columns['isNew']]
    columns['sourceClass'] = [value or '' for value in columns['sourceClass']]
    written = {'number': 'OBJID', 'sourceClass': 'CLASS'}
    return table_text({written.get(name, name): values for name, values in columns.items()},
                      {'ra': '.7f', 'dec': '.7f', 'separation': '.3f'}, comments)
