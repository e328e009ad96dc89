"""Rows of compressed planes and raw images, in a half to a third of cfitsio's time: a tile a row, Rice, floats dithered."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from sediff.cards import Cards, read_cards
from sediff.errors import BadInput
from sediff.formats.dither import dithers, restore
from sediff.formats.rice_code import BLOCK, CODES, ROW

#: Cards that a plane must have to be read here, and what they say, of all planes and of floats and integers.
NEEDED = {'XTENSION': 'BINTABLE', 'ZIMAGE': True, 'ZNAXIS': 2, 'ZTILE2': 1, 'ZNAME1': 'BLOCKSIZE', 'ZVAL1': BLOCK,
          'ZNAME2': 'BYTEPIX', 'TTYPE1': 'COMPRESSED_DATA'}
FLOATS = {'ZVAL2': 4, 'ZBITPIX': -32, 'ZQUANTIZ': 'SUBTRACTIVE_DITHER_2', 'TFIELDS': 3, 'NAXIS1': 24, 'TTYPE2': 'ZSCALE',
          'TFORM2': '1D', 'TTYPE3': 'ZZERO', 'TFORM3': '1D'}
INTEGERS = {'ZVAL2': 2, 'ZBITPIX': 16, 'TFIELDS': 1, 'NAXIS1': 8}
#: Cards of undefined pixels and of one scale for all rows: such planes are left to cfitsio.
OTHERS = ('ZBLANK', 'ZSCALE', 'ZZERO', 'ZMASKCMP')
#: Names of the same code, of cfitsio's newer and older versions.
RICE = ('RICE_1', 'RICE_ONE')
#: The offset by which FITS keeps unsigned integers of 16 bits.
UNSIGNED = 0x8000
#: Bytes that a block may reach beyond the end of a row whose bytes were altered.
MARGIN = 256
#: Leading zero bits of a byte.
ZEROS = np.array([8 - value.bit_length() for value in range(256)], np.int64)


@dataclass(frozen=True)
class RiceRows:
    """A compressed plane (`of`) of float32, int16 or uint16, read by rows."""

    file: str
    heap: int
    table: np.ndarray
    columns: int
    dtype: np.dtype
    seed: int = 1

    @classmethod
    def of(cls, hdu) -> RiceRows | None:
        """The plane of an HDU of a file that fitsio has opened; None where it is packed in another way."""
        file, place = hdu.get_filename(), hdu.get_offsets()
        with open(file, 'rb') as handle:
            if handle.read(6) != b'SIMPLE':
                return None
        cards = read_cards(file, place['header_start'])
        dtype = _dtype(cards)
        if dtype is None:
            return None
        columns, rows = int(cards.get('ZNAXIS1')), int(cards.get('ZNAXIS2'))
        tiles = columns == cards.number('ZTILE1') and rows == cards.number('NAXIS2')
        coded = cards.get('ZCMPTYPE') in RICE and str(cards.get('TFORM1')).startswith(('1PB', 'PB'))
        if not tiles or not coded:
            return None
        table = np.fromfile(file, ROW['f' if dtype.kind == 'f' else 'i'], rows, offset=place['data_start'])
        if len(table) < rows or (table['length'] <= 0).any() or (table['place'] < 0).any():
            return None
        heap = int(cards.number('THEAP') or table.nbytes)
        return cls(file, place['data_start'] + heap, table, columns, dtype, int(cards.number('ZDITHER0') or 1))

    def read(self, first: int = 0, last: int | None = None) -> np.ndarray:
        """Rows from first to last (excluded, default all): (n, nx) of `dtype`, to the last bit those of cfitsio.

        Raises
        ------
        BadInput
            The bytes are no Rice code of so many pixels.
        """
        rows, floats = self.table[first:last], self.dtype.kind == 'f'
        places, lengths = rows['place'].astype(np.int64), rows['length'].astype(np.int64)
        low, high = int(places.min()), int((places + lengths).max())
        values = np.empty((len(rows), self.columns), np.int32 if floats else self.dtype)
        data = np.zeros(high - low + MARGIN, np.uint8)
        with open(self.file, 'rb') as handle:
            handle.seek(self.heap + low)
            count = handle.readinto(data[:high - low].data)
        if count < high - low or not unpack(data, places - low, lengths, values):
            raise BadInput(f'{self.file} cannot be read (rows {first} to {first + len(rows)} are no Rice code); it may be '
                           'truncated: make or fetch it again')
        if not floats:
            return values
        out = values.view(np.float32)
        restore(values, rows['scale'].astype(float), rows['zero'].astype(float), first + self.seed - 1, dithers(), out)
        return out


def _dtype(cards: Cards) -> np.dtype | None:
    """What the pixels of a plane are by its cards; None where it is not read here."""
    def has(needed: dict) -> bool:
        return all(str(cards.get(keyword)).strip() == str(value) for keyword, value in needed.items())
    if not has(NEEDED) or any(name in cards for name in OTHERS) or cards.get('BSCALE', 1) != 1:
        return None
    offset = cards.get('BZERO', 0)
    if has(FLOATS):
        return np.dtype(np.float32) if offset == 0 else None
    if has(INTEGERS) and offset in (0, UNSIGNED):
        return np.dtype(np.uint16 if offset else np.int16)
    return None


def unpack(data: np.ndarray, places: np.ndarray, lengths: np.ndarray, values: np.ndarray) -> bool:
    """Fill the rows of `values` (int32, int16 or uint16) from bytes that begin at `places`; False where they are too few."""
    bits = 8 * values.dtype.itemsize
    return unpack_rows(data, places, lengths, ZEROS, bits, *CODES[bits], UNSIGNED if values.dtype.kind == 'u' else 0, values)


def warm() -> None:
    """Compile the kernels."""
    data, one = np.zeros(16 + MARGIN, np.uint8), np.zeros(1, np.int64)
    for kind in (np.int32, np.int16, np.uint16):
        unpack(data, one, one + 6, np.zeros((1, 4), kind))


@njit(cache=True)
def word_at(data, place):
    """Four bytes, the first the highest."""
    return (np.uint64(data[place]) << np.uint64(24) | np.uint64(data[place + 1]) << np.uint64(16)
            | np.uint64(data[place + 2]) << np.uint64(8) | np.uint64(data[place + 3]))


@njit(cache=True)
def unpack_rows(data, places, lengths, zeros_of, bits, code_bits, plain, flip, values):
    """Pixels (rows, nx) of rows whose bytes begin at `places`; False where one's bytes are not enough.

    A row begins with its first pixel of so many `bits`; each block has a number of low bits, coded with one added, then for
    each pixel the difference d from the one before, as 2 d or -2 d - 1: its high part as so many zeros and a one, then the
    low bits. So a block is at most `MARGIN` bytes long, but for zeros, which are followed no farther than the row. Sums
    wrap around; the bits of `flip` are changed in each pixel.
    """
    for row in range(places.size):
        place, end, out = places[row], places[row] + lengths[row], values[row]
        if lengths[row] < bits // 8:
            return False
        first_word = word_at(data, place)
        last = np.int64(first_word) if bits == 32 else np.int64(first_word >> np.uint64(16))
        place += bits // 8
        word, known = np.uint64(0), 0                         # the next `known` bits, from the highest down
        for first in range(0, out.size, BLOCK):
            if place > end + 8:
                return False
            stop = min(first + BLOCK, out.size)
            if known <= 32:
                word |= word_at(data, place) << np.uint64(32 - known)
                place, known = place + 4, known + 32
            low = np.int64(word >> np.uint64(64 - code_bits)) - 1
            word, known = word << np.uint64(code_bits), known - code_bits
            if low < 0:
                out[first:stop] = last ^ flip
                continue
            for x in range(first, stop):
                if known <= 32:
                    word |= word_at(data, place) << np.uint64(32 - known)
                    place, known = place + 4, known + 32
                if low == plain:
                    code = np.int64(word >> np.uint64(64 - bits))
                    word, known = word << np.uint64(bits), known - bits
                else:
                    zeros = zeros_of[word >> np.uint64(56)]
                    high = zeros
                    while zeros == 8 and place <= end + 8:
                        word, known = word << np.uint64(8), known - 8
                        if known <= 32:
                            word |= word_at(data, place) << np.uint64(32 - known)
                            place, known = place + 4, known + 32
                        zeros = zeros_of[word >> np.uint64(56)]
                        high += zeros
                    word = word << np.uint64(zeros + 1)
                    code = high << low | np.int64(word >> np.uint64(1) >> np.uint64(63 - low))
                    word, known = word << np.uint64(low), known - zeros - 1 - low
                last += code >> 1 ^ -(code & 1)
                out[x] = last ^ flip
        if place - known // 8 > end:
            return False
    return True
