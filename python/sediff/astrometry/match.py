"""Matching of two star fields in a tangent plane: which shift and rotation, then which star is which."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.spatial import cKDTree

#: Side of a cell of the offset histogram, arcsec; votes are counted in squares of BOX cells.
CELL = 0.5
BOX = 5


@dataclass(frozen=True)
class PatternMatch:
    """Where the detections lie on the reference stars.

    Parameters
    ----------
    rotation : float
        Degrees, from east towards north, about the plane's origin, to apply to the detections first.
    shift : tuple
        (east, north) arcsec to add afterwards.
    votes : int
        Pairs that agree with it.
    contrast : float
        Votes over the votes of the best other offset (at least one).
    """

    rotation: float
    shift: tuple[float, float]
    votes: int
    contrast: float

    def apply(self, xi: np.ndarray, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Detections moved onto the reference stars, arcsec."""
        xi, eta = rotate(xi, eta, self.rotation)
        return xi + self.shift[0], eta + self.shift[1]


def rotate(xi: np.ndarray, eta: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Plane coordinates turned by an angle from the first axis towards the second."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return cosine * xi - sine * eta, sine * xi + cosine * eta


def find_offset(xi: np.ndarray, eta: np.ndarray, ref_xi: np.ndarray, ref_eta: np.ndarray, radius: float = 60.0,
                max_rotation: float = 0.1) -> PatternMatch:
    """The shift and rotation that most pairs of a detection and a reference star agree on.

    Parameters
    ----------
    xi, eta : ndarray, (n,) float64, arcsec
        Detections, in a tangent plane with its origin near their middle.
    ref_xi, ref_eta : ndarray, (m,) float64, arcsec
        Reference stars in the same plane.
    radius : float
        Largest shift sought along either axis, arcsec.
    max_rotation : float
        Largest rotation sought, degrees.

    Returns
    -------
    PatternMatch
        The best, acceptable or not; votes 0 and contrast 0 where no pair lies within the radius.

    Notes
    -----
    For each of a fan of trial rotations, spaced such that the field's edge moves by 0.5 arcsec, the differences of all
    pairs are counted in cells of 0.5 arcsec; true pairs pile up in a square of 2.5 arcsec, false ones spread out.
    """
    reach = float(np.hypot(xi, eta).max(initial=0.0))
    step = np.degrees(0.5 / max(reach, 60.0))
    count = int(np.ceil(max_rotation / step))
    angles = step * np.arange(-count, count + 1)
    slack = radius + reach * np.radians(angles[-1]) + BOX * CELL
    first, second = _pairs_within(xi, eta, ref_xi, ref_eta, slack)
    best = PatternMatch(0.0, (0.0, 0.0), 0, 0.0)
    for angle in angles[np.argsort(np.abs(angles), kind='stable')]:
        turned_xi, turned_eta = rotate(xi, eta, angle)
        trial = _peak(ref_xi[second] - turned_xi[first], ref_eta[second] - turned_eta[first], radius, angle)
        if trial.votes > best.votes:
            best = trial
    return best


def nearest_unique(x1: np.ndarray, y1: np.ndarray, x2: np.ndarray, y2: np.ndarray,
                   radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of points, each the other's nearest, no further apart than `radius`: two arrays of indices."""
    if len(x1) == 0 or len(x2) == 0:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    one, two = np.column_stack([x1, y1]), np.column_stack([x2, y2])
    distance, second = cKDTree(two).query(one, distance_upper_bound=radius)
    first = np.flatnonzero(np.isfinite(distance))
    second = second[first]
    _, back = cKDTree(one).query(two[second])
    mutual = back == first
    return first[mutual], second[mutual]


def _pairs_within(xi, eta, ref_xi, ref_eta, radius: float) -> tuple[np.ndarray, np.ndarray]:
    if len(xi) == 0 or len(ref_xi) == 0:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    trees = cKDTree(np.column_stack([xi, eta])), cKDTree(np.column_stack([ref_xi, ref_eta]))
    pairs = trees[0].sparse_distance_matrix(trees[1], radius, p=np.inf, output_type='ndarray')
    return pairs['i'], pairs['j']


def _peak(dx: np.ndarray, dy: np.ndarray, radius: float, angle: float) -> PatternMatch:
    half = int(np.ceil(radius / CELL)) + BOX
    size = 2 * half + 1
    column, row = (np.rint(difference / CELL).astype(np.intp) + half for difference in (dx, dy))
    inside = (column >= 0) & (column < size) & (row >= 0) & (row < size)
    counts = np.bincount(row[inside] * size + column[inside], minlength=size * size).reshape(size, size)
    votes = np.rint(uniform_filter(counts.astype(float), BOX, mode='constant') * BOX * BOX).astype(np.int64)
    top_row, top_column = np.unravel_index(int(np.argmax(votes)), votes.shape)
    top = int(votes[top_row, top_column])
    if top == 0:
        return PatternMatch(angle, (0.0, 0.0), 0, 0.0)
    elsewhere = votes.copy()
    elsewhere[max(top_row - 2 * BOX, 0):top_row + 2 * BOX + 1, max(top_column - 2 * BOX, 0):top_column + 2 * BOX + 1] = 0
    center = (top_column - half) * CELL, (top_row - half) * CELL
    near = (np.abs(dx - center[0]) <= CELL * BOX / 2) & (np.abs(dy - center[1]) <= CELL * BOX / 2)
    shift = float(np.median(dx[near])), float(np.median(dy[near]))
    return PatternMatch(float(angle), shift, top, top / max(int(elsewhere.max()), 1))
