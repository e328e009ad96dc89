"""SNSTAR and SNVETO lists: stars of the template exposures and of the reference catalogue on the search footprint."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from sediff.errors import BadData
from sediff.photometry.colour_terms import band_errors, band_magnitudes
from sediff.photometry.match import group_sky
from sediff.sphere import enclosing_box, from_vectors, inside_box, unit_vectors

if TYPE_CHECKING:
    import pandas as pd

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
    radius_of : callable, optional
        Veto radii (px) of magnitudes, in place of that rule.
    by_profile : bool
        SNVETO carries PROFILE_MARK: its column of radii is of the exposure, difference imaging works out each CCD's own.
    """

    max_spread_model: float = 0.003
    magnitude_range: tuple[float, float] = (12.0, 21.5)
    max_error: float = 0.011
    match_radius: float = 1.0
    radius_zero: float = 30.0
    radius_slope: float = 2.0
    radius_magnitude: float = 15.0
    radius_of: Callable[[np.ndarray], np.ndarray] | None = None
    by_profile: bool = False


#: What the second line of a SNVETO list says where each CCD works out the radii from its own stars' profile.
PROFILE_MARK = 'radii of the exposure by profile; without these words they count, with them each CCD takes its own'
#: Error (mag) of a magnitude in another band than asked for.
ROUGH = 0.5


@dataclass(frozen=True)
class ReferenceMagnitudes:
    """Stars of the reference catalogue: places (deg, at the search exposure's epoch), magnitudes in its band and their
    errors (mag), (n,) float64 each."""

    ra: np.ndarray
    dec: np.ndarray
    magnitude: np.ndarray
    error: np.ndarray


def build_star_lists(template_zp_tables: Sequence[pd.DataFrame], search_corners: np.ndarray, band: str, rnum: str | int,
                     pnum: str | int, options: StarListOptions | None = None,
                     reference: ReferenceMagnitudes | None = None) -> tuple[str, str]:
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
    reference : ReferenceMagnitudes, optional
        Stars of the reference catalogue on the footprint and around it: those that are not measured, for they are saturated,
        blended or flagged, come into the SNVETO list too, whatever their brightness.

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
    ra, dec, mag, error = (stars[name].to_numpy(float) for name in COLUMNS[:4])
    ra, dec, mag, error = merge_stars(ra, dec, mag, error, options.match_radius)
    names = f'OBJID\tRA\tDEC\tmag_{band}\tmagerr_{band}'
    snstar = _header(rnum, pnum, 5, names) + ''.join(row + '\n' for row in _rows(ra, dec, mag, error))
    if reference is not None:
        ra, dec, mag, error = _with_reference((ra, dec, mag, error), reference, options)
    rule = options.radius_of or (lambda m: np.maximum(
        options.radius_zero - options.radius_slope * (m - options.radius_magnitude), 0.0))
    mark = f', {PROFILE_MARK}' if options.by_profile else ''
    snveto = _header(rnum, pnum, 7, names + '\tradius\tvtype', mark) + ''.join(
        f'{row}\t{size:.6f}\t6\n' for row, size in zip(_rows(ra, dec, mag, error), rule(mag)))
    return snstar, snveto


def reference_magnitudes(stars: np.ndarray, band: str, terms: Mapping) -> ReferenceMagnitudes:
    """Gaia's stars in a band; one that the colour relation does not reach has its G, which is near enough for a radius."""
    general = np.asarray(stars['phot_g_mean_mag'], float)
    magnitude, error = general, np.full(len(stars), ROUGH)
    if isinstance(terms.get(band), Mapping):
        found = band_magnitudes(stars, band, terms)
        known = np.isfinite(found)
        magnitude, error = np.where(known, found, general), np.where(known, band_errors(stars, band, terms), ROUGH)
    whole = np.isfinite(magnitude) & np.isfinite(stars['ra']) & np.isfinite(stars['dec'])
    columns = stars['ra'], stars['dec'], magnitude, error
    return ReferenceMagnitudes(*(np.asarray(values, float)[whole] for values in columns))


def _rows(ra, dec, mag, error) -> list[str]:
    return [f'{number}\t{a:.6f}\t{d:.6f}\t{m:.4f}\t{e:.4f}'
            for number, (a, d, m, e) in enumerate(zip(ra, dec, mag, error), start=1)]


def _with_reference(measured: tuple, reference: ReferenceMagnitudes, options: StarListOptions) -> tuple:
    """Columns of the measured stars, where the reference says that they are now, and of its others, in ascending RA."""
    ra, dec, mag, error = (values.copy() for values in measured)
    new = reference.magnitude < options.magnitude_range[1]
    if new.any() and len(ra):
        reach = 2.0 * np.sin(np.radians(options.match_radius / 3600.0) / 2.0)
        chord, owner = cKDTree(unit_vectors(ra, dec)).query(unit_vectors(reference.ra, reference.dec),
                                                            distance_upper_bound=reach)
        listed = np.flatnonzero(np.isfinite(chord))
        ra[owner[listed]], dec[owner[listed]] = reference.ra[listed], reference.dec[listed]
        new[listed] = False
    added = (reference.ra[new], reference.dec[new], reference.magnitude[new], reference.error[new])
    merged = [np.concatenate(pair) for pair in zip((ra, dec, mag, error), added)]
    order = np.argsort(merged[0], kind='stable')
    return tuple(values[order] for values in merged)


def merge_stars(ra: np.ndarray, dec: np.ndarray, mag: np.ndarray, error: np.ndarray,
                radius_arcsec: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One entry a star: mean place, median magnitude, error sqrt(sum error^2)/n; in ascending RA (deg, mag)."""
    import pandas as pd
    count, labels = group_sky(ra, dec, radius_arcsec)
    if count == 0:
        return np.empty(0), np.empty(0), np.empty(0), np.empty(0)
    sums = np.zeros((count, 3))
    np.add.at(sums, labels, unit_vectors(ra, dec))
    mean_ra, mean_dec = from_vectors(sums)
    table = pd.DataFrame({'label': labels, 'mag': mag, 'variance': np.asarray(error, float) ** 2}).groupby('label')
    merged_error = np.sqrt(table['variance'].sum().to_numpy()) / table.size().to_numpy()
    order = np.argsort(mean_ra, kind='stable')
    return mean_ra[order], mean_dec[order], table['mag'].median().to_numpy()[order], merged_error[order]


def _gathered(tables, box, options) -> pd.DataFrame:
    import pandas as pd
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


def _header(rnum, pnum, count: int, names: str, mark: str = '') -> str:
    return ('# ASSOC format for Sextractor input.\n'
            f'# Star Source: SNSTAR table, CATALOG= r{rnum}p{pnum}{mark}\n'
            f'# NVAR: {count}\n'
            f'# VARNAMES:\t{names}\n')
