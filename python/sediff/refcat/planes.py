"""Numba kernel that puts the bytes of a shuffled column (GZIP_2 of FITS 4.0, section 10.3.1) together."""
from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def join_planes(planes: np.ndarray, counts: np.ndarray, size: int, out: np.ndarray) -> None:
    """Numbers of a column from the planes of their bytes, tile by tile.

    Parameters
    ----------
    planes : ndarray, (size * sum(counts),) uint8
        Of each tile first the most significant bytes of all its numbers, last the least significant ones.
    counts : ndarray, (tiles,) int64
        Numbers in each tile.
    size : int
        Bytes of a number.
    out : ndarray, (sum(counts),) of the unsigned type of that size
        Overwritten.
    """
    start = 0
    for tile in range(counts.size):
        count = counts[tile]
        part = out[start:start + count]
        part[:] = 0
        for place in range(size):
            plane = planes[size * start + place * count:size * start + (place + 1) * count]
            shift = 8 * (size - 1 - place)
            for row in range(count):
                part[row] |= out.dtype.type(plane[row]) << out.dtype.type(shift)
        start += count


def warm() -> None:
    """Compile (or load from the cache) the kernel for the types of a shard's columns."""
    for kind in ('u8', 'u4'):
        join_planes(np.frombuffer(bytes(8), 'u1'), np.ones(1, np.int64), int(kind[1]), np.zeros(1, kind))
