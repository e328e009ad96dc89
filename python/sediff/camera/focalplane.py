"""The camera model: where every CCD lies on the sky about the optical axis, and its distortion (catalogs/tpv.csv)."""
from __future__ import annotations

import csv
from functools import lru_cache

from astropy.io.fits import Header

from sediff.camera.catalogs import catalog_path
from sediff.errors import BadData


@lru_cache(maxsize=1)
def _rows() -> dict[int, dict[str, str]]:
    with catalog_path('tpv.csv').open(encoding='utf-8') as lines:
        table = csv.DictReader(line for line in lines if not line.startswith('#'))
        return {int(row['ccdnum']): row for row in table}


def camera_model(ccd: int, ra: float = 0.0, dec: float = 0.0) -> Header:
    """TPV cards of a CCD's trimmed 2048 x 4096 image with the telescope's axis at (ra, dec), deg.

    Raises
    ------
    BadData
        The table has no such CCD (61 was dead when the exposure behind it was taken).
    """
    row = _rows().get(int(ccd))
    if row is None:
        raise BadData(f'the camera model (catalogs/tpv.csv) has no CCD {ccd}')
    cards = Header({'CTYPE1': 'RA---TPV', 'CTYPE2': 'DEC--TPV', 'CUNIT1': 'deg', 'CUNIT2': 'deg',
                    'CRVAL1': float(ra), 'CRVAL2': float(dec), 'CRPIX1': float(row['crpix1']),
                    'CRPIX2': float(row['crpix2'])})
    for name in ('cd1_1', 'cd1_2', 'cd2_1', 'cd2_2'):
        cards[name.upper()] = float(row[name])
    for axis in (1, 2):
        for k in range(11):
            if k != 3 or float(row[f'pv{axis}_3']):
                cards[f'PV{axis}_{k}'] = float(row[f'pv{axis}_{k}'])
    return cards
