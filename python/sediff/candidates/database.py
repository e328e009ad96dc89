"""The candidates' database: SQLite by default, PostgreSQL by URL. Writers may be many processes at once."""
from __future__ import annotations

import atexit
import errno
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakSet

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, insert, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from sediff.candidates.database_rows import add_forced, replace_detections, replace_image
from sediff.candidates.makecand import associate
from sediff.candidates.queries import counting, same
from sediff.candidates.schema import CANDIDATES, DATABASE, DETECTIONS, FORCED, IMAGES
from sediff.candidates.versions import bring_up_to_date
from sediff.errors import BadInput, BadUsage, SediffError, Temporary
from sediff.formats.atomic import explained
from sediff.formats.mounts import network_of

__all__ = ['add_forced', 'associate', 'candidates_of', 'database_id', 'detections_of', 'forced_of',
           'forced_rows', 'images_of',
           'open_database', 'replace_detections', 'replace_image', 'transaction']

#: Seconds a writer waits for another before it gives up (exit 75).
BUSY_TIMEOUT = 120.0
#: Databases that this process has opened.
_OPENED: WeakSet[Engine] = WeakSet()


def open_database(url: str | URL, on_network: str = 'reject') -> Engine:
    """Open a database, making its file and tables when missing.

    Parameters
    ----------
    url : str or URL
        SQLAlchemy URL, as ``sqlite:////data/dp33/candidates.sqlite`` or ``postgresql+psycopg://host/base``.
    on_network : str
        'reject' an SQLite file on a network file system, or 'allow' it.

    Raises
    ------
    BadUsage
        The URL cannot be understood or its driver is not installed.
    Temporary
        The server or file is busy or away.
    BadInput
        As `check_place`; or the file is no database, or one of a newer version of sediff.

    Notes
    -----
    SQLite runs in write-ahead mode, whose shared memory is that of one machine; on a network file system, where that is
    allowed, it keeps a rollback journal.
    """
    parsed, network = check_place(url, on_network)
    try:
        engine = create_engine(parsed, **({'connect_args': {'timeout': BUSY_TIMEOUT}}
                                          if parsed.get_backend_name() == 'sqlite' else {'pool_pre_ping': True}))
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise _bad_url(url, error) from error
    _OPENED.add(engine)
    if parsed.get_backend_name() == 'sqlite':
        _prepare_sqlite(engine, parsed.database, 'DELETE' if network else 'WAL')
    with transaction(engine) as connection:
        bring_up_to_date(connection)
        if database_id(connection) is None:
            connection.execute(insert(DATABASE), [{'id': uuid.uuid4().hex,
                                                   'created': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}])
    return engine


def close_databases() -> None:
    """Close what is open: the last to close an SQLite file tidies up the files beside it."""
    for engine in list(_OPENED):
        engine.dispose()


atexit.register(close_databases)


