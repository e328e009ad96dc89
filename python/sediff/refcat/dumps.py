"""Catalogue files as they come from an archive - CSV, ECSV, FITS, VOTable, each also gzipped - read in chunks."""
from __future__ import annotations

import gzip
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from sediff.errors import BadData, BadInput
from sediff.formats.fits import open_fits
from sediff.formats.integrity import check_sum
from sediff.refcat.catalogue import Catalogue, check_columns
from sediff.refcat.votable import VotableReader

CHUNK_ROWS = 100_000


class Overflow(BadInput):
    """An answer that a service cut off at its row limit."""


@dataclass
class Chunk:
    """Rows of an input.

    Parameters
    ----------
    columns : dict of ndarray
        By lower-case name.
    stop : int
        Number of the row after its last one, in the whole file.
    plain_bytes : int
        Bytes read so far, uncompressed.
    """

    columns: dict[str, np.ndarray]
    stop: int
    plain_bytes: int


def read_chunks(path: Path, catalogue: Catalogue, scratch: Path, start: int = 0) -> Iterator[Chunk]:
    """The columns of use to a catalogue, a chunk of rows at a time, from row `start` on.

    Parameters
    ----------
    path : Path
        CSV, ECSV, FITS or VOTable, recognised by what is in it; may be gzipped.
    catalogue : Catalogue
    scratch : Path
        Folder for the unpacked copy of a gzipped FITS file.
    start : int
        Rows to pass over.

    Raises
    ------
    BadInput
        Missing, unreadable or cut short.
    BadData
        Lacks a required column, or a column is not a number.
    """
    if not path.is_file():
        raise BadInput(f'no such file: {path}')
    try:
        with _plain(path) as handle:
            head = handle.peek(256)[:256].lstrip(b'\xef\xbb\xbf \r\n\t')
        if not head:
            raise BadInput(f'{path} is empty; fetch it again')
        reader = _fits_chunks if head.startswith(b'SIMPLE') else _votable_chunks if head.startswith(b'<') else _csv_chunks
        yield from reader(path, catalogue, scratch, start)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadInput(f'{path} is damaged or cut short ({error}); fetch it again') from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f'{path} cannot be read: {error}') from error


@contextmanager
def _plain(path: Path) -> Iterator[BufferedReader | gzip.GzipFile]:
    """The file's bytes, unpacked."""
    with open(path, 'rb') as raw:
        if raw.peek(2)[:2] == b'\x1f\x8b':
            with gzip.open(raw) as handle:
                yield handle
        else:
            yield raw


def _csv_chunks(path: Path, catalogue: Catalogue, scratch: Path, start: int) -> Iterator[Chunk]:
    _check_last_line(path)
    with _plain(path) as handle:
        line = handle.readline()
        while line.startswith(b'#'):
            line = handle.readline()
        separator = max((b',', b'\t', b';', b'|'), key=line.count).decode()
        names = catalogue.folded([name.strip().strip('"') for name in line.decode('utf-8-sig').split(separator)])
        check_columns(catalogue, names, str(path))
        used = [number for number, name in enumerate(names) if name in catalogue.wanted() and name not in names[:number]]
        integers = set(catalogue.origins['source_id'][0].names) if 'source_id' in catalogue.origins else set()
        types = {number: np.int64 if names[number] in integers else np.float64 for number in used}
        done = sum(1 for _ in islice(handle, start))
        if done < start:
            return
        try:
            for table in pd.read_csv(handle, header=None, names=range(len(names)), sep=separator, usecols=used, dtype=types,
                                     chunksize=CHUNK_ROWS, comment=None, skipinitialspace=True, index_col=False):
                done += len(table)
                yield Chunk({names[number]: table[number].to_numpy() for number in used}, done, handle.tell())
        except pd.errors.EmptyDataError:
            return
        except (ValueError, OverflowError) as error:
            raise BadData(f'{path}, after row {done}: {error}; the file is damaged or is not a table of '
                          f'{catalogue.title}') from error


def _check_last_line(path: Path) -> None:
    """BadInput where a text file ends inside a line (a gzipped one tells by itself)."""
    with open(path, 'rb') as handle:
        packed = handle.read(2) == b'\x1f\x8b'
        handle.seek(-1, 2)
        if packed or handle.read(1) in b'\r\n':
            return
        handle.seek(-min(handle.tell(), 1 << 16), 2)
        lines = handle.read().splitlines()
    if len(lines) < 2 or any(lines[-1].count(mark) < lines[-2].count(mark) for mark in (b',', b'\t', b';', b'|')):
        raise BadInput(f'{path} ends inside a line: it is cut short; fetch it again')


def _votable_chunks(path: Path, catalogue: Catalogue, scratch: Path, start: int) -> Iterator[Chunk]:
    done = 0
    with _plain(path) as handle:
        reader = VotableReader(handle, str(path), catalogue.folded)
        for columns in reader.chunks(catalogue.wanted(), CHUNK_ROWS):
            check_columns(catalogue, columns, str(path))
            size = next(iter(columns.values())).size
            begin, done = max(start - done, 0), done + size
            if begin < size:
                yield Chunk({name: values[begin:] for name, values in columns.items()}, done, reader.consumed)
        if reader.status == 'ERROR':
            raise BadInput(f'{path} is a service\'s error, no table: {reader.message}')
        if reader.status == 'OVERFLOW':
            raise Overflow(f'{path} was cut off at the service\'s row limit (QUERY_STATUS OVERFLOW); '
                           'ask for a smaller area, or use --tap, which divides it')


def _fits_chunks(path: Path, catalogue: Catalogue, scratch: Path, start: int) -> Iterator[Chunk]:
    unpacked = scratch / 'unpacked.fits'
    with open(path, 'rb') as handle:
        packed = handle.read(2) == b'\x1f\x8b'
    if packed:
        scratch.mkdir(parents=True, exist_ok=True)
        with _plain(path) as source, open(unpacked, 'wb') as target:
            shutil.copyfileobj(source, target, 1 << 20)
    try:
        yield from _table_chunks(unpacked if packed else path, path, catalogue, start)
    finally:
        unpacked.unlink(missing_ok=True)


def _table_chunks(path: Path, given: Path, catalogue: Catalogue, start: int) -> Iterator[Chunk]:
    with open_fits(path) as handle:
        table = next((hdu for hdu in handle if hdu.get_exttype() == 'BINARY_TBL'), None)
        if table is None:
            raise BadInput(f'{given} holds no table')
        check_sum(given, table)
        given_names = table.get_colnames()
        names = {low: name for low, name in zip(catalogue.folded(given_names), given_names) if low}
        check_columns(catalogue, names, str(given))
        used = [name for name in names if name in catalogue.wanted()]
        total = table.get_nrows()
        row_bytes = path.stat().st_size / max(total, 1)
        for begin in range(start, total, CHUNK_ROWS):
            stop = min(begin + CHUNK_ROWS, total)
            rows = np.arange(begin, stop)
            columns = {name: table.read_column(names[name], rows=rows) for name in used}
            yield Chunk({name: np.asarray(values, values.dtype.newbyteorder('=')) for name, values in columns.items()}, stop,
                        int(row_bytes * stop))
