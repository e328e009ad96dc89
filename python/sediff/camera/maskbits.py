"""Bits of the DES mask plane (Morganson et al. 2018, arXiv:1801.03177, table 5)."""
from enum import IntFlag


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
    FIXED = 4096       # bad column put right
    NEAREDGE = 8192    # near the edge
    TAPEBUMP = 16384   # tape bump


#: Pixels that carry no information about the sky there; their weight is zero.
UNUSABLE = (Bit.BPM | Bit.SATURATE | Bit.BADAMP | Bit.CRAY | Bit.TRAIL | Bit.EDGEBLEED | Bit.SSXTALK | Bit.EDGE
            | Bit.STREAK)

#: DES-GW's difference-imaging weight mask 0x47DB: all but INTERP, STAR, SUSPECT, FIXED and NEAREDGE.
DIFFIMG_MASK = 0x47DB
