"""The candidate database of an exposure's season, and its entries of the rows that steps have written."""
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from sediff.errors import SediffError
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository

if TYPE_CHECKING:                              # SQLAlchemy is imported where a database is opened: single epoch has none
    from sqlalchemy import URL, Connection, Engine


def season_number(exposure: Exposure) -> int:
    """dp33 -> 33."""
    return int(exposure.season.removeprefix('dp'))


def database_url(exposure: Exposure, parameters: Mapping) -> str | URL:
    """DB_URL, or the season's SQLite file in the tree that the run writes, whatever letters its path has."""
    from sqlalchemy import URL
    return parameters['DB_URL'] or URL.create('sqlite', database=str(Repository.of(exposure).target('database', exposure)))


def check_database(exposure: Exposure, parameters: Mapping) -> None:
    """Reject a place where the season's database cannot be, before anything runs; errors as `check_place`."""
    from sediff.candidates.database import check_place
    check_place(database_url(exposure, parameters), parameters['SQLITE_ON_NETWORK'])


def open_season(exposure: Exposure, parameters: Mapping) -> Engine:
    """The open database of an exposure's season; errors as `open_database`."""
    from sediff.candidates.database import open_database
    return open_database(database_url(exposure, parameters), parameters['SQLITE_ON_NETWORK'])


class SeasonLedger:
    """Which steps of a CCD have written rows into the season's database: `sediff.engine.context.Ledger`.

    Each time that a step writes its rows it enters a new mark in the same transaction; its stamp tells the mark and the id
    of the database. A database that was lost, or that an older copy has replaced, has not that mark: the rows are written
    again.
    """

    def __init__(self, exposure: Exposure, parameters: Mapping):
        self.exposure, self.parameters, self.url = exposure, parameters, database_url(exposure, parameters)

    @cached_property
    def engine(self) -> Engine:
        """The open database, made where it is missing."""
        return open_season(self.exposure, self.parameters)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection that writes; committed at the end."""
        from sediff.candidates.database import transaction
        with transaction(self.engine) as connection:
            yield connection

    def enter(self, connection: Connection, step: str) -> dict:
        """Enter that a step has written its rows; what its stamp says about it."""
        from sediff.candidates.database import database_id
        from sediff.candidates.database_rows import enter
        mark = enter(connection, season_number(self.exposure), self.exposure.expnum, self.exposure.ccd, step)
        return {'database': database_id(connection), 'mark': mark}

    def holds(self, step: str, entry: Mapping) -> bool:
        """Whether the database is the one of a stamp and has its mark; False where it cannot be read: the step says why."""
        from sqlalchemy.exc import ArgumentError

        from sediff.candidates.database import database_id, transaction
        from sediff.candidates.database_rows import entered
        try:
            if self._is_lost():
                return False
            with transaction(self.engine, writes=False) as connection:
                mark = entered(connection, season_number(self.exposure), self.exposure.expnum, self.exposure.ccd, step)
                return mark == entry.get('mark') and database_id(connection) == entry.get('database')
        except (SediffError, ArgumentError):
            return False

    def close(self) -> None:
        """Let go of the database; it is opened again when it is needed."""
        if 'engine' in self.__dict__:
            self.engine.dispose()
            del self.__dict__['engine']

    def _is_lost(self) -> bool:
        """Whether it is a file that is not there."""
        from sqlalchemy import make_url
        url = make_url(self.url)
        if url.get_backend_name() != 'sqlite':
            return False
        return Repository.of(self.exposure).own_file(os.path.abspath(url.database or '')) is None
