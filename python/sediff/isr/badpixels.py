"""Pixels and amplifiers that are always bad."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sediff.camera.amplifiers import Amplifier
from sediff.camera.maskbits import Bit
from sediff.errors import BadData


def mark_bad_pixels(mask: np.ndarray, bad_pixels: np.ndarray) -> np.ndarray:
    """Mask with the static bad pixels added.

    Parameters
    ----------
    mask : ndarray, (ny, nx) uint16
    bad_pixels : ndarray, (ny, nx) integer
        A bad-pixel mask: any value but 0 is bad.

    Returns
    -------
    ndarray, (ny, nx) uint16

    Raises
    ------
    BadData
        The shapes differ.
    """
    if mask.shape != bad_pixels.shape:
        raise BadData(f'the bad-pixel mask has shape {bad_pixels.shape}, the image {mask.shape}; '
                      'it belongs to another CCD or camera')
    return mask | np.where(bad_pixels != 0, int(Bit.BPM), 0).astype(np.uint16)


def mark_dead_amplifiers(mask: np.ndarray, amplifiers: Sequence[Amplifier], dead: Sequence[str]) -> np.ndarray:
    """Mask with BADAMP over the amplifiers named in `dead`."""
    marked = mask.copy()
    for amplifier in amplifiers:
        if amplifier.name in dead:
            marked[amplifier.ccd] |= np.uint16(Bit.BADAMP)
    return marked
