"""Rows into the database: each write takes the place of what the same CCD wrote before."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from sqlalchemy import Connection, delete, insert, select, update

from sediff.candidates.schema import CANDIDATES, DETECTIONS, FORCED, IMAGES, source_id
from sediff.candidates.skymatch import healpix_index, mean_position
from sediff.errors import BadData
from sediff.io.queries import known_columns, parts, same, select_in


def replace_image(connection: Connection, season: int, expnum: int, ccd: int, values: Mapping[str, object]) -> None:
    """Write the row of a CCD, in place of an earlier one. `values` are other columns of `IMAGES`."""
    key = {'season': season, 'visit': expnum, 'detector': ccd}
    connection.execute(delete(IMAGES).where(*same(IMAGES, key)))
    connection.execute(insert(IMAGES), [{**known_columns(IMAGES, values), **key}])


def update_image(connection: Connection, season: int, expnum: int, ccd: int, values: Mapping[str, object]) -> None:
    """Set columns of the row of a CCD that `replace_image` wrote.

    Raises
    ------
    BadData
        There is no such row.
    """
    key = {'season': season, 'visit': expnum, 'detector': ccd}
    done = connection.execute(update(IMAGES).where(*same(IMAGES, key)).values(**known_columns(IMAGES, values)))
    if done.rowcount != 1:
        raise BadData(f'{expnum} c{ccd:02d} has no row in table images of season {season}: run RUN15 again')


def replace_detections(connection: Connection, expnum: int, ccd: int, season: int, rows: Sequence[Mapping]) -> int:
    """Write the detections of a CCD in place of earlier ones; candidates that lose members are brought up to date.

    Parameters
    ----------
    connection : Connection
        Inside a `transaction`.
    rows : sequence of mapping
        Columns of `DETECTIONS` with `number`, `ra`, `dec`, `reject` at least (see `sediff.candidates.rows`).

    Returns
    -------
    int
        Number of rows written.

    Raises
    ------
    BadUsage
        An id part does not fit or a column is unknown.
    """
    key = {'season': season, 'visit': expnum, 'detector': ccd}
    mine = same(DETECTIONS, key)
    touched = connection.execute(select(DETECTIONS.c.diaObjectId).where(
        *mine, DETECTIONS.c.diaObjectId.is_not(None)).distinct()).scalars().all()
    connection.execute(delete(DETECTIONS).where(*mine))
    full = [{'fakeId': 0, **known_columns(DETECTIONS, row), **key, 'diaObjectId': None,
             'diaSourceId': source_id(season, expnum, ccd, row['number'])} for row in rows]
    if full:
        connection.execute(insert(DETECTIONS), full)
    refresh_candidates(connection, touched)
    return len(full)


def add_forced(connection: Connection, expnum: int, ccd: int, season: int, rows: Sequence[Mapping]) -> int:
    """Write forced measurements of a CCD, in place of earlier ones of the same candidates; the number written.

    Rows need diaObjectId, psfFlux and psfFluxErr (nJy); those whose flux is not finite are left out.
    """
    key = {'season': season, 'visit': expnum, 'detector': ccd}
    full = [{**known_columns(FORCED, row), **key} for row in rows if np.isfinite(row['psfFlux'])]
    for part in parts(sorted({int(row['diaObjectId']) for row in rows})):
        connection.execute(delete(FORCED).where(*same(FORCED, key), FORCED.c.diaObjectId.in_(part)))
    if full:
        connection.execute(insert(FORCED), full)
    return len(full)


def refresh_candidates(connection: Connection, ids: Iterable[int]) -> None:
    """Bring candidates up to date with their detections; those without any are removed."""
    ids = sorted({int(i) for i in ids})
    members: dict[int, list] = {i: [] for i in ids}
    for row in select_in(connection, DETECTIONS, DETECTIONS.c.diaObjectId, ids):
        members[row['diaObjectId']].append(row)
    for part in parts(ids):
        connection.execute(delete(CANDIDATES).where(CANDIDATES.c.diaObjectId.in_(part)))
    rows = [_candidate_row(identifier, rows) for identifier, rows in members.items() if rows]
    if rows:
        connection.execute(insert(CANDIDATES), rows)


def _candidate_row(identifier: int, rows: list[Mapping]) -> dict:
    """The mean of a candidate's detections, weighted by S/N squared."""
    weight = np.array([max(row['snr'] or 0.0, 1e-3) ** 2 for row in rows])
    ra, dec = mean_position(np.array([r['ra'] for r in rows]), np.array([r['dec'] for r in rows]), weight)
    times = [row['midpointMjdTai'] for row in rows if row['midpointMjdTai'] is not None]
    return {'diaObjectId': identifier, 'season': rows[0]['season'], 'healpix': int(healpix_index(ra, dec)),
            'ra': ra, 'dec': dec, 'nDiaSources': len(rows), 'nNites': len({row['nite'] for row in rows}),
            'firstMjd': min(times, default=None), 'lastMjd': max(times, default=None),
            'maxReliability': max((r['reliability'] for r in rows if r['reliability'] is not None), default=None),
            'maxSnr': max((r['snr'] for r in rows if r['snr'] is not None), default=None),
            'fakeId': max(row['fakeId'] for row in rows),
            'sourceClass': max(rows, key=lambda row: row['snr'] or 0.0)['sourceClass']}
