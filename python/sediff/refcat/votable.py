"""VOTables read as a stream: TABLEDATA, BINARY and BINARY2, of any length, in the memory of one chunk."""
from __future__ import annotations

import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from gzip import GzipFile
from io import BufferedReader
from xml.parsers import expat

import numpy as np

from sediff.errors import BadInput

_FEED = 1 << 20
_TYPES = {'boolean': 'S1', 'unsignedbyte': 'u1', 'short': '>i2', 'int': '>i4', 'long': '>i8', 'char': 'S1',
          'unicodechar': 'S2', 'float': '>f4', 'double': '>f8', 'floatcomplex': 'S8', 'doublecomplex': 'S16'}


@dataclass
class _Field:
    """A FIELD: name, numpy type of one element, elements (-1: variable), number that means missing."""

    name: str
    dtype: np.dtype
    count: int
    null: str | None = None

    @property
    def scalar(self) -> bool:
        return self.count == 1 and self.dtype.kind in 'iuf'


class VotableReader:
    """The first table of a VOTable, in chunks.

    Parameters
    ----------
    handle : binary file
        Not compressed.
    where : str
        Its name, for messages.
    folded : callable, optional
        Makes lower-case names of the columns' names (`Catalogue.folded`).

    Attributes
    ----------
    status : str
        QUERY_STATUS of a TAP answer ('OK', 'OVERFLOW', 'ERROR', or '' where it says none); final when all is read.
    message : str
        The service's text with it.
    consumed : int
        Bytes read.
    """

    def __init__(self, handle: BufferedReader | GzipFile, where: str,
                 folded: Callable[[list[str]], list[str]] | None = None):
        self._handle, self.where = handle, where
        self._folded = folded or (lambda names: [name.lower() for name in names])
        self.status, self.message, self.consumed = '', '', 0
        self._fields: list[_Field] = []
        self._kind, self._done, self._header_done = '', False, False
        self._texts: list[str] = []
        self._in_text = self._in_info = False
        self._row: list[str] = []
        self._rows: list[list[str]] = []
        self._base64, self._bytes = '', b''

    def chunks(self, wanted: set[str], size: int) -> Iterator[dict[str, np.ndarray]]:
        """Columns (lower-case name: array) of about `size` rows at a time.

        Parameters
        ----------
        wanted : set of str
            Lower-case names of the columns to give; others are ignored.
        size : int
            Rows.

        Raises
        ------
        BadInput
            No VOTable, cut short, or an encoding that is not read.
        """
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._data
        final = False
        while not final:
            data = self._handle.read(_FEED)
            self.consumed += len(data)
            final = not data
            try:
                parser.Parse(data, final)
            except (expat.ExpatError, ValueError, KeyError) as error:
                raise BadInput(f'{self.where} is not a whole VOTable ({error}); may be cut short: fetch it again') from error
            yield from self._ready(wanted, size, final)
        if not self._fields and not self.status:
            raise BadInput(f'{self.where} holds no table')

    def _start(self, tag: str, given: dict[str, str]) -> None:
        tag = tag.rpartition(':')[2].upper()
        if tag == 'INFO' and given.get('name', '').upper() == 'QUERY_STATUS':
            self.status, self._in_info, self._texts = given.get('value', '').upper(), True, []
        if self._done:
            return
        if tag == 'FIELD' and not self._kind:
            self._fields.append(_field(given))
        elif tag == 'VALUES' and self._fields and not self._kind:
            self._fields[-1].null = given.get('null')
        elif tag in ('TABLEDATA', 'BINARY', 'BINARY2'):
            self._kind = tag
            for field, name in zip(self._fields, self._folded([field.name for field in self._fields])):
                field.name = name
        elif tag == 'FITS':
            raise ValueError('its table is in FITS inside XML; save it as TABLEDATA or BINARY2')
        elif tag == 'STREAM' and (given.get('href') or given.get('encoding', 'base64') != 'base64'):
            raise ValueError('its stream is elsewhere or not in base64')
        elif tag == 'TR':
            self._row = []
        elif tag in ('TD', 'STREAM'):
            self._in_text, self._texts = True, []

    def _end(self, tag: str) -> None:
        tag = tag.rpartition(':')[2].upper()
        if tag == 'INFO' and self._in_info:
            self.message, self._in_info = ''.join(self._texts).strip() or self.message, False
        elif tag == 'TD' and self._in_text:
            self._row.append(''.join(self._texts))
            self._in_text = False
        elif tag == 'TR' and not self._done:
            self._rows.append(self._row)
        elif tag == 'STREAM':
            self._in_text = False
        elif tag == 'TABLE':
            self._done = True

    def _data(self, text: str) -> None:
        if self._in_info or (self._in_text and self._kind == 'TABLEDATA'):
            self._texts.append(text)
        elif self._in_text:
            self._base64 += ''.join(text.split())
            whole = len(self._base64) // 4 * 4
            self._bytes += binascii.a2b_base64(self._base64[:whole])
            self._base64 = self._base64[whole:]

    def _ready(self, wanted: set[str], size: int, final: bool) -> Iterator[dict[str, np.ndarray]]:
        while len(self._rows) >= size or (final and self._rows):
            part, self._rows = self._rows[:size], self._rows[size:]
            yield self._from_text(part, wanted)
        if self._bytes:
            columns = self._from_bytes(wanted)
            if columns and next(iter(columns.values())).size:
                yield columns
        if final and self._bytes:
            raise BadInput(f'{self.where} ends inside a row; it may be cut short: fetch it again')

    def _from_text(self, rows: list[list[str]], wanted: set[str]) -> dict[str, np.ndarray]:
        if any(len(row) != len(self._fields) for row in rows):
            raise BadInput(f'{self.where}: a row does not have {len(self._fields)} cells')
        columns = {}
        for number, field in enumerate(self._fields):
            if field.name in wanted and field.scalar:
                texts = [row[number].strip() for row in rows]
                columns[field.name] = _numbers(texts, field, self.where)
        return columns

    def _from_bytes(self, wanted: set[str]) -> dict[str, np.ndarray]:
        flags = -(-len(self._fields) // 8) if self._kind == 'BINARY2' else 0
        if all(field.count >= 0 for field in self._fields):
            record = np.dtype([('flags', 'u1', (flags,)), *((f'{number}', field.dtype, (field.count,))
                                                            for number, field in enumerate(self._fields))])
            count = len(self._bytes) // record.itemsize
            table = np.frombuffer(self._bytes[:count * record.itemsize], record)
            self._bytes = self._bytes[count * record.itemsize:]
        else:
            table = self._from_uneven_bytes(flags, wanted)
        missing = np.unpackbits(table['flags'], axis=1).astype(bool) if flags else None
        columns = {}
        for number, field in enumerate(self._fields):
            if field.name in wanted and field.scalar:
                values = table[f'{number}'][:, 0]
                null = missing[:, number] if missing is not None else (
                    np.zeros(values.size, bool) if field.null is None else values == int(float(field.null)))
                columns[field.name] = _with_missing(values, null)
        return columns

    def _from_uneven_bytes(self, flags: int, wanted: set[str]) -> np.ndarray:
        """Rows of a table that has columns of variable length: one at a time, only the numbers wanted."""
        chosen = [number for number, field in enumerate(self._fields) if field.name in wanted and field.scalar]
        record = np.dtype([('flags', 'u1', (flags,)), *((f'{n}', self._fields[n].dtype, (1,)) for n in chosen)])
        kept, place, data = [], 0, self._bytes
        while True:
            parts, at = [data[place:place + flags]], place + flags
            for number, field in enumerate(self._fields):
                count = field.count
                if count < 0:
                    count = int.from_bytes(data[at:at + 4], 'big') if len(data) >= at + 4 else len(data)
                    at += 4
                end = at + count * field.dtype.itemsize
                if end > len(data):
                    break
                if number in chosen:
                    parts.append(data[at:end])
                at = end
            else:
                if at == place:
                    break
                kept.append(b''.join(parts))
                place = at
                continue
            break
        self._bytes = data[place:]
        return np.frombuffer(b''.join(kept), record)


def _field(given: dict[str, str]) -> _Field:
    kind, size = given['datatype'].lower(), given.get('arraysize', '1').strip()
    name = given.get('name') or given.get('ID', '')
    if kind == 'bit':
        if not size.isdigit():
            raise ValueError(f'column {name}: bit arrays of variable length are not read')
        return _Field(name, np.dtype(f'S{-(-int(size) // 8)}'), 1)
    if size.endswith('*'):
        return _Field(name, np.dtype(_TYPES[kind]), -1)
    count = int(np.prod([int(part) for part in size.split('x')]))
    return _Field(name, np.dtype(_TYPES[kind]), count)


def _numbers(texts: list[str], field: _Field, where: str) -> np.ndarray:
    missing = np.array([text in ('', 'null', field.null) for text in texts])
    filled = ['0' if absent else text for text, absent in zip(texts, missing)]
    try:
        values = np.array([int(text, 0) for text in filled], 'i8') if field.dtype.kind in 'iu' else np.array(filled, 'f8')
    except ValueError as error:
        raise BadInput(f'{where}: column {field.name}: {error}') from error
    return _with_missing(values, missing)


def _with_missing(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Native numbers; float with NaN where any is missing."""
    if missing.any():
        return np.where(missing, np.nan, values.astype('f8'))
    return values.astype(values.dtype.newbyteorder('='))
