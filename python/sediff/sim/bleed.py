"""Full wells: charge above the full well runs along the column until it finds room."""
from __future__ import annotations

import numba
import numpy as np

SATURATED, BLED = 1, 2


def bleed(image, full_well):
    """Spread the charge above the full well up and down each column, in place.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        Electrons.
    full_well : ndarray, (nx,) float32
        Electrons a pixel of each column can hold.

    Returns
    -------
    ndarray, (ny, nx) uint8
        SATURATED where the light alone filled the pixel, BLED where charge ran into it.

    Notes
    -----
    Half of a run's excess goes each way, pixel by pixel; what reaches the first or last row is lost, elsewhere charge
    is conserved.
    """
    return bleed_out(image, full_well)[0]


@numba.njit(cache=True)
def bleed_out(image, full_well):
    """`bleed`, and the charge that left each column beyond the first and the last row: (2, nx) float32, electrons."""
    ny, nx = image.shape
    kind, lost = np.zeros((ny, nx), np.uint8), np.zeros((2, nx), np.float32)
    for x in range(nx):
        full = full_well[x]
        excess = np.zeros(ny, np.float32)
        for y in range(ny):
            if image[y, x] > full:
                kind[y, x] = SATURATED
                excess[y] = image[y, x] - full
                image[y, x] = full
        y = 0
        while y < ny:
            if excess[y] <= 0.0:
                y += 1
                continue
            first, total = y, 0.0
            while y < ny and excess[y] > 0.0:
                total += excess[y]
                y += 1
            lost[0, x] += _spill(image, kind, x, first - 1, -1, 0.5 * total, full)
            lost[1, x] += _spill(image, kind, x, y, 1, 0.5 * total, full)
    return kind, lost


@numba.njit(cache=True)
def _spill(image, kind, x, start, step, charge, full):
    y = start
    while charge > 0.0 and 0 <= y < image.shape[0]:
        room = full - image[y, x]
        if room > 0.0:
            moved = min(room, charge)
            image[y, x] += moved
            charge -= moved
            if kind[y, x] == 0:
                kind[y, x] = BLED
        y += step
    return max(charge, 0.0)
