"""Headers of DECam exposures: band, night, and what of a raw header stays true for the trimmed image."""
from __future__ import annotations

from astropy.io.fits import Header

from sediff.camera.times import mjd_of_date, night_of_mjd
from sediff.errors import BadData

BANDS = ('u', 'g', 'r', 'i', 'z', 'Y', 'VR')

#: Cards that describe the file or the untrimmed frame and are false once the image is trimmed.
DROPPED = ('SIMPLE', 'XTENSION', 'BITPIX', 'NAXIS', 'NAXIS1', 'NAXIS2', 'EXTEND', 'NEXTEND', 'PCOUNT', 'GCOUNT',
           'TFIELDS', 'TTYPE1', 'TFORM1', 'BZERO', 'BSCALE', 'CHECKSUM', 'DATASUM', 'CHECKVER', 'INHERIT', 'EXTNAME',
           'CCDSEC', 'DETSIZE', 'TIME_RECORDED', 'PROCTYPE')
DROPPED_PREFIXES = ('Z', 'TRIMSEC', 'BIASSEC', 'PRESEC', 'POSTSEC', 'DATASEC', 'DETSEC', 'LTV', 'LTM')
KEPT_Z = ('ZD',)


def band_of(header: Header) -> str:
    """Band (u g r i z Y VR) from the FILTER card, whose first word names it ('g DECam SDSS c0001 ...').

    Raises
    ------
    BadData
        FILTER is missing or names none of these bands.
    """
    words = str(header.get('FILTER', '')).split()
    if not words or words[0] not in BANDS:
        raise BadData(f'FILTER is {header.get("FILTER")!r}; its first word must be one of {", ".join(BANDS)}')
    return words[0]


def nite_of(header: Header) -> str:
    """Night YYYYMMDD: the UTC date 12 hours before the start of the exposure (DATE-OBS, else MJD-OBS).

    Raises
    ------
    BadData
        DATE-OBS is missing or no ISO date, and MJD-OBS is no number.
    """
    text = str(header.get('DATE-OBS', ''))
    try:
        return night_of_mjd(mjd_of_date(text))
    except ValueError as error:
        mjd = header.get('MJD-OBS')
        if isinstance(mjd, float) and 0.0 < mjd < 100000.0:
            return night_of_mjd(mjd)
        raise BadData(f'DATE-OBS is {text!r}; an ISO date and time (UTC) is needed') from error


def trimmed_header(raw_header: Header) -> Header:
    """Header of the trimmed image of a raw CCD: what stays true, plus BAND and NITE.

    The WCS is taken over unchanged: in raw DECam headers CRPIX already counts pixels of the trimmed 2048 x 4096 image,
    whatever LTV1, LTV2 say. The Community Pipeline's headers show it: they trim one pixel more (LTV1 = LTV2 = -1)
    and have CRPIX = raw CRPIX - 1 in both halves of the camera (N25: -9121.8 and -9120.8; S1: 2150.2 and 2151.2,
    14825 and 14826), where a frame with overscan would differ by 56 and by 0 (N) or 50 (S) more.

    CCDSECA/B and AMPSECA/B stay: with the gain cards they tell a later step where the amplifiers are.

    Raises
    ------
    BadData
        EXPNUM or CCDNUM is missing.
    """
    for keyword in ('EXPNUM', 'CCDNUM'):
        if keyword not in raw_header:
            raise BadData(f'header card {keyword} is missing; a raw DECam header (primary and CCD merged) is needed')
    header = Header([card for card in raw_header.cards if not _is_dropped(card.keyword)])
    header['NITE'] = (nite_of(raw_header), 'UTC date minus 12 h')
    if str(raw_header.get('FILTER', '')).split()[:1] and str(raw_header['FILTER']).split()[0] in BANDS:
        header['BAND'] = (band_of(raw_header), 'Band')
    header['CAMSYM'] = ('D', 'Camera')
    return header


def _is_dropped(keyword: str) -> bool:
    keyword = keyword.upper()
    if keyword in KEPT_Z:
        return False
    return keyword in DROPPED or keyword.startswith(DROPPED_PREFIXES)
