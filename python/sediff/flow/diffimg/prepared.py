"""The coadd of a search CCD's templates from prepared ones: tiles that serve every search exposure of a field."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from sediff.ccdimage import uncovered
from sediff.flow.diffimg.template_inputs import TemplateInput
from sediff.flow.diffimg.tiles import MOST_INPUTS, Bank, Tile, TooManyInputs, find_tile
from sediff.template.assemble import NOBODY, Prepared, assemble, owners, tiles_needed
from sediff.template.coadd import Stack
from sediff.template.tiling import Tiling, grid_header
from sediff.warp.grid import PixelMap, pixel_map
from sediff.wcs.read import read_wcs

#: Image, mask, weight and members.
Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
#: Exposure and CCD of each input, in order.
Numbers = Sequence[tuple[int, int]]


def prepared_stack(bank: Bank, inputs: Sequence[TemplateInput], shape: tuple[int, int],
                   log: Callable[[str], None]) -> Stack:
    """The coadd of some template CCDs on a search grid, from tiles that are there or are made now.

    Parameters
    ----------
    inputs : sequence of TemplateInput
        Those accepted for the search CCD, with their relation to it; their order decides whose grid is taken where.
    shape : (ny, nx)
        Of the search CCD.

    Raises
    ------
    TooManyInputs
        The inputs, or those of a tile, are more than 16.
    BadData
        No pixel is covered.
    """
    if len(inputs) > MOST_INPUTS:
        raise TooManyInputs
    numbers = [(one.row['expnum'], one.row['ccd']) for one in inputs]
    tilings = [Tiling(one.file.shape) for one in inputs]
    grids = [pixel_map(one.target_wcs, shape, read_wcs(grid_header(one.head)), tiling.grid_shape)
             for one, tiling in zip(inputs, tilings)]
    owner = owners(grids, shape)
    found = [_tiles_of(bank, numbers, k, tiling, owner, grids[k]) for k, tiling in enumerate(tilings)]
    tiles = [tile for each in found for tile in each.values()]
    made = sum(tile.is_new for tile in tiles)
    if made:
        bank.store.trim()
    log(f'prepared templates: {len(tiles)} tiles, {made} of them made now, for {np.mean(owner != NOBODY):.4f} of the CCD')
    sources = [Prepared(partial(_rows, tiling, each, numbers), positions, one.row['scale'])
               for one, tiling, each, positions in zip(inputs, tilings, found, grids)]
    stacked = assemble(sources, owner, len(inputs))
    scaled = [(tile, one.row['scale']) for one, each in zip(inputs, found) for tile in each.values()]
    for k, number in enumerate(numbers):
        stacked.rejected[k], stacked.weights[k] = _statistics(number, scaled)
    for tile in tiles:
        tile.rows.close()
    return stacked


def _tiles_of(bank: Bank, numbers: Numbers, k: int, tiling: Tiling, owner: np.ndarray, positions: PixelMap
              ) -> dict[int, Tile]:
    """The tiles of the grid of input k that the search CCD needs."""
    if not (owner == k).any():
        return {}
    exposures = {expnum for expnum, _ in numbers}
    chosen = [one for one in bank.neighbours if one.number[0] in exposures]
    anchor = next(one for one in chosen if one.number == numbers[k])
    return {int(number): find_tile(bank, anchor, int(number), tiling, chosen)
            for number in tiles_needed(owner, k, positions, (tiling.edges(0), tiling.edges(1)))}


def _rows(tiling: Tiling, tiles: Mapping[int, Tile], numbers: Numbers, first: int, last: int) -> Rows:
    """Rows of a grid, of the tiles that are there; bits of members are those of the inputs `numbers`."""
    shape = last - first, tiling.grid_shape[1]
    empty = uncovered(shape)
    out: Rows = (empty.image, empty.mask, empty.weight, np.zeros(shape, np.uint16))
    edges_y, edges_x = tiling.edges(0), tiling.edges(1)
    for number, tile in tiles.items():
        row, column = divmod(number, tiling.counts[1])
        low, high = max(first, edges_y[row]), min(last, edges_y[row + 1])
        if low < high:
            *planes, members = tile.rows.read(int(low - edges_y[row]), int(high - edges_y[row]))
            place = slice(low - first, high - first), slice(edges_x[column], edges_x[column + 1])
            for plane, part in zip(out, (*planes, _bits(tile, numbers)[members]), strict=True):
                plane[place] = part
    return out


def _bits(tile: Tile, numbers: Numbers) -> np.ndarray:
    """Members of a search CCD's inputs for each value of a tile's: (2^n,) uint16."""
    values = np.arange(1 << len(tile.inputs))
    out = np.zeros(values.size, np.uint16)
    for k, number in enumerate(tile.inputs):
        if number in numbers:
            out |= np.where(values >> k & 1, 1 << numbers.index(number), 0).astype(np.uint16)
    return out


def _statistics(number: tuple[int, int], scaled: Sequence[tuple[Tile, float]]) -> tuple[float, float]:
    """Share of an input's good pixels rejected as artefacts, and their mean weight, from tiles and their flux scales."""
    rows = [tile.statistics[tile.inputs.index(number)] * (1.0, 1.0, scale**-2.0) for tile, scale in scaled
            if number in tile.inputs]
    good, rejected, weight = np.sum(rows, axis=0) if rows else np.zeros(3)
    return float(rejected / max(good, 1.0)), float(weight / max(good, 1.0))
