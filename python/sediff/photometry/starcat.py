"""SNSTAR and SNVETO lists: stars of the template exposures on the footprint of the search image."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sediff.errors import BadData
from sediff.photometry.match import group_sky
from sediff.refcat.regions import enclosing_box, from_vectors, inside_box, unit_vectors

COLUMNS = ('ALPHAWIN_J2000', 'DELTAWIN_J2000', 'MAG_PSF', 'MAGERR_PSF', 'SPREAD_MODEL', 'FLAGS', 'IMAFLAGS_ISO')


@dataclass(frozen=True)
class StarListOptions:
    """Which stars are listed, and how far they veto.

    Parameters
    ----------
    max_spread_model : float
        SPREAD_MODEL below this.
    magnitude_range : tuple
        MAG_PSF, mag, both ends excluded.
    max_error : float
        MAGERR_PSF above zero and up to this, mag.
    match_radius : float
        Entries this near are one star, arcsec.
    radius_zero, radius_slope, radius_magnitude : float
        Veto radius = radius_zero - radius_slope * (mag - radius_magnitude), pixels; not below 0. DES-GW's rule, whose
        unit it does not state and which is taken as pixels.
    """

    max_spread_model: float = 0.003
    magnitude_range: tuple[float, float] = (12.0, 21.5)
    max_error: float = 0.011
    match_radius: float = 1.0
    radius_zero: float = 30.0
    radius_slope: float = 2.0
    radius_magnitude: float = 15.0


def build_star_lists(template_zp_tables: Sequence[pd.DataFrame], search_corners: np.ndarray, band: str, rnum: str | int,
                     pnum: str | int, options: StarListOptions | None = None) -> tuple[str, str]:
    """Texts of the SNSTAR and SNVETO lists.

    Parameters
    ----------
    template_zp_tables : sequence of DataFrame
        The `D..._ZP.csv` tables of the template exposures (not the search one's own).
    search_corners : ndarray, (n, 4, 2) float64, deg
        RA, Dec of the corners of the n search CCDs.
    band : str
        Names the magnitude columns.
    rnum, pnum : str or int
        Processing version, for the header.
    options : StarListOptions, optional

    Returns
    -------
    snstar, snveto : str
        Header and tab-separated rows in ascending RA; the header alone where no star passes.

    Raises
    ------
    BadData
        A table lacks a column.
    """
    options = options or StarListOptions()
    box = enclosing_box(*np.moveaxis(np.asarray(search_corners, float).reshape(-1, 2), -1, 0))
    stars = _gathered(template_zp_tables, box, options)
    ra, dec, mag, error = merge_stars(*(stars[name].to_numpy(float) for name in COLUMNS[:4]), options.match_radius)
    radius = np.maximum(options.radius_zero - options.radius_slope * (mag - options.radius_magnitude), 0.0)
    rows = [f'{number}\t{a:.6f}\t{d:.6f}\t{m:.4f}\t{e:.4f}'
            for number, (a, d, m, e) in enumerate(zip(ra, dec, mag, error), start=1)]
    names = f'OBJID\tRA\tDEC\tmag_{band}\tmagerr_{band}'
    snstar = _header(rnum, pnum, 5, names) + ''.join(row + '\n' for row in rows)
    snveto = _header(rnum, pnum, 7, names + '\tradius\tvtype') + ''.join(
        f'{row}\t{size:.6f}\t6\n' for row, size in zip(rows, radius))
    return snstar, snveto


def merge_stars(ra: np.ndarray, dec: np.ndarray, mag: np.ndarray, error: np.ndarray,
                radius_arcsec: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One entry a star: mean place, median magnitude, error sqrt(sum error^2)/n; in ascending RA (deg, mag)."""
    count, labels = group_sky(ra, dec, radius_arcsec)
    if count == 0:
        return tuple(np.empty(0) for _ in range(4))
    sums = np.zeros((count, 3))
    np.add.at(sums, labels, unit_vectors(ra, dec))
    mean_ra, mean_dec = from_vectors(sums)
    table = pd.DataFrame({'label': labels, 'mag': mag, 'variance': np.asarray(error, float) ** 2}).groupby('label')
    merged_error = np.sqrt(table['variance'].sum().to_numpy()) / table.size().to_numpy()
    order = np.argsort(mean_ra, kind='stable')
    return mean_ra[order], mean_dec[order], table['mag'].median().to_numpy()[order], merged_error[order]


def _gathered(tables, box, options) -> pd.DataFrame:
    chosen = [pd.DataFrame({name: pd.Series(dtype=float) for name in COLUMNS})]
    for number, table in enumerate(tables, start=1):
        missing = [name for name in COLUMNS if name not in table.columns]
        if missing:
            raise BadData(f'template table {number} of {len(tables)} lacks {", ".join(missing)}; calibrate it again')
        chosen.append(table.loc[_passes(table, box, options), list(COLUMNS)])
    filled = [table for table in chosen if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else chosen[0]


def _passes(table: pd.DataFrame, box, options) -> np.ndarray:
    ra, dec, mag, error, spread, flags, mask = (table[name].to_numpy(float) for name in COLUMNS)
    return ((spread < options.max_spread_model) & (flags == 0) & (mask == 0) & (mag > options.magnitude_range[0])
            & (mag < options.magnitude_range[1]) & (error > 0.0) & (error <= options.max_error)
            & np.isfinite(ra) & np.isfinite(dec) & inside_box(ra, dec, box))


def _header(rnum, pnum, count: int, names: str) -> str:
    return ('# ASSOC format for Sextractor input.\n'
            f'# Star Source: SNSTAR table, CATALOG= r{rnum}p{pnum}\n'
            f'# NVAR: {count}\n'
            f'# VARNAMES:\t{names}\n')
