"""The registry: which exposures a work tree has, and in which files; one SQLite file beside the list of exposures."""
from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from functools import lru_cache
from pathlib import Path

from sediff.errors import BadInput, SediffError, Temporary
from sediff.formats.atomic import atomic_path
from sediff.values import LAST_EXPNUM

#: Name of the file below ROOT; version of its tables; what marks it as ours.
NAME, VERSION, APPLICATION = 'registry.sqlite3', 1, 0x5ED1FF
#: Types of exposures (OBSTYPE) that see the sky and can be search exposures and templates.
ON_SKY = ('object', 'standard')
#: Kinds of files that hold an exposure: raw, and image, weight and mask of the Community Pipeline.
KINDS = ('raw', 'ooi', 'oow', 'ood')


@dataclass(frozen=True)
class ExposureRow:
    """An exposure.

    Parameters
    ----------
    expnum : int
    instrument : str
    nite : str
        YYYYMMDD, UTC date minus 12 h.
    band : str
        Short name; '' where a calibration frame names none.
    mjd : float
        Start, MJD UTC.
    exptime : float
        s.
    ra, dec : float or None
        Pointing, deg; None where a calibration frame has none.
    obstype, propid, object : str
        As the header says, obstype in lower case.
    """

    expnum: int
    instrument: str
    nite: str
    band: str
    mjd: float
    exptime: float
    ra: float | None
    dec: float | None
    obstype: str
    propid: str
    object: str

    @property
    def on_sky(self) -> bool:
        """Whether it can be a search exposure or a template."""
        return self.obstype in ON_SKY


@dataclass(frozen=True)
class FileRow:
    """A file that holds CCDs of an exposure.

    Parameters
    ----------
    path : str
        Relative to ROOT where it lies (or is linked) below it, else absolute.
    expnum : int
    kind : str
        One of `KINDS`.
    ccds : str
        Its CCDs as `1-60,62`.
    checksum : str
        `headers:` and the SHA-256 of all headers, where their DATASUM stand for the data; else `file:` and that of the file.
    size, mtime_ns : int
        Of the file when it was looked at.
    """

    path: str
    expnum: int
    kind: str
    ccds: str
    checksum: str
    size: int
    mtime_ns: int

    @property
    def numbers(self) -> tuple[int, ...]:
        """Its CCDs."""
        return _numbers(self.ccds)


@lru_cache(maxsize=1000)
def _numbers(text: str) -> tuple[int, ...]:
    """The numbers of `1-60,62`."""
    spans = [word.partition('-') for word in text.split(',') if word]
    return tuple(number for first, _, last in spans for number in range(int(first), int(last or first) + 1))


_TABLES: Mapping[str, type] = {'exposure': ExposureRow, 'file': FileRow}
_SQL = {'int': 'INTEGER', 'float': 'REAL', 'str': 'TEXT', 'float | None': 'REAL'}
_SCHEMA = [f'CREATE TABLE {name} ({", ".join(f"{each.name} {_SQL[str(each.type)]}" for each in fields(row))}, PRIMARY KEY '
           f'({fields(row)[0].name}))' for name, row in _TABLES.items()] + ['CREATE INDEX file_expnum ON file (expnum)']


def registry_path(root: str | os.PathLike) -> Path:
    """The registry of a work tree."""
    return Path(root) / NAME


def read_exposure_rows(path: Path, numbers: Collection[int] | None = None) -> list[ExposureRow]:
    """The exposures of a registry, all or those of some numbers, by number; none where there is no registry.

    Raises
    ------
    BadInput
        It is no registry, damaged, or of a newer version.
    """
    return _rows(path, 'exposure', numbers)


def read_file_rows(path: Path, numbers: Collection[int] | None = None) -> list[FileRow]:
    """The files of a registry, all or those of some exposures, by exposure and path; errors as `read_exposure_rows`."""
    return _rows(path, 'file', numbers)


