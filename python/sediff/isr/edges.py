"""Edges: rows and columns where the field bends and the flat fails."""
from __future__ import annotations

import numpy as np

from sediff.maskbits import Bit


def mark_edges(mask: np.ndarray, edge: int = 15, near_edge: int = 30) -> np.ndarray:
    """Mask with EDGE on the outermost `edge` pixels and NEAREDGE on the next ones up to `near_edge`.

    Parameters
    ----------
    mask : ndarray, (ny, nx) uint16
    edge, near_edge : int
        Pixels from the edge.

    Returns
    -------
    ndarray, (ny, nx) uint16
    """
    ny, nx = mask.shape
    rows, columns = np.arange(ny), np.arange(nx)
    distance = np.minimum(np.minimum(rows, ny - 1 - rows)[:, None], np.minimum(columns, nx - 1 - columns)[None, :])
    bits = np.zeros(mask.shape, np.uint16)
    bits[distance < near_edge] = int(Bit.NEAREDGE)
    bits[distance < edge] = int(Bit.EDGE)
    return mask | bits
