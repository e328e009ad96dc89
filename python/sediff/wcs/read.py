"""World coordinates: TPV, TAN and SIP headers to and from sky positions (0-based pixels, ICRS degrees)."""
from __future__ import annotations

import re
import warnings
from collections import OrderedDict
from copy import deepcopy

import numpy as np
import numpy.typing as npt
from astropy.io.fits import Header
from astropy.wcs import WCS, FITSFixedWarning

from sediff.cards import number_of
from sediff.errors import BadData
from sediff.wcs.frames import FramedWcs, frame_of
from sediff.wcs.tnx import add_distortion, plain_cards

#: Projections that are understood: those of wcslib, and TPV, TNX, ZPX.
PROJECTIONS = tuple('AZP SZP TAN STG SIN NCP ARC ZPN ZEA AIR CYP CEA CAR MER SFL GLS PAR AIT MOL COP COE COD COO BON PCO '
                    'TSC CSC QSC HPX XPH TPV TNX ZPX'.split())
WCS_PREFIXES = ('CTYPE', 'CUNIT', 'CRVAL', 'CRPIX', 'CD1_', 'CD2_', 'PC1_', 'PC2_', 'PC00', 'CDELT', 'CROTA', 'PV1_', 'PV2_',
                'A_', 'B_', 'AP_', 'BP_', 'LONPOLE', 'LATPOLE', 'RADESYS', 'RADECSYS',
                'EQUINOX', 'WCSAXES', 'WCSDIM', 'WAT0_', 'WAT1_', 'WAT2_')
#: What `read_wcs` looks at: beside these cards also EPOCH, where a header has no EQUINOX.
_LOOKED_AT = (*WCS_PREFIXES, 'EPOCH')
#: How many headers' WCS a process keeps, and those it has: a CCD's own is read in most of its steps.
_KEPT = 64
_known: OrderedDict[tuple, WCS] = OrderedDict()


def read_wcs(header: Header) -> WCS:
    """Celestial WCS of a header, as ICRS: any projection of wcslib, TAN with SIP, TPV, IRAF's TNX and ZPX.

    Where a header has CD it counts, and PC, CDELT and CROTA do not; SIP cards count with TAN, not with TPV; PV cards
    not with TAN-SIP; of TNX and ZPX only the WAT cards, which count with nothing else. Numbers may be written as text.
    Galactic coordinates, FK4 and FK5 are converted by `all_pix2world`, `all_world2pix` of the result.

    Raises
    ------
    BadData
        The header has no celestial WCS that is understood, lacks a card of it, or one is not a number; the message names it.

    Notes
    -----
    What a header with the same cards gave before is copied: a fifth of the time, and the result is the caller's own.
    """
    key = tuple((card.keyword, card.value, type(card.value)) for card in header.cards
                if card.keyword.startswith(_LOOKED_AT))
    if key not in _known:
        _known[key] = _read(header)
        if len(_known) > _KEPT:
            _known.popitem(last=False)
    _known.move_to_end(key)
    return deepcopy(_known[key])


def _read(header: Header) -> WCS:
    kinds = [str(header.get(f'CTYPE{axis}', '')).strip().upper() for axis in (1, 2)]
    kind = _projection(kinds)
    frame = frame_of(header)
    kept = plain_cards(_numbers(header), kind) if kind in ('TNX', 'ZPX') else _numbers(header)
    kept = Header([card for card in kept.cards if not re.match(_ignored(kept, kind), card.keyword)])
    if kind == 'TPV':
        for name in ('PV1_1', 'PV2_1'):        # 1 where they are left out, says the convention; wcslib takes 0
            kept.setdefault(name, 1.0)
    latitude_first = kinds[0].startswith(('DEC', 'GLAT'))
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', FITSFixedWarning)
        try:
            wcs = (FramedWcs if frame or latitude_first else WCS)(kept, naxis=2)
            wcs.wcs.set()
        except Exception as error:
            raise BadData(f'WCS of the header cannot be read: {_said(error)}') from error
    if not wcs.has_celestial:
        raise BadData(f'the header has no celestial WCS: {_named(kinds)}; solve the astrometry first')
    area = abs(np.linalg.det(wcs.pixel_scale_matrix))
    if not (np.isfinite(area) and area > 0):
        raise BadData('the WCS of the header gives pixels no size: its CD matrix (PC, CDELT) is singular or not finite')
    if kind in ('TNX', 'ZPX'):
        add_distortion(wcs, header)
    if frame or latitude_first:
        wcs.frame, wcs.latitude_first = frame, latitude_first
    return wcs


