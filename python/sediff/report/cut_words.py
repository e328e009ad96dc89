"""What each cut said of a detection, in words."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sediff.candidates.cut_texts import TEXTS
from sediff.candidates.cuts import CUTS, LOW_SCORE


@dataclass(frozen=True)
class CutWord:
    """One cut.

    Parameters
    ----------
    name, meaning : str
        The cut, and what it rejects.
    measured : str
        What was measured for it; '' where the table of the cuts does not say.
    failed : bool
    """

    name: str
    meaning: str
    measured: str
    failed: bool


def cut_words(row: Mapping[str, str], low_score: bool = False) -> list[CutWord]:
    """Every cut in its order, from a row of the filterObj table.

    Parameters
    ----------
    row : mapping
        Column -> cell, as text; REJECT at least.
    low_score : bool
        The score is below MIN_MLSCORE.
    """
    reject = int(row['REJECT']) | (LOW_SCORE if low_score else 0)
    words = [CutWord(name.replace('_', ' '), TEXTS[name].rejects, _filled(TEXTS[name].measured, row),
                     bool(reject >> bit & 1)) for bit, name in enumerate(CUTS)]
    return [*words, CutWord('low score', TEXTS['low_score'].rejects, '', bool(reject & LOW_SCORE))]


def _filled(text: str, row: Mapping[str, str]) -> str:
    """The text with its columns; '' where the table lacks one."""
    try:
        return text.format_map(row).replace('class -', '')
    except KeyError:
        return ''
