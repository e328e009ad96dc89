"""The page of a night: its exposures that have an index of candidates."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from sediff import __version__
from sediff.candidates.database import images_of
from sediff.flow.exposure.quality import read_quality
from sediff.flow.exposure.withdrawn import withdrawn
from sediff.formats.atomic import remove_leftovers
from sediff.report.page import render
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository


@dataclass(frozen=True)
class NightEntry:
    """One exposure of the night.

    Parameters
    ----------
    expnum : int
    band, object : str
        `object` comes from the raw header and is never trusted.
    mjd : float
        TAI, middle.
    seeing, depth, t_eff : float or None
        Medians over its CCDs: FWHM (arcsec), 5-sigma AB mag, factor.
    ccds, detections, kept : int
        CCDs in the database; their detections of both signs, and those that passed the cuts.
    link, picture : str
        Relative links to its index and to the picture of its focal plane, '' for none.
    verdict : str
        Of its quality, or that it was withdrawn.
    """

    expnum: int
    band: str
    object: str
    mjd: float | None
    seeing: float | None
    depth: float | None
    t_eff: float | None
    ccds: int
    detections: int
    kept: int
    link: str = ''
    picture: str = ''
    verdict: str = ''


def night_page(nite: str, season: int, exposures: Sequence[NightEntry]) -> str:
    """The page as HTML; a night without exposures has one that says so."""
    return render('night.html', nite=nite, season=season, exposures=exposures, version=__version__)


def write_night_page(connection: Connection, exposure: Exposure, season: int) -> None:
    """Write the page of the night of an exposure anew; the caller holds the lock `night_lock`."""
    repository = Repository.of(exposure)
    rows: dict[int, list[Mapping]] = {}
    for row in images_of(connection, season, withdrawn=True):
        if str(row['nite']) == exposure.nite:
            rows.setdefault(int(row['visit']), []).append(row)
    pages = repository.where('page', nite=exposure.nite, season=exposure.season, rnum=exposure.rnum,
                             pnum=exposure.pnum, cache=exposure.cache, schema=exposure.schema)
    remove_leftovers(repository.target('night_page', exposure))
    repository.put('night_page', exposure, night_page(exposure.nite, season, [
        _entry(one, rows.get(one.expnum, [])) for one in pages]))


def _entry(exposure: Exposure, rows: Sequence[Mapping]) -> NightEntry:
    repository = Repository.of(exposure)
    page, picture = repository.path('page', exposure), repository.path('qc_png', exposure)
    first: Mapping = rows[0] if rows else {}
    return NightEntry(
        exposure.expnum, str(first.get('band') or ''), str(first.get('object') or ''), first.get('midpointMjdTai'),
        _median(rows, 'seeing'), _median(rows, 'depth'), _median(rows, 'tEff'), len(rows),
        sum(row['nDetections'] or 0 for row in rows), sum(row['nKept'] or 0 for row in rows),
        f'{exposure.expnum}/{page.name}',
        f'{exposure.expnum}/{picture.name}' if repository.exists('qc_png', exposure) else '',
        withdrawn(exposure) or str(read_quality(exposure).get('verdict', '')))


def _median(rows: Sequence[Mapping], name: str) -> float | None:
    values = [row[name] for row in rows if row[name] is not None]
    return float(np.median(values)) if values else None
