"""The Rice code of rows of integers, as cfitsio writes it (FITS standard 4.0, 10.4.1), and the table of such rows."""
from __future__ import annotations

import numpy as np
from numba import njit

#: Pixels of a block.
BLOCK = 32
#: Bits of a pixel -> bits that say how many low bits a block's codes have, and the number that means pixels as they are.
CODES = {16: (4, 14), 32: (5, 25)}
#: A row of the table, of integers and of floats: length and place of its bytes in the heap, scale and zero point.
ROW = {'i': np.dtype([('length', '>i4'), ('place', '>i4')]),
       'f': np.dtype([('length', '>i4'), ('place', '>i4'), ('scale', '>f8'), ('zero', '>f8')])}


def warm() -> None:
    """Compile the kernels."""
    code_rows(np.zeros((1, 4), np.int32), 32, *CODES[32], np.zeros(64, np.uint8), 0, np.zeros(1, np.int32))
    words_sum(np.zeros(4, np.uint8))


def most_bytes(columns: int, bits: int) -> int:
    """Bytes that the code of a row never exceeds: a block's is not longer than its pixels and a byte."""
    return columns * bits // 8 + columns // BLOCK + 8


@njit(cache=True)
def code_rows(values, bits, code_bits, plain, heap, place, lengths):
    """Write the codes of rows of integers (n, nx) int32 to the heap and how long each is; returns where the last ends.

    Parameters
    ----------
    bits, code_bits, plain : int
        Of a pixel and of its code (`CODES`).
    heap : ndarray, uint8
        Has `most_bytes` for each row, and eight bytes more.
    """
    for row in range(values.shape[0]):
        end = code_row(values[row], bits, code_bits, plain, heap, place)
        lengths[row], place = end - place, end
    return place


@njit(cache=True)
def code_row(values, bits, code_bits, plain, heap, place):
    """Write the code of a row of integers (`sediff.formats.rice.unpack_rows` tells what it is); returns where it ends.

    Sums and differences are those of integers of `bits` bits, which wrap around.
    """
    codes, shift, size, last = np.empty(BLOCK, np.uint32), np.int32(32 - bits), values.size, values[0]
    place, word, waiting = put(heap, place, 0, 0, np.int64(last) & ((1 << bits) - 1), bits)
    for first in range(0, size, BLOCK):
        count = min(size - first, BLOCK)
        total, longest = differences(values[first:first + count], last, shift, codes)
        last = values[first + count - 1]
        mean, low = max(total - count // 2 - 1, 0) // count >> 1, 0
        while mean >> low > 0:
            low += 1
        if total == 0:
            place, word, waiting = put(heap, place, word, waiting, 0, code_bits)
        elif low >= plain:
            place, word, waiting = put(heap, place, word, waiting, plain + 1, code_bits)
            for k in range(count):
                place, word, waiting = put(heap, place, word, waiting, np.int64(codes[k]), bits)
        else:
            place, word, waiting = put(heap, place, word, waiting, low + 1, code_bits)
            fours = count // 4 if (longest >> low) + 1 + low <= 14 else 0
            place, word, waiting = put_fours(heap, place, word, waiting, codes[:4 * fours], low)
            for k in range(4 * fours, count):
                place, word, waiting = put_code(heap, place, word, waiting, np.int64(codes[k]), low)
    return place + (waiting > 0)


@njit(cache=True)
def differences(values, last, shift, codes):
    """Numbers of the differences of a block's pixels, the first from `last`: 2 d or -2 d - 1; returns sum and greatest."""
    total, longest = np.int64(0), np.uint32(0)
    for k in range(values.size):
        before = last if k == 0 else values[k - 1]
        step = np.int32(np.int32(np.int32(values[k] - before) << shift) >> shift)
        codes[k] = np.uint32(np.int32(step << np.int32(1)) ^ np.int32(step >> np.int32(31)))
        total += np.int64(codes[k])
        longest = max(longest, codes[k])
    return total, np.int64(longest)


@njit(cache=True)
def put(heap, place, word, waiting, code, count):
    """Add 1 to 57 bits to the fewer than eight that wait, the last of `word`, and write the bytes that are full."""
    word, waiting = word << count | code, waiting + count
    full, at = word << (64 - waiting), np.uint64(place)
    for k in range(8):
        heap[at + np.uint64(k)] = np.uint8(full >> (56 - 8 * k))
    return place + (waiting >> 3), word, waiting & 7


@njit(cache=True)
def put_code(heap, place, word, waiting, code, low):
    """Add the code of a number: its bits but the `low` last as so many zeros and a one, then those."""
    zeros = code >> low
    while zeros > 24:
        place, word, waiting = put(heap, place, word, waiting, 0, 24)
        zeros -= 24
    return put(heap, place, word, waiting, 1 << low | code & ((1 << low) - 1), zeros + 1 + low)


@njit(cache=True)
def put_fours(heap, place, word, waiting, codes, low):
    """The same for numbers whose codes have at most 14 bits, four at a time."""
    one, mask = 1 << low, (1 << low) - 1
    for k in range(codes.size // 4):
        bits, count = np.int64(0), np.int64(0)
        for each in codes[4 * k:4 * k + 4]:
            code = np.int64(each)
            more = (code >> low) + 1 + low
            bits, count = bits << more | one | code & mask, count + more
        place, word, waiting = put(heap, place, word, waiting, bits, count)
    return place, word, waiting


@njit(cache=True)
def words_sum(data):
    """Sum of the big-endian words of bytes."""
    total = np.uint64(0)
    for k in range(data.size // 4):
        total += np.uint64(np.uint32(data[4 * k]) << np.uint32(24) | np.uint32(data[4 * k + 1]) << np.uint32(16)
                           | np.uint32(data[4 * k + 2]) << np.uint32(8) | np.uint32(data[4 * k + 3]))
    return total
