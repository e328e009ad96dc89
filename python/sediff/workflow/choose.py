"""Which overlapping exposures are good enough to be templates, each with the reason."""
from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from sediff.errors import BadData, BadUsage

BANDS = ('u', 'g', 'r', 'i', 'z', 'Y', 'VR')


@dataclass(frozen=True)
class Cuts:
    """What a template must be.

    Parameters
    ----------
    min_exptime : float
        s; also asked of the search exposure.
    min_teff : float
        Smallest t_eff; an unknown t_eff never passes.
    window : float
        d; no template nearer in time than this, before or after.
    distinct : bool
        Use `before` and `after` instead of `window`.
    before, after : float
        d; no template taken less than `before` days before and less than `after` days after the search exposure.
    min_nite, max_nite : int
        Earliest and latest night YYYYMMDD, inclusive.
    blacklist : frozenset of int
    """

    min_exptime: float = 30.0
    min_teff: float = 0.0
    window: float = 30.0
    distinct: bool = False
    before: float = 0.0
    after: float = 0.0
    min_nite: int = 20100101
    max_nite: int = 99999999
    blacklist: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Choice:
    """An overlapping exposure, and why it is or is not a template."""

    expnum: int
    nite: str
    kept: bool
    reason: str


def cuts_for(parameters: Mapping, band: str, blacklist: frozenset[int] = frozenset()) -> Cuts:
    """The cuts that rc/dagmaker.rc asks for in a band.

    Raises
    ------
    BadUsage
        A band that has no t_eff cut.
    """
    if band not in BANDS:
        raise BadUsage(f'band {band}: templates can be chosen in {", ".join(BANDS)}')
    return Cuts(parameters['MIN_EXPTIME'], parameters[f'TEFF_CUT_{band.upper()}'], parameters['TWINDOW'],
                bool(parameters['TWINDOW_DISTINCT']), parameters['TWINDOW_BEFORE'], parameters['TWINDOW_AFTER'],
                parameters['MIN_NITE'], parameters['MAX_NITE'], blacklist)


def check_search(search: pd.Series, cuts: Cuts) -> None:
    """Refuse a search exposure that cannot be processed.

    Raises
    ------
    BadData
        Too short, of unknown length, or blacklisted.
    """
    expnum = int(search.expnum)
    if expnum in cuts.blacklist:
        raise BadData(f'search exposure {expnum} is in the blacklist')
    if not search.exptime >= cuts.min_exptime:
        raise BadData(f'search exposure {expnum}: exposure time {search.exptime:g} s is below '
                      f'MIN_EXPTIME={cuts.min_exptime:g} s')


def choose_templates(overlaps: pd.DataFrame, cuts: Cuts) -> list[Choice]:
    """Apply the cuts to each overlapping exposure.

    Parameters
    ----------
    overlaps : DataFrame
        As `Overlaps.exposures`: expnum, nite, exptime, t_eff, days.

    Returns
    -------
    list of Choice
        In the order of `overlaps`; the reason of a kept one is its t_eff.
    """
    return [_choose(row, cuts) for row in overlaps.itertuples()]


def _choose(row, cuts: Cuts) -> Choice:
    reason = _veto(row, cuts)
    return Choice(int(row.expnum), str(row.nite), not reason, reason or f't_eff {row.t_eff:.3f}, {row.days:+.1f} d')


def _veto(row, cuts: Cuts) -> str:
    """Why not; empty if nothing speaks against it."""
    if int(row.expnum) in cuts.blacklist:
        return 'in the blacklist'
    if not row.exptime >= cuts.min_exptime:
        return f'exposure time {row.exptime:g} s below {cuts.min_exptime:g} s'
    if math.isnan(row.t_eff):
        return 't_eff unknown'
    if row.t_eff < cuts.min_teff:
        return f't_eff {row.t_eff:.3f} below {cuts.min_teff:g}'
    if not cuts.min_nite <= int(row.nite) <= cuts.max_nite:
        return f'night {row.nite} outside {cuts.min_nite} to {cuts.max_nite}'
    return _time_veto(row.days, cuts)


def _time_veto(days: float, cuts: Cuts) -> str:
    """`days` is search minus template: positive for an earlier template."""
    if cuts.distinct:
        if days < cuts.before and -days < cuts.after:
            return f'{days:+.1f} d, within {cuts.before:g} d before and {cuts.after:g} d after'
    elif abs(days) < cuts.window:
        return f'{days:+.1f} d, within {cuts.window:g} d'
    return ''