def check_place(url: str | URL, on_network: str = 'reject') -> tuple[URL, str]:
    """Whether a database may be where its URL says, before anything is written.

    Returns
    -------
    URL, str
        The URL, and the type of the network file system of an SQLite file; '' on a local disk and for a server.

    Raises
    ------
    BadUsage
        The URL cannot be understood.
    BadInput
        SQLite on a network file system, and that is not allowed.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise _bad_url(url, error) from error
    path = parsed.database if parsed.get_backend_name() == 'sqlite' else None
    network = network_of(path) if path and path != ':memory:' else ''
    if network and on_network != 'allow':
        raise BadInput(f'the database {path} would be on a network file system ({network}), where machines that write at '
                       'once damage it; set DB_URL to a file on a local disk (sqlite:////scratch/dp33.sqlite) or to '
                       'PostgreSQL (postgresql+psycopg://host/base), or SQLITE_ON_NETWORK=allow where one machine alone '
                       'uses it')
    return parsed, network


def _bad_url(url: str | URL, error: Exception) -> BadUsage:
    return BadUsage(f'database URL {url!r} cannot be used ({error}); write sqlite:///path/to/file or '
                    'postgresql+psycopg://host/base')


def database_id(connection: Connection) -> str | None:
    """What tells this database from all others; a copy of its file has the same."""
    return connection.execute(select(DATABASE.c.id).order_by(DATABASE.c.created, DATABASE.c.id)).scalars().first()


def _prepare_sqlite(engine: Engine, path: str | None, journal: str) -> None:
    if path and path != ':memory:':
        if Path(path).is_dir():
            raise BadInput(f'the database {path} is a folder; move it away or set DB_URL')
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(f'cannot make {Path(path).parent} for the database: {error.strerror}') from error

    @event.listens_for(engine, 'connect')
    def on_connect(connection, _record):
        """Transactions are begun by us; a busy database is waited for."""
        connection.isolation_level = None
        connection.execute(f'PRAGMA busy_timeout={int(1000 * BUSY_TIMEOUT)}')
        connection.execute(f'PRAGMA journal_mode={journal}')
        connection.execute('PRAGMA synchronous=NORMAL')

    @event.listens_for(engine, 'begin')
    def on_begin(connection):
        writes = connection.get_execution_options().get('writes', False)
        connection.exec_driver_sql('BEGIN IMMEDIATE' if writes else 'BEGIN')


@contextmanager
def transaction(engine: Engine, writes: bool = True) -> Iterator[Connection]:
    """A transaction that no other writer interleaves with; committed at the end, rolled back on an error.

    Parameters
    ----------
    writes : bool
        False for one that only reads and waits for nobody.

    Raises
    ------
    Temporary
        Another writer kept the database busy, or the server went away.
    BadInput
        The file is no database or lacks a column of this version.
    """
    try:
        with engine.connect().execution_options(writes=writes) as connection, connection.begin():
            if writes and engine.dialect.name == 'postgresql':
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
        query = query.where(CANDIDATES.c.diaObjectId.in_(select(DETECTIONS.c.diaObjectId).where(
            *same(DETECTIONS, seen), *counting(DETECTIONS))))
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return sorted(rows, key=lambda row: (-(row['maxReliability'] or 0.0), -(row['maxSnr'] or 0.0), row['diaObjectId']))


def detections_of(connection: Connection, season: int, expnum: int | None = None, ccd: int | None = None,
                  candidate: int | None = None, withdrawn: bool = False) -> list[dict]:
    """Detections of a season, exposure, CCD or candidate, by time, CCD and number; also withdrawn ones, if so wished."""
    wanted = {'visit': expnum, 'detector': ccd, 'diaObjectId': candidate}
    key = {'season': season, **{name: value for name, value in wanted.items() if value is not None}}
    query = select(DETECTIONS).where(*same(DETECTIONS, key), *counting(DETECTIONS, withdrawn)).order_by(
        DETECTIONS.c.midpointMjdTai, DETECTIONS.c.visit, DETECTIONS.c.detector, DETECTIONS.c.number)
    return [dict(row) for row in connection.execute(query).mappings()]


def images_of(connection: Connection, season: int, expnum: int | None = None, withdrawn: bool = False) -> list[dict]:
    """Rows of the processed CCDs of a season or exposure, by exposure and CCD; also withdrawn ones, if so wished."""
    key = {'season': season, **({} if expnum is None else {'visit': expnum})}
    query = select(IMAGES).where(*same(IMAGES, key), *counting(IMAGES, withdrawn))
    query = query.order_by(IMAGES.c.visit, IMAGES.c.detector)
    return [dict(row) for row in connection.execute(query).mappings()]


def forced_rows(connection: Connection, season: int, expnum: int, ccd: int) -> int:
    """How many forced measurements of a CCD there are."""
    key = {'season': season, 'visit': expnum, 'detector': ccd}
    return int(connection.execute(select(func.count()).select_from(FORCED).where(*same(FORCED, key))).scalar() or 0)


def forced_of(connection: Connection, candidate: int) -> list[dict]:
    """Forced measurements of a candidate in exposures that count, by time."""
    query = select(FORCED).where(FORCED.c.diaObjectId == candidate, *counting(FORCED)).order_by(FORCED.c.midpointMjdTai)
    return [dict(row) for row in connection.execute(query).mappings()]
