"""One PSF over the whole coadd: where inputs are missing, the others are taken to the PSF that all have."""
from __future__ import annotations

import numpy as np
from numba import njit

from sediff.subtract.holes import patch_of
from sediff.subtract.zones import CELL
from sediff.template.correction import Correction
from sediff.template.sets import Sets

#: Rows and columns of the blocks that are looked at together.
BLOCK = (32, 64)
#: So far (px) from light that no input knows the mean stays as it is.
REACH = 6


def homogenise(image: np.ndarray, members: np.ndarray, stamps: np.ndarray, weights: np.ndarray,
               lost: np.ndarray | None = None) -> Correction:
    """Give every pixel of a weighted mean the same PSF, in place.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        Weighted mean; what is not covered is 0.
    members : ndarray, (ny, nx) uint16 or uint64
        Bit k: input k is used; 0 where nothing is covered.
    stamps : ndarray, (n, rows, columns, m, m) float
        Centred PSFs of unit flux of the n inputs, on the pixels of `image`, at nodes evenly spread from edge to edge.
    weights : ndarray, (n,) float
        Weights of the inputs in the mean, any scale.
    lost : ndarray, (ny, nx) bool, optional
        Pixels that are not covered because they are saturated: what their light would add to a kernel is not known, the
        mean around them stays as it is. (Other holes are filled from their rims.)

    Returns
    -------
    Correction
        Sets, target and kernels.

    Notes
    -----
    With S the inputs used at a pixel, P_S their weighted mean PSF, f the sky and T the target (the weighted mean of all
    PSFs, broadened where that would ask for too much sharpening, see `Correction.fit`), the mean is P_S * f. First

        M = (P_S * f) + c_S * (P_S * f),   (1 + c_S) * P_S = T,

    which is T * f wherever the set is the same all around. Where it is not,

        (P_S * f) + d_S * M,   d_S * T = T - P_S,

    is T * f however the sets are mixed, for M is T * f but for terms of second order in T - P_S. d_S is the weighted mean
    of d_k of the inputs, so that any set is served.
    """
    correction = Correction.fit(stamps, weights, Sets.of(members, len(stamps)))
    held = np.flatnonzero(near_lost(lost, members)) if lost is not None else np.zeros(0, np.int64)
    before = image.ravel()[held]
    padded = _padded(image, members, correction.half_width)
    mixed = _first_pass(padded, members, correction, image)
    _second_pass(padded, members, correction, mixed, image)
    image.ravel()[held] = before
    return correction


def _first_pass(padded, members, correction: Correction, image) -> list:
    """Make M of the mean in `padded` and `image`.

    Returns the blocks that have or touch more than one set, or one unknown, each with its sets and its part of the mean.
    """
    half, changes, mixed = correction.half_width, [], []
    inner = padded[half:-half, half:-half]
    for place, found in _blocks(members, correction):
        alone = all_equal(members[_grown(place, members.shape, half)], members[place][0, 0])
        if not (alone and correction.knows(int(found[0]))):
            mixed.append((place, found, inner[place].copy()))
        changes.append((place, np.zeros(members[place].shape, np.float32)))
        for bits in found:
            kernel = correction.first_kernel(int(bits), place[1].start, place[0].start, members.shape)
            add_convolved(padded, kernel, members[place], bits, place[0].start, place[1].start, changes[-1][1])
    for place, change in changes:                       # not before: kernels look into other blocks
        inner[place] += change
        np.copyto(image[place], inner[place], where=members[place] > 0)
    return mixed


def _second_pass(padded, members, correction: Correction, mixed: list, image) -> None:
    """Put mean + d_S * M into the pixels of mixed blocks whose set allows it; `padded` is M with its rim."""
    for place, found, mean in mixed:
        for bits in found:
            if correction.converges(int(bits)):
                kernel = correction.second_kernel(int(bits), place[1].start, place[0].start, members.shape)
                np.copyto(image[place], mean, where=members[place] == bits)
                add_convolved(padded, kernel, members[place], bits, place[0].start, place[1].start, image[place])


def _padded(image: np.ndarray, members: np.ndarray, rim: int) -> np.ndarray:
    """The image with its holes filled from their rims as far (px) as a kernel looks into them, and its edges repeated."""
    out = np.empty((image.shape[0] + 2 * rim, image.shape[1] + 2 * rim), np.float32)
    inner = out[rim:-rim, rim:-rim]
    inner[:] = image
    patch = patch_of(image, 0.0, members == 0, rim)
    inner[np.divmod(patch.index, image.shape[1])] = patch.value
    out[rim:-rim, :rim], out[rim:-rim, -rim:] = inner[:, :1], inner[:, -1:]
    out[:rim], out[-rim:] = out[rim], out[-rim - 1]
    return out


