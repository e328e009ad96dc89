"""One shard of reference stars: a tile-compressed FITS table (FITS 4.0, section 10.3) with an index of its cells.

`funpack` of CFITSIO makes a plain table of it. Tiles are short and rows lie in the order of their cells, so a CCD
takes the few tiles it needs. gzip carries a checksum of each column of each tile, CHECKSUM covers the headers, TILESUM the
descriptors of the tiles, DATASUM the index: damage is seen when it is read.
"""
from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from astropy.io.fits import Header

from sediff.errors import BadInput
from sediff.formats.atomic import atomic_path
from sediff.formats.checksum import PLACEHOLDERS, fill_in, sum_of, word_sum
from sediff.refcat.planes import join_planes
from sediff.refcat.regions import cells_of
from sediff.refcat.stars import CELL_NSIDE, CELLS, SHARD_NSIDE

TILE_ROWS = 2048
BLOCK = 2880
_FORMS = {'i8': 'K', 'f8': 'D', 'f4': 'E'}
_GZIP = 31      # zlib's window bits for the gzip format


class DamagedShard(BadInput):
    """A shard that is there and cannot be read."""


@dataclass(frozen=True)
class Shard:
    """What the headers and the index of a shard say.

    Parameters
    ----------
    path : Path
    rows : int
    dtype : dtype
        Of its rows, in this machine's byte order.
    tiles_at, heap_at : int
        Offsets (bytes) of the tile descriptors and of the compressed data.
    firsts : ndarray, (CELLS + 1,) int32
        First row of each cell, and the number of rows.
    cards : dict of str
        Cards of the table.
    """

    path: Path
    rows: int
    dtype: np.dtype
    tiles_at: int
    heap_at: int
    firsts: np.ndarray
    cards: dict[str, str]


def write_shard(path: str | os.PathLike, rows: np.ndarray, pixel: int, cards: dict[str, str | int] | None = None) -> int:
    """Write one shard, atomically.

    Parameters
    ----------
    path : path
        Its file.
    rows : structured ndarray, (n,)
        Stars in that pixel, in any order; columns of i8, f8 and f4.
    pixel : int
        RING pixel, nside 32.
    cards : dict, optional
        More header cards.

    Returns
    -------
    int
        Bytes of the file.
    """
    cells = cells_of(rows['ra'], rows['dec'])
    order = np.lexsort((rows['source_id'], cells))
    firsts = np.searchsorted(cells[order], np.arange(CELLS + 1)).astype('>i4')
    rows = rows[order].astype(rows.dtype.newbyteorder('>'))
    descriptors, heap = _compress(rows)
    header = _table_header(rows, descriptors, sum(map(len, heap)), pixel, cards or {})
    index = Header([('XTENSION', 'BINTABLE'), ('BITPIX', 8), ('NAXIS', 2), ('NAXIS1', 4), ('NAXIS2', firsts.size),
                    ('PCOUNT', 0), ('GCOUNT', 1), ('TFIELDS', 1), ('TTYPE1', 'FIRST', 'first row of each cell'),
                    ('TFORM1', '1J'), ('EXTNAME', 'CELLS'), ('NSIDE', CELL_NSIDE, 'NESTED pixels'), *PLACEHOLDERS])
    primary = Header([('SIMPLE', True), ('BITPIX', 8), ('NAXIS', 0), ('EXTEND', True)])
    with atomic_path(path) as temporary:
        with open(temporary, 'wb') as handle:
            handle.write(primary.tostring().encode())
            places = [_write_hdu(handle, header, [descriptors.tobytes(), *heap]),
                      _write_hdu(handle, index, [firsts.tobytes()])]
        fill_in(temporary, places)
        return places[-1]['data_end']


def is_shard(path: str | os.PathLike) -> bool:
    """Whether a file is a compressed shard (and not a plain FITS table)."""
    try:
        with open(path, 'rb') as handle:
            return b'ZTABLE  =' in handle.read(2 * BLOCK)
    except OSError as error:
        raise BadInput(f'cannot read {path}: {error.strerror}') from error


