"""Withdraws the rows of an exposure: they stay, marked, and candidates are what the other exposures make of them."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from sediff.candidates.database_rows import refresh_candidates, withdrawal
from sediff.candidates.makecand import associate
from sediff.candidates.queries import same, select_in
from sediff.candidates.schema import DETECTIONS, ENTRIES, FORCED, IMAGES

_TABLES = (IMAGES, DETECTIONS, FORCED)


@dataclass(frozen=True)
class Change:
    """What became of an exposure's rows.

    Parameters
    ----------
    ccds, detections : int
        Rows of the exposure.
    candidates, removed : int
        Candidates that it had a detection of, or has now; those of them that are no longer there.
    visits : tuple of (int, int, str)
        Number, night and band of the exposures that have detections or forced measurements of them.
    moved : tuple of int
        CCDs whose detections have other candidates than before.
    """

    ccds: int = 0
    detections: int = 0
    candidates: int = 0
    removed: int = 0
    visits: tuple[tuple[int, int, str], ...] = ()
    moved: tuple[int, ...] = ()


def withdraw(connection: Connection, season: int, expnum: int, why: str, mjd: float) -> Change:
    """Mark all rows of an exposure and bring its candidates up to date; those without other detections are removed.

    Parameters
    ----------
    connection : Connection
        Inside a `transaction`.
    why : str
        At most 200 characters.
    mjd : float
        Now, MJD TAI; of an exposure that was withdrawn before, the first time stays.
    """
    members = _members(connection, season, expnum)
    for table in _TABLES:
        connection.execute(update(table).where(*same(table, {'season': season, 'visit': expnum}),
                                               table.c.timeWithdrawnMjdTai.is_(None)).values(timeWithdrawnMjdTai=mjd))
    connection.execute(update(IMAGES).where(*same(IMAGES, {'season': season, 'visit': expnum})).values(whyWithdrawn=why))
    ids = {identifier for _, identifier in members.values() if identifier is not None}
    return _change(connection, season, expnum, len(members), ids, refresh_candidates(connection, ids))


def restore(connection: Connection, season: int, expnum: int, radius: float = 1.0, ccd_bits: int = 6) -> Change:
    """Take the marks away; each detection is given its candidate anew, for others may have been found in the meantime.

    Where that is another one the steps that wrote the CCD's rows lose their entries: they run again, so that their products
    name it, too. An exposure that was not withdrawn stays as it is.

    Parameters
    ----------
    radius : float
        As for `associate`, arcsec.
    """
    if not withdrawal(connection, season, expnum):
        return Change()
    before, key = _members(connection, season, expnum), {'season': season, 'visit': expnum}
    for table in _TABLES:
        connection.execute(update(table).where(*same(table, key)).values(timeWithdrawnMjdTai=None))
    connection.execute(update(IMAGES).where(*same(IMAGES, key)).values(whyWithdrawn=None))
    connection.execute(update(DETECTIONS).where(*same(DETECTIONS, key)).values(diaObjectId=None))
    for ccd in sorted({ccd for ccd, _ in before.values()}):
        associate(connection, expnum, ccd, season, radius, ccd_bits)
    after = _members(connection, season, expnum)
    moved = sorted({ccd for source, (ccd, identifier) in after.items() if before[source] != (ccd, identifier)})
    if moved:
        connection.execute(delete(ENTRIES).where(*same(ENTRIES, key), ENTRIES.c.detector.in_(moved),
                                                 ENTRIES.c.step.in_(['RUN25', 'RUN26'])))
    ids = {identifier for members in (before, after) for _, identifier in members.values() if identifier is not None}
    return _change(connection, season, expnum, len(after), ids, refresh_candidates(connection, ids), tuple(moved))


def _members(connection: Connection, season: int, expnum: int) -> dict[int, tuple[int, int | None]]:
    """diaSourceId -> CCD and candidate of the detections of an exposure."""
    rows = connection.execute(select(DETECTIONS.c.diaSourceId, DETECTIONS.c.detector, DETECTIONS.c.diaObjectId).where(
        *same(DETECTIONS, {'season': season, 'visit': expnum})))
    return {source: (ccd, identifier) for source, ccd, identifier in rows}


def _change(connection: Connection, season: int, expnum: int, detections: int, ids: Iterable[int], kept: dict[int, int],
            moved: tuple[int, ...] = ()) -> Change:
    ids = set(ids)
    visits = {row['visit'] for table in (DETECTIONS, FORCED)
              for row in select_in(connection, table, table.c.diaObjectId, ids, table.c.season == season)}
    images = select_in(connection, IMAGES, IMAGES.c.visit, visits | {expnum}, IMAGES.c.season == season)
    others = {(row['visit'], row['nite'], row['band']) for row in images if row['visit'] != expnum}
    return Change(sum(row['visit'] == expnum for row in images), detections, len(ids), len(ids) - len(kept),
                  tuple(sorted(others)), moved)
