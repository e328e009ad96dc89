"""How much of what is around a detection lies in regions of false light: bleed trails, halos and ghosts of bright stars."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sediff.candidates.lines import LineLimits, find_lines, line_chance
from sediff.maskbits import Bit

#: What a saturated star spills: trails, and what they do at the register and in other amplifiers.
BLEED = Bit.TRAIL | Bit.EDGEBLEED | Bit.SSXTALK
#: Where its light is spread or reflected to.
GHOST = Bit.STAR


@dataclass(frozen=True)
class Places:
    """Where the detections lie.

    Parameters
    ----------
    bleed, ghost : ndarray, (n,) float64
        Share of the pixels around each that are of such a region.
    line : ndarray, (n,) float64
        Lines of detections like the one that it lies on that chance makes (`sediff.candidates.lines`); infinite on none.
    """

    bleed: np.ndarray
    ghost: np.ndarray
    line: np.ndarray


def places_of(detections: np.ndarray, mask: np.ndarray | None, area: float, fwhm: float, cuts: Mapping[str, float],
              others: np.ndarray | None = None) -> Places:
    """What regions and lines the detections are of.

    Parameters
    ----------
    detections : structured ndarray, (n,)
    mask : ndarray, (ny, nx) uint16 or None
        Bits of `sediff.maskbits`; without it there are no regions.
    area : float
        Usable pixels of the CCD.
    fwhm : float
        Of the PSF, px.
    cuts : mapping
        `sediff.candidates.cut_list.DEFAULT_CUTS`.
    others : structured ndarray, optional
        Detections that make the lines, where not these: those of the image that sources were put into.
    """
    limits = LineLimits(cuts['line_chance'], cuts['line_width'], int(cuts['line_members']))
    lines = find_lines(detections if others is None else others, area, limits)
    bleed, ghost = (np.zeros(len(detections)) if mask is None
                    else share_of_bits(detections, mask, int(bits), cuts['region_radius'] * fwhm) for bits in (BLEED, GHOST))
    return Places(bleed, ghost, line_chance(detections, lines, limits))


def share_of_bits(detections: np.ndarray, mask: np.ndarray, bits: int, radius: float) -> np.ndarray:
    """Share of the pixels within a radius (px) of each detection, those on the image, that have any of some bits: (n,)."""
    out = np.zeros(len(detections))
    if not np.bitwise_or.reduce(mask, axis=None) & np.uint16(bits):
        return out
    reach, (ny, nx) = int(np.ceil(radius)), mask.shape
    for row, detection in enumerate(detections):
        x, y = float(detection['X_IMAGE']) - 1.0, float(detection['Y_IMAGE']) - 1.0
        i, j = round(x), round(y)
        rows, columns = (np.arange(max(c - reach, 0), min(c + reach + 1, size)) for c, size in ((j, ny), (i, nx)))
        inside = np.hypot(columns - x, (rows - y)[:, None]) <= radius
        if inside.any():
            out[row] = np.mean((mask[np.ix_(rows, columns)][inside] & np.uint16(bits)) != 0)
    return out
