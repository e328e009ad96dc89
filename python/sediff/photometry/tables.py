"""Calibration tables of a CCD, column for column those that DES-GW's tools read.

Two differences, both on purpose: zero points have the usual sign (mag = -2.5 log10 flux + ZP; DES-GW stored -ZP), and
ZPrms, stdsigclipzp and ZeroPoint_rms are the stars' scatter, which their names say (DES-GW stored a standard error).
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from astropy.io.fits import Header

from sediff.errors import BadData
from sediff.instruments.rawcards import airmass_of
from sediff.photometry.spatial import SpatialTerm
from sediff.photometry.zeropoint import ZeroPoint
from sediff.wcs.read import pixel_to_sky, read_wcs

if TYPE_CHECKING:
    import pandas as pd

#: Stands for 'no zero point' in ZP and ZPrms, and for 'no magnitude' in MAG and MAGERR.
NO_ZERO_POINT = -999.0
NO_MAGNITUDE = -9999.0
#: Zero point of the catalogues before calibration (MAG_ZEROPOINT of SExtractor).
CATALOGUE_ZERO_POINT = 25.0

CORNERS = tuple(f'{name}{number}' for number in (1, 2, 3, 4) for name in ('RAC', 'DECC'))
RED_CATLIST_COLUMNS = ('EXPNUM', 'FILENAME', 'NITE', 'BAND', 'CCDNUM', 'AIRMASS', 'EXPTIME', 'RA_CENT', 'DEC_CENT', *CORNERS)
STD_COLUMNS = ('MATCHID', 'RA', 'DEC', 'WAVG_MAG_PSF')
OBJ_COLUMNS = ('OBJECT_NUMBER', 'RA', 'DEC', 'MAG', 'MAGERR', 'ZEROPOINT', 'MAGTYPE', 'BAND')
ZERO_COLUMNS = ('FILENAME', 'Nall', 'Nclipped', 'ZP', 'ZPrms', 'magType')
CATALOGUE_COLUMNS = ('NUMBER', 'ALPHAWIN_J2000', 'DELTAWIN_J2000', 'FLUX_AUTO', 'FLUXERR_AUTO', 'FLUX_PSF', 'FLUXERR_PSF',
                     'MAG_AUTO', 'MAGERR_AUTO', 'MAG_PSF', 'MAGERR_PSF', 'SPREAD_MODEL', 'SPREADERR_MODEL', 'FWHM_WORLD',
                     'FWHMPSF_IMAGE', 'FWHMPSF_WORLD', 'CLASS_STAR', 'FLAGS', 'IMAFLAGS_ISO')
ZP_COLUMNS = ('ID', 'EXPNUM', 'CCDNUM', *CATALOGUE_COLUMNS, 'ZeroPoint', 'ZeroPoint_rms', 'ZeroPoint_FLAGS')


def red_catlist(headers: Sequence[Header], filenames: Sequence[str], shapes: Sequence[tuple[int, int]]) -> pd.DataFrame:
    """One row a CCD: what the exposure-level calibration needs to know about it.

    Parameters
    ----------
    headers : sequence of Header
        Of the immask images, with a celestial WCS.
    filenames : sequence of str
        Names of the matching fullcat files.
    shapes : sequence of (ny, nx)
        Of each image, pixels.

    Returns
    -------
    DataFrame
        RED_CATLIST_COLUMNS, AIRMASS NaN where it is not known; centre and corners (deg) from the WCS, corners
        round the CCD from its first pixel.

    Raises
    ------
    BadData
        A header lacks EXPNUM, BAND, CCDNUM, AIRMASS, EXPTIME, NITE, or a WCS.
    """
    import pandas as pd
    rows = []
    for header, filename, (ny, nx) in zip(headers, filenames, shapes, strict=True):
        x, y = np.array([(nx - 1) / 2, 0.0, nx - 1.0, nx - 1.0, 0.0]), np.array([(ny - 1) / 2, 0.0, 0.0, ny - 1.0, ny - 1.0])
        missing = [key for key in ('EXPNUM', 'NITE', 'BAND', 'CCDNUM', 'AIRMASS', 'EXPTIME') if key not in header]
        if missing:
            raise BadData(f'the header of {filename} lacks {", ".join(missing)}; make the image again')
        places = np.stack(pixel_to_sky(read_wcs(header), x, y), axis=1).ravel()
        rows.append((int(header['EXPNUM']), filename, str(header['NITE']), str(header['BAND']), int(header['CCDNUM']),
                     airmass_of(header) or np.nan, float(header['EXPTIME']), *places))
    return pd.DataFrame(rows, columns=list(RED_CATLIST_COLUMNS))


def standard_table(stars: np.ndarray, magnitude: np.ndarray) -> pd.DataFrame:
    """Reference stars with a magnitude in the band: STD_COLUMNS (deg, mag AB); those without (NaN) are left out."""
    import pandas as pd
    known = np.isfinite(magnitude)
    return pd.DataFrame({'MATCHID': stars['source_id'][known], 'RA': stars['ra'][known], 'DEC': stars['dec'][known],
                         'WAVG_MAG_PSF': magnitude[known]}, columns=list(STD_COLUMNS))


def object_table(catalogue: np.ndarray, band: str, flux_name: str = 'FLUX_PSF') -> pd.DataFrame:
    """Objects that may serve as calibration stars (flux positive), as measured: OBJ_COLUMNS."""
    import pandas as pd
    flux, error = np.asarray(catalogue[flux_name], float), np.asarray(catalogue['FLUXERR_' + flux_name[5:]], float)
    return pd.DataFrame({
        'OBJECT_NUMBER': native(catalogue['NUMBER']), 'RA': native(catalogue['ALPHAWIN_J2000']),
        'DEC': native(catalogue['DELTAWIN_J2000']), 'MAG': CATALOGUE_ZERO_POINT - 2.5 * np.log10(flux),
        'MAGERR': 2.5 / np.log(10.0) * error / flux, 'ZEROPOINT': CATALOGUE_ZERO_POINT,
        'MAGTYPE': 'mag_' + flux_name[5:].lower(), 'BAND': band}, columns=list(OBJ_COLUMNS))


def match_table(standards: pd.DataFrame, objects: pd.DataFrame, first: np.ndarray, second: np.ndarray) -> pd.DataFrame:
    """Matched pairs: MATCHID from 1, the standard's columns with _1, the object's with _2.

    `first` are rows of `objects`, `second` rows of `standards`.
    """
    import pandas as pd
    left = standards.iloc[second].reset_index(drop=True).add_suffix('_1')
    right = objects.iloc[first].reset_index(drop=True).add_suffix('_2')
    table = pd.concat([left, right], axis=1)
    table.insert(0, 'MATCHID', np.arange(1, len(table) + 1))
    return table


def whole_exposure(tables: Sequence[pd.DataFrame], key: str) -> pd.DataFrame:
    """The CCDs' std or match tables as one (STD and OUT files): each star of `key` once in a STD table, rows of a match
    table all kept; match tables are numbered anew from 1.

    Parameters
    ----------
    tables : sequence of DataFrame
    key : str
        'std' or 'match'.
    """
    import pandas as pd
    joined = pd.concat(tables, ignore_index=True)
    if key == 'std':
        return joined.drop_duplicates('MATCHID').sort_values('RA', kind='stable', ignore_index=True)
    return joined.assign(MATCHID=np.arange(1, len(joined) + 1))


def zero_table(filename: str, zero_point: ZeroPoint | None, n_all: int = 0, magnitude_type: str = 'mag_psf') -> pd.DataFrame:
    """The one row of a Zero file; without a zero point ZP and ZPrms are NO_ZERO_POINT and Nclipped 0."""
    import pandas as pd
    if zero_point is None:
        row = (filename, n_all, 0, NO_ZERO_POINT, NO_ZERO_POINT, magnitude_type)
    else:
        row = (filename, zero_point.n_all, zero_point.n_clipped, zero_point.zero_point, zero_point.rms, magnitude_type)
    return pd.DataFrame([row], columns=list(ZERO_COLUMNS))


def calibrated_table(catalogue: np.ndarray, expnum: int, ccdnum: int, zero_point: float, rms: float,
                     flag: int, spatial: SpatialTerm | None = None) -> pd.DataFrame:
    """A whole catalogue with its zero point applied: the 25 ZP_COLUMNS, in ascending RA, ID from 1.

    Magnitudes are -2.5 log10(flux) + ZeroPoint, NO_MAGNITUDE where the flux is not positive. ZeroPoint is the CCD's, with
    its spatial term (if it has one) at the object's place.

    Raises
    ------
    BadData
        The catalogue lacks a column, or the zero point is not one.
    """
    import pandas as pd
    missing = [name for name in CATALOGUE_COLUMNS if name not in (catalogue.dtype.names or ())]
    if missing:
        raise BadData(f'the catalogue of exposure {expnum} CCD {ccdnum} lacks {", ".join(missing)}; make it again')
    if not (np.isfinite(zero_point) and zero_point > -100.0):
        raise BadData(f'no zero point ({zero_point}) for exposure {expnum} CCD {ccdnum}: calibrate the exposure first')
    table = pd.DataFrame({name: native(catalogue[name]) for name in CATALOGUE_COLUMNS})
    here = np.full(len(catalogue), float(zero_point))
    if spatial is not None:
        here += spatial.at(catalogue['XWIN_IMAGE'] - 1.0, catalogue['YWIN_IMAGE'] - 1.0)
    for kind in ('AUTO', 'PSF'):
        flux, error = (table[name + kind].to_numpy(float) for name in ('FLUX_', 'FLUXERR_'))
        good = flux > 0.0
        safe = np.where(good, flux, 1.0)
        table['MAG_' + kind] = np.where(good, here - 2.5 * np.log10(safe), NO_MAGNITUDE)
        table['MAGERR_' + kind] = np.where(good, 2.5 / np.log(10.0) * error / safe, NO_MAGNITUDE)
    table = table.assign(ZeroPoint=here).sort_values('ALPHAWIN_J2000', kind='stable', ignore_index=True)
    table.insert(0, 'ID', np.arange(1, len(table) + 1))
    table.insert(1, 'EXPNUM', expnum)
    table.insert(2, 'CCDNUM', ccdnum)
    return table.assign(ZeroPoint_rms=rms, ZeroPoint_FLAGS=flag)[list(ZP_COLUMNS)]


def native(column: np.ndarray) -> np.ndarray:
    """A column in the machine's byte order, as pandas wants it."""
    return np.ascontiguousarray(column, dtype=column.dtype.newbyteorder('='))
