"""makeCand: detections of a CCD get their candidates in the database."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sqlalchemy import Connection, select, update

from sediff.candidates.associate import associate_positions, check_radius
from sediff.candidates.schema import CANDIDATES, DETECTIONS, source_id, source_parts
from sediff.candidates.skymatch import healpix_neighbourhood
from sediff.io.database_rows import refresh_candidates
from sediff.io.queries import same, select_in


def associate(connection: Connection, expnum: int, ccd: int, season: int, radius_arcsec: float = 1.0) -> list[dict]:
    """makeCand: give each kept detection of a CCD (reject 0) its candidate, an old one or a new one.

    Running it again changes nothing. Real and injected detections never share a candidate.

    Returns
    -------
    list of dict
        number, diaSourceId, diaObjectId, isNew, ra, dec, separation (arcsec), nDiaSources, sourceClass; by number.

    Raises
    ------
    BadUsage
        The radius is not in (0, 3] arcsec.
    """
    check_radius(radius_arcsec)
    pending = connection.execute(select(DETECTIONS).where(*same(
        DETECTIONS, {'season': season, 'visit': expnum, 'detector': ccd, 'reject': 0})).order_by(
            DETECTIONS.c.number)).mappings().all()
    out: list[dict] = []
    for fake in (False, True):
        group = [row for row in pending if bool(row['fakeId']) == fake]
        out += _associate_group(connection, group, season, fake, radius_arcsec)
    refresh_candidates(connection, {row['diaObjectId'] for row in out})
    counts = {row['diaObjectId']: row['nDiaSources']
              for row in select_in(connection, CANDIDATES, CANDIDATES.c.diaObjectId,
                                    {row['diaObjectId'] for row in out})}
    for row in out:
        row['nDiaSources'] = counts[row['diaObjectId']]
    return sorted(out, key=lambda row: row['number'])


def _associate_group(connection: Connection, group: list[Mapping], season: int, fake: bool, radius: float
                     ) -> list[dict]:
    ra, dec = np.array([r['ra'] for r in group], float), np.array([r['dec'] for r in group], float)
    known = [row for row in select_in(connection, CANDIDATES, CANDIDATES.c.healpix,
                                       healpix_neighbourhood(ra, dec).tolist(), CANDIDATES.c.season == season)
             if bool(row['fakeId']) == fake]
    result = associate_positions(ra, dec, np.array([r['snr'] or 0.0 for r in group]), np.array([r['ra'] for r in known]),
                                 np.array([r['dec'] for r in known]), radius)
    old = {row['diaObjectId'] for row in known}
    ids: dict[int, int] = {}
    out = []
    for k, row in enumerate(group):
        target, is_new = row['diaObjectId'], False
        if target is None and result.candidate[k] >= 0:
            target = known[result.candidate[k]]['diaObjectId']
        elif target is None:
            founder = int(result.founder[k])
            is_new = True
            if founder not in ids:
                ids[founder] = _free_id(connection, group[founder]['diaSourceId'], old | set(ids.values()))
            target = ids[founder]
        out.append({**{name: row[name] for name in ('number', 'diaSourceId', 'ra', 'dec', 'sourceClass')},
                    'diaObjectId': target, 'isNew': is_new, 'separation': float(result.separation[k])})
        connection.execute(update(DETECTIONS).where(DETECTIONS.c.diaSourceId == row['diaSourceId']).values(
            diaObjectId=target))
    return out


def _free_id(connection: Connection, wanted: int, taken: set[int]) -> int:
    """The founding detection's id, or the next free one counting down from the largest number of its CCD."""
    season, expnum, ccd, _ = source_parts(wanted)
    spare = (1 << 17) - 1
    while wanted in taken or connection.execute(select(CANDIDATES.c.diaObjectId).where(
            CANDIDATES.c.diaObjectId == wanted)).first():
        wanted, spare = source_id(season, expnum, ccd, spare), spare - 1
    return wanted
