"""Star flats from the catalogues of processed exposures."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io.fits import Header

from sediff.errors import BadData, BadUsage
from sediff.formats.fits import write_images
from sediff.formats.ldac import read_ldac
from sediff.formats.tables import read_csv
from sediff.instruments.base import Instrument
from sediff.instruments.load import default_instrument
from sediff.isr.starflat import fit_star_flat, match_stars, star_flat_image
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository

#: Magnitude errors of the stars that are used, and how much the pattern may hide below the errors.
MAX_ERROR, FLOOR = 0.02, 0.002
COLUMNS = {'ra': 'ALPHAWIN_J2000', 'dec': 'DELTAWIN_J2000', 'mag': 'MAG_PSF', 'error': 'MAGERR_PSF'}


def build_star_flats(root: Path, nite: str, band: str | None, catalogs: Sequence[Path], ccds: Sequence[int],
                     degree: int = 3, zero_points: Path | None = None, instrument: Instrument | None = None) -> list[Path]:
    """Fit and write the star flat of every CCD that the catalogues cover, out of `ccds`.

    Raises
    ------
    BadUsage
        The catalogues are of several bands, or of another than `band`.
    BadData
        Too few stars were seen twice; or a star flat was divided out before the catalogues were made.
    """
    instrument = instrument or default_instrument()
    stars, bands = _read(catalogs)
    if len(bands) != 1 or (band and bands != {band}):
        raise BadUsage(f'the catalogues are of the bands {", ".join(sorted(bands))}'
                       + (f', not {band}' if band else '') + '; a star flat is of one band')
    numbers = match_stars({0: np.stack([stars['ra'], stars['dec']], axis=1)})
    patterns, rms = fit_star_flat(stars['ccd'], stars['x'], stars['y'], numbers, stars['exposure'], stars['mag'],
                                  np.hypot(stars['error'], FLOOR), degree, instrument.detector(int(stars['ccd'][0])).shape,
                                  zero_points=None if zero_points is None else _zero_points(zero_points))
    written = []
    for ccdnum, terms in sorted(patterns.items()):
        if ccdnum not in ccds:
            continue
        path = Repository(root).target('starflat', Exposure(root, 0, nite, next(iter(bands)), ccd=ccdnum))
        detector = instrument.detector(ccdnum)
        header = _header(ccdnum, nite, next(iter(bands)), stars, rms, terms, detector.name)
        write_images(path, [('SCI', star_flat_image(terms, degree, detector.shape), header)])
        written.append(path)
    return written


def _zero_points(path: Path) -> dict[int, float]:
    """Zero points by exposure number from a CSV with the columns expnum, zero_point."""
    table = read_csv(path)
    if not {'expnum', 'zero_point'} <= set(table.columns):
        raise BadData(f'{path} has the columns {", ".join(table.columns)}; expnum and zero_point are needed')
    return {int(number): float(value) for number, value in zip(table['expnum'], table['zero_point'])}


def _read(catalogs: Sequence[Path]) -> tuple[np.ndarray, set[str]]:
    """Good stars of all catalogues, and their bands."""
    tables, bands = [], set()
    for path in catalogs:
        catalogue, header = read_ldac(path)
        if 'STARFIL' in header:
            raise BadData(f'{path}: the star flat {header["STARFIL"]} was divided out already; process with '
                          'STARFLAT_FILE=none')
        bands.add(str(header.get('BAND', str(header.get('FILTER', '?')).split()[0])))
        good = catalogue[(catalogue['FLAGS'] == 0) & (catalogue['MAGERR_PSF'] < MAX_ERROR)
                         & (np.abs(catalogue['SPREAD_MODEL']) < 0.005) & (catalogue['IMAFLAGS_ISO'] == 0)]
        rows = np.zeros(len(good), [('ra', 'f8'), ('dec', 'f8'), ('x', 'f8'), ('y', 'f8'), ('mag', 'f8'), ('error', 'f8'),
                                    ('ccd', 'i4'), ('exposure', 'i8')])
        for name, column in COLUMNS.items():
            rows[name] = good[column]
        rows['x'], rows['y'] = good['XWIN_IMAGE'] - 1.0, good['YWIN_IMAGE'] - 1.0
        rows['ccd'], rows['exposure'] = int(header['CCDNUM']), int(header['EXPNUM'])
        tables.append(rows)
    return np.concatenate(tables), bands


def _header(ccdnum: int, nite: str, band: str, stars: np.ndarray, rms: float, terms: np.ndarray, name: str) -> Header:
    header = Header()
    own = stars[stars['ccd'] == ccdnum]
    header['OBSTYPE'], header['CCDNUM'], header['DETPOS'] = 'starflat', ccdnum, name
    header['NITE'], header['BAND'] = nite, band
    header['NINPUTS'] = (len(np.unique(own['exposure'])), 'Exposures')
    header['NSTARS'] = (len(own), 'Measurements of stars on this CCD')
    header['NOISE'] = (rms, '[mag] Scatter of the measurements about the fit')
    for number, term in enumerate(terms):
        header[f'TERM{number:02d}'] = (float(term), '[mag] Polynomial term')
    return header
