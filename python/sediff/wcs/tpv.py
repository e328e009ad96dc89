"""The TPV convention: its terms, TAN, SIP and old SCAMP headers rewritten as TPV, polynomials put into the PV terms."""
from __future__ import annotations

import re
from copy import copy

import numpy as np
from astropy.io.fits import Header

from sediff.errors import BadData
from sediff.wcs.polynomials import substitute
from sediff.wcs.read import WCS_PREFIXES, read_wcs

#: PVa_k multiplies own^i other^j, where own is the plane coordinate along axis a: k -> (i, j).
EXPONENTS = {start + j: (degree - j, j)
             for degree, start in enumerate((0, 1, 4, 7, 12, 17, 24, 31)) for j in range(degree + 1)}
#: PVa_k of these k multiply a power of the radius.
RADIAL = {3: 1, 11: 3, 23: 5, 39: 7}
N_TERMS, MAX_DEGREE = 40, 7
CD = ('CD1_1', 'CD1_2', 'CD2_1', 'CD2_2')


def tpv_cards(header: Header) -> Header:
    """The WCS cards of a TPV, TAN, SIP, TNX or old SCAMP header (TAN with PV), as TPV with a full CD matrix.

    Parameters
    ----------
    header : Header
        CD matrix, PC matrix with CDELT, or CDELT with CROTA2.

    Returns
    -------
    Header
        A new header of TPV cards; where the input is TPV its values are unchanged.

    Raises
    ------
    BadData
        No celestial WCS; not RA and Dec in this order; another projection; a SIP polynomial beyond degree 7; a native pole
        (LONPOLE) other than 180 deg; cards that are not finite.

    Notes
    -----
    TPV: Calabretta et al. (2004), "Representations of distortions in FITS world coordinate systems", and the FITS registry.
    SIP: Shupe et al. (2005). A SIP polynomial of degree n in pixels is exactly a TPV polynomial of degree n.
    """
    wcs = read_wcs(header)
    kinds = [str(header.get(f'CTYPE{axis}', '')).strip() for axis in (1, 2)]
    first, second = (re.fullmatch(name + r'-+(TAN|TPV|TAN-SIP|TNX)', kind) for name, kind in zip(('RA', 'DEC'), kinds))
    if not first or not second or first[1] != second[1]:
        raise BadData(f'CTYPE1, CTYPE2 are {kinds}; RA and DEC in this order, in TAN, TPV, TAN-SIP or TNX, are needed')
    if float(header.get('LONPOLE', 180.0)) != 180.0:
        raise BadData(f'LONPOLE is {header["LONPOLE"]}; only 180 is understood')
    cards = Header([copy(card) for card in header.cards if card.keyword.startswith(WCS_PREFIXES)
                    and not re.match(r'(A|B|AP|BP)_|CDELT|CROTA|PC\d|WAT\d', card.keyword)])
    cd, has_pv = wcs.pixel_scale_matrix, any(re.match(r'PV[12]_', keyword) for keyword in cards)
    terms = read_terms(cards) if has_pv and wcs.sip is None else _identity()
    if wcs.sip is not None:
        terms = _sip_terms(wcs.sip, cd)
    if not (np.isfinite(terms).all() and np.isfinite(cd).all() and np.isfinite(wcs.wcs.crval).all()):
        raise BadData('the WCS of the header holds numbers that are not finite')
    cards['CTYPE1'], cards['CTYPE2'] = 'RA---TPV', 'DEC--TPV'
    for keyword, value in zip(CD, cd.ravel()):
        cards[keyword] = float(value)
    return cards if has_pv and wcs.sip is None else with_terms(cards, terms)


def read_terms(cards: Header) -> np.ndarray:
    """PV terms of a TPV header: (2, 40) float64; absent ones are 0, PV1_1 and PV2_1 are 1."""
    terms = _identity()
    for axis in (1, 2):
        for k in range(N_TERMS):
            terms[axis - 1, k] = float(cards.get(f'PV{axis}_{k}', terms[axis - 1, k]))
    return terms


def with_terms(cards: Header, terms: np.ndarray) -> Header:
    """A copy of TPV cards with other PV terms: 0 to 10 always (3 only where it is not zero), higher ones where not zero."""
    out = Header([copy(card) for card in cards.cards if not re.match(r'PV[12]_', card.keyword)])
    for axis in (1, 2):
        for k in range(N_TERMS):
            if terms[axis - 1, k] or (k <= 10 and k != 3):
                out[f'PV{axis}_{k}'] = float(terms[axis - 1, k])
    return out


def add_polynomial(terms: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """PV terms with a polynomial added to each plane coordinate.

    Parameters
    ----------
    terms : ndarray, (2, 40) float64
    first, second : ndarray, (n, n) float64, deg
        Coefficient [i, j] multiplies xi^i eta^j, with (xi, eta) = CD (pixel - CRPIX) in deg; n <= 8.
    """
    out = terms.copy()
    for k, (i, j) in EXPONENTS.items():
        if i + j < len(first):
            out[0, k] += first[i, j]
            out[1, k] += second[j, i]
    return out


def _identity() -> np.ndarray:
    terms = np.zeros((2, N_TERMS))
    terms[:, 1] = 1.0
    return terms


def _sip_terms(sip, cd: np.ndarray) -> np.ndarray:
    """The PV terms of a SIP polynomial: plane = CD (p + f(p)), as a polynomial in CD p."""
    size = 1 + max(2, *(0 if table is None else table.shape[0] - 1 for table in (sip.a, sip.b)))
    if size > MAX_DEGREE + 1:
        raise BadData(f'the SIP polynomial has degree {size - 1}; TPV holds at most {MAX_DEGREE}')
    inverse, shifts = np.linalg.inv(cd), []
    for table in (sip.a, sip.b):
        full = np.zeros((size, size))
        if table is not None:
            full[:table.shape[0], :table.shape[1]] = table
        shifts.append(substitute(full, inverse, np.zeros(2)))
    return add_polynomial(_identity(), cd[0, 0] * shifts[0] + cd[0, 1] * shifts[1],
                          cd[1, 0] * shifts[0] + cd[1, 1] * shifts[1])