def _blocks(members: np.ndarray, correction: Correction):
    """Place of each block with a pixel to correct, and the sets in it."""
    ny, nx = members.shape
    still = members.dtype.type(correction.unchanged)
    for y in range(0, ny, BLOCK[0]):
        for x in range(0, nx, BLOCK[1]):
            place = (slice(y, min(y + BLOCK[0], ny)), slice(x, min(x + BLOCK[1], nx)))
            found = sets_in(members[place], still)
            if found.size:
                yield place, found


def _grown(place: tuple[slice, slice], shape: tuple[int, int], margin: int) -> tuple[slice, slice]:
    rows, columns = (slice(max(0, s.start - margin), min(size, s.stop + margin)) for s, size in zip(place, shape))
    return rows, columns


@njit(cache=True)
def near_lost(lost, members):
    """Covered pixels that have a lost one within `REACH`: (ny, nx) bool."""
    ny, nx = lost.shape
    near = np.zeros((ny, nx), np.bool_)
    for y in range(ny):
        for x in range(nx):
            if lost[y, x]:
                for j in range(max(0, y - REACH), min(ny, y + REACH + 1)):
                    for i in range(max(0, x - REACH), min(nx, x + REACH + 1)):
                        near[j, i] = members[j, i] > 0
    return near


@njit(cache=True)
def set_of_cells(members, bits):
    """Which of the sets `bits` (m,) most pixels of each cell have, 0 where none has one: (rows, columns) uint8."""
    ny, nx = members.shape
    out = np.zeros((-(-ny // CELL), -(-nx // CELL)), np.uint8)
    counts = np.zeros(bits.size, np.int64)
    for v in range(out.shape[0]):
        for u in range(out.shape[1]):
            counts[:] = 0
            for y in range(v * CELL, min((v + 1) * CELL, ny)):
                for x in range(u * CELL, min((u + 1) * CELL, nx)):
                    for k in range(bits.size):
                        if members[y, x] == bits[k]:
                            counts[k] += 1
                            break
            out[v, u] = np.argmax(counts)
    return out


@njit(cache=True)
def sets_in(part, still):
    """The values of a block in ascending order, but for 0 and `still`: (n,) of its dtype."""
    found = np.empty(part.size, part.dtype)
    count, before = 0, still
    for y in range(part.shape[0]):
        for x in range(part.shape[1]):
            value = part[y, x]
            if value != before and value != 0 and value != still and not np.any(found[:count] == value):
                found[count] = value
                count += 1
            before = value
    return np.sort(found[:count])


@njit(cache=True)
def all_equal(part, value):
    """Whether all pixels have this value."""
    for y in range(part.shape[0]):
        for x in range(part.shape[1]):
            if part[y, x] != value:
                return False
    return True


@njit(cache=True, fastmath={'contract', 'reassoc'})
def add_convolved(padded, kernel, members, bits, y0, x0, out):
    """Add kernel * image to the pixels of a block whose members are `bits`.

    `padded` is the image with a rim of the kernel's half width; (y0, x0) is the block's first pixel in the image.
    """
    size, (rows, columns) = kernel.shape[0], members.shape
    total = np.empty(columns, np.float32)
    for y in range(rows):
        count, low, high = 0, columns, 0
        for x in range(columns):
            if members[y, x] == bits:
                count, low, high = count + 1, min(low, x), x + 1
        if count == 0:
            continue
        if count > columns // 16:
            total[low:high] = np.float32(0.0)
            for j in range(size):
                for i in range(size):
                    factor = kernel[size - 1 - j, size - 1 - i]
                    source, target = padded[y0 + y + j, x0 + i + low:x0 + i + high], total[low:high]
                    for x in range(high - low):
                        target[x] += factor * source[x]
        for x in range(low, high):
            if members[y, x] == bits:
                if count <= columns // 16:
                    value = np.float32(0.0)
                    for j in range(size):
                        for i in range(size):
                            value += kernel[size - 1 - j, size - 1 - i] * padded[y0 + y + j, x0 + x + i]
                    total[x] = value
                out[y, x] += total[x]
