"""Rows of compressed planes as this program writes them, in half of cfitsio's time: a tile a row, Rice, floats dithered."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from sediff.cards import read_cards
from sediff.errors import BadInput
from sediff.formats.dither import dithers, restore
from sediff.formats.rice_code import BLOCK, CODES, ROW

#: Cards that a plane must have to be read here, and what they say; those of undefined pixels and of one scale for all rows
#: are left to cfitsio.
NEEDED = {'XTENSION': 'BINTABLE', 'ZIMAGE': True, 'ZNAXIS': 2, 'ZTILE2': 1, 'ZNAME1': 'BLOCKSIZE',
          'ZVAL1': 32, 'ZNAME2': 'BYTEPIX', 'ZVAL2': 4, 'ZBITPIX': -32, 'ZQUANTIZ': 'SUBTRACTIVE_DITHER_2', 'TFIELDS': 3,
          'NAXIS1': 24, 'TTYPE1': 'COMPRESSED_DATA', 'TTYPE2': 'ZSCALE', 'TFORM2': '1D', 'TTYPE3': 'ZZERO', 'TFORM3': '1D'}
OTHERS = ('ZBLANK', 'ZSCALE', 'ZZERO')
#: Names of the same code, of cfitsio's newer and older versions.
RICE = ('RICE_1', 'RICE_ONE')
#: Of codes of 32 bits.
CODE_BITS, PLAIN = CODES[32]
#: Bytes that a block may reach beyond the end of a row whose bytes were altered.
MARGIN = 256
#: Leading zero bits of a byte.
ZEROS = np.array([8 - value.bit_length() for value in range(256)], np.int64)


@dataclass(frozen=True)
class RiceRows:
    """A compressed plane (`of`), read by rows."""

    file: str
    heap: int
    table: np.ndarray
    columns: int
    seed: int

    @classmethod
    def of(cls, hdu) -> RiceRows | None:
        """The plane of an HDU of a file that fitsio has opened; None where it is packed in another way."""
        file, place = hdu.get_filename(), hdu.get_offsets()
        with open(file, 'rb') as handle:
            if handle.read(6) != b'SIMPLE':
                return None
        cards = read_cards(file, place['header_start'])
        if any(str(cards.get(keyword)).strip() != str(value) for keyword, value in NEEDED.items()):
            return None
        columns, rows = int(cards.get('ZNAXIS1')), int(cards.get('ZNAXIS2'))
        tiles = columns == cards.number('ZTILE1') and rows == cards.number('NAXIS2')
        coded = cards.get('ZCMPTYPE') in RICE and str(cards.get('TFORM1')).startswith(('1PB', 'PB'))
        if not tiles or not coded or any(name in cards for name in OTHERS):
            return None
        table = np.fromfile(file, ROW['f'], rows, offset=place['data_start'])
        if len(table) < rows or (table['length'] <= 0).any() or (table['place'] < 0).any():
            return None
        heap = int(cards.number('THEAP') or table.nbytes)
        return cls(file, place['data_start'] + heap, table, columns, int(cards.number('ZDITHER0') or 1))

    def read(self, first: int, last: int) -> np.ndarray:
        """Rows from first to last (excluded): (n, nx) float32, to the last bit those of cfitsio.

        Raises
        ------
        BadInput
            The bytes are no Rice code of so many pixels.
        """
        rows = self.table[first:last]
        places, lengths = rows['place'].astype(np.int64), rows['length'].astype(np.int64)
        low, high = int(places.min()), int((places + lengths).max())
        values = np.empty((len(rows), self.columns), np.int32)
        data = np.zeros(high - low + MARGIN, np.uint8)
        with open(self.file, 'rb') as handle:
            handle.seek(self.heap + low)
            count = handle.readinto(data[:high - low].data)
        if count < high - low or not unpack_rows(data, places - low, lengths, ZEROS, values):
            raise BadInput(f'{self.file} cannot be read (rows {first} to {last} are no Rice code); it may be truncated: '
                           'make it again')
        out = values.view(np.float32)
        restore(values, rows['scale'].astype(float), rows['zero'].astype(float), first + self.seed - 1, dithers(), out)
        return out


def warm() -> None:
    """Compile the kernels."""
    data, values = np.zeros(16 + MARGIN, np.uint8), np.zeros((1, 4), np.int32)
    one = np.zeros(1, np.int64)
    unpack_rows(data, one, one + 6, ZEROS, values)


@njit(cache=True)
def word_at(data, place):
    """Four bytes, the first the highest."""
    return (np.uint64(data[place]) << np.uint64(24) | np.uint64(data[place + 1]) << np.uint64(16)
            | np.uint64(data[place + 2]) << np.uint64(8) | np.uint64(data[place + 3]))


@njit(cache=True)
def unpack_rows(data, places, lengths, zeros_of, values):
    """Pixels (rows, nx) int32 of rows whose bytes begin at `places`; False where one's bytes are not enough.

    A row begins with its first pixel; each block has a number of low bits, coded with one added, then for each pixel the
    difference d from the one before, as 2 d or -2 d - 1: its high part as so many zeros and a one, then the low bits. So a
    block is at most `MARGIN` bytes long, but for zeros, which are followed no farther than the row.
    """
    for row in range(places.size):
        end = places[row] + lengths[row]
        if lengths[row] < 4 or unpack(data, places[row], end, zeros_of, values[row]) > end:
            return False
    return True


@njit(cache=True)
def unpack(data, place, end, zeros_of, values):
    """One row of `unpack_rows`; returns where its bytes end, beyond `end` where they are not enough."""
    last = np.int64(np.int32(word_at(data, place)))
    place += 4
    bits, known = np.uint64(0), 0                         # the next `known` bits, from the highest down
    for first in range(0, values.size, BLOCK):
        if place > end + 8:
            return place
        stop = min(first + BLOCK, values.size)
        if known <= 32:
            bits |= word_at(data, place) << np.uint64(32 - known)
            place, known = place + 4, known + 32
        low = np.int64(bits >> np.uint64(64 - CODE_BITS)) - 1
        bits, known = bits << np.uint64(CODE_BITS), known - CODE_BITS
        if low < 0:
            values[first:stop] = last
            continue
        for x in range(first, stop):
            if known <= 32:
                bits |= word_at(data, place) << np.uint64(32 - known)
                place, known = place + 4, known + 32
            if low == PLAIN:
                code = np.int64(bits >> np.uint64(32))
                bits, known = bits << np.uint64(32), known - 32
            else:
                zeros = zeros_of[bits >> np.uint64(56)]
                high = zeros
                while zeros == 8 and place <= end + 8:
                    bits, known = bits << np.uint64(8), known - 8
                    if known <= 32:
                        bits |= word_at(data, place) << np.uint64(32 - known)
                        place, known = place + 4, known + 32
                    zeros = zeros_of[bits >> np.uint64(56)]
                    high += zeros
                bits = bits << np.uint64(zeros + 1)
                code = high << low | np.int64(bits >> np.uint64(1) >> np.uint64(63 - low))
                bits, known = bits << np.uint64(low), known - zeros - 1 - low
            last += code >> 1 ^ -(code & 1)
            values[x] = last
    return place - known // 8
