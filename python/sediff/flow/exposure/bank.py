"""The bank of prepared templates of a search CCD: where its tiles are, and the template CCDs that they may be made of."""
from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sediff.engine.provenance import digest
from sediff.flow.diffimg.tiles import Bank, Neighbour
from sediff.flow.exposure.inputs import TemplateCcd
from sediff.flow.exposure.usable import template_problem
from sediff.formats.corners import read_out
from sediff.parameters.model import Parameters
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.repository.table_sums import check_table
from sediff.repository.tile_store import TileStore
from sediff.sphere import from_vectors, unit_vectors
from sediff.template.overlap import overlap_matrix

#: The outline of a search CCD, enlarged so much about its centre, holds every tile that shares sky with it.
ENLARGED = 3.0


def template_bank(exposure: Exposure, parameters: Parameters, templates: Iterable[Exposure]) -> Bank:
    """The bank for a search CCD and its template exposures, of at most TEMPLATE_CACHE_GB."""
    search = read_out(Repository.of(exposure).path('out', exposure), exposure.instrument.ccds)
    wide = _enlarged(search['corners'][list(search['ccdnum']).index(exposure.ccd)])
    found = [one for template in sorted(templates, key=lambda each: each.expnum) for one in _neighbours(template, wide)]
    return Bank(TileStore(exposure, parameters['TEMPLATE_CACHE_GB'] * 1e9), found)


def bank_digest(bank: Bank) -> str:
    """Hash of all that decides what a bank gives."""
    return digest([bank.state(one) for one in bank.neighbours])


def _enlarged(corners: np.ndarray) -> np.ndarray:
    """Corners (4, 2) of an outline that is `ENLARGED` times as large, deg."""
    vectors = unit_vectors(corners[:, 0], corners[:, 1])
    centre = vectors.mean(axis=0)
    return np.stack(from_vectors(centre + ENLARGED * (vectors - centre)), axis=1)


def _neighbours(template: Exposure, wide: np.ndarray) -> list[Neighbour]:
    """CCDs of a template exposure that share sky with an outline and can be used, in order."""
    repository = Repository.of(template)
    if not repository.exists('exposure_out', template):
        return []
    rows = read_out(check_table(template, repository.path('exposure_out', template)), template.instrument.ccds)
    near = np.sort(rows[overlap_matrix(wide[None], rows['corners'])[0]], order='ccdnum')
    return [Neighbour(TemplateCcd(template.with_ccd(int(row['ccdnum']))), row['corners']) for row in near
            if not template_problem(template.with_ccd(int(row['ccdnum'])))]
