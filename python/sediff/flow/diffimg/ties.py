"""Two template CCDs with each other: flux scale and world coordinates, from the stars that both have."""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.io.fits import Header

from sediff.astrometry.relative import RelativeCorrection, relative_correction
from sediff.flow.exposure.inputs import TemplateCcd
from sediff.flow.single_epoch.stars import point_sources, star_columns, zero_point_of
from sediff.formats.fits import read_header
from sediff.formats.ldac import read_ldac
from sediff.formats.tables import read_csv
from sediff.maskbits import Bit
from sediff.photometry.match import match_sky
from sediff.template.scale import RelativeScale, relative_scale
from sediff.wcs.read import copy_wcs

if TYPE_CHECKING:
    import pandas as pd

#: Common stars that a flux scale needs; with fewer the two zero points give it.
LEAST_STARS = 10


@dataclass(frozen=True)
class Tie:
    """A template CCD in the frame of another.

    Parameters
    ----------
    scale : float
        Factor on its values that takes them to the other's flux scale.
    head : Header
        Its header with world coordinates that agree with the other's.
    """

    scale: float
    head: Header


def tie(anchor: TemplateCcd, other: TemplateCcd) -> Tie:
    """Flux scale and world coordinates of one template CCD in the frame of another, the anchor."""
    head = read_header(other.path('immask'), 'SCI')
    if other == anchor:
        return Tie(1.0, head)
    catalogue, mine = read_ldac(anchor.path('fullcat'))[0], read_ldac(other.path('fullcat'))[0]
    zero = zero_point(anchor)
    found, _ = scale_between(star_columns(point_sources(catalogue), zero), zero, mine)
    scale = 10.0 ** (-0.4 * found.offset) if found.used >= LEAST_STARS else 10.0 ** (0.4 * (zero - zero_point(other)))
    stars = point_like(catalogue)
    fit = aligned(mine, head, stars)
    if fit.kind != 'none':
        copy_wcs(fit.header, head)
    return Tie(scale, head)


def zero_point(one: TemplateCcd) -> float:
    """AB magnitude of one electron of a template CCD."""
    return zero_point_of(read_csv(one.path('zero_point')))


def scale_between(stars: pd.DataFrame, zero: float, catalogue: np.ndarray) -> tuple[RelativeScale, int]:
    """Magnitude offset of a catalogue from stars of known magnitude, and how many are common.

    Parameters
    ----------
    stars : DataFrame
        RA, DEC, MAG, MAGERR.
    zero : float
        Zero point of their magnitudes, which is subtracted.
    catalogue : ndarray, structured
        A CCD's `fullcat`.
    """
    others = star_columns(point_sources(catalogue), 0.0)
    first, second, _ = match_sky(stars['RA'], stars['DEC'], others['RA'], others['DEC'], 1.0)
    difference = (stars['MAG'].to_numpy()[first] - zero) - others['MAG'].to_numpy()[second]
    errors = np.hypot(stars['MAGERR'].to_numpy()[first], others['MAGERR'].to_numpy()[second])
    return relative_scale(difference, errors), len(first)


def point_like(catalogue: np.ndarray) -> np.ndarray:
    """Isolated, unflagged objects with S/N above 20, stars or not: their centres align two images."""
    snr = catalogue['FLUX_AUTO'] / np.maximum(catalogue['FLUXERR_AUTO'], 1e-6)
    bad = int(Bit.SATURATE | Bit.TRAIL | Bit.CRAY | Bit.EDGE | Bit.BPM)
    return catalogue[(snr > 20) & (catalogue['FLAGS'] < 4) & (catalogue['IMAFLAGS_ISO'] & bad == 0)]


def aligned(catalogue: np.ndarray, head: Header, stars: np.ndarray) -> RelativeCorrection:
    """The correction that lays a template's `fullcat` onto stars of another catalogue."""
    mine = point_like(catalogue)
    return relative_correction(mine['XWIN_IMAGE'] - 1.0, mine['YWIN_IMAGE'] - 1.0, head, stars['ALPHAWIN_J2000'],
                               stars['DELTAWIN_J2000'])
