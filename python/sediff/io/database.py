"""The candidates' database: SQLite by default, PostgreSQL by URL. Writers may be many processes at once."""
from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from sediff.candidates.schema import CANDIDATES, DETECTIONS, FORCED, IMAGES, METADATA
from sediff.errors import BadInput, BadUsage, SediffError, Temporary
from sediff.io.atomic import explained
from sediff.io.database_rows import add_forced, replace_detections, replace_image
from sediff.io.makecand import associate
from sediff.io.queries import same

__all__ = ['add_forced', 'associate', 'candidates_of', 'detections_of', 'forced_of', 'images_of', 'open_database',
           'replace_detections', 'replace_image', 'transaction']

#: Seconds a writer waits for another before it gives up (exit 75).
BUSY_TIMEOUT = 120.0


def open_database(url: str) -> Engine:
    """Open a database, making its file and tables when missing.

    Parameters
    ----------
    url : str
        SQLAlchemy URL, as ``sqlite:////data/dp33/candidates.sqlite`` or ``postgresql+psycopg://host/base``.

    Raises
    ------
    BadUsage
        The URL cannot be understood or its driver is not installed.
    Temporary
        The server or file is busy or away.

    Notes
    -----
    SQLite runs in write-ahead mode, which needs a local disk; on a network file system use PostgreSQL.
    """
    try:
        parsed = make_url(url)
        engine = create_engine(parsed, **({'connect_args': {'timeout': BUSY_TIMEOUT}}
                                          if parsed.get_backend_name() == 'sqlite' else {'pool_pre_ping': True}))
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise BadUsage(f'database URL {url!r} cannot be used ({error}); write sqlite:///path/to/file or '
                       'postgresql+psycopg://host/base') from error
    if parsed.get_backend_name() == 'sqlite':
        _prepare_sqlite(engine, parsed.database)
    with transaction(engine) as connection:
        METADATA.create_all(connection)
    return engine


def _prepare_sqlite(engine: Engine, path: str | None) -> None:
    if path and path != ':memory:':
        if Path(path).is_dir():
            raise BadInput(f'the database {path} is a folder; move it away or set DB_URL')
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f'cannot make {Path(path).parent} for the database: {error.strerror}') from error

    @event.listens_for(engine, 'connect')
    def on_connect(connection, _record):
        connection.isolation_level = None
        connection.execute(f'PRAGMA busy_timeout={int(1000 * BUSY_TIMEOUT)}')
        connection.execute('PRAGMA journal_mode=WAL')
        connection.execute('PRAGMA synchronous=NORMAL')

    @event.listens_for(engine, 'begin')
    def on_begin(connection):
        writes = connection.get_execution_options().get('writes', False)
        connection.exec_driver_sql('BEGIN IMMEDIATE' if writes else 'BEGIN')


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """A transaction that no other writer interleaves with; committed at the end, rolled back on an error.

    Raises
    ------
    Temporary
        Another writer kept the database busy, or the server went away.
    BadInput
        The file is no database or lacks a column of this version.
    """
    try:
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            if engine.dialect.name == 'postgresql':
                connection.execute(text('SELECT pg_advisory_xact_lock(7318349)'))
            yield connection
    except DBAPIError as error:
        raise _explained(engine, str(error.orig)) from error
    except sqlite3.Error as error:                         # of the pragmas of a new connection
        raise _explained(engine, str(error)) from error


#: What SQLite says of a file that is no database of this version, and of one that cannot be written.
_BAD = ('not a database', 'malformed', 'no column', 'no such column', 'no such table', 'encrypted',
        'unsupported file format')
_CLOSED = ('readonly', 'read-only', 'unable to open', 'permission denied', 'access permission')


def _explained(engine: Engine, message: str) -> SediffError:
    """The error of a database as one that says what to do."""
    name, file = engine.url.render_as_string(hide_password=True), Path(engine.url.database or '.')
    if any(words in message for words in _BAD):
        return BadInput(f'{name} is not a database of this version, or a damaged one ({message}); move it away and run '
                        'again with -O')
    if any(words in message.lower() for words in _CLOSED):
        return BadInput(f'database {name}: {message}; check the owner and mode of {file} and its folder')
    if 'full' in message:
        return explained(OSError(errno.ENOSPC, message), file) or Temporary(f'database {name}: {message}')
    return Temporary(f'database {name}: {message}; try again, and if it stays so check its disk and lock')


def candidates_of(connection: Connection, season: int, expnum: int | None = None, ccd: int | None = None,
                  min_reliability: float = 0.0) -> list[dict]:
    """Candidates of a season, or those with a detection in an exposure (and CCD), the most reliable first."""
    query = select(CANDIDATES).where(CANDIDATES.c.season == season)
    if min_reliability > 0:
        query = query.where(CANDIDATES.c.maxReliability >= min_reliability)
    if expnum is not None:
        seen = {'season': season, 'visit': expnum, **({} if ccd is None else {'detector': ccd})}
        query = query.where(CANDIDATES.c.diaObjectId.in_(
            select(DETECTIONS.c.diaObjectId).where(*same(DETECTIONS, seen))))
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return sorted(rows, key=lambda row: (-(row['maxReliability'] or 0.0), -(row['maxSnr'] or 0.0), row['diaObjectId']))


def detections_of(connection: Connection, season: int, expnum: int | None = None, ccd: int | None = None,
                  candidate: int | None = None) -> list[dict]:
    """Detections of a season, exposure, CCD or candidate, by time, CCD and number."""
    wanted = {'visit': expnum, 'detector': ccd, 'diaObjectId': candidate}
    key = {'season': season, **{name: value for name, value in wanted.items() if value is not None}}
    query = select(DETECTIONS).where(*same(DETECTIONS, key)).order_by(
        DETECTIONS.c.midpointMjdTai, DETECTIONS.c.visit, DETECTIONS.c.detector, DETECTIONS.c.number)
    return [dict(row) for row in connection.execute(query).mappings()]


def images_of(connection: Connection, season: int, expnum: int | None = None) -> list[dict]:
    """Rows of the processed CCDs of a season or exposure, by exposure and CCD."""
    key = {'season': season, **({} if expnum is None else {'visit': expnum})}
    query = select(IMAGES).where(*same(IMAGES, key)).order_by(IMAGES.c.visit, IMAGES.c.detector)
    return [dict(row) for row in connection.execute(query).mappings()]


def forced_of(connection: Connection, candidate: int) -> list[dict]:
    """Forced measurements of a candidate, by time."""
    query = select(FORCED).where(FORCED.c.diaObjectId == candidate).order_by(FORCED.c.midpointMjdTai)
    return [dict(row) for row in connection.execute(query).mappings()]