def open_shard(path: str | os.PathLike) -> Shard:
    """Headers and index of a shard; kept while the file does not change.

    Raises
    ------
    BadInput
        The file is missing.
    DamagedShard
        It is cut short or no shard.
    """
    try:
        state = os.stat(path)
    except OSError as error:
        raise BadInput(f'cannot read {path}: {error.strerror}') from error
    return _open(str(path), state.st_mtime_ns, state.st_size)


def read_shard(shard: Shard, cells: np.ndarray | None = None,
               within: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
               dtype: np.dtype | None = None) -> np.ndarray:
    """Rows of some cells of a shard, or all.

    Parameters
    ----------
    shard : Shard
    cells : ndarray of int, optional
        Ascending cell numbers.
    within : callable, optional
        Which places (ra, dec arrays, deg) to take, bool; others are left out.
    dtype : dtype, optional
        Type of the rows, where it has the same names; else `shard.dtype`.

    Returns
    -------
    structured ndarray, (n,)

    Raises
    ------
    DamagedShard
        A tile is damaged or cut short.
    """
    dtype = dtype if dtype is not None and set(dtype.names or ()) == set(shard.dtype.names or ()) else shard.dtype
    spans = [(0, shard.rows)] if cells is None else _spans(shard.firsts, cells)
    if not spans or shard.rows == 0:
        return np.zeros(0, dtype)
    tiles = np.unique(np.concatenate([np.arange(start // TILE_ROWS, (stop - 1) // TILE_ROWS + 1) for start, stop in spans]))
    try:
        with open(shard.path, 'rb') as handle:
            packed = [_packed_columns(handle, shard, tile) for tile in tiles.tolist()]
        counts = [min(TILE_ROWS, shard.rows - tile * TILE_ROWS) for tile in tiles.tolist()]
        keep = _rows_of(spans, tiles, sum(counts))

        def column(name: str) -> np.ndarray:
            return _column(shard.dtype[name], [columns[name] for columns in packed], counts)
        known = {name: column(name) for name in ('ra', 'dec')}
        if within is not None:
            keep &= within(known['ra'], known['dec'])
        live = np.logical_or.reduceat(keep, np.cumsum([0, *counts[:-1]]))
        held = np.repeat(live, counts)
        known = {name: values[held] for name, values in known.items()}
        packed, counts = [part for part, used in zip(packed, live) if used], np.asarray(counts)[live].tolist()
        chosen = np.flatnonzero(keep[held])
        rows = np.empty(chosen.size, dtype)
        for name in (dtype.names or ()) if chosen.size else ():
            rows[name] = (known[name] if name in known else column(name))[chosen]
        return rows
    except (OSError, ValueError, zlib.error) as error:
        raise DamagedShard(damaged(shard.path, error)) from error


def damaged(path: str | os.PathLike, reason) -> str:
    """What to say of a shard that cannot be read."""
    return (f'{path} is damaged ({reason}): delete it and run `sediff refcat build` again, '
            'which makes what is missing')


def _compress(rows: np.ndarray) -> tuple[np.ndarray, list[bytes]]:
    """Descriptors (tiles, columns, 2) >i8 of lengths and offsets, and the compressed columns in that order."""
    tiles, heap, place = -(-rows.size // TILE_ROWS), [], 0
    names = rows.dtype.names or ()
    descriptors = np.zeros((tiles, len(names), 2), '>i8')
    for tile in range(tiles):
        part = rows[tile * TILE_ROWS:(tile + 1) * TILE_ROWS]
        for column, name in enumerate(names):
            values = np.ascontiguousarray(part[name])
            shuffled = values.view('u1').reshape(values.size, -1).T.tobytes()
            packer = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
            heap.append(packer.compress(shuffled) + packer.flush())
            descriptors[tile, column] = len(heap[-1]), place
            place += len(heap[-1])
    return descriptors, heap


def _table_header(rows: np.ndarray, descriptors: np.ndarray, heap_bytes: int, pixel: int, cards: dict) -> Header:
    names = rows.dtype.names or ()
    longest = int(descriptors[..., 0].max()) if descriptors.size else 0
    header = Header([('XTENSION', 'BINTABLE'), ('BITPIX', 8), ('NAXIS', 2), ('NAXIS1', 16 * len(names)),
                     ('NAXIS2', len(descriptors)), ('PCOUNT', heap_bytes), ('GCOUNT', 1), ('TFIELDS', len(names)),
                     ('ZTABLE', True, 'tile-compressed table; funpack makes it plain')])
    for number, name in enumerate(names, 1):
        header[f'TTYPE{number}'] = name
        header[f'TFORM{number}'] = f'1QB({longest})'
        header[f'ZFORM{number}'] = '1' + _FORMS[rows.dtype[name].str[1:]]
        header[f'ZCTYP{number}'] = 'GZIP_2'
    for keyword, value, comment in (
            ('ZTILELEN', TILE_ROWS, 'rows a tile'),
            ('ZNAXIS1', rows.dtype.itemsize, 'bytes a row'), ('ZNAXIS2', rows.size, 'rows'), ('ZPCOUNT', 0, 'heap'),
            ('EXTNAME', 'STARS', ''), ('PIXTYPE', 'HEALPIX', ''), ('ORDERING', 'RING', ''), ('NSIDE', SHARD_NSIDE, ''),
            ('HPXPIXEL', int(pixel), 'pixel of this shard'),
            ('TILESUM', str(word_sum(descriptors.view('>u4'))), 'checksum of the tile descriptors'), *PLACEHOLDERS):
        header[keyword] = (value, comment)
    header.update(cards)
    return header


@lru_cache(maxsize=256)
def _open(path: str, changed: int, size: int) -> Shard:
    try:
        with open(path, 'rb') as handle:
            _, start = _read_cards(handle, 0)
            cards, tiles_at = _read_cards(handle, start)
            width, tiles, heap = int(cards['NAXIS1']), int(cards['NAXIS2']), int(cards['PCOUNT'])
            index_at = tiles_at + _padded(width * tiles + heap)
            index, firsts_at = _read_cards(handle, index_at)
            if 'TILESUM' in cards or 'CHECKSUM' in cards or 'CHECKSUM' in index:
                _check_header(path, start, tiles_at, cards)
                _check_header(path, index_at, firsts_at, index)
                _check_data(path, tiles_at, width * tiles, cards['TILESUM'])
                _check_data(path, firsts_at, _padded(4 * (CELLS + 1)), index['DATASUM'])
            handle.seek(firsts_at)
            firsts = np.frombuffer(handle.read(4 * (CELLS + 1)), '>i4').astype(np.int32)
        dtype = np.dtype([(cards[f'TTYPE{number}'], _type_of(cards[f'ZFORM{number}']))
                          for number in range(1, int(cards['TFIELDS']) + 1)])
        rows = int(cards['ZNAXIS2'])
        fits = firsts.size == CELLS + 1 and firsts[-1] == rows and not np.any(np.diff(firsts) < 0)
        if cards['ZTILELEN'] != str(TILE_ROWS) or not fits:
            raise ValueError('its index does not fit its rows')
        return Shard(Path(path), rows, dtype, tiles_at, tiles_at + width * tiles, firsts, cards)
    except (OSError, KeyError, ValueError, UnicodeDecodeError) as error:
        raise DamagedShard(damaged(path, error)) from error


def _check_header(path: str, start: int, end: int, cards: dict[str, str]) -> None:
    """ValueError where a header does not fit its CHECKSUM."""
    if 'CHECKSUM' not in cards or (sum_of(path, start, end) + int(cards['DATASUM'])) % 0xFFFFFFFF:
        raise ValueError('its header does not fit its CHECKSUM')


def _check_data(path: str, start: int, size: int, recorded: str) -> None:
    """ValueError where bytes have not the sum that a header says."""
    if sum_of(path, start, start + size) % 0xFFFFFFFF != int(recorded) % 0xFFFFFFFF:
        raise ValueError('its index or its tile descriptors are not what its checksums say')


def _read_cards(handle, start: int) -> tuple[dict[str, str], int]:
    """Cards of the header at `start` (values as text), and where its data begin."""
    cards: dict[str, str] = {}
    handle.seek(start)
    while True:
        block = handle.read(BLOCK)
        if len(block) < BLOCK:
            raise ValueError('cut short')
        start += BLOCK
        for place in range(0, BLOCK, 80):
            card = block[place:place + 80].decode('ascii')
            if card.startswith('END     '):
                return cards, start
            if card[8:10] == '= ':
                value = card[10:].strip()
                cards[card[:8].strip()] = (value[1:].partition("'")[0].strip() if value.startswith("'")
                                           else value.partition('/')[0].strip())


def _packed_columns(handle, shard: Shard, tile: int) -> dict[str, memoryview]:
    """Compressed columns of a tile; ValueError where the file does not hold them."""
    names = shard.dtype.names or ()
    handle.seek(shard.tiles_at + tile * 16 * len(names))
    descriptors = np.frombuffer(handle.read(16 * len(names)), '>i8').reshape(len(names), 2)
    begin, end = int(descriptors[0, 1]), int(descriptors[-1].sum())
    if not 0 <= begin <= end <= int(shard.cards['PCOUNT']):
        raise ValueError(f'tile {tile} points outside the file')
    handle.seek(shard.heap_at + begin)
    data = memoryview(handle.read(end - begin))
    return {name: data[place - begin:place - begin + length] for name, (length, place) in zip(names, descriptors.tolist())}


def _column(kind: np.dtype, packed: Sequence[bytes | memoryview], counts: list[int]) -> np.ndarray:
    """A column of some tiles, unpacked: gzip, then bytes of equal weight put back into numbers."""
    plain = [zlib.decompress(data, _GZIP, kind.itemsize * count) for data, count in zip(packed, counts)]
    for data, count in zip(plain, counts):
        if len(data) != kind.itemsize * count:
            raise ValueError(f'a column has {len(data)} bytes, not {kind.itemsize * count}')
    values = np.empty(sum(counts), f'u{kind.itemsize}')
    join_planes(np.frombuffer(b''.join(plain), 'u1'), np.asarray(counts), kind.itemsize, values)
    return values.view(kind)


def _rows_of(spans: list[tuple[int, int]], tiles: np.ndarray, count: int) -> np.ndarray:
    """Which of the rows of these tiles, one after the other, lie in the spans."""
    keep, before = np.zeros(count, bool), {int(tile): place * TILE_ROWS for place, tile in enumerate(tiles)}
    for start, stop in spans:
        first = before[start // TILE_ROWS] + start % TILE_ROWS
        keep[first:first + stop - start] = True
    return keep


def _spans(firsts: np.ndarray, cells: np.ndarray) -> list[tuple[int, int]]:
    """Row spans of ascending cells, neighbours joined, empty ones left out."""
    spans: list[tuple[int, int]] = []
    for start, stop in zip(firsts[cells].tolist(), firsts[cells + 1].tolist()):
        if start == stop:
            continue
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], stop)
        else:
            spans.append((start, stop))
    return spans


def _type_of(form: str) -> str:
    return {letter: kind for kind, letter in _FORMS.items()}[form[-1]]


def _padded(count: int) -> int:
    return -(-count // BLOCK) * BLOCK


def _write_hdu(handle, header: Header, parts: list[bytes]) -> dict[str, int]:
    """Write a header and its data, padded; where they lie."""
    start = handle.tell()
    handle.write(header.tostring().encode())
    middle = handle.tell()
    handle.writelines(parts)
    written = handle.tell() - middle
    handle.write(b'\0' * (_padded(written) - written))
    return {'header_start': start, 'data_start': middle, 'data_end': handle.tell()}
