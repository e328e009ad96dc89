"""Zero points of a whole exposure: its own from all CCDs, and which CCDs are outliers."""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sediff.errors import BadData
from sediff.photometry.tables import NO_ZERO_POINT, ZERO_COLUMNS
from sediff.stats import sigma_about

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class OutlierOptions:
    """When a CCD's own zero point is not used, and when it is flagged.

    Parameters
    ----------
    min_stars : int
        Fewer clipped stars than this: the exposure's zero point takes its place (flag 1).
    max_rms : float
        Larger scatter than this: likewise, mag.
    max_difference : float
        Further from the median of the CCDs than this, mag: flag -1000.
    max_percent : float
        From so many flagged CCDs (percent of those with a zero point of their own) on, every CCD gets flag -9999: the
        exposure is not photometric.
    min_ccds : int
        With fewer CCDs of their own zero point a median tells nothing, and no CCD is flagged as an outlier.
    """

    min_stars: int = 4
    max_rms: float = 0.3
    max_difference: float = 0.15
    max_percent: float = 20.0
    min_ccds: int = 5


def exposure_zero_points(red_catlist: pd.DataFrame, zero_rows: pd.DataFrame, rnum: str | int, pnum: str | int,
                         options: OutlierOptions | None = None) -> dict[str, pd.DataFrame]:
    """Tables of an exposure from the rows of all its CCDs.

    Parameters
    ----------
    red_catlist : DataFrame
        One row a CCD (`tables.red_catlist`).
    zero_rows : DataFrame
        The Zero rows of the CCDs (`tables.zero_table`); a CCD without one counts as not calibrated.
    rnum, pnum : str or int
        Processing version.
    options : OutlierOptions, optional

    Returns
    -------
    dict of DataFrame
        'allZP' (one row), 'Merged' and 'Merg_allZP' (a row a CCD), with the columns of DES-GW's files. sigclipZP is the
        mean of the good CCDs' zero points, weighted by their stars and clipped at 3 sigma; stdsigclipzp is the scatter
        of all those CCDs' stars about it. DiffZP is in mag, DiffZP1 in mmag.

    Raises
    ------
    BadData
        No CCD of the exposure has a good zero point, rows of several exposures, or a column is missing.
    """
    import pandas as pd
    options = options or OutlierOptions()
    merged = _merge(red_catlist, zero_rows)
    good = ((merged['Nclipped'] >= options.min_stars) & (merged['ZP'] > -100.0) & (merged['ZPrms'] >= 0.0)
            & (merged['ZPrms'] <= options.max_rms)).to_numpy()
    expnum = int(merged['EXPNUM'].iloc[0])
    if not good.any():
        raise BadData(f'none of the {len(merged)} CCDs of exposure {expnum} has a zero point from {options.min_stars} '
                      f'stars with a scatter below {options.max_rms} mag; star counts: {merged["Nclipped"].tolist()}')
    zero_point, scatter = _combined(merged[good])
    merged['NewZP'] = np.where(good, merged['ZP'], zero_point)
    merged['NewZPrms'] = np.where(good, merged['ZPrms'], scatter)
    merged['NewZPFlag1'] = np.where(good, 0, 1)
    merged['DiffZP'] = merged['NewZP'] - merged.loc[good, 'NewZP'].median()
    outlier = good & (merged['DiffZP'].abs() >= options.max_difference).to_numpy() & (good.sum() >= options.min_ccds)
    merged['NewZPFlag2'] = np.where(outlier, -1000, 0)
    merged['Percent1'] = 100.0 * outlier.sum() / good.sum()
    merged['NewZPFlag3'] = np.where(merged['Percent1'] >= options.max_percent, -9999, 0)
    merged['NewZPFlag'] = merged[['NewZPFlag1', 'NewZPFlag2', 'NewZPFlag3']].sum(axis=1)
    merged['DiffZP1'] = 1000.0 * merged['DiffZP']
    whole = pd.DataFrame({'EXPNUM': [expnum], 'REQNUM': [rnum], 'ATTNUM': [pnum], 'NumStarsAll': [merged['Nall'].sum()],
                          'NumStarsClipped': [merged.loc[good, 'Nclipped'].sum()], 'sigclipZP': [zero_point],
                          'stdsigclipzp': [scatter]})
    short = merged[['FILENAME', 'EXPNUM', 'CCDNUM', 'NewZP', 'NewZPrms', 'NewZPFlag']].copy()
    return {'allZP': whole, 'Merged': merged, 'Merg_allZP': short}


def _merge(red_catlist: pd.DataFrame, zero_rows: pd.DataFrame) -> pd.DataFrame:
    lacking = [name for name in ('FILENAME', 'EXPNUM', 'CCDNUM') if name not in red_catlist.columns]
    lacking += [name for name in ZERO_COLUMNS if name not in zero_rows.columns]
    if lacking or red_catlist.empty:
        raise BadData(f'no zero points of an exposure without {", ".join(lacking) or "CCDs"}')
    if red_catlist['EXPNUM'].nunique() != 1:
        raise BadData(f'CCDs of several exposures: {sorted(red_catlist["EXPNUM"].unique().tolist())}')
    if zero_rows['FILENAME'].duplicated().any():
        raise BadData('a CCD has two Zero rows: ' + ', '.join(zero_rows.loc[zero_rows['FILENAME'].duplicated(), 'FILENAME']))
    merged = red_catlist.merge(zero_rows[list(ZERO_COLUMNS)], on='FILENAME', how='left')
    known = zero_rows['magType'].iloc[0] if len(zero_rows) else 'mag_psf'
    fill = {'Nall': 0, 'Nclipped': 0, 'ZP': NO_ZERO_POINT, 'ZPrms': NO_ZERO_POINT, 'magType': known}
    return merged.fillna(fill).astype({'Nall': int, 'Nclipped': int, 'ZP': float, 'ZPrms': float})


def _combined(good: pd.DataFrame) -> tuple[float, float]:
    zero_point, rms, stars = (good[name].to_numpy(float) for name in ('ZP', 'ZPrms', 'Nclipped'))
    center = np.median(zero_point)
    limit = 3.0 * max(sigma_about(zero_point, center), 0.01)
    keep = np.abs(zero_point - center) <= limit
    mean = float(np.average(zero_point[keep], weights=stars[keep]))
    variance = np.average(rms[keep] ** 2 + (zero_point[keep] - mean) ** 2, weights=stars[keep])
    return mean, float(np.sqrt(variance))
