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
    marked = mask.copy()
    _frame(marked, 0, edge, Bit.EDGE)
    _frame(marked, edge, near_edge, Bit.NEAREDGE)
    return marked


def _frame(mask: np.ndarray, first: int, last: int, bit: Bit) -> None:
    """Set a bit of the pixels that are `first` to `last` (excluded) pixels from the edge."""
    ny, nx = mask.shape
    inside, width = mask[first:max(ny - first, 0), first:max(nx - first, 0)], last - first
    if width > 0:
        for strip in (inside[:width], inside[-width:], inside[:, :width], inside[:, -width:]):
            strip |= np.uint16(bit)
