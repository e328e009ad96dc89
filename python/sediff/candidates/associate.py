"""makeCand: which candidate each detection belongs to: one to one, by the likelihood of the positions."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sediff.candidates.skymatch import MAX_RADIUS, Places, pairs_within
from sediff.candidates.texttable import table_text
from sediff.errors import BadUsage

#: Smallest error of the difference of two positions along each axis, arcsec: what astrometry leaves between exposures.
ERROR_FLOOR = 0.05
#: Share of pairs whose errors are not told by their noise (blends, hosts, refraction): they scatter over the whole radius.
OUTLIERS = 0.01
#: Two detections of one exposure on different CCDs are the same source where chi2 of their distance is below this.
SAME_SOURCE_CHI2 = 25.0


@dataclass(frozen=True)
class Association:
    """Outcome for n detections.

    Parameters
    ----------
    candidate : ndarray, (n,) int64
        Index of the known candidate, -1 for a new one.
    separation : ndarray, (n,) float64
        arcsec to the candidate, 0 for a new one.
    """

    candidate: np.ndarray
    separation: np.ndarray


def check_radius(radius: float) -> None:
    """Raise BadUsage unless 0 < radius <= MAX_RADIUS arcsec."""
    if not 0 < radius <= MAX_RADIUS:
        raise BadUsage(f'association radius {radius} arcsec must lie in (0, {MAX_RADIUS}]')


def associate_places(detections: Places, known: Places, radius: float = 1.0) -> Association:
    """Give each detection of a CCD a known candidate, or a new one, so that the likelihood of all together is largest.

    Parameters
    ----------
    detections : Places
        n detections of one exposure.
    known : Places
        m candidates that no other detection of the exposure has.
    radius : float
        Largest separation, arcsec.

    Raises
    ------
    BadUsage
        The radius is not positive or too large.

    Notes
    -----
    A candidate has one detection at most, a detection one candidate. Of all such choices of pairs within the radius R it is
    that whose sum of ln L - ln L0 is largest; L = (1 - f) N(offset; errors) + f N(offset; R/2), f = OUTLIERS, is the density
    of the offset, and L0 = f N(R; R/2), the least within R, that of a detection which stays alone. So a pair without
    rivals is joined wherever it is within R, and one that is 0.02" apart is not given up to join two that are 0.9" apart.
    The best choice is found for each group of connected pairs (Kuhn 1955, Naval Research Logistics 2, 83).
    """
    check_radius(radius)
    first, second, separation = pairs_within(detections, known, radius)
    out = Association(np.full(len(detections), -1, np.int64), np.zeros(len(detections)))
    gain = log_likelihood(detections, known, first, second, radius) - _alone(radius)
    for rows in _groups(first, second, len(detections), len(known)):
        chosen = rows if len(rows) == 1 else rows[_best(first[rows], second[rows], gain[rows])]
        out.candidate[first[chosen]], out.separation[first[chosen]] = second[chosen], separation[chosen]
    return out


def log_likelihood(detections: Places, known: Places, first: np.ndarray, second: np.ndarray, radius: float) -> np.ndarray:
    """ln of the density (arcsec^-2) of the offsets of pairs, (k,): Gaussian errors and a share of outliers.

    Parameters
    ----------
    first, second : ndarray, (k,) int
        Indices of the pairs.
    """
    east, north, sigma_east, sigma_north = _offsets(detections, known, first, second)
    core = -0.5 * ((east / sigma_east) ** 2 + (north / sigma_north) ** 2) - np.log(2.0 * np.pi * sigma_east * sigma_north)
    wide = -0.5 * (east ** 2 + north ** 2) / (0.5 * radius) ** 2 - np.log(2.0 * np.pi * (0.5 * radius) ** 2)
    return np.logaddexp(np.log1p(-OUTLIERS) + core, np.log(OUTLIERS) + wide)


def same_source(detections: Places, others: Places, radius: float) -> np.ndarray:
    """Which detections, (n,) bool, are a source that another CCD of the exposure has detected, too."""
    first, second, _ = pairs_within(detections, others, radius)
    east, north, sigma_east, sigma_north = _offsets(detections, others, first, second)
    out = np.zeros(len(detections), bool)
    out[first[(east / sigma_east) ** 2 + (north / sigma_north) ** 2 < SAME_SOURCE_CHI2]] = True
    return out


def _alone(radius: float) -> float:
    """ln of the least density within the radius: the outliers' at the radius itself."""
    return float(np.log(OUTLIERS) - 2.0 - np.log(2.0 * np.pi * (0.5 * radius) ** 2))


def _offsets(one: Places, other: Places, first: np.ndarray, second: np.ndarray
             ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """East and north (arcsec) from the first to the second of each pair, and their errors."""
    east, north = one.offsets_to(other, first, second)
    errors = (np.maximum(3600.0 * np.hypot(getattr(one, name)[first], getattr(other, name)[second]), ERROR_FLOOR)
              for name in ('ra_err', 'dec_err'))
    return east, north, *errors


def _groups(first: np.ndarray, second: np.ndarray, n: int, m: int) -> list[np.ndarray]:
    """Indices of the pairs of each connected group of detections and candidates."""
    if not len(first):
        return []
    graph = coo_array((np.ones(len(first)), (first, n + second)), shape=(n + m, n + m))
    label = connected_components(graph, directed=False)[1][first]
    order = np.argsort(label, kind='stable')
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1)


def _best(first: np.ndarray, second: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Which pairs of a group are joined: none shares a detection or a candidate, and the sum of gains is largest."""
    rows, row = np.unique(first, return_inverse=True)
    columns, column = np.unique(second, return_inverse=True)
    table, pair = np.zeros((len(rows), len(columns))), np.full((len(rows), len(columns)), -1)
    table[row, column], pair[row, column] = gain, np.arange(len(gain))
    chosen = pair[linear_sum_assignment(table, maximize=True)]
    return chosen[chosen >= 0]


def candidate_table_text(rows: list[dict], comments: tuple[str, ...] = ()) -> str:
    """The text of `..._makeCand.out` from what `sediff.candidates.database.associate` returns; zero rows are fine."""
    names = ('number', 'diaSourceId', 'diaObjectId', 'isNew', 'ra', 'dec', 'separation', 'nDiaSources', 'sourceClass')
    columns = {name: [row[name] for row in rows] for name in names}
    columns['isNew'] = [int(value) for value in columns['isNew']]
    columns['sourceClass'] = [value or '' for value in columns['sourceClass']]
    written = {'number': 'OBJID', 'sourceClass': 'CLASS'}
    return table_text({written.get(name, name): values for name, values in columns.items()},
                      {'ra': '.7f', 'dec': '.7f', 'separation': '.3f'}, comments)
