"""Tiles of prepared templates: coadds of all template CCDs that reach a part of the grid of one of them, its anchor."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io.fits import Header

from sediff import steps
from sediff.ccdimage import uncovered
from sediff.engine.code import step_code
from sediff.engine.fingerprints import fingerprint
from sediff.engine.provenance import digest
from sediff.errors import BadData
from sediff.flow.diffimg.template_inputs import TemplateInput
from sediff.flow.diffimg.ties import Tie, tie, zero_point
from sediff.flow.exposure.inputs import TemplateCcd
from sediff.formats.ccdrows import CcdRows
from sediff.formats.fits import read_header, write_images
from sediff.formats.parts import open_parts
from sediff.repository.products import read_product
from sediff.repository.repository import Repository
from sediff.repository.tile_store import TileStore
from sediff.template.coadd import Stack, stack
from sediff.template.overlap import overlap_matrix
from sediff.template.tiling import CONTEXT, Box, Tiling, header_of_box
from sediff.warp.grid import pixel_map
from sediff.wcs.read import pixel_to_sky, read_wcs

#: Inputs that a tile may have, a bit for each.
MOST_INPUTS = 16
#: Beginnings of the cards of a tile's statistics.
STATISTICS = ('TGOOD', 'TREJ', 'TWGT')


class TooManyInputs(Exception):
    """More template CCDs than `MOST_INPUTS`."""


@dataclass(frozen=True)
class Neighbour:
    """A template CCD that reaches tiles which a search CCD may need: itself, and its corners on the sky (4, 2), deg."""

    ccd: TemplateCcd
    corners: np.ndarray = field(compare=False)

    @property
    def number(self) -> tuple[int, int]:
        """Exposure and CCD."""
        return self.ccd.exposure.expnum, self.ccd.exposure.ccd


@dataclass
class Bank:
    """Where prepared templates are, and what they may be made of.

    Parameters
    ----------
    store : TileStore
    neighbours : list of Neighbour
        In order of exposure and CCD.
    """

    store: TileStore
    neighbours: list[Neighbour]
    _known: dict = field(default_factory=dict)

    def state(self, one: Neighbour) -> list:
        """What of a template CCD decides what is in a tile."""
        shelf = Repository.of(one.ccd.exposure).shelf
        return self._once(('state', one.number), lambda: [*one.number, zero_point(one.ccd), *(
            fingerprint(one.ccd.path(name), shelf) for name in ('immask', 'fullcat', 'psf'))])

    def tie(self, anchor: Neighbour, other: Neighbour) -> Tie:
        """A template CCD in the frame of another."""
        return self._once((anchor.number, other.number), lambda: tie(anchor.ccd, other.ccd))

    def head(self, one: Neighbour) -> Header:
        """Header of its image."""
        return self._once(('head', one.number), lambda: read_header(one.ccd.path('immask'), 'SCI'))

    def _once(self, key: tuple, make: Callable):
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]


@dataclass(frozen=True)
class Tile:
    """A tile that is on disk.

    Parameters
    ----------
    rows : CcdRows
        Image, mask and weight in the anchor's flux scale, and members: bit k of them is input k.
    inputs : list of (int, int)
        Exposure and CCD of each.
    statistics : ndarray, (n, 3) float64
        Of each input: good pixels, those rejected as artefacts, sum of the weights of the good ones.
    is_new : bool
        Made now.
    """

    rows: CcdRows
    inputs: list[tuple[int, int]]
    statistics: np.ndarray
    is_new: bool


def find_tile(bank: Bank, anchor: Neighbour, number: int, tiling: Tiling, neighbours: Sequence[Neighbour]) -> Tile:
    """A tile of an anchor's grid, of all neighbours that reach it.

    Raises
    ------
    TooManyInputs
        They are more than `MOST_INPUTS`.
    """
    reaching = _reaching(bank.head(anchor), number, tiling, neighbours)
    if len(reaching) > MOST_INPUTS:
        raise TooManyInputs
    key = digest([step_code(steps.PREPARED).digest, number, tiling.shape, bank.state(anchor), *map(bank.state, reaching)])
    path, is_new = bank.store.find(anchor.ccd.exposure, number, key, _is_readable,
                                   lambda path: make_tile(bank, anchor, number, tiling, reaching, path))
    with open_parts(path) as parts:
        cards = parts.cards('SCI', STATISTICS)
    statistics = [[cards.get(f'{word}{k:02d}') for word in STATISTICS] for k in range(len(reaching))]
    return Tile(CcdRows(path, 4), [one.number for one in reaching], np.array(statistics).reshape(-1, 3), is_new)


def make_tile(bank: Bank, anchor: Neighbour, number: int, tiling: Tiling, reaching: Sequence[Neighbour], path: Path) -> None:
    """Write the coadd of some template CCDs on a tile of the anchor's grid."""
    box = tiling.wide_box(number)
    head, shape = header_of_box(bank.head(anchor), box), (box[1] - box[0], box[3] - box[2])
    inputs = [_input(bank, anchor, one, head, shape) for one in reaching]
    try:
        stacked = stack([one.source for one in inputs], shape)
    except BadData:                                                                     # no good pixel
        stacked = Stack(uncovered(shape), np.zeros(shape, np.int16), np.zeros(shape, np.uint16))
        stacked.good = stacked.rejected = stacked.weights = [0.0] * len(inputs)
    for one in inputs:
        one.file.close()
    inner, image = (slice(CONTEXT, -CONTEXT),) * 2, stacked.image
    write_images(path, [('SCI', image.image[inner], _header(bank.head(anchor), tiling.box(number), reaching, stacked)),
                        ('MSK', image.mask[inner].astype(np.int16), None), ('WGT', image.weight[inner], None),
                        ('SET', stacked.members[inner].astype(np.int16), None)], compress=True)