def _said(error: Exception) -> str:
    """What wcslib says is wrong, without the lines of its sources."""
    lines = [line.strip() for line in str(error).splitlines()]
    return ' '.join(line for line in lines if line and not line.startswith('ERROR ')) or type(error).__name__


def _projection(kinds: list[str]) -> str:
    """The projection code of both CTYPEs."""
    first, second = (re.fullmatch(r'[A-Z]+-+([A-Z]{3})(-SIP)?', kind) for kind in kinds)
    if not first or not second or first[1] != second[1] or first[1] not in PROJECTIONS:
        raise BadData(f'no celestial WCS that is understood: {_named(kinds)}; solve the astrometry first')
    return first[1]


def _named(kinds: list[str]) -> str:
    return f'CTYPE1, CTYPE2 are {kinds[0] or "missing"}, {kinds[1] or "missing"}'


def _ignored(header: Header, kind: str) -> str:
    """Keywords of other conventions that are left in a header."""
    out = r'WAT\d|RADESYS|RADECSYS|EQUINOX|EPOCH'
    if any(f'CD{i}_{j}' in header for i in (1, 2) for j in (1, 2)):
        out += r'|CDELT|CROTA|PC\d'
    elif 'PC1_1' in header:
        out += r'|PC00|CROTA'
    if kind == 'TPV':
        out += r'|A_|B_|AP_|BP_'
    elif str(header.get('CTYPE1', '')).strip().endswith('-SIP'):
        out += r'|PV\d'
    return out


def _numbers(header: Header) -> Header:
    """The WCS cards, their numbers as numbers; raises BadData where one of those needed is missing or none."""
    out = Header()
    for card in header.cards:
        if card.keyword.startswith(WCS_PREFIXES):
            value = card.value
            if re.match(r'(CRVAL|CRPIX|CDELT|CROTA)\d|CD\d|PC\d|PV\d|(A|B|AP|BP)_|LONPOLE|LATPOLE', card.keyword):
                value = number_of(card.value)
                if value is None:
                    raise BadData(f'WCS of the header cannot be read: {card.keyword} is {card.value!r}, not a number')
                value = int(value) if card.keyword.endswith('_ORDER') else value
            out.append((card.keyword, value, ''), end=True)
    missing = [name for name in ('CRVAL1', 'CRVAL2', 'CRPIX1', 'CRPIX2') if name not in out]
    if not any(re.match(r'CD\d|CDELT|PC\d', name) for name in out):
        missing.append('CD1_1 (or CDELT1)')
    if missing:
        raise BadData(f'WCS of the header is not whole: {", ".join(missing)} missing; solve the astrometry first')
    return out


def copy_wcs(source: Header, target: Header) -> None:
    """Replace every WCS card of `target` by those of `source`, in place."""
    for keyword in [k for k in target if k.startswith(WCS_PREFIXES)]:
        del target[keyword]
    for card in source.cards:
        if card.keyword.startswith(WCS_PREFIXES):
            target[card.keyword] = (card.value, card.comment)


def pixel_to_sky(wcs: WCS, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """RA in [0, 360) and Dec (deg) of 0-based pixel positions."""
    ra, dec = wcs.all_pix2world(np.asarray(x, float), np.asarray(y, float), 0)
    return np.mod(ra, 360.0), dec


def sky_to_pixel(wcs: WCS, ra: npt.ArrayLike, dec: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
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
