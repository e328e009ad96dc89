"""Good seeing: the best of the exposures that passed the cuts, before and after their processing."""
from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sediff.template.choose import NOT_YET, Choice


@dataclass(frozen=True)
class SeeingRules:
    """How many templates are kept by their seeing.

    Parameters
    ----------
    single : bool
        One exposure alone, the one of best seeing.
    best : int
        At most so many; 0: no limit.
    quantile : float
        At most this fraction, rounded up; 1: no limit.
    limit : float
        arcsec; none whose seeing is worse; 0: no limit.
    drop_unknown : bool
        Drop exposures whose seeing is not known; else they wait until it is, and come last where it never is.
    """

    single: bool = False
    best: int = 0
    quantile: float = 1.0
    limit: float = 0.0
    drop_unknown: bool = False

    @property
    def names(self) -> str:
        """The parameters that cut the number, for messages."""
        said = ['TEMPLATE_MODE=single'] if self.single else []
        said += [f'TEMPLATE_BEST={self.best}'] if self.best else []
        said += [f'TEMPLATE_QUANTILE={self.quantile:g}'] if self.quantile < 1 else []
        return ', '.join(said)

    def count(self, pool: int) -> int:
        """How many of so many exposures are kept."""
        return min([pool, *([1] if self.single else []), *([self.best] if self.best else []),
                    max(1, math.ceil(self.quantile * pool - 1e-9))])


def choose_by_seeing(choices: Sequence[Choice], seeing: Mapping[int, float], rules: SeeingRules, pool: int | None = None,
                     final: bool = False) -> list[Choice]:
    """Drop kept choices that others beat.

    Parameters
    ----------
    choices : sequence of Choice
        Dropped ones stay as they are.
    seeing : mapping
        Exposure number -> FWHM (arcsec) of processed exposures.
    pool : int, optional
        How many passed the cuts when the plan was made, which a fraction is taken of; default: those kept here.
    final : bool
        False (plan): one of unknown seeing stays, since it may turn out the best. True (after processing): it comes last.

    Returns
    -------
    list of Choice
        In the same order, reasons with seeing and rank.
    """
    judged = [_alone(choice, seeing.get(choice.expnum), rules) for choice in choices]
    kept = [choice for choice in judged if choice.kept]
    known = sorted((choice for choice in kept if choice.expnum in seeing), key=lambda choice: seeing[choice.expnum])
    unknown = [choice for choice in kept if choice.expnum not in seeing]
    ranked = [*known, *unknown] if final else known
    count = rules.count(len(kept) if pool is None else max(pool, len(kept)))
    out = {choice.expnum: f'rank {rank} by seeing, {count} kept ({rules.names})'
           for rank, choice in enumerate(ranked, 1) if rank > count}
    return [replace(choice, kept=False, reason=f'{_said(choice, seeing)}: {out[choice.expnum]}')
            if choice.kept and choice.expnum in out else choice for choice in judged]


def _said(choice: Choice, seeing: Mapping[int, float]) -> str:
    value = seeing.get(choice.expnum)
    return 'seeing unknown' if value is None else f'seeing {value:.2f} arcsec'


def _alone(choice: Choice, value: float | None, rules: SeeingRules) -> Choice:
    """A choice judged without the others; a kept one's reason gains its seeing."""
    if not choice.kept:
        return choice
    if value is None:
        if rules.drop_unknown:
            return replace(choice, kept=False, reason='seeing unknown, TEMPLATE_UNKNOWN_SEEING=drop')
        wanted = choice.reason and (rules.names or rules.limit)
        return replace(choice, reason=f'{choice.reason}; seeing not known yet') if wanted else choice
    if rules.limit and value > rules.limit:
        return replace(choice, kept=False, reason=f'seeing {value:.2f} arcsec above {rules.limit:g} (TEMPLATE_MAX_SEEING)')
    return replace(choice, reason=f'{choice.reason}; seeing {value:.2f} arcsec') if choice.reason else choice


def pool_text(pool: int) -> str:
    """How the choices file says how many exposures passed the cuts before the choice by seeing."""
    return f'({pool} passed the cuts before the choice by seeing)'


def parse_pool(text: str, verified: Collection[int] = ()) -> int | None:
    """How many exposures passed the cuts, by a choices file and the verification after processing.

    Parameters
    ----------
    text : str
        The choices file.
    verified : collection of int
        Exposures that passed verification: those whose t_eff was not known when the plan was made count if they did.

    Returns
    -------
    int or None
        None where the file does not say it.
    """
    found = re.search(r'\((\d+) passed the cuts before', text)
    waiting = [int(number) for number in re.findall(rf'^\s*(\d+) \d+ kept +{NOT_YET}', text, re.MULTILINE)]
    return int(found[1]) - sum(number not in verified for number in waiting) if found else None
