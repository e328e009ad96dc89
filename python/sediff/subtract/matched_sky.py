"""The sky under the stars of the fit, measured on the difference of matched images."""
from __future__ import annotations

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2

from sediff.subtract.background import Sky, residual_sky
from sediff.subtract.model import KernelModel
from sediff.subtract.planes import Planes

#: Side of the square in the middle of each cell that is matched, px.
TILE = 64
#: Tiles that are convolved at once.
BATCH = 32
#: A pixel does not count when bad pixels hold more than this share of its kernel's absolute weight.
LARGEST_LOSS = 0.02


def matched_sky(planes: Planes, model: KernelModel, mesh: int, order: int | None = None) -> Sky:
    """Sky of science - K * template, levels subtracted, from a tile in each cell of the mesh.

    Parameters
    ----------
    planes : Planes
    model : KernelModel
        A first kernel, good to some percent.
    mesh : int
        Side of the cells, px.
    order : int, optional
        As in `residual_sky`.

    Raises
    ------
    BadData
        No sky pixel is left.

    Notes
    -----
    Where the PSFs differ, pixels between stars, or in the hollows of a nebula, hold more light of their surroundings in the
    image of the broader PSF: a sky measured there before matching is wrong by what spills over. After matching the
    residual holds no light, wherever it is measured.
    """
    shape = planes.science.shape
    matched, bad = np.zeros(shape, np.float32), np.ones(shape, bool)
    alike: dict[tuple[int, ...], list[tuple[slice, slice]]] = {}
    for tile in _tiles(shape, mesh):
        alike.setdefault(tuple(part.stop - part.start for part in tile), []).append(tile)
    for tiles in alike.values():
        for start in range(0, len(tiles), BATCH):
            _match(planes, tiles[start:start + BATCH], model, matched, bad)
    return residual_sky(planes.science, planes.science_level, matched, bad, mesh, order)


def _tiles(shape: tuple[int, int], mesh: int):
    """Squares in the middle of the cells, at most TILE px wide."""
    for y in range(0, shape[0], mesh):
        for x in range(0, shape[1], mesh):
            yield tuple(slice(start + max((min(mesh, size - start) - TILE) // 2, 0),
                              start + max((min(mesh, size - start) - TILE) // 2, 0) + min(TILE, mesh, size - start))
                        for start, size in ((y, shape[0]), (x, shape[1])))


def _match(planes: Planes, tiles: list[tuple[slice, slice]], model: KernelModel, matched: np.ndarray, bad: np.ndarray
           ) -> None:
    """Fill some tiles of one shape of the convolved template and of the unusable pixels."""
    half = model.basis.reach
    y, x = ([0.5 * (tile[axis].start + tile[axis].stop - 1) for tile in tiles] for axis in (0, 1))
    sides = tuple(part.stop - part.start + 2 * half for part in tiles[0])
    shape = tuple(next_fast_len(n, real=True) for n in sides)
    light, hole = np.zeros((len(tiles), *shape), np.float32), np.ones((len(tiles), *sides), bool)
    for k, tile in enumerate(tiles):
        inside, place = _window(tile, half, planes.template.shape)
        hole[k][place] = planes.template_bad[inside]
        np.subtract(planes.template[inside], np.float32(planes.template_level), out=light[k][place])
    light[:, :sides[0], :sides[1]][hole] = 0.0
    keep = (slice(None), *(slice(2 * half, n) for n in sides))
    spectra = model.spectra_at(x, y, shape)
    spectra *= rfft2(light)
    for tile, found in zip(tiles, irfft2(spectra, shape)[keep]):
        matched[tile] = found
        bad[tile] = planes.science_bad[tile] | planes.template_bad[tile]
    holed = np.flatnonzero(hole.any(axis=(1, 2)))
    weights = np.abs(model.kernels_at(np.array(x)[holed], np.array(y)[holed])).astype(np.float32)
    lost = irfft2(rfft2(hole[holed].astype(np.float32), shape) * rfft2(weights, shape), shape)[keep]
    for which, loss, weight in zip(holed, lost, weights):
        bad[tiles[which]] |= loss > LARGEST_LOSS * weight.sum()


def _window(tile: tuple[slice, slice], half: int, shape: tuple[int, int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Rows and columns of an image in a tile with `half` pixels around it, and their place there."""
    inside = tuple(slice(max(part.start - half, 0), min(part.stop + half, size)) for part, size in zip(tile, shape))
    place = tuple(slice(i.start - part.start + half, i.stop - part.start + half) for i, part in zip(inside, tile))
    return inside, place
