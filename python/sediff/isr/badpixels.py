"""Pixels and amplifiers that are always bad, and places that are suspect."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntFlag

import numpy as np

from sediff.errors import BadData
from sediff.instruments.amplifiers import Amplifier
from sediff.maskbits import Bit


class Defect(IntFlag):
    """Bits of a bad-pixel image, as DES gives them (BPMDEF of its imsupport library)."""

    FLAT_MIN = 1       # little response
    FLAT_MAX = 2       # too much response
    FLAT_MASK = 4
    BIAS_HOT = 8
    BIAS_WARM = 16
    BIAS_MASK = 32
    BIAS_COL = 64      # column behind a hot pixel
    EDGE = 128         # glowing edge
    CORR = 256         # can be corrected
    SUSPECT = 512
    FUNKY_COL = 1024
    WACKY_PIX = 2048
    BADAMP = 4096
    NEAREDGE = 8192
    TAPEBUMP = 16384


#: What each defect becomes; all others are BPM.
_TRANSLATION = {Defect.EDGE: Bit.EDGE, Defect.SUSPECT: Bit.SUSPECT, Defect.BADAMP: Bit.BADAMP,
                Defect.NEAREDGE: Bit.NEAREDGE, Defect.TAPEBUMP: Bit.TAPEBUMP | Bit.SUSPECT}
_HARMLESS = int(Defect.SUSPECT | Defect.NEAREDGE | Defect.TAPEBUMP | Defect.EDGE | Defect.BADAMP)


def mark_bad_pixels(mask: np.ndarray, bad_pixels: np.ndarray) -> np.ndarray:
    """Mask with the static bad pixels added.

    Parameters
    ----------
    mask : ndarray, (ny, nx) uint16
    bad_pixels : ndarray, (ny, nx) integer
        A bad-pixel image: 0 is good; bits as in `Defect`. A mere 1 marks a bad pixel.

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
    bad = bad_pixels != 0
    defects = bad_pixels[bad].astype(np.int64)
    bits = np.where(defects & ~_HARMLESS, int(Bit.BPM), 0)
    for defect, bit in _TRANSLATION.items():
        bits |= np.where(defects & int(defect), int(bit), 0)
    marked = mask.copy()
    marked[bad] |= bits.astype(np.uint16)
    return marked


def mark_dead_amplifiers(mask: np.ndarray, amplifiers: Sequence[Amplifier], dead: Sequence[str]) -> np.ndarray:
    """Mask with BADAMP over the amplifiers named in `dead`."""
    marked = mask.copy()
    for amplifier in amplifiers:
        if amplifier.name in dead:
            marked[amplifier.ccd] |= np.uint16(Bit.BADAMP)
    return marked


def mark_boxes(mask: np.ndarray, boxes: Iterable[tuple[int, int, int, int]], bits: int) -> np.ndarray:
    """Mask with `bits` over boxes (first x, last x, first y, last y; 0-based, ends included): tape bumps."""
    marked = mask.copy()
    for x0, x1, y0, y1 in boxes:
        marked[max(y0, 0):y1 + 1, max(x0, 0):x1 + 1] |= np.uint16(bits)
    return marked
