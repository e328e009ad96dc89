"""A coadd on the search grid, resampled from coadds that were made before on the grids of template CCDs."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from sediff.ccdimage import uncovered
from sediff.errors import BadData
from sediff.template.coadd import Stack
from sediff.warp.grid import PixelMap
from sediff.warp.lanczos import row_of_map
from sediff.warp.resample import warp_rows

#: Rows of the search grid at a time.
STRIP = 512
#: Pixels at the edge of a grid that its neighbour's fill: what the resampling kernel would miss there.
RIM = 4
#: Number of pixels that no grid has.
NOBODY = 255


@dataclass(frozen=True)
class Prepared:
    """A coadd on the grid of a template CCD.

    Parameters
    ----------
    rows : callable
        (first, last) -> image, mask, weight, members of these rows (last excluded) of the grid: float32, uint16, float32,
        uint16; bit k of members: input k is used.
    positions : PixelMap
        Of the search grid's pixels on it.
    scale : float
        Factor on its values that takes them to the search image's flux scale.
    """

    rows: Callable[[int, int], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]
    positions: PixelMap
    scale: float


def owners(maps: Sequence[PixelMap], shape: tuple[int, int]) -> np.ndarray:
    """Which grid gives each pixel: the first of `maps` that has it, `NOBODY` where none has: (ny, nx) uint8."""
    owner = np.full(shape, NOBODY, np.uint8)
    for number, positions in enumerate(maps[:NOBODY]):
        claim(positions.x, positions.y, positions.step, np.array(positions.source_shape), RIM, np.uint8(number), owner)
    return owner


def tiles_needed(owner: np.ndarray, number: int, positions: PixelMap, edges: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Numbers of the tiles that the pixels which grid `number` gives lie on, kernel included: (n,) int64.

    `edges` are rows and columns of the grid at which tiles begin and end.
    """
    touched = np.zeros((len(edges[0]) - 1, len(edges[1]) - 1), np.bool_)
    mark_tiles(owner, np.uint8(number), positions.x, positions.y, positions.step, RIM, edges[0], edges[1], touched)
    return np.flatnonzero(touched.ravel())


def assemble(sources: Sequence[Prepared], owner: np.ndarray, count: int) -> Stack:
    """Resample prepared coadds onto the search grid, each pixel from the grid that owns it.

    Parameters
    ----------
    sources : sequence of Prepared
    owner : ndarray, (ny, nx) uint8
        From `owners`, of the same grids.
    count : int
        Inputs, at most 16.

    Returns
    -------
    Stack
        `good` and `rejected` are the share of pixels that each input is used in, and 0; `weights` are all 1.

    Raises
    ------
    BadData
        No pixel is covered.
    """
    shape = owner.shape
    out = Stack(uncovered(shape), np.zeros(shape, np.int16), np.zeros(shape, np.uint16))
    for first in range(0, shape[0], STRIP):
        rows = slice(first, min(first + STRIP, shape[0]))
        for number, source in enumerate(sources):
            mine = owner[rows] == number
            if mine.any():
                _fill(source, mine, first, out)
    used = count_members(out.members, out.coverage, np.zeros(count, np.int64))
    covered = np.count_nonzero(out.coverage)
    if not covered:
        raise BadData('no prepared template has a good pixel on this grid; check their overlap and masks')
    out.good, out.rejected, out.weights = (used / out.members.size).tolist(), [0.0] * count, [1.0] * count
    out.unchecked = np.count_nonzero(out.coverage == 1) / covered
    return out


def _fill(source: Prepared, mine: np.ndarray, first: int, out: Stack) -> None:
    """Put the pixels `mine` of a strip, whose first row is row `first` of the search grid, into the coadd."""
    rows, columns = (np.flatnonzero(mine.any(axis=axis)) for axis in (1, 0))
    low, high = int(rows[0]), int(rows[-1]) + 1
    positions, left = source.positions.columns(int(columns[0]), int(columns[-1]) + 1)
    needed = positions.source_rows(first + low, first + high)
    if needed is None:
        return
    image, mask, weight, members = source.rows(*needed)
    planes = warp_rows((image, mask, weight), positions, (first + low, first + high), needed[0], source.scale)
    nearest = np.empty(planes[0].shape, np.uint16)
    nearest_members(members, positions.x, positions.y, positions.step, first + low, needed[0], planes[2], nearest)
    place = slice(first + low, first + high), slice(left, left + positions.target_shape[1])
    here: np.ndarray | bool = mine[low:high, place[1]]
    here = bool(np.all(here)) or here
    for out_plane, plane in zip((out.image.image, out.image.mask, out.image.weight, out.members), (*planes, nearest)):
        np.copyto(out_plane[place], plane, where=here)


