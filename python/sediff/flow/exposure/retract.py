"""Withdraws an exposure, as a source of candidates and as a template; or takes that back."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from astropy.time import Time

from sediff.candidates.database import transaction
from sediff.candidates.withdraw import Change, restore, withdraw
from sediff.errors import BadInput
from sediff.flow.exposure.database import open_season, season_number
from sediff.flow.exposure.withdrawn import mark, unmark, withdrawn
from sediff.instruments.base import Instrument
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository


@dataclass(frozen=True)
class Retracted:
    """What was done.

    Parameters
    ----------
    seasons : list of (Exposure, Change)
        The exposure in each season that has rows of it, and what became of them.
    made_with : list of Exposure
        CCDs whose difference was made with it as a template.
    """

    seasons: list[tuple[Exposure, Change]] = field(default_factory=list)
    made_with: list[Exposure] = field(default_factory=list)


def places_of(root: Path, expnum: int, instrument: Instrument, rerun: str = '') -> list[Exposure]:
    """The exposure in each cache and schema that has products of it, and where its raw file would go.

    Raises
    ------
    BadInput
        There is neither a product nor a raw file.
    """
    repository = Repository.of(Exposure(root, expnum, '', '', rerun=rerun, instrument=instrument))
    found = [*repository.where('immask', expnum=expnum), *repository.where('raw', expnum=expnum)]
    places = {(one.nite, one.cache, one.schema): one.with_ccd(0) for one in reversed(found)}
    if not places:
        raise BadInput(f'{expnum}: no such exposure below {root}: neither products (CACHE/SCHEMA/exp) nor a raw file '
                       '(dts/); check the number and ROOT')
    return [places[key] for key in sorted(places)]


def retract(places: list[Exposure], parameters: Mapping, why: str = '') -> Retracted:
    """Withdraw an exposure for a reason, or take that back where `why` is ''.

    The file beside its products comes first: from then on it is no template any more and its difference imaging does not
    start. Then the rows in the database of each season, a transaction each. All of it can be done again.

    Raises
    ------
    BadInput
        To be taken back, but withdrawn in a tree that is only read; or a database that cannot be read.
    Temporary
        The database is busy or away.
    """
    done = Retracted()
    for place in places:
        if why:
            mark(place, why)
        else:
            unmark(place)
        for name in Repository.of(place).seasons(place):
            exposure = replace(place, season=name)
            change = _change(exposure, parameters, why)
            if change is not None:
                done.seasons.append((exposure, change))
        done.made_with.extend(_made_with(place))
    return done


def _change(exposure: Exposure, parameters: Mapping, why: str) -> Change | None:
    """Mark the rows of a season, or take the marks away; None where it has no database."""
    if not parameters['DB_URL'] and not Repository.of(exposure).exists('database', exposure):
        return None
    engine, season = open_season(exposure, parameters), season_number(exposure)
    try:
        with transaction(engine) as connection:
            if why:
                return withdraw(connection, season, exposure.expnum, why, float(Time.now().tai.mjd))
            return restore(connection, season, exposure.expnum, parameters['CAND_RADIUS'], exposure.instrument.ccd_bits)
    finally:
        engine.dispose()


def _made_with(template: Exposure) -> Iterator[Exposure]:
    """CCDs of exposures that count whose lists of template CCDs (RUN01) name this exposure, by night and number."""
    repository, excused = Repository.of(template), {}
    for one in repository.where('pairs', cache=template.cache, schema=template.schema):
        rows = [line.split() for line in repository.text('pairs', one).splitlines()]
        if any(len(row) > 2 and row[2] == str(template.expnum) for row in rows):
            if one.expnum not in excused:
                excused[one.expnum] = bool(withdrawn(one))
            if not excused[one.expnum]:
                yield one
