"""What each cut said of a detection: the value, the limit, and the verdict that RUN22 and RUN25 recorded."""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sediff.candidates.cut_list import CUTS, DEFAULT_CUTS, CutContext
from sediff.candidates.cut_texts import TEXTS
from sediff.candidates.cuts import LOW_SCORE
from sediff.candidates.neighbourhood import Places
from sediff.candidates.vetostars import StarVerdict

#: Cuts whose answer is yes or no; and those with a number that the tables do not tell, but where they fail.
YES_OR_NO = ('edge',)
RECORDED = ('veto_star', 'moving_star', 'variable_star', 'near_bleed', 'in_ghost', 'line')
#: How a detection fails -> how value and limit of one that passes are related.
_PASSES: dict[object, str] = {np.greater: '<=', np.greater_equal: '<', np.less: '>=', np.less_equal: '>'}
_UNITS = dict.fromkeys(('masked_core', 'below_2sigma', 'below_4sigma', 'below_6sigma', 'too_large', 'too_sharp'), 'px')


@dataclass(frozen=True)
class Check:
    """One cut of one detection.

    Parameters
    ----------
    name : str
        Of the cut, or low_score.
    passed : bool
        As recorded.
    meaning : str
        What the cut looks at.
    value, limit : float or None
        A detection passes where `value relation limit`; None where the cut is no single number, or has no limit for it.
    relation, unit : str
    """

    name: str
    passed: bool
    meaning: str
    value: float | None = None
    relation: str = ''
    limit: float | None = None
    unit: str = ''


def explain_cuts(detection: np.void, below: Sequence[int], fwhm: float, reject: int, cuts: Mapping[str, float] | None = None,
                 score: float | None = None, min_score: float | None = None,
                 recorded: Mapping[str, tuple[float, float]] | None = None) -> list[Check]:
    """Every cut of a detection, those that it failed first.

    Parameters
    ----------
    detection : numpy.void
        Row of the table of RUN20 (`sediff.detect.table.DETECTION_DTYPE`).
    below : sequence of three int
        NPIX_M2, NPIX_M4, NPIX_M6 of RUN22.
    fwhm : float
        FWHM of the PSF that RUN22 used, px.
    reject : int
        REJECT of RUN22: the recorded verdicts.
    cuts : mapping, optional
        Those that differ from DEFAULT_CUTS.
    score, min_score : float, optional
        Of RUN24, and MIN_MLSCORE of RUN25; without both the score is not told.
    recorded : mapping, optional
        Cut -> VALUE and LIMIT of the cuts that it fails, as RUN22 wrote them.
    """
    numbers = cut_numbers(detection, below, fwhm, {**DEFAULT_CUTS, **(cuts or {})})
    numbers |= {name: (value, _PASSES[CUTS[name].fails], limit, '') for name, (value, limit) in (recorded or {}).items()
                if name in RECORDED}
    checks = [Check(name, not reject >> bit & 1, TEXTS[name].looks_at, *numbers.get(name, ()))
              for bit, name in enumerate(CUTS)]
    if score is not None and min_score is not None:
        checks.append(Check('low_score', not (score < min_score or reject & LOW_SCORE), TEXTS['low_score'].looks_at, score,
                            '>=', min_score))
    return sorted(checks, key=lambda check: check.passed)


def cut_numbers(detection: np.void, below: Sequence[int], fwhm: float, cuts: Mapping[str, float]
                ) -> dict[str, tuple[float, str, float | None, str]]:
    """Cut -> value, relation, limit and unit, as `CUTS` compares them; without those that its row does not tell."""
    none = np.zeros(1)
    context = CutContext(np.array([detection]), np.array([below]), fwhm, StarVerdict.of(1), cuts, none,
                         Places(none, none, none))
    out: dict[str, tuple[float, str, float | None, str]] = {}
    for name, cut in CUTS.items():
        if name not in (*YES_OR_NO, *RECORDED):
            value, limit = (float(np.ravel(part(context))[0]) for part in (cut.value, cut.limit))
            out[name] = (value, _PASSES[cut.fails], limit if math.isfinite(limit) else None, _UNITS.get(name, ''))
    # a dipole needs the flag besides: the ratio alone has no limit
    out['dipole'] = (out['dipole'][0], '', None, '')
    return out
