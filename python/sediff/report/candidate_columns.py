"""The columns of the tables of candidates; names as in the database (Rubin's) where it has them."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from astropy.table import Column, Table


class TableColumn(NamedTuple):
    """One column: `kind` is a dtype, U a text of any length; the unit as FITS and VOUnits spell it."""

    name: str
    kind: str
    unit: str
    ucd: str
    description: str


_C = TableColumn
COLUMNS = (
    _C('diaObjectId', 'i8', '', 'meta.id;meta.main', 'candidate'),
    _C('ra', 'f8', 'deg', 'pos.eq.ra;meta.main', 'right ascension of the detection, ICRS'),
    _C('dec', 'f8', 'deg', 'pos.eq.dec;meta.main', 'declination of the detection, ICRS'),
    _C('raErr', 'f8', 'deg', 'stat.error;pos.eq.ra', 'error of ra, times cos(dec)'),
    _C('decErr', 'f8', 'deg', 'stat.error;pos.eq.dec', 'error of dec'),
    _C('visit', 'i8', '', 'meta.id;obs', 'exposure number'),
    _C('detector', 'i2', '', 'meta.id;instr.det', 'CCD number'),
    _C('band', 'U', '', 'instr.bandpass', 'band'),
    _C('nite', 'i4', '', 'meta.id;time', 'night, YYYYMMDD'),
    _C('season', 'i2', '', 'meta.version', 'version of the difference imaging, NN of dpNN'),
    _C('midpointMjdTai', 'f8', 'd', 'time.epoch;meta.main', 'middle of the exposure, MJD, TAI'),
    _C('psfFlux', 'f8', 'nJy', 'phot.flux.density;em.opt', 'PSF flux in the difference, AB'),
    _C('psfFluxErr', 'f8', 'nJy', 'stat.error;phot.flux.density;em.opt', 'error of psfFlux, the zero point left out'),
    _C('mag', 'f8', 'mag', 'phot.mag;em.opt', 'AB magnitude of psfFlux; none where the flux is not positive'),
    _C('magErr', 'f8', 'mag', 'stat.error;phot.mag;em.opt', 'error of mag, 1.0857 psfFluxErr / psfFlux'),
    _C('snr', 'f4', '', 'stat.snr', 'signal-to-noise of psfFlux'),
    _C('reliability', 'f4', '', 'stat.probability', 'score of autoScan, 0 artefact to 1 real'),
    _C('nDiaSources', 'i4', '', 'meta.number;obs', 'epochs: detections of the candidate in the season so far'),
    _C('nNites', 'i4', '', 'meta.number;time', 'nights of these'),
    _C('isNew', 'i2', '', 'meta.code', '1: the candidate was first found here'),
    _C('sourceClass', 'U', '', 'src.class', 'variable_star, or empty'),
    _C('flags', 'U', '', 'meta.code.qual', 'flags of the detection in words, apart by blanks; empty: none'),
    _C('x', 'f8', 'pix', 'pos.cartesian.x;instr.det', 'place on the CCD along the rows; the first pixel is at 0'),
    _C('y', 'f8', 'pix', 'pos.cartesian.y;instr.det', 'place on the CCD along the columns; the first pixel is at 0'),
    _C('number', 'i4', '', 'meta.id.part', 'number of the detection on its CCD (OBJID)'),
    _C('diaSourceId', 'i8', '', 'meta.id', 'detection'),
    _C('object', 'U', '', 'meta.title', 'OBJECT of the header, made harmless'),
    _C('stampArchive', 'U', '', 'meta.ref;meta.file', 'archive of the stamps, relative to the folder of this table'),
    _C('stampTemplate', 'U', '', 'meta.ref;meta.file', 'stamp of the template in the archive'),
    _C('stampSearch', 'U', '', 'meta.ref;meta.file', 'stamp of the search image in the archive'),
    _C('stampDifference', 'U', '', 'meta.ref;meta.file', 'stamp of the difference in the archive'),
)


def candidate_table(rows: Sequence[Mapping], expnum: int, season: int) -> Table:
    """The table of an exposure's candidates, best score first; zero rows are fine.

    Parameters
    ----------
    rows : sequence of mapping
        Values of the columns by name; what a row lacks is NaN, or an empty text.

    Returns
    -------
    astropy.table.Table
        Columns of `COLUMNS` with unit, description and `meta['ucd']`, for `sediff.formats.exports.write_export`.
    """
    ordered = sorted(rows, key=lambda row: (-row['reliability'], -row['snr'], row['detector'], row['number']))
    table = Table(meta={'name': 'CANDIDATES', 'cards': {'EXPNUM': expnum, 'SEASON': season, 'RADESYS': 'ICRS',
                                                        'TIMESYS': 'TAI'},
                        'description': f'Candidates of exposure {expnum}, season dp{season:02d}'})
    for column in COLUMNS:
        missing: float | str = '' if column.kind == 'U' else np.nan
        values = [row.get(column.name, missing) for row in ordered]
        table[column.name] = Column(np.array(values, dtype='U1' if column.kind == 'U' and not values else column.kind),
                                    unit=column.unit or None, description=column.description, meta={'ucd': column.ucd})
    return table