def _rows(path: Path, table: str, numbers: Collection[int] | None) -> list:
    if not path.exists():
        return []
    if not path.is_file():
        raise BadInput(f'the registry {path} is not a file; move it away')
    kind, found = _TABLES[table], []
    names = [each.name for each in fields(kind)]
    query = f'SELECT {", ".join(names)} FROM {table}'
    with _opened(path) as connection:
        if numbers is None:
            found = connection.execute(query).fetchall()
        else:
            for number in sorted(number for number in set(numbers) if number <= LAST_EXPNUM):
                found += connection.execute(f'{query} WHERE expnum = ?', (number,)).fetchall()
        try:
            rows = [_checked(kind, values) for values in found]
        except (TypeError, ValueError) as error:
            raise BadInput(_damaged(path, str(error))) from error
    return sorted(rows, key=lambda row: (row.expnum, getattr(row, 'path', '')))


def _checked(kind: type, values: tuple):
    """A row whose values have their types."""
    for each, value in zip(fields(kind), values):
        wanted = {'INTEGER': int, 'REAL': float, 'TEXT': str}[_SQL[str(each.type)]]
        if not isinstance(value, wanted) and not (value is None and 'None' in str(each.type)):
            raise ValueError(f'{each.name} is {value!r}')
    return kind(*values)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A registry open for reading. It is only ever replaced as a whole, so no locks are needed, on any file system."""
    try:
        with closing(sqlite3.connect(f'{path.absolute().as_uri()}?mode=ro&immutable=1', uri=True)) as connection:
            version, = connection.execute('PRAGMA user_version').fetchone()
            application, = connection.execute('PRAGMA application_id').fetchone()
            if application != APPLICATION:
                raise BadInput(f'{path} is no registry of sediff; move it away and run `sediff ingest` again')
            if version > VERSION:
                raise BadInput(f'{path} was written by a newer sediff (its tables are of version {version}, this one knows '
                               f'{VERSION}); use that one, or move the file away and ingest again')
            yield connection
    except sqlite3.Error as error:
        raise _explained(path, error) from error


def _explained(path: Path, error: sqlite3.Error) -> SediffError:
    text = str(error)
    if 'locked' in text or 'busy' in text:
        return Temporary(f'the registry {path} is busy ({text}); try again')
    if 'unable to open' in text:
        return BadInput(f'the registry {path} cannot be opened; check its owner and mode')
    return BadInput(_damaged(path, text))


def _damaged(path: Path, reason: str) -> str:
    return (f'{path} is no registry that can be read ({reason[:200]}); move it away and run `sediff ingest` '
            'again: it is made anew from the files')


def write_registry(path: Path, exposures: Iterable[ExposureRow], files: Iterable[FileRow]) -> None:
    """Write a registry atomically; the same rows give the same bytes, in whatever order they come.

    Raises
    ------
    BadInput, Temporary
        It cannot be written; the disk is full.
    """
    rows: dict[str, list] = {'exposure': sorted(exposures, key=lambda row: row.expnum),
                             'file': sorted(files, key=lambda row: row.path)}
    try:
        with atomic_path(path) as temporary, closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            connection.execute('PRAGMA journal_mode=OFF')
            connection.execute(f'PRAGMA application_id={APPLICATION}')
            connection.execute(f'PRAGMA user_version={VERSION}')
            connection.execute('BEGIN')
            for statement in _SCHEMA:
                connection.execute(statement)
            for table, values in rows.items():
                marks = ', '.join('?' * len(fields(_TABLES[table])))
                connection.executemany(f'INSERT INTO {table} VALUES ({marks})', map(astuple, values))
            connection.execute('COMMIT')
    except sqlite3.Error as error:
        raise Temporary(f'cannot write {path}: {error}; free some space and start again') from error


def registered_ccds(root: Path, expnum: int, kind: str) -> frozenset[int]:
    """CCDs of an exposure that its registered files of a kind have, of those files that are there."""
    rows = read_file_rows(registry_path(root), [expnum])
    return frozenset(ccd for row in rows if row.kind == kind and (Path(root) / row.path).is_file() for ccd in row.numbers)


def registered_files(root: Path, expnum: int, kinds: Collection[str], ccd: int = 0) -> dict[str, Path]:
    """Kind -> the file of an exposure that has a CCD (0: any), for those kinds whose file is registered and there."""
    found = {}
    for row in read_file_rows(registry_path(root), [expnum]):
        path = Path(root) / row.path
        if row.kind in kinds and (not ccd or ccd in row.numbers) and path.is_file():
            found[row.kind] = path
    return found
