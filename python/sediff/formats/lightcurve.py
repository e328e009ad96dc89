"""Light curves out: CSV, FITS, and the text files of SNANA in the columns that DES-GW's data files have."""
from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from sediff.formats.opening import write_fits

Columns = Mapping[str, np.ndarray]

#: Decimals of the columns that are numbers with a fraction; others have seven significant digits.
_DIGITS = {'RA': 7, 'DEC': 7, 'MJD': 6, 'XPIX': 3, 'YPIX': 3, 'MAG': 4, 'MAGERR': 4, 'MAGLIM': 4, 'ZPFLUX': 4, 'SNR': 3,
           'GOOD': 4, 'CHI2': 3, 'PSF': 3, 'PHOTPROB': 4}
#: Electrons are no unit of the FITS Standard.
_UNITS = {'RA': 'deg', 'DEC': 'deg', 'MJD': 'd', 'XPIX': 'pix', 'YPIX': 'pix', 'MAG': 'mag', 'MAGERR': 'mag',
          'MAGLIM': 'mag', 'ZPFLUX': 'mag', 'PSF': 'pix'}
#: DES-GW's VARLIST -> the column it is taken from.
_SNANA = {'MJD': 'MJD', 'FLT': 'BAND', 'FIELD': 'FIELD', 'FLUXCAL': 'FLUXCAL', 'FLUXCALERR': 'FLUXCALERR',
          'PHOTFLAG': 'PHOTFLAG', 'PHOTPROB': 'PHOTPROB', 'ZPFLUX': 'ZPFLUX', 'PSF': 'PSF', 'SKYSIG': 'SKYSIG',
          'SKYSIG_T': 'SKYSIG_T', 'GAIN': 'GAIN', 'XPIX': 'XPIX', 'YPIX': 'YPIX', 'NITE': 'NITE', 'EXPNUM': 'EXPNUM',
          'CCDNUM': 'CCDNUM', 'OBJID': 'OBJID'}
#: What a column says where the measurement does not have it; fluxes are of electrons.
_DEFAULTS = {'PHOTFLAG': 0, 'PHOTPROB': 0.0, 'GAIN': 1.0, 'OBJID': 0}


@dataclass(frozen=True)
class Source:
    """Whose light curve it is: name, place (deg, ICRS), survey and pixel scale (arcsec)."""

    name: str
    ra: float
    dec: float
    survey: str = ''
    pixel_scale: float = float('nan')


def csv_text(columns: Columns) -> str:
    """A CSV with a line of names; what is NaN is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow(columns)
    writer.writerows(zip(*(_cells(name, values) for name, values in columns.items())))
    return out.getvalue()


def write_fits_curve(path: str | os.PathLike, columns: Columns) -> None:
    """One binary table LIGHTCURVE with units, atomically; texts are ASCII."""
    plain = {name: np.char.encode(values, 'ascii', 'replace') if values.dtype.kind == 'U' else values
             for name, values in columns.items()}
    widened = {name: values.astype('S1') if values.dtype.kind == 'S' and values.dtype.itemsize == 0 else values
               for name, values in plain.items()}
    with write_fits(path) as handle:
        handle.write(None)
        handle.write(widened, extname='LIGHTCURVE', units=[_UNITS.get(name, '') for name in columns])


def snana_text(source: Source, columns: Columns) -> str:
    """A light curve as SNANA reads it, in DES-GW's columns.

    Parameters
    ----------
    source : Source
    columns : mapping
        Of `sediff.candidates.epochs.light_curve`; PHOTFLAG, PHOTPROB, OBJID where they are known.

    Returns
    -------
    str
        Header, one `OBS:` line a measurement, `END:`. Epochs without a calibrated flux are comments with the reason.

    Notes
    -----
    mag = 27.5 - 2.5 log10(FLUXCAL). PSF is the Gaussian sigma (px) of the difference's PSF, SKYSIG and SKYSIG_T (electrons)
    the noise of a pixel of the search image and the template.
    """
    good = np.isfinite(columns['FLUXCAL']) & np.isfinite(columns['FLUXCALERR']) & np.isfinite(columns['MJD'])
    number = len(good)
    full = {name: np.full(number, _DEFAULTS[name]) if name in _DEFAULTS and name not in columns else columns[name]
            for name in _SNANA.values()}
    lines = [f'SURVEY: {_word(source.survey) or "UNKNOWN"}', f'SNID: {_word(source.name) or "1"}',
             f'RA: {source.ra:.7f}  # deg, ICRS', f'DECL: {source.dec:.7f}  # deg, ICRS',
             *([f'PIXSIZE: {source.pixel_scale:.4f}  # arcsec'] if np.isfinite(source.pixel_scale) else []),
             f'FILTERS: {"".join(sorted(set(columns["BAND"][good]))) or "-"}',
             'REDSHIFT_HELIO: -9.0 +- 9.0', 'REDSHIFT_FINAL: -9.0 +- 9.0', 'HOSTGAL_NMATCH: 0', '',
             f'NOBS: {int(good.sum())}', f'NVAR: {len(_SNANA)}', f'VARLIST: {" ".join(_SNANA)}']
    cells = zip(*(_snana_cells(name, full[column]) for name, column in _SNANA.items()))
    reasons = [' '.join(reason.split()) or 'no calibrated flux' for reason in columns['GAP']]
    for k, row in enumerate(cells):
        lines.append('OBS: ' + ' '.join(row) if good[k] else
                     f'# no measurement: MJD {row[0]} {row[1]} EXPNUM {row[15]} CCD {row[16]}: {_plain(reasons[k])}')
    return '\n'.join([*lines, 'END:', ''])


def _cells(name: str, values: np.ndarray) -> Iterator[str]:
    """A column as texts."""
    if values.dtype.kind != 'f':
        return (str(value) for value in values)
    form = f'.{_DIGITS[name]}f' if name in _DIGITS else '.7g'
    return ('' if np.isnan(value) else format(value, form) for value in values)


def _snana_cells(name: str, values: np.ndarray) -> Iterator[str]:
    """A column as words: none is empty, a number that is not known is -9."""
    if values.dtype.kind in 'US':
        return (_word(str(value)) or '-' for value in values)
    return (text or '-9' for text in _cells(name, values))


def _word(text: str) -> str:
    """A text as one word that SNANA can hold."""
    return re.sub(r'[^A-Za-z0-9_.+-]', '_', text)


def _plain(text: str) -> str:
    return re.sub(r'[^ -~]', '?', text)
