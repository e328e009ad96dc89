"""Stars of a catalogue and of the star lists, as small tables with RA, DEC, MAG, MAGERR."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sediff.candidates.texttable import parse_table
from sediff.ccdimage import CcdImage
from sediff.errors import BadInput
from sediff.psf.fit import fit_psf
from sediff.psf.model import PsfModel
from sediff.psf.stars import select_stars

#: Point sources: |SPREAD_MODEL| below this, or within three of its errors.
SPREAD_LIMIT = 0.003


def point_sources(catalogue: np.ndarray, max_mag_error: float = 0.05) -> np.ndarray:
    """Unflagged point sources with a good PSF magnitude."""
    spread = np.abs(catalogue['SPREAD_MODEL'])
    star = (spread < SPREAD_LIMIT) | (spread < 3 * catalogue['SPREADERR_MODEL'])
    clean = (catalogue['FLAGS'] == 0) & (catalogue['IMAFLAGS_ISO'] == 0) & (catalogue['FLUX_PSF'] > 0)
    return catalogue[star & clean & (catalogue['MAGERR_PSF'] < max_mag_error)]


def star_columns(catalogue: np.ndarray, zero_point: float) -> pd.DataFrame:
    """OBJID, RA, DEC, MAG, MAGERR of catalogue rows, magnitudes with this zero point."""
    return pd.DataFrame({'OBJID': np.asarray(catalogue['NUMBER'], int), 'RA': np.asarray(catalogue['ALPHAWIN_J2000'], float),
                         'DEC': np.asarray(catalogue['DELTAWIN_J2000'], float),
                         'MAG': zero_point - 2.5 * np.log10(np.asarray(catalogue['FLUX_PSF'], float)),
                         'MAGERR': np.asarray(catalogue['MAGERR_PSF'], float)})


def read_assoc(path: Path) -> pd.DataFrame:
    """A SNSTAR or SNVETO list, or the `_starCat.cat` made from one: OBJID, RA, DEC, MAG, MAGERR [, RADIUS, VTYPE].

    Raises
    ------
    BadInput
        Not such a list.
    """
    text = path.read_text(encoding='utf-8')
    if text.startswith('NVAR:'):
        columns = parse_table(text)
        return pd.DataFrame({name: values.astype(float) for name, values in columns.items()})
    names = ['OBJID', 'RA', 'DEC', 'MAG', 'MAGERR', 'RADIUS', 'VTYPE']
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith('#')]
    width = {len(row) for row in rows} or {5}
    if not text.startswith('#') or len(width) > 1 or width - {5, 7}:
        raise BadInput(f'{path} is no SNSTAR or SNVETO list; make it again with makestarcat.py')
    return pd.DataFrame(np.array(rows, float).reshape(-1, width.pop()), columns=names[:len(rows[0]) if rows else 5])


def psf_of(image: CcdImage, catalogue: np.ndarray, degree: int, size: int) -> PsfModel:
    """PSF model from the stars of a catalogue of bright objects."""
    stars = catalogue[select_stars(catalogue)]
    model, _, _ = fit_psf(image.image, image.weight, image.mask, stars['XWIN_IMAGE'] - 1.0, stars['YWIN_IMAGE'] - 1.0,
                          stars['FLUX_AUTO'], degree=degree, size=size)
    return model
