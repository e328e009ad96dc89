"""The camera model: where every detector lies on the sky about the optical axis, and its distortion (tpv.csv, sip.csv)."""
from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from astropy.io.fits import Header

from sediff.csvtable import read_csv_rows
from sediff.errors import BadData, BadInput
from sediff.instruments.base import Instrument, table_path
from sediff.instruments.load import default_instrument

_SIP = re.compile(r'(a|b)_(\d)_(\d)')


@lru_cache(maxsize=8)
def _rows(path: Path, changed: int) -> dict[int, dict[str, str]]:
    return {int(row['ccdnum']): row for row in read_csv_rows(path, 'a camera model')}


def model_row(ccd: int, instrument: Instrument) -> dict[str, str] | None:
    """A detector's row of tpv.csv, or of sip.csv; None where neither has one."""
    paths = []
    for find in (lambda: table_path(instrument, 'tpv.csv'), lambda: table_path(instrument, 'sip.csv')):
        try:
            paths.append(find())
        except BadInput:
            continue
    rows = (_rows(path, path.stat().st_mtime_ns).get(int(ccd)) for path in paths)
    return next((row for row in rows if row is not None), None)


def camera_model(ccd: int, ra: float = 0.0, dec: float = 0.0, instrument: Instrument | None = None) -> Header:
    """TPV or SIP cards of a detector's trimmed image with the telescope's axis at (ra, dec), deg.

    Raises
    ------
    BadData
        The tables have no such detector.
    """
    instrument = instrument or default_instrument()
    row = model_row(ccd, instrument)
    if row is None:
        raise BadData(f'the camera model of {instrument.name} (tpv.csv, sip.csv) has no CCD {ccd}')
    return Header(model_cards(row) | {'CRVAL1': float(ra), 'CRVAL2': float(dec)})


def model_cards(row: Mapping, all_terms: bool = False) -> dict[str, float | str]:
    """The cards of a row of tpv.csv or sip.csv, CRVAL 0; PV1_3 and PV2_3, which are usually 0, only with `all_terms`."""
    sip = sorted(name for name, value in row.items() if _SIP.fullmatch(name) and value)
    pv = any(name.startswith('pv1_') for name in row)
    kind = 'TAN-SIP' if sip else 'TPV' if pv else 'TAN'
    cards: dict[str, float | str] = {'CTYPE1': f'RA---{kind}', 'CTYPE2': f'DEC--{kind}', 'CUNIT1': 'deg', 'CUNIT2': 'deg',
                                     'CRVAL1': 0.0, 'CRVAL2': 0.0, 'CRPIX1': float(row['crpix1']),
                                     'CRPIX2': float(row['crpix2'])}
    cards |= {name.upper(): float(row[name]) for name in ('cd1_1', 'cd1_2', 'cd2_1', 'cd2_2')}
    for axis in (1, 2) if pv else ():
        for k in range(11):
            if all_terms or k != 3 or float(row[f'pv{axis}_3']):
                cards[f'PV{axis}_{k}'] = float(row[f'pv{axis}_{k}'])
    for letter in ('A', 'B') if sip else ():
        powers = [(int(match[2]), int(match[3])) for name in sip
                  if name.startswith(letter.lower()) and (match := _SIP.fullmatch(name))]
        cards[f'{letter}_ORDER'] = max((i + j for i, j in powers), default=2)
        cards |= {f'{letter}_{i}_{j}': float(row[f'{letter.lower()}_{i}_{j}']) for i, j in powers}
    return cards
