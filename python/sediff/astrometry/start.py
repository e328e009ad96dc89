"""The WCS a solution starts from, and the date its reference stars are moved to."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from astropy.io.fits import Header

from sediff.astrometry.adjust import adjust
from sediff.astrometry.tangent import deproject
from sediff.astrometry.tpv import Tpv
from sediff.camera.tpv import read_terms, tpv_cards
from sediff.errors import BadData

#: Shape of a trimmed CCD; the camera model holds for no other image.
CCD_SHAPE = (4096, 2048)
#: MJD of DECam's first light and a day no exposure was taken yet.
FIRST_DAY, LAST_DAY = 56000.0, 88000.0


def starting_wcs(header: Header, shape: tuple[int, int], camera: bool,
                 model_of: Callable[[int], Header]) -> Header:
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
        CCD number -> camera model (TPV cards).

    Raises
    ------
    BadData
        The header has no celestial WCS; the camera model is asked for and has no such CCD, or the image is no whole CCD.
    """
    cards = tpv_cards(header)
    terms = read_terms(cards)
    plain = np.count_nonzero(terms) == 2 and terms[0, 1] == terms[1, 1] == 1.0
    if not (camera or plain):
        return cards
    if shape != CCD_SHAPE or 'CCDNUM' not in header:
        if camera:
            raise BadData(f'the camera model holds for a whole CCD of {CCD_SHAPE} pixels with CCDNUM in its header; '
                          f'this image has {tuple(shape)}; set ASTROM_START=header')
        return cards
    x, y = (values.ravel() for values in np.meshgrid(np.linspace(0, shape[1] - 1, 5), np.linspace(0, shape[0] - 1, 9)))
    try:
        model = Tpv.of(model_of(int(header['CCDNUM'])))
    except BadData:
        if camera:
            raise
        return cards
    ra, dec = Tpv.of(cards).sky(x, y)
    return adjust(_near(model, cards), x, y, ra, dec, np.ones(x.size), linear=False, iterations=6).header()


def _near(model: Tpv, cards: Header) -> Tpv:
    """The model with its axis within a CCD's distance of where it will end up, north up there."""
    middle = [float(value) for value in Tpv.of(cards).sky((CCD_SHAPE[1] - 1) / 2, (CCD_SHAPE[0] - 1) / 2)]
    offset = [float(value) for value in model.plane((CCD_SHAPE[1] - 1) / 2, (CCD_SHAPE[0] - 1) / 2)]
    placed = replace(model, crval=np.array(middle))
    return replace(placed, crval=np.array(deproject(-offset[0], -offset[1], *middle)))


def check_date(header: Header) -> float:
    """MJD-OBS of an exposure.

    Raises
    ------
    BadData
        It is missing, no number, or no date DECam can have worked on: stars would be moved to wrong places.
    """
    value = header.get('MJD-OBS')
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not FIRST_DAY < float(value) < LAST_DAY:
        raise BadData(f'MJD-OBS is {value!r}; the date of the exposure (MJD, UTC) is needed to move the reference '
                      'stars to it')
    return float(value)
