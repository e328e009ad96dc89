"""Text of a SCAMP-like `.head` file: the WCS cards of a CCD and how good they are."""
from __future__ import annotations

from astropy.io.fits import Header

from sediff.astrometry.solution import Solution
from sediff.errors import BadData

PV_INDICES = (0, 1, 2, 4, 5, 6, 7, 8, 9, 10)

#: The 28 cards, in SCAMP's order, that DES-GW's tools take from a `.head` file.
HEAD_KEYS = (('CRVAL1', 'CRVAL2', 'CRPIX1', 'CRPIX2', 'CD1_1', 'CD1_2', 'CD2_1', 'CD2_2')
             + tuple(f'PV{axis}_{index}' for axis in (1, 2) for index in PV_INDICES))


def head_text(solution: Solution) -> str:
    """Cards one a line, ending with END, as SCAMP writes them.

    Parameters
    ----------
    solution : Solution
        Its header must be TPV; PV cards it lacks are written as 0 (PV1_1 and PV2_1 as 1).

    Returns
    -------
    str
        ASTRRMS1, ASTRRMS2 in deg (SCAMP's unit), the others as in the header.

    Raises
    ------
    BadData
        The header's projection is not TPV.
    """
    cards = solution.header
    if not str(cards.get('CTYPE1', '')).endswith('-TPV'):
        raise BadData(f'a .head file holds a TPV solution, this one is {cards.get("CTYPE1")!r}')
    head = Header()
    head['EQUINOX'] = (float(cards.get('EQUINOX', 2000.0)), 'Mean equinox')
    head['RADESYS'] = ('ICRS', 'Astrometric system')
    for axis, name in ((1, 'RA---TPV'), (2, 'DEC--TPV')):
        head[f'CTYPE{axis}'] = (name, 'WCS projection type for this axis')
        head[f'CUNIT{axis}'] = ('deg', 'Axis unit')
    for keyword in HEAD_KEYS:
        head[keyword] = float(cards.get(keyword, 1.0 if keyword in ('PV1_1', 'PV2_1') else 0.0))
    for keyword in cards:
        if keyword.startswith(('PV1_', 'PV2_')) and keyword not in HEAD_KEYS:
            head[keyword] = float(cards[keyword])
    head['ASTRRMS1'] = (solution.rms_ra / 3.6e6, 'Astrom. dispersion RMS (ref.) [deg]')
    head['ASTRRMS2'] = (solution.rms_dec / 3.6e6, 'Astrom. dispersion RMS (ref.) [deg]')
    head['ASTRNMAT'] = (solution.n_matched, 'Matched reference stars')
    head['ASTRCHI2'] = (solution.chi2, 'Chi-square per degree of freedom')
    head['ASTRCONT'] = (solution.contrast, 'Contrast of the pattern match')
    head['ASTRORD'] = (solution.order, 'Degree of the correction; 0: common solution')
    return '\n'.join(card.image.rstrip() for card in head.cards) + '\nEND     \n'


def parse_head(text: str) -> Header:
    """Header of a `.head` text, by keyword; BadData if it holds no WCS."""
    lines = [line for line in text.splitlines() if line.strip() and line.strip() != 'END']
    header = Header.fromstring('\n'.join(lines), sep='\n')
    missing = [keyword for keyword in HEAD_KEYS[:8] if keyword not in header]
    if missing:
        raise BadData(f'the .head text lacks {", ".join(missing)}; solve the astrometry again')
    return header
