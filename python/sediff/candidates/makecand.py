"""makeCand: detections of a CCD get their candidates in the database."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, bindparam, select, update

from sediff.candidates.associate import associate_places, check_radius, same_source
from sediff.candidates.database_rows import refresh_candidates, withdrawal
from sediff.candidates.queries import same, select_in
from sediff.candidates.schema import CANDIDATES, DETECTIONS, number_bits, source_id, source_parts
from sediff.candidates.skymatch import Places, healpix_neighbourhood, pairs_within


def associate(connection: Connection, expnum: int, ccd: int, season: int, radius_arcsec: float = 1.0,
              ccd_bits: int = 6) -> list[dict]:
    """makeCand: give each kept detection of a CCD (reject 0) its candidate, an old one or a new one.

    Of one exposure a candidate has one detection at most (`associate_places`). A detection that another CCD of the exposure
    has made as well, in their overlap, stays without a candidate, and so do those of an exposure that was withdrawn. Running
    it again changes nothing. Real and injected detections never share a candidate.

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
    if withdrawal(connection, season, expnum):
        return []
    pending = connection.execute(select(DETECTIONS).where(*same(
        DETECTIONS, {'season': season, 'visit': expnum, 'detector': ccd, 'reject': 0})).order_by(
            DETECTIONS.c.number)).mappings().all()
    matches = [match(connection, group, radius_arcsec) for fake in (False, True)
               if (group := [row for row in pending if bool(row['fakeId']) == fake])]
    taken = {row['diaObjectId'] for one in matches for row in one.near}
    taken |= {row['diaObjectId'] for row in select_in(
        connection, CANDIDATES, CANDIDATES.c.diaObjectId, {row['diaSourceId'] for one in matches for row in one.founders})}
    out = [row for one in matches for row in _joined(connection, one, taken, ccd_bits)]
    if out:
        connection.execute(update(DETECTIONS).where(DETECTIONS.c.diaSourceId == bindparam('source')).values(
            diaObjectId=bindparam('target')), [{'source': row['diaSourceId'], 'target': row['diaObjectId']} for row in out])
    counts = refresh_candidates(connection, {row['diaObjectId'] for row in out})
    for row in out:
        row['nDiaSources'] = counts[row['diaObjectId']]
    return sorted(out, key=lambda row: row['number'])


@dataclass(frozen=True)
class Match:
    """Detections of a CCD with the candidates that they join, before anything is written.

    Parameters
    ----------
    rows : list of mapping
        Detections that have, join or found a candidate.
    target : list of int or None
        Its id; None of one that founds.
    separation : list of float
        arcsec to the candidate's place, 0 where it had or founds one.
    near : list of mapping
        All candidates around.
    """

    rows: list[Mapping]
    target: list[int | None]
    separation: list[float]
    near: list[Mapping]

    @property
    def founders(self) -> list[Mapping]:
        """Those that found one."""
        return [row for row, target in zip(self.rows, self.target) if target is None]


def match(connection: Connection, group: Sequence[Mapping], radius: float = 1.0) -> Match:
    """Find the candidates of detections of one CCD, all of them real or all injected; nothing is written.

    Parameters
    ----------
    group : sequence of mapping
        Rows of `DETECTIONS`, at least one, by number.
    radius : float
        arcsec.
    """
    one, places = group[0], Places.of_rows(group)
    near = candidates_near(connection, one['season'], places.ra, places.dec, bool(one['fakeId']), radius)
    known = Places.of_rows(near)
    reach = sorted({near[k]['diaObjectId'] for k in pairs_within(places, known, radius)[1].tolist()})
    others = select_in(connection, DETECTIONS, DETECTIONS.c.diaObjectId, reach, DETECTIONS.c.season == one['season'],
                       DETECTIONS.c.visit == one['visit'], DETECTIONS.c.detector != one['detector'])
    has_one = np.array([row['diaObjectId'] is not None for row in group])
    double = same_source(places, Places.of_rows(others), radius) & ~has_one
    taken = {row['diaObjectId'] for row in (*others, *group)}
    free = np.array([k for k, row in enumerate(near) if row['diaObjectId'] not in taken], np.int64)
    new = np.flatnonzero(~has_one & ~double)
    found = associate_places(places[new], known[free], radius)
    target: list[int | None] = [row['diaObjectId'] for row in group]
    separation = np.zeros(len(group))
    separation[new] = found.separation
    for k, index in zip(new.tolist(), found.candidate.tolist()):
        target[k] = near[free[index]]['diaObjectId'] if index >= 0 else None
    kept = np.flatnonzero(~double).tolist()
    return Match([group[k] for k in kept], [target[k] for k in kept], [float(separation[k]) for k in kept], near)


def candidates_near(connection: Connection, season: int, ra: np.ndarray, dec: np.ndarray, fake: bool, radius: float
                    ) -> list[Mapping]:
    """Rows of the candidates of a season within a radius (arcsec) of places (deg), and some further ones, by id."""
    rows = select_in(connection, CANDIDATES, CANDIDATES.c.healpix, healpix_neighbourhood(ra, dec, radius).tolist(),
                     CANDIDATES.c.season == season)
    return sorted((row for row in rows if bool(row['fakeId']) == fake), key=lambda row: row['diaObjectId'])


def _joined(connection: Connection, found: Match, taken: set[int], ccd_bits: int) -> list[dict]:
    """The rows of `associate`, new candidates with their ids; these are added to `taken`."""
    out = []
    for row, target, separation in zip(found.rows, found.target, found.separation):
        identifier = _free_id(connection, row['diaSourceId'], taken, ccd_bits) if target is None else target
        taken.add(identifier)
        out.append({**{name: row[name] for name in ('number', 'diaSourceId', 'ra', 'dec', 'sourceClass')},
                    'diaObjectId': identifier, 'isNew': target is None, 'separation': separation})
    return out


def _free_id(connection: Connection, wanted: int, taken: set[int], ccd_bits: int) -> int:
    """The founding detection's id, or the next free one counting down from the largest number of its CCD.

    `taken` has all of the founding detections' ids that candidates have.
    """
    if wanted not in taken:
        return wanted
    season, expnum, ccd, _ = source_parts(wanted, ccd_bits)
    spare = (1 << number_bits(ccd_bits)) - 1
    while wanted in taken or connection.execute(select(CANDIDATES.c.diaObjectId).where(
            CANDIDATES.c.diaObjectId == wanted)).first():
        wanted, spare = source_id(season, expnum, ccd, spare, ccd_bits), spare - 1
    return wanted
