"""Which overlapping exposures are good enough to be templates, each with the reason."""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sediff.errors import BadData

if TYPE_CHECKING:
    import pandas as pd

#: What the reason of an exposure says that waits for its t_eff.
NOT_YET = 't_eff not known yet'


@dataclass(frozen=True)
class Cuts:
    """What a template must be.

    Parameters
    ----------
    min_exptime : float
        s; also asked of the search exposure.
    min_teff : float
        Smallest t_eff.
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


def check_search(search: pd.Series, cuts: Cuts) -> None:
    """Reject a search exposure that cannot be processed.

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


def choose_templates(overlaps: pd.DataFrame, cuts: Cuts, wait: bool = False,
                     measured: Callable[[int, str], float | None] = lambda expnum, nite: None) -> list[Choice]:
    """Apply the cuts to each overlapping exposure.

    Parameters
    ----------
    overlaps : DataFrame
        As `Overlaps.exposures`: expnum, nite, exptime, t_eff, days.
    wait : bool
        Keep exposures whose t_eff is not known yet: it is judged after their processing. False: they never pass.
    measured : callable
        `measured(expnum, nite)` is the t_eff of an exposure that is processed, NaN where its processing did not give one;
        None of one that is not. It is asked, with `wait`, about exposures whose t_eff the list does not know.

    Returns
    -------
    list of Choice
        In the order of `overlaps`; the reason of a kept one is its t_eff.
    """
    return [_choose(row, cuts, measured if wait else None) for row in overlaps.itertuples()]


def _choose(row, cuts: Cuts, measured: Callable[[int, str], float | None] | None) -> Choice:
    reason, t_eff = _veto(row, cuts), f't_eff {row.t_eff:.3f}'
    if not reason and math.isnan(row.t_eff):
        reason, t_eff = _late_veto(row, cuts, measured)
    return Choice(int(row.expnum), str(row.nite), not reason, reason or f'{t_eff}, {row.days:+.1f} d')


def _late_veto(row, cuts: Cuts, measured: Callable[[int, str], float | None] | None) -> tuple[str, str]:
    """Why an exposure whose t_eff the list does not know is no template ('' where it is), and what is known of its t_eff."""
    if measured is None:
        return 't_eff unknown', ''
    value = measured(int(row.expnum), str(row.nite))
    if value is None:
        return '', NOT_YET
    if math.isnan(value):
        return 't_eff unknown after its processing', ''
    return ('' if value >= cuts.min_teff else f't_eff {value:.3f} (measured) below {cuts.min_teff:g}',
            f't_eff {value:.3f} (measured)')


def _veto(row, cuts: Cuts) -> str:
    """Why not, whatever an unknown t_eff may turn out to be; empty if nothing speaks against it."""
    if int(row.expnum) in cuts.blacklist:
        return 'in the blacklist'
    if not row.exptime >= cuts.min_exptime:
        return f'exposure time {row.exptime:g} s below {cuts.min_exptime:g} s'
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
