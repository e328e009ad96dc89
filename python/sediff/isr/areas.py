"""Areas of pixels that hang together, where few of a large plane are set: no plane of labels is made."""
from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

#: Rows and columns of an area's box, and which of its pixels belong to it.
Area = tuple[tuple[slice, slice], np.ndarray]


def touching_areas(flags: np.ndarray) -> list[Area]:
    """Areas of pixels that touch in any of eight directions.

    Parameters
    ----------
    flags : ndarray, (ny, nx) bool

    Returns
    -------
    list of ((slice, slice), ndarray (rows, columns) bool)
        The smallest box and the area's own pixels in it; in the order of their first pixels, row by row.
    """
    rows, first, last = _runs(flags)
    if not len(rows):
        return []
    count, labels = connected_components(_touching(rows, first, last, flags.shape[1]), directed=False)
    order = np.argsort(labels, kind='stable')
    return [_area(rows[own], first[own], last[own])
            for own in np.split(order, np.cumsum(np.bincount(labels, minlength=count))[:-1])]


def _runs(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, first and last column of each run of set pixels: (n,) int."""
    rows, columns = np.divmod(np.flatnonzero(flags), flags.shape[1])
    begins = np.flatnonzero((np.diff(rows, prepend=-1) != 0) | (np.diff(columns, prepend=-2) != 1))
    ends = np.append(begins[1:], len(rows))[:len(begins)] - 1
    return rows[begins], columns[begins], columns[ends]


def _touching(rows: np.ndarray, first: np.ndarray, last: np.ndarray, width: int) -> coo_matrix:
    """Graph of the runs: those of the next row that a run touches lie one behind the other."""
    wide = width + 3        # so that a run does not reach into another row
    low = np.searchsorted(rows * wide + last, (rows + 1) * wide + first - 1)
    high = np.searchsorted(rows * wide + first, (rows + 1) * wide + last + 1, 'right')
    counts = np.maximum(high - low, 0)
    one = np.repeat(np.arange(len(rows)), counts)
    other = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(low, counts)
    return coo_matrix((np.ones(len(one), np.int8), (one, other)), (len(rows), len(rows)))


def _area(rows: np.ndarray, first: np.ndarray, last: np.ndarray) -> Area:
    top, left = int(rows[0]), int(first.min())
    box = slice(top, int(rows[-1]) + 1), slice(left, int(last.max()) + 1)
    own = np.zeros((box[0].stop - top, box[1].stop - left), np.bool_)
    for y, start, end in zip(rows - top, first - left, last - left + 1):
        own[y, start:end] = True
    return box, own
