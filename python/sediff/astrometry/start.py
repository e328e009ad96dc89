"""The WCS a solution starts from, and the date its reference stars are moved to."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from astropy.io.fits import Header

from sediff.astrometry.adjust import adjust
from sediff.astrometry.tangent import deproject
from sediff.astrometry.tpv import Tpv
from sediff.errors import BadData
from sediff.wcs.tpv import read_terms, tpv_cards


def starting_wcs(header: Header, shape: tuple[int, int], camera: bool,
                 model_of: Callable[[int], Header], whole: tuple[int, int]) -> Header:
    """TPV cards to start from: the header's, or the camera model laid on the header's pointing.

    Parameters
    ----------
    header : Header
        Of the image; CCDNUM names the CCD.
    shape : tuple
        (ny, nx), pixels.
    camera : bool
        True: take the camera model. It is taken as well where the header has no distortion.
    model_of : callable
        CCD number -> camera model (TPV or SIP cards).
    whole : tuple
        (ny, nx) of a whole trimmed CCD: the camera model holds for no other image.

    Raises
    ------
    BadData
        The header has no celestial WCS; the camera model is asked for and has no such CCD, or the image is not a whole CCD.
    """
    cards = tpv_cards(header)
    terms = read_terms(cards)
    plain = np.count_nonzero(terms) == 2 and terms[0, 1] == terms[1, 1] == 1.0
    if not (camera or plain):
        return cards
    if tuple(shape) != tuple(whole) or 'CCDNUM' not in header:
        if camera:
            raise BadData(f'the camera model holds for a whole CCD of {tuple(whole)} pixels with CCDNUM in its header; '
                          f'this image has {tuple(shape)}; set ASTROM_START=header')
        return cards
    x, y = (values.ravel() for values in np.meshgrid(np.linspace(0, shape[1] - 1, 5), np.linspace(0, shape[0] - 1, 9)))
    try:
        model = Tpv.of(tpv_cards(model_of(int(header['CCDNUM']))))
    except BadData:
        if camera:
            raise
        return cards
    ra, dec = Tpv.of(cards).sky(x, y)
    return adjust(_near(model, cards, whole), x, y, ra, dec, np.ones(x.size), linear=False, iterations=6).header()


def _near(model: Tpv, cards: Header, whole: tuple[int, int]) -> Tpv:
    """The model with its axis within a CCD's distance of where it will end up, north up there."""
    middle = [float(value) for value in Tpv.of(cards).sky((whole[1] - 1) / 2, (whole[0] - 1) / 2)]
    offset = [float(value) for value in model.plane((whole[1] - 1) / 2, (whole[0] - 1) / 2)]
    placed = replace(model, crval=np.array(middle))
    return replace(placed, crval=np.array(deproject(-offset[0], -offset[1], *middle)))


def check_date(header: Header, days: tuple[float, float]) -> float:
    """MJD-OBS of an exposure, which must lie between two days (MJD).

    Raises
    ------
    BadData
        It is missing, no number, or no date the camera can have worked on: stars would be moved to wrong places.
    """
    value = header.get('MJD-OBS')
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not days[0] < float(value) < days[1]:
        raise BadData(f'MJD-OBS is {value!r}; the date of the exposure (MJD, UTC) is needed to move the reference '
                      'stars to it')
    return float(value)
