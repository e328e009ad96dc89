"""Gaia's list of stars with the columns that a user may have fetched, as the archive writes them."""
from __future__ import annotations

from pathlib import Path

import fitsio
import numpy as np

from sediff.formats.atomic import atomic_path
from sediff.refcat.regions import pixels_of
from sediff.refcat.stars import STAR_NAMES, shard_name

_BANDS = {'g': 25.6873668671, 'bp': 25.3385422158, 'rp': 24.7478955012}     # Riello et al. 2021: flux of 1 e-/s
_POSITIONS = [name for name in STAR_NAMES if not name.startswith('phot_')]


def archive_columns(stars: np.ndarray, columns: str) -> dict[str, np.ndarray]:
    """Columns of a table of the archive.

    Parameters
    ----------
    stars : ndarray of STAR_DTYPE
    columns : str
        Of `sediff.sim.options.GAIA_COLUMNS`: 'errors' magnitudes and their errors; 'over' magnitudes and fluxes over errors;
        'flux' magnitudes, fluxes and their errors; 'fluxonly' the same without magnitudes; 'none' magnitudes alone; 'mixed'
        all of these, each missing for other stars (a zero error counts as missing).
    """
    table = {name: stars[name] for name in _POSITIONS}
    for band, zero_point in _BANDS.items():
        magnitude, error = stars[f'phot_{band}_mean_mag'], stars[f'phot_{band}_mean_mag_error']
        flux = 10.0 ** (0.4 * (zero_point - magnitude))
        given = {'mag': magnitude, 'mag_error': error, 'flux': flux, 'flux_error': flux * error * np.log(10.0) / 2.5,
                 'flux_over_error': 2.5 / np.log(10.0) / error}
        kept = {'errors': ('mag', 'mag_error'), 'over': ('mag', 'flux_over_error'), 'flux': ('mag', 'flux', 'flux_error'),
                'fluxonly': ('flux', 'flux_error'), 'none': ('mag',), 'mixed': tuple(given)}[columns]
        for number, name in enumerate(kept):
            values = given[name].copy()
            if columns == 'mixed' and name != 'flux':
                values[number::4] = 0.0 if name == 'mag_error' else np.nan
            table[f'phot_{band}_mean_{name}'] = values
    return table


def write_archive_shards(folder: Path, stars: np.ndarray, columns: str) -> None:
    """Plain FITS tables with these columns, one a HEALPix pixel."""
    table, pixels = archive_columns(stars, columns), pixels_of(stars['ra'], stars['dec'])
    for pixel in np.unique(pixels):
        rows = pixels == pixel
        with atomic_path(folder / shard_name(pixel)) as temporary, fitsio.FITS(str(temporary), 'rw', clobber=True) as handle:
            handle.write({name: values[rows] for name, values in table.items()}, extname='STARS')
