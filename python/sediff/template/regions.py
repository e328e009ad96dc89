"""Regions of an image grown from seeds."""
from __future__ import annotations

import numpy as np
from numba import njit

#: What a pixel can be: nothing, joined to a region it touches, start of a region, part of a region.
NOTHING, JOINS, SEED, TAKEN = 0, 1, 2, 3


@njit(cache=True)
def grow(flags):
    """Mark as TAKEN, in place, every SEED and all JOINS pixels connected with one (sides or corners); returns how many."""
    ny, nx = flags.shape
    stack = np.empty((1024, 2), np.int64)
    taken = 0
    for y in range(ny):
        for x in range(nx):
            if flags[y, x] != SEED:
                continue
            flags[y, x] = TAKEN
            stack[0, 0], stack[0, 1] = y, x
            depth = 1
            while depth > 0:
                depth -= 1
                v, u = stack[depth, 0], stack[depth, 1]
                taken += 1
                for j in range(max(0, v - 1), min(ny, v + 2)):
                    for i in range(max(0, u - 1), min(nx, u + 2)):
                        if flags[j, i] == JOINS or flags[j, i] == SEED:
                            flags[j, i] = TAKEN
                            if depth == stack.shape[0]:
                                larger = np.empty((2 * depth, 2), np.int64)
                                larger[:depth] = stack
                                stack = larger
                            stack[depth, 0], stack[depth, 1] = j, i
                            depth += 1
    return taken


@njit(cache=True)
def spread(flags, block, margin, rejected):
    """Set `rejected` (ny, nx) bool on the pixels of TAKEN blocks and of blocks up to `margin` away."""
    ny, nx = rejected.shape
    for v in range(flags.shape[0]):
        for u in range(flags.shape[1]):
            if flags[v, u] == TAKEN:
                for y in range(max(0, (v - margin) * block), min(ny, (v + margin + 1) * block)):
                    for x in range(max(0, (u - margin) * block), min(nx, (u + margin + 1) * block)):
                        rejected[y, x] = True
