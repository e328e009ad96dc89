"""World coordinates: TPV, TAN and SIP headers to and from sky positions (0-based pixels, ICRS degrees)."""
from __future__ import annotations

import re
import warnings

import numpy as np
from astropy.io.fits import Header
from astropy.wcs import WCS, FITSFixedWarning

from sediff.errors import BadData

WCS_PREFIXES = ('CTYPE', 'CUNIT', 'CRVAL', 'CRPIX', 'CD1_', 'CD2_', 'PC1_', 'PC2_', 'PC00', 'CDELT', 'CROTA', 'PV1_', 'PV2_',
                'A_', 'B_', 'AP_', 'BP_', 'LONPOLE', 'LATPOLE', 'RADESYS', 'EQUINOX', 'WCSAXES')


def read_wcs(header: Header) -> WCS:
    """Celestial WCS of a header: TPV, TAN, TAN-SIP; scale as CD, as PC with CDELT, or as CDELT with CROTA2.

    Where a header has CD it counts, and PC, CDELT and CROTA do not; SIP cards count with TAN, not with TPV.

    Raises
    ------
    BadData
        The header has no celestial WCS that wcslib understands.
    """
    ignored = r'CDELT|CROTA|PC' if 'CD1_1' in header else r'PC00' if 'PC1_1' in header else r'$'
    if str(header.get('CTYPE1', '')).strip().endswith('-TPV'):
        ignored += r'|A_|B_|AP_|BP_'
    kept = Header([card for card in header.cards
                   if card.keyword.startswith(WCS_PREFIXES) and not re.match(ignored, card.keyword)])
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', FITSFixedWarning)
        try:
            wcs = WCS(kept, naxis=2)
        except Exception as error:
            raise BadData(f'WCS of the header cannot be read: {error}') from error
    if not wcs.has_celestial:
        raise BadData('the header has no celestial WCS (CTYPE1/CTYPE2); solve the astrometry first')
    return wcs


def copy_wcs(source: Header, target: Header) -> None:
    """Replace every WCS card of `target` by those of `source`, in place."""
    for keyword in [k for k in target if k.startswith(WCS_PREFIXES)]:
        del target[keyword]
    for card in source.cards:
        if card.keyword.startswith(WCS_PREFIXES):
            target[card.keyword] = (card.value, card.comment)


def pixel_to_sky(wcs: WCS, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """RA in [0, 360) and Dec (deg) of 0-based pixel positions."""
    ra, dec = wcs.all_pix2world(np.asarray(x, float), np.asarray(y, float), 0)
    return np.mod(ra, 360.0), dec


def sky_to_pixel(wcs: WCS, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """0-based pixel positions of RA, Dec (deg); NaN where the projection has no inverse."""
    x, y = wcs.all_world2pix(np.asarray(ra, float), np.asarray(dec, float), 0, quiet=True)
    return x, y


def pixel_scale(wcs: WCS) -> float:
    """Mean pixel scale (arcsec) at the reference point, from the CD matrix."""
    return 3600.0 * float(np.sqrt(np.abs(np.linalg.det(wcs.pixel_scale_matrix))))


#: Pixels whose sky positions the `.out` file holds, 1-based (x, y), in DES-GW's order (not cyclic).
OUT_CORNERS = ((16, 16), (16, 4081), (2033, 16), (2033, 4081))


def out_corners(wcs: WCS) -> np.ndarray:
    """The four corners of a CCD for its `.out` line: (4, 2) RA, Dec (deg)."""
    x, y = np.array(OUT_CORNERS, float).T - 1.0
    return np.stack(pixel_to_sky(wcs, x, y), axis=1)
