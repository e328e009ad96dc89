"""Headers of exposures: band, night, and what of a raw header stays true for the trimmed image."""
from __future__ import annotations

from astropy.io.fits import Header

from sediff.errors import BadData
from sediff.instruments.base import Instrument
from sediff.instruments.load import default_instrument
from sediff.times import mjd_of_date, night_of_mjd

#: Cards that describe the file or the untrimmed frame and are false once the image is trimmed.
DROPPED = ('SIMPLE', 'XTENSION', 'BITPIX', 'NAXIS', 'NAXIS1', 'NAXIS2', 'EXTEND', 'NEXTEND', 'PCOUNT', 'GCOUNT',
           'TFIELDS', 'TTYPE1', 'TFORM1', 'BZERO', 'BSCALE', 'CHECKSUM', 'DATASUM', 'CHECKVER', 'INHERIT', 'EXTNAME',
           'CCDSEC', 'DETSIZE', 'TIME_RECORDED', 'PROCTYPE')
DROPPED_PREFIXES = ('Z', 'TRIMSEC', 'BIASSEC', 'PRESEC', 'POSTSEC', 'DATASEC', 'DETSEC', 'LTV', 'LTM')
KEPT_Z = ('ZD',)


def band_of(header: Header, instrument: Instrument | None = None) -> str:
    """Band from the FILTER card, which spells it out, or whose first word does ('g DECam SDSS c0001 ...').

    Raises
    ------
    BadData
        FILTER is missing or names none of the instrument's bands.
    """
    instrument = instrument or default_instrument()
    band = instrument.band_of_filter(str(header.get('FILTER', '')))
    if not band:
        raise BadData(f'FILTER is {header.get("FILTER")!r}; its first word must be one of {", ".join(instrument.bands)}')
    return band


def nite_of(header: Header, offset: float = 12.0) -> str:
    """Night YYYYMMDD: the UTC date `offset` hours before the start of the exposure (DATE-OBS, else MJD-OBS).

    Raises
    ------
    BadData
        DATE-OBS is missing or no ISO date, and MJD-OBS is not a number.
    """
    text = str(header.get('DATE-OBS', ''))
    try:
        return night_of_mjd(mjd_of_date(text), offset)
    except ValueError as error:
        mjd = header.get('MJD-OBS')
        if isinstance(mjd, float) and 0.0 < mjd < 100000.0:
            return night_of_mjd(mjd, offset)
        raise BadData(f'DATE-OBS is {text!r}; an ISO date and time (UTC) is needed') from error


def night_comment(instrument: Instrument) -> str:
    """What a NITE card's comment says."""
    return f'UTC date minus {instrument.night_offset:.4g} h'


def trimmed_header(raw_header: Header, instrument: Instrument | None = None) -> Header:
    """Header of the trimmed image of a raw CCD: what stays true, plus BAND and NITE.

    The WCS is taken over unchanged: in raw headers of DECam CRPIX already counts pixels of the trimmed image,
    whatever LTV1, LTV2 say. The Community Pipeline's headers show it: they trim one pixel more (LTV1 = LTV2 = -1)
    and have CRPIX = raw CRPIX - 1 in both halves of the camera (N25: -9121.8 and -9120.8; S1: 2150.2 and 2151.2,
    14825 and 14826), where a frame with overscan would differ by 56 and by 0 (N) or 50 (S) more.

    CCDSECA/B and AMPSECA/B stay: with the gain cards they tell a later step where the amplifiers are.

    Raises
    ------
    BadData
        EXPNUM or CCDNUM is missing.
    """
    instrument = instrument or default_instrument()
    for keyword in ('EXPNUM', 'CCDNUM'):
        if keyword not in raw_header:
            raise BadData(f'header card {keyword} is missing; a raw header (primary and CCD merged) is needed')
    header = Header([card for card in raw_header.cards if not _is_dropped(card.keyword)])
    header['NITE'] = (nite_of(raw_header, instrument.night_offset), night_comment(instrument))
    if instrument.band_of_filter(str(raw_header.get('FILTER', ''))):
        header['BAND'] = (band_of(raw_header, instrument), 'Band')
    header['CAMSYM'] = (instrument.facts.get('symbol', 'D'), 'Camera')
    return header


def _is_dropped(keyword: str) -> bool:
    keyword = keyword.upper()
    if keyword in KEPT_Z:
        return False
    return keyword in DROPPED or keyword.startswith(DROPPED_PREFIXES)