def _input(bank: Bank, anchor: Neighbour, one: Neighbour, head: Header, shape: tuple[int, int]) -> TemplateInput:
    found, target, file = bank.tie(anchor, one), read_wcs(head), CcdRows(one.ccd.path('immask'))
    wcs = read_wcs(found.head)
    row = {'expnum': one.number[0], 'ccd': one.number[1], 'scale': found.scale}
    return TemplateInput(row, file, found.head, read_product(one.ccd.path('psf'), 'psf'), wcs, target,
                         pixel_map(target, shape, wcs, file.shape))


def _header(head: Header, box: Box, reaching: Sequence[Neighbour], stacked: Stack) -> Header:
    """World coordinates of a tile, and what went into it with its context."""
    header, size = header_of_box(head, box), stacked.members.size
    header['NCOMBINE'] = (len(reaching), 'template CCDs that reach this tile')
    for k, one in enumerate(reaching):
        good, rejected, weight = stacked.good[k] * size, stacked.rejected[k], stacked.weights[k]
        header[f'TMPL{k:02d}'] = (f'{one.number[0]}_{one.number[1]:02d}', f'bit {k} of SET: exposure and CCD')
        header[f'TGOOD{k:02d}'] = (good, 'good pixels')
        header[f'TREJ{k:02d}'] = (rejected * good, 'of these rejected as artefacts')
        header[f'TWGT{k:02d}'] = (weight * good, 'sum of their weights')
    return header


def _reaching(head: Header, number: int, tiling: Tiling, neighbours: Sequence[Neighbour]) -> list[Neighbour]:
    """The neighbours whose outlines share sky with a tile and its context."""
    y0, y1, x0, x1 = tiling.wide_box(number)
    ra, dec = pixel_to_sky(read_wcs(head), np.array([x0, x0, x1, x1]) - 0.5, np.array([y0, y1, y0, y1]) - 0.5)
    meet = overlap_matrix(np.stack([ra, dec], axis=1)[None], np.array([one.corners for one in neighbours]))[0]
    return [one for one, reaches in zip(neighbours, meet) if reaches]


def _is_readable(path: Path) -> bool:
    CcdRows(path, 4).close()
    return True
