"""Bits of the DES mask plane (Morganson et al. 2018, arXiv:1801.03177, table 5)."""
from enum import IntFlag

import numpy as np


class Bit(IntFlag):
    """One bit a kind of defect; a pixel's mask is their sum."""

    BPM = 1            # static bad pixel
    SATURATE = 2       # at or above the amplifier's saturation level
    INTERP = 4         # value was interpolated
    BADAMP = 8         # amplifier unusable
    CRAY = 16          # cosmic ray
    STAR = 32          # halo of a bright star
    TRAIL = 64         # bleed trail
    EDGEBLEED = 128    # bleed that reached the serial register
    SSXTALK = 256      # crosstalk of a super-saturated pixel
    EDGE = 512         # edge rows and columns
    STREAK = 1024      # satellite or aircraft
    SUSPECT = 2048     # usable with care
    FIXED = 4096       # bad column corrected
    NEAREDGE = 8192    # near the edge
    TAPEBUMP = 16384   # tape bump


#: Pixels that carry no information about the sky there; their weight is zero.
UNUSABLE = (Bit.BPM | Bit.SATURATE | Bit.BADAMP | Bit.CRAY | Bit.TRAIL | Bit.EDGEBLEED | Bit.SSXTALK | Bit.EDGE
            | Bit.STREAK)

#: DES-GW's difference-imaging weight mask 0x47DB: all but INTERP, STAR, SUSPECT, FIXED and NEAREDGE.
DIFFIMG_MASK = 0x47DB

#: What each bit says of a pixel, in words.
MEANING = {
    Bit.BPM: 'static bad pixel', Bit.SATURATE: 'saturated', Bit.INTERP: 'interpolated', Bit.BADAMP: 'unusable amplifier',
    Bit.CRAY: 'cosmic ray', Bit.STAR: 'halo of a bright star', Bit.TRAIL: 'bleed trail',
    Bit.EDGEBLEED: 'bleed that reached the edge', Bit.SSXTALK: 'crosstalk of a super-saturated pixel',
    Bit.EDGE: 'edge of the CCD', Bit.STREAK: 'satellite streak', Bit.SUSPECT: 'usable with care',
    Bit.FIXED: 'bad column corrected', Bit.NEAREDGE: 'near the edge', Bit.TAPEBUMP: 'tape bump',
}


def with_bits(mask: np.ndarray, where: np.ndarray, bits: int) -> np.ndarray:
    """Mask with `bits` added where `where`, (ny, nx) bool, says so: (ny, nx) uint16."""
    return mask | np.multiply(where, np.uint16(bits), dtype=np.uint16)


def bit_words(mask: int) -> tuple[str, ...]:
    """The bits of a mask in words with their names: ('bleed trail (TRAIL)', ...)."""
    return tuple(f'{meaning} ({bit.name})' for bit, meaning in MEANING.items() if mask & bit)
