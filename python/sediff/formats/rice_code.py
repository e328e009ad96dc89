"""The Rice code of rows of integers, as cfitsio writes it (FITS standard 4.0, 10.4.1), and the table that says where they are."""
from __future__ import annotations

import numpy as np
from numba import njit

#: Pixels of a block.
BLOCK = 32
#: Bits of a pixel -> bits that say how many low bits the codes of a block have, and the number that means pixels as they are.
CODES = {16: (4, 14), 32: (5, 25)}
#: A row of the table, of integers and of floats: length and place of its bytes in the heap, scale and zero point.
ROW = {'i': np.dtype([('length', '>i4'), ('place', '>i4')]),
       'f': np.dtype([('length', '>i4'), ('place', '>i4'), ('scale', '>f8'), ('zero', '>f8')])}


def most_bytes(columns: int, bits: int) -> int:
    """Bytes that the code of a row never exceeds: a block's is not longer than its pixels and a byte."""
    return columns * bits // 8 + columns // BLOCK + 8


@njit(cache=True)
def code_row(values, bits, code_bits, plain, heap, place):
    """Write the code of a row of integers (`sediff.formats.rice.unpack_rows` tells what it is); returns where it ends.

    Sums and differences are those of integers of `bits` bits, which wrap around.
    """
    codes, shift, size = np.empty(BLOCK, np.uint32), np.int32(32 - bits), values.size
    word, waiting, last = np.int64(values[0]), bits, values[0]     # `waiting` low bits of `word` are still to be written
    for first in range(0, size, BLOCK):
        count = min(size - first, BLOCK)
        total = differences(values[first:first + count], last, shift, codes)
        last = values[first + count - 1]
        mean, low = max(total - count // 2 - 1, 0) // count >> 1, 0
        while mean >> low > 0:
            low += 1
        if total == 0:
            place, word, waiting = put(heap, place, word, waiting, 0, code_bits)
            continue
        if low >= plain:
            place, word, waiting = put(heap, place, word, waiting, plain + 1, code_bits)
            for k in range(count):
                place, word, waiting = put(heap, place, word, waiting, np.int64(codes[k]), bits)
            continue
        place, word, waiting = put(heap, place, word, waiting, low + 1, code_bits)
        one = 1 << low
        for k in range(count):
            value = np.int64(codes[k])
            high = value >> low
            while high + 1 + low > 32:
                zeros = min(high, 32)
                place, word, waiting = put(heap, place, word, waiting, 0, zeros)
                high -= zeros
            place, word, waiting = put(heap, place, word, waiting, one | (value & (one - 1)), high + 1 + low)
    while waiting > 0:
        heap[place] = np.uint8(word >> (waiting - 8) if waiting >= 8 else word << (8 - waiting))
        place, waiting = place + 1, waiting - 8
    return place


@njit(cache=True)
def differences(values, last, shift, codes):
    """Codes of the differences of a block's pixels, the first from `last`: 2 d or -2 d - 1; returns their sum."""
    total = np.int64(0)
    for k in range(values.size):
        before = last if k == 0 else values[k - 1]
        step = np.int32(np.int32(np.int32(values[k] - before) << shift) >> shift)
        codes[k] = np.uint32(np.int32(step << np.int32(1)) ^ np.int32(step >> np.int32(31)))
        total += np.int64(codes[k])
    return total


@njit(cache=True)
def put(heap, place, word, waiting, code, count):
    """Add at most 32 bits to the fewer than 32 that wait, and write four bytes once there are enough."""
    word, waiting = word << count | code, waiting + count
    if waiting >= 32:
        waiting -= 32
        full = word >> waiting
        heap[place], heap[place + 1] = np.uint8(full >> 24), np.uint8(full >> 16)
        heap[place + 2], heap[place + 3] = np.uint8(full >> 8), np.uint8(full)
        place += 4
    return place, word, waiting


@njit(cache=True)
def words_sum(data):
    """Sum of the big-endian words of bytes."""
    total = np.uint64(0)
    for k in range(data.size // 4):
        total += np.uint64(np.uint32(data[4 * k]) << np.uint32(24) | np.uint32(data[4 * k + 1]) << np.uint32(16)
                           | np.uint32(data[4 * k + 2]) << np.uint32(8) | np.uint32(data[4 * k + 3]))
    return total
