"""Rows into the database: each write takes the place of what the same CCD wrote before."""
from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from sqlalchemy import Connection, delete, insert, select, update

from sediff.candidates.queries import among, counting, known_columns, same, select_in
from sediff.candidates.schema import CANDIDATES, DETECTIONS, ENTRIES, FORCED, IMAGES, source_id
from sediff.candidates.skymatch import Places, healpix_index, mean_places
from sediff.errors import BadData


def replace_image(connection: Connection, season: int, expnum: int, ccd: int, values: Mapping[str, object]) -> None:
    """Write the row of a CCD, in place of an earlier one. `values` are other columns of `IMAGES`."""
    key = {'season': season, 'visit': expnum, 'detector': ccd}
    mark = withdrawal(connection, season, expnum)
    connection.execute(delete(IMAGES).where(*same(IMAGES, key)))
    connection.execute(insert(IMAGES), [{**known_columns(IMAGES, values), **key, **mark}])


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


def replace_detections(connection: Connection, expnum: int, ccd: int, season: int, rows: Sequence[Mapping],
                       ccd_bits: int = 6) -> int:
    """Write the detections of a CCD in place of earlier ones; candidates that lose members are brought up to date.

    Parameters
    ----------
    connection : Connection
        Inside a `transaction`.
    rows : sequence of mapping
        Columns of `DETECTIONS` with `number`, `ra`, `dec`, `reject` at least (see `sediff.candidates.rows`).
    ccd_bits : int
        Bits of the CCD's number in the ids.

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
    withdrawn = _time_withdrawn(connection, season, expnum)
    touched = connection.execute(select(DETECTIONS.c.diaObjectId).where(
        *mine, DETECTIONS.c.diaObjectId.is_not(None)).distinct()).scalars().all()
    connection.execute(delete(DETECTIONS).where(*mine))
    full = [{'fakeId': 0, **known_columns(DETECTIONS, row), **key, **withdrawn, 'diaObjectId': None,
             'diaSourceId': source_id(season, expnum, ccd, row['number'], ccd_bits)} for row in rows]
    if full:
        connection.execute(insert(DETECTIONS), full)
    refresh_candidates(connection, touched)
    return len(full)


def add_forced(connection: Connection, expnum: int, ccd: int, season: int, rows: Sequence[Mapping]) -> int:
    """Write forced measurements of a CCD, in place of earlier ones of the same candidates; the number written.

    Rows need diaObjectId, psfFlux and psfFluxErr (nJy); those whose flux is not finite are left out.
    """
    key = {'season': season, 'visit': expnum, 'detector': ccd}
    withdrawn = _time_withdrawn(connection, season, expnum)
    full = [{**known_columns(FORCED, row), **key, **withdrawn} for row in rows if np.isfinite(row['psfFlux'])]
    connection.execute(delete(FORCED).where(*same(FORCED, key), among(connection, FORCED.c.diaObjectId,
                                                                      (row['diaObjectId'] for row in rows))))
    if full:
        connection.execute(insert(FORCED), full)
    return len(full)


def withdrawal(connection: Connection, season: int, expnum: int) -> dict:
    """timeWithdrawnMjdTai and whyWithdrawn of an exposure; empty where it counts."""
    row = connection.execute(select(IMAGES.c.timeWithdrawnMjdTai, IMAGES.c.whyWithdrawn).where(
        *same(IMAGES, {'season': season, 'visit': expnum}), IMAGES.c.timeWithdrawnMjdTai.is_not(None)).order_by(
            IMAGES.c.detector)).mappings().first()
    return dict(row) if row else {}


def _time_withdrawn(connection: Connection, season: int, expnum: int) -> dict:
    """The mark that an exposure's rows have: timeWithdrawnMjdTai, None where it counts."""
    return {'timeWithdrawnMjdTai': withdrawal(connection, season, expnum).get('timeWithdrawnMjdTai')}


def refresh_candidates(connection: Connection, ids: Iterable[int]) -> dict[int, int]:
    """Bring candidates up to date with their detections that were not withdrawn; those without any are removed.

    Returns
    -------
    dict
        diaObjectId -> number of detections, of those that stay.
    """
    ids = sorted({int(i) for i in ids})
    members: dict[int, list] = {i: [] for i in ids}
    for row in select_in(connection, DETECTIONS, DETECTIONS.c.diaObjectId, ids, *counting(DETECTIONS)):
        members[row['diaObjectId']].append(row)
    connection.execute(delete(CANDIDATES).where(among(connection, CANDIDATES.c.diaObjectId, ids)))
    rows = _candidate_rows([(identifier, rows) for identifier, rows in members.items() if rows])
    if rows:
        connection.execute(insert(CANDIDATES), rows)
    return {row['diaObjectId']: row['nDiaSources'] for row in rows}


def _candidate_rows(members: list[tuple[int, list[Mapping]]]) -> list[dict]:
    """Candidates with their detections as rows: each at the mean of its detections, weighted by S/N squared."""
    if not members:
        return []
    flat = [row for _, rows in members for row in rows]
    weight = np.array([max(row['snr'] or 0.0, 1e-3) ** 2 for row in flat])
    mean = mean_places(Places.of_rows(flat), weight, np.cumsum([0, *(len(rows) for _, rows in members[:-1])]))
    columns = zip(healpix_index(mean.ra, mean.dec).tolist(), *(
        column.tolist() for column in (mean.ra, mean.dec, mean.ra_err, mean.dec_err)))
    names = ('healpix', 'ra', 'dec', 'raErr', 'decErr')
    return [{'diaObjectId': identifier, **dict(zip(names, place)), **_summary(rows)}
            for (identifier, rows), place in zip(members, columns)]


def _summary(rows: list[Mapping]) -> dict:
    """What a candidate's row says of its detections, its place left out."""
    times = [row['midpointMjdTai'] for row in rows if row['midpointMjdTai'] is not None]
    return {'season': rows[0]['season'], 'nDiaSources': len(rows), 'nNites': len({row['nite'] for row in rows}),
            'firstMjd': min(times, default=None), 'lastMjd': max(times, default=None),
            'maxReliability': max((r['reliability'] for r in rows if r['reliability'] is not None), default=None),
            'maxSnr': max((r['snr'] for r in rows if r['snr'] is not None), default=None),
            'fakeId': max(row['fakeId'] for row in rows),
            'sourceClass': max(rows, key=lambda row: row['snr'] or 0.0)['sourceClass']}


def enter(connection: Connection, season: int, expnum: int, ccd: int, step: str) -> str:
    """Enter that a step has written its rows of a CCD, in place of an earlier entry; returns the new mark."""
    key = {'season': season, 'visit': expnum, 'detector': ccd, 'step': step}
    connection.execute(delete(ENTRIES).where(*same(ENTRIES, key)))
    connection.execute(insert(ENTRIES), [{**key, 'mark': uuid.uuid4().hex}])
    return str(entered(connection, season, expnum, ccd, step))


def entered(connection: Connection, season: int, expnum: int, ccd: int, step: str) -> str | None:
    """The mark of a step's last rows of a CCD; None where it has written none."""
    key = {'season': season, 'visit': expnum, 'detector': ccd, 'step': step}
    return connection.execute(select(ENTRIES.c.mark).where(*same(ENTRIES, key))).scalar()