@njit(cache=True)
def claim(nodes_x, nodes_y, step, source_shape, rim, number, owner):
    """Give pixels that are nobody's, and lie more than `rim` within the source, to `number`."""
    ny, nx = owner.shape
    xs, ys = np.empty(nx), np.empty(nx)
    high_x, high_y = source_shape[1] - 1.0 - rim, source_shape[0] - 1.0 - rim
    for v in range(ny):
        if not np.any(owner[v] == NOBODY):
            continue
        row_of_map(nodes_x, v, step, xs)
        row_of_map(nodes_y, v, step, ys)
        for u in range(nx):
            inside = (xs[u] >= rim) & (xs[u] <= high_x) & (ys[u] >= rim) & (ys[u] <= high_y)
            owner[v, u] = number if inside & (owner[v, u] == NOBODY) else owner[v, u]


@njit(cache=True)
def mark_tiles(owner, number, nodes_x, nodes_y, step, reach, edges_y, edges_x, touched):
    """Mark the tiles within `reach` of the positions of the pixels that `number` owns."""
    ny, nx = owner.shape
    xs, ys = np.empty(nx), np.empty(nx)
    low_x, high_x, low_y, high_y = 0.0, 0.0, 0.0, 0.0                   # inside of the tile marked last
    for v in range(ny):
        row_of_map(nodes_x, v, step, xs)
        row_of_map(nodes_y, v, step, ys)
        for u in range(nx):
            if owner[v, u] != number or (low_x <= xs[u] < high_x and low_y <= ys[u] < high_y):
                continue
            for row in range(touched.shape[0]):
                if ys[u] < edges_y[row] - reach or ys[u] >= edges_y[row + 1] + reach:
                    continue
                for column in range(touched.shape[1]):
                    if edges_x[column] - reach <= xs[u] < edges_x[column + 1] + reach:
                        touched[row, column] = True
                        low_x, high_x = edges_x[column] + reach, edges_x[column + 1] - reach
                        low_y, high_y = edges_y[row] + reach, edges_y[row + 1] - reach


@njit(cache=True)
def nearest_members(members, nodes_x, nodes_y, step, first, above, weight, out):
    """Members of the pixel nearest to each position of a strip, or of the nearest of the four around that has some.

    None where the strip has no weight. Row 0 of the strip is row `first` of the search grid, row 0 of `members` is row
    `above` of the prepared one.
    """
    ny, nx = out.shape
    height, width = members.shape
    none = members[0, 0] ^ members[0, 0]
    xs, ys, column = np.empty(nx), np.empty(nx), np.empty(nx, np.int64)
    for v in range(ny):
        row_of_map(nodes_x, first + v, step, xs)
        row_of_map(nodes_y, first + v, step, ys)
        for u in range(nx):
            column[u] = min(max(int(xs[u] + 0.5), 0), width - 1)
            ys[u] -= above
        for u in range(nx):
            out[v, u] = members[min(max(int(ys[u] + 0.5), 0), height - 1), column[u]]
        for u in range(nx):
            if not weight[v, u] > 0:
                out[v, u] = none
            elif out[v, u] == none:
                out[v, u] = members_near(members, ys[u], xs[u])


@njit(cache=True)
def members_near(members, at_y, at_x):
    """Members of the nearest of the four pixels around a position that has some; 0 where none has."""
    ny, nx = members.shape
    found, least = members[0, 0] ^ members[0, 0], np.inf
    y, x = int(np.floor(at_y)), int(np.floor(at_x))
    for j in range(max(y, 0), min(y + 2, ny)):
        for i in range(max(x, 0), min(x + 2, nx)):
            distance = (at_y - j) ** 2 + (at_x - i) ** 2
            if members[j, i] > 0 and distance < least:
                found, least = members[j, i], distance
    return found


@njit(cache=True)
def count_members(members, coverage, used):
    """Fill the number of members of each pixel, and count the pixels of each input."""
    ny, nx = members.shape
    for y in range(ny):
        line = coverage[y]
        for k in range(used.size):
            total, bit = 0, np.uint16(1 << k)
            for x in range(nx):
                has = members[y, x] & bit > 0
                line[x] += np.int16(has)
                total += has
            used[k] += total
    return used
