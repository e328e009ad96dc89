"""Stars of a catalogue and of the star lists, as small tables with RA, DEC, MAG, MAGERR."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sediff.candidates.texttable import parse_table
from sediff.ccdimage import CcdImage
from sediff.errors import BadInput
from sediff.photometry.starcat import PROFILE_MARK
from sediff.psf.fit import fit_psf, stars_needed
from sediff.psf.maps import psf_map
from sediff.psf.model import PsfModel
from sediff.psf.stars import safe_peak, select_stars

if TYPE_CHECKING:
    import pandas as pd

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
    import pandas as pd
    return pd.DataFrame({'OBJID': np.asarray(catalogue['NUMBER'], int), 'RA': np.asarray(catalogue['ALPHAWIN_J2000'], float),
                         'DEC': np.asarray(catalogue['DELTAWIN_J2000'], float),
                         'MAG': zero_point - 2.5 * np.log10(np.asarray(catalogue['FLUX_PSF'], float)),
                         'MAGERR': np.asarray(catalogue['MAGERR_PSF'], float)})


def zero_point_of(table: pd.DataFrame) -> float:
    """Zero point (AB mag of one electron) in a CCD's Merg_allZP table: all that difference imaging reads of it."""
    return float(table['NewZP'].iloc[0])


def read_assoc(path: Path) -> pd.DataFrame:
    """A SNSTAR or SNVETO list, or the `_starCat.cat` made from one: OBJID, RA, DEC, MAG, MAGERR [, RADIUS, VTYPE].

    There is no RADIUS where the list says that each CCD works out its own (PROFILE_MARK).

    Raises
    ------
    BadInput
        Not such a list.
    """
    try:
        return _parse_assoc(path, path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise BadInput(f'{path} cannot be read as a star list ({str(error)[:200]}); make it again with '
                       'makestarcat.py') from error


def _parse_assoc(path: Path, text: str) -> pd.DataFrame:
    import pandas as pd
    if text.startswith('NVAR:'):
        columns = parse_table(text)
        return pd.DataFrame({name: values.astype(float) for name, values in columns.items()})
    names = ['OBJID', 'RA', 'DEC', 'MAG', 'MAGERR', 'RADIUS', 'VTYPE']
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith('#')]
    width = {len(row) for row in rows} or {5}
    if not text.startswith('#') or len(width) > 1 or width - {5, 7}:
        raise BadInput(f'{path} is no SNSTAR or SNVETO list; make it again with makestarcat.py')
    table = pd.DataFrame(np.array(rows, float).reshape(-1, width.pop()), columns=names[:len(rows[0]) if rows else 5])
    by_profile = any(PROFILE_MARK in line for line in text.splitlines() if line.startswith('#'))
    return table.drop(columns='RADIUS', errors='ignore') if by_profile else table


def psf_of(image: CcdImage, catalogue: np.ndarray, degree: int, size: int, bright_margin: float = 1.5) -> PsfModel:
    """PSF model from the stars of a catalogue of bright objects; see `psf_and_statistics`."""
    return psf_and_statistics(image, catalogue, degree, size, bright_margin)[0]


def psf_and_statistics(image: CcdImage, catalogue: np.ndarray, degree: int, size: int,
                       bright_margin: float = 1.5) -> tuple[PsfModel, dict]:
    """PSF model from the stars of a catalogue of bright objects, and the metrics of its quality.

    Parameters
    ----------
    catalogue : structured ndarray
        Of `sediff.catalog.measure.measure_bright`.
    degree, size : int
        Polynomial degree over the CCD and odd side of the planes (pixels).
    bright_margin : float, mag
        Stars must be so much fainter than one whose peak saturates. Dropped where it leaves too few for the degree and
        the brighter ones help.

    Returns
    -------
    model : PsfModel
    metrics : dict
        For the json file: numbers of stars, metrics of `sediff.psf.fit.PsfStatistics`, the peak allowed (null: any), and
        maps of FWHM and ellipticity.

    Raises
    ------
    BadData
        Fewer than three usable stars.
    """
    saturation = image.header.get('SATURATE')
    known = isinstance(saturation, (int, float)) and saturation > 0
    peak = safe_peak(saturation, bright_margin) if known else np.inf
    rows = select_stars(catalogue, maximum_peak=peak)
    if rows.size < stars_needed(degree) and np.isfinite(peak):
        everything = select_stars(catalogue)
        if everything.size > rows.size:
            rows, peak = everything, np.inf
    stars = catalogue[rows]
    model, used, found = fit_psf(image.image, image.weight, image.mask, stars['XWIN_IMAGE'] - 1.0, stars['YWIN_IMAGE'] - 1.0,
                                 stars['FLUX_AUTO'], degree=degree, size=size)
    return model, {'stars': len(stars), 'used': int(used.size), 'reserve': found.n_reserve, 'degree': found.degree,
                   'chi2': found.chi2, 'residual_peak': found.residual_peak, 'residual_noise': found.residual_noise,
                   'core_scatter': found.core_scatter, 'peak_limit': float(peak) if np.isfinite(peak) else None,
                   **_map_metrics(psf_map(model, image.image.shape))}


def _map_metrics(table: np.ndarray) -> dict:
    """Medians of a PSF map and the map itself, 1-based positions."""
    modulus = np.hypot(table['e1'], table['e2'])
    cells = {'X_IMAGE': table['x'] + 1.0, 'Y_IMAGE': table['y'] + 1.0, 'FWHM': table['fwhm'], 'E1': table['e1'],
             'E2': table['e2']}
    return {'fwhm': float(np.median(table['fwhm'])), 'ellipticity': float(np.median(modulus)),
            'fwhm_range': float(np.ptp(table['fwhm'])), 'map': {name: np.round(v, 4).tolist() for name, v in cells.items()}}
