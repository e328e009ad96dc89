"""Raw pixels as observatories pack them, in a third of cfitsio's time: a tile a row, Rice, 16-bit integers."""
from __future__ import annotations

import numpy as np
from numba import njit

from sediff.cards import read_cards
from sediff.errors import BadInput
from sediff.formats.rice import BLOCK, MARGIN, RICE, ZEROS, word_at

#: Cards that an image must have to be read here, and what they say: unsigned integers as FITS keeps them.
NEEDED = {'XTENSION': 'BINTABLE', 'ZIMAGE': True, 'ZNAXIS': 2, 'ZTILE2': 1, 'ZNAME1': 'BLOCKSIZE', 'ZVAL1': BLOCK,
          'ZNAME2': 'BYTEPIX', 'ZVAL2': 2, 'ZBITPIX': 16, 'BZERO': 32768, 'TFIELDS': 1, 'NAXIS1': 8,
          'TTYPE1': 'COMPRESSED_DATA'}
OTHERS = ('ZBLANK', 'ZSCALE', 'ZZERO', 'ZMASKCMP')
#: A row of the table: length and place of its bytes in the heap.
ROW = np.dtype([('length', '>i4'), ('place', '>i4')])
#: Bits that say how many low bits the codes of a block have, and the number that means pixels as they are.
CODE_BITS, PLAIN = 4, 14


def read_raw_rice(hdu) -> np.ndarray | None:
    """The image of an HDU of a file that fitsio has opened; None where it is packed in another way.

    Returns
    -------
    ndarray, (ny, nx) uint16

    Raises
    ------
    BadInput
        The bytes are no Rice code of so many pixels.
    """
    file, place = hdu.get_filename(), hdu.get_offsets()
    with open(file, 'rb') as handle:
        if handle.read(6) != b'SIMPLE':
            return None
    cards = read_cards(file, place['header_start'])
    if any(cards.get(keyword) != value for keyword, value in NEEDED.items()) or any(name in cards for name in OTHERS):
        return None
    columns, rows = int(cards.get('ZNAXIS1')), int(cards.get('ZNAXIS2'))
    tiles = columns == cards.number('ZTILE1') and rows == cards.number('NAXIS2') and cards.get('BSCALE', 1) == 1
    if not tiles or cards.get('ZCMPTYPE') not in RICE or not str(cards.get('TFORM1')).startswith(('1PB', 'PB')):
        return None
    table = np.fromfile(file, ROW, rows, offset=place['data_start'])
    if len(table) < rows or (table['length'] <= 0).any() or (table['place'] < 0).any():
        return None
    heap = place['data_start'] + int(cards.number('THEAP') or table.nbytes)
    places, lengths = table['place'].astype(np.int64), table['length'].astype(np.int64)
    size = int((places + lengths).max())
    data, values = np.zeros(size + MARGIN, np.uint8), np.empty((rows, columns), np.uint16)
    with open(file, 'rb') as handle:
        handle.seek(heap)
        count = handle.readinto(data[:size].data)
    if count < size or not unpack_raw(data, places, lengths, ZEROS, values):
        raise BadInput(f'{file} cannot be read (its pixels are no Rice code); it may be truncated: fetch it again')
    return values


def warm() -> None:
    """Compile the kernel."""
    one = np.zeros(1, np.int64)
    unpack_raw(np.zeros(16 + MARGIN, np.uint8), one, one + 6, ZEROS, np.zeros((1, 4), np.uint16))


@njit(cache=True)
def unpack_raw(data, places, lengths, zeros_of, values):
    """Unsigned pixels (rows, nx) of rows whose bytes begin at `places`; False where one's bytes are not enough.

    The code is that of `sediff.formats.rice`, with a first pixel of two bytes and differences modulo 2^16.
    """
    for row in range(places.size):
        place, end = places[row], places[row] + lengths[row]
        if lengths[row] < 2:
            return False
        last = np.int64(data[place]) << 8 | np.int64(data[place + 1])
        place += 2
        bits, known, out = np.uint64(0), 0, values[row]
        for first in range(0, out.size, BLOCK):
            stop = min(first + BLOCK, out.size)
            if place > end + 8:
                return False
            if known <= 32:
                bits |= word_at(data, place) << np.uint64(32 - known)
                place, known = place + 4, known + 32
            low = np.int64(bits >> np.uint64(64 - CODE_BITS)) - 1
            bits, known = bits << np.uint64(CODE_BITS), known - CODE_BITS
            if low < 0:
                out[first:stop] = np.uint16(last ^ 0x8000)
                continue
            for x in range(first, stop):
                if known <= 32:
                    bits |= word_at(data, place) << np.uint64(32 - known)
                    place, known = place + 4, known + 32
                if low == PLAIN:
                    code = np.int64(bits >> np.uint64(48))
                    bits, known = bits << np.uint64(16), known - 16
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
                out[x] = np.uint16(last & 0xFFFF ^ 0x8000)
        if place - known // 8 > end:
            return False
    return True
