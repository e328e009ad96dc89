"""The crosstalk table."""
from __future__ import annotations

import os
from collections.abc import Container
from pathlib import Path

from sediff.csvtable import numbered_lines
from sediff.errors import BadInput
from sediff.isr.crosstalk import AMPLIFIER, CrosstalkTerm, ccd_of
from sediff.values import finite, shown

_COLUMNS = ('victim', 'source', 'x', 'src_nl', 'p1', 'p2', 'p3')
#: Level (ADU) that no pixel has: without an onset the crosstalk is linear.
_NEVER = 1e10
FORMAT = (f'a CSV with the columns {", ".join(_COLUMNS)}, or the text of CTIO: victim and source amplifier (ccd26A ccd25B), '
          'coefficient, and where they are known its error, the onset and p1, p2, p3, separated by blanks')


def read_crosstalk(path: str | os.PathLike,
                   ccds: Container[int] | None = None) -> dict[str, tuple[CrosstalkTerm, ...]]:
    """Crosstalk terms of every victim amplifier ('ccd25A').

    Parameters
    ----------
    path : path
        A CSV such as an instrument's crosstalk.csv, or the text that CTIO distributes (DECam_20130606.xtalk and the like):
        victim, source, x, and then nothing; or x_err; or x_err, src_nl and up to three coefficients of the polynomial.
    ccds : container of int, optional
        CCDs of the camera; terms of others (focus, guide) are ignored.

    Raises
    ------
    BadInput
        The file is missing or is neither; the message has the line.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f'no crosstalk table {path}')
    table: dict[str, tuple[CrosstalkTerm, ...]] = {}
    columns: list[str] | None = None
    for number, line in numbered_lines(path, f'a crosstalk table: {FORMAT}'):
        words = [word.strip() for word in line.split(',')] if ',' in line else line.split()
        if columns is None:
            columns = [] if AMPLIFIER.fullmatch(words[0]) else [word.lower() for word in words]
            if columns:
                continue
        victim, term = _term(words, columns, f'{path}:{number}')
        if ccds is None or all(ccd_of(name) in ccds for name in (victim, term.source)):
            table[victim] = table.get(victim, ()) + (term,)
    if not table:
        raise BadInput(f'{path} has no crosstalk term; it must be {FORMAT}')
    return table


def _term(words: list[str], columns: list[str], where: str) -> tuple[str, CrosstalkTerm]:
    """Victim and term of a line."""
    try:
        if columns and len(words) != len(columns):
            raise ValueError(f'{len(words)} values for {len(columns)} columns')
        victim, source, *values = [dict(zip(columns, words))[name] for name in _COLUMNS] if columns else _of_ctio(words)
        if not (AMPLIFIER.fullmatch(victim) and AMPLIFIER.fullmatch(source)):
            raise ValueError('an amplifier is named as ccd26A')
        linear, onset, p1, p2, p3 = map(finite, values)
    except KeyError as error:
        raise BadInput(f'{where}: not a crosstalk term: no column {error}; the table must be {FORMAT}') from None
    except ValueError as error:
        raise BadInput(f'{where}: {shown(" ".join(words))} is not a crosstalk term ({error}); the table must be '
                       f'{FORMAT}') from None
    return victim, CrosstalkTerm(source, linear, onset, (p1, p2, p3))


def _of_ctio(words: list[str]) -> list[str]:
    """victim, source, x, src_nl, p1, p2, p3 of a line of CTIO's text."""
    if not 3 <= len(words) <= 8:
        raise ValueError(f'{len(words)} values')
    onset = words[4] if len(words) > 4 else str(_NEVER)
    return [*words[:3], onset, *(words[5:] + ['0', '0', '0'])[:3]]
