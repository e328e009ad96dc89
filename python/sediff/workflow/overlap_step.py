"""Which exposures overlap a search exposure, and the lists that say so."""
from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sediff.errors import BadInput
from sediff.formats.plan_lists import ws_diff_text


@dataclass(frozen=True)
class Overlaps:
    """Exposures around a search exposure.

    Parameters
    ----------
    search : Series
        Its row of the list of exposures.
    partners : DataFrame
        Exposures of the same sequence: same band and pointing, not earlier, never templates.
    exposures : DataFrame
        The overlapping exposures, latest first, with columns days (search minus exposure, d) and separation (deg).
    """

    search: pd.Series
    partners: pd.DataFrame
    exposures: pd.DataFrame


def find_overlaps(exposures: pd.DataFrame, expnum: int, others: Collection[int] = (),
                  blacklist: Collection[int] = frozenset(), radius: float = 2.2, min_days: float = 0.5,
                  junk_words: str = '') -> Overlaps:
    """Exposures of the search exposure's band and pointing, taken at another time.

    Parameters
    ----------
    exposures : DataFrame
        As from `sediff.repository.exposures.read_exposures`; of an exposure listed twice the last line counts.
    expnum : int
        The search exposure; its own OBJECT may hold a junk word.
    others : collection of int
        Further exposures being searched; they are never overlaps.
    blacklist : collection of int
        Exposure numbers left out.
    radius : float
        Largest distance between centres, deg.
    min_days : float
        Smallest distance in time, d.
    junk_words : str
        Words separated by `|`; exposures with one in OBJECT or OBSTYPE, in any case, are left out.

    Raises
    ------
    BadInput
        The search exposure is not in the list.
    """
    table = exposures.drop_duplicates('expnum', keep='last').sort_values(['mjd_obs', 'expnum'], ascending=False)
    rows = table[table.expnum == expnum]
    if rows.empty:
        raise BadInput(f'exposure {expnum} is not in the list of exposures (EXPOSURES_LIST); take its file in with '
                       '`sediff ingest`, or add its line')
    search = rows.iloc[0]
    rest = table[(table.expnum != expnum) & (table.band == search.band)]
    rest = rest.assign(days=search.mjd_obs - rest.mjd_obs, separation=angular_separation(
        search.radeg, search.decdeg, rest.radeg.to_numpy(), rest.decdeg.to_numpy()))
    rest = rest[rest.separation <= radius]
    given = rest.expnum.isin(list(others))
    partners = rest[given & (rest.expnum > expnum) & (rest.days <= 0)]
    chosen = rest[~given & ~rest.expnum.isin(list(blacklist)) & (rest.days.abs() >= min_days)]
    return Overlaps(search, partners.reset_index(drop=True),
                    chosen[~_is_junk(chosen, junk_words)].reset_index(drop=True))


def _is_junk(exposures: pd.DataFrame, junk_words: str) -> pd.Series:
    words = [re.escape(word) for word in junk_words.split('|') if word]
    if not words:
        return pd.Series(False, index=exposures.index)
    text = exposures.object.astype(str) + ' ' + exposures.obstype.astype(str)
    return text.str.contains('|'.join(words), case=False, regex=True)


def angular_separation(ra: float, dec: float, other_ra: np.ndarray, other_dec: np.ndarray) -> np.ndarray:
    """Great-circle distance (deg) between positions in deg, exact at all distances (Vincenty's form)."""
    ra1, dec1, ra2, dec2 = (np.radians(value) for value in (ra, dec, other_ra, other_dec))
    delta = ra2 - ra1
    across = np.hypot(np.cos(dec2) * np.sin(delta),
                      np.cos(dec1) * np.sin(dec2) - np.sin(dec1) * np.cos(dec2) * np.cos(delta))
    along = np.sin(dec1) * np.sin(dec2) + np.cos(dec1) * np.cos(dec2) * np.cos(delta)
    return np.degrees(np.arctan2(across, along))


def list1_text(overlaps: Overlaps) -> str:
    """`KH_diff.list1`: number of exposures, band, search exposure, its partners, overlaps from the latest."""
    numbers = [*overlaps.partners.expnum, *overlaps.exposures.expnum]
    return ws_diff_text(overlaps.search.band, int(overlaps.search.expnum), [int(number) for number in numbers])


def list2_text(overlaps: Overlaps) -> str:
    """`KH_diff.list2`: the search exposure with its number of overlaps, then an overlap a line, then a blank line."""
    search = overlaps.search
    lines = [f'{search.expnum} {search.nite} {search.mjd_obs:.6f} {search.radeg:.6f} {search.decdeg:.6f} '
             f'{search.band} {len(overlaps.exposures)}']
    lines += [f'{int(row.expnum):8d} {int(row.nite):8d} {-row.days:10.5f} {row.separation:12.9f}'
              for row in overlaps.exposures.itertuples()]
    return '\n'.join(lines) + '\n\n'
