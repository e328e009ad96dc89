"""`exposures.list` and the blacklist: which exposures there are, and which not to use."""
from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from sediff.errors import BadInput

COLUMNS = ('expnum', 'nite', 'mjd_obs', 'radeg', 'decdeg', 'band', 'exptime', 'propid', 'obstype', 't_eff', 'object')
_UNKNOWN = ('nan', 'none', 'null', '-')


def read_exposures(path: str | os.PathLike) -> pd.DataFrame:
    """The exposures of an `exposures.list`.

    Returns
    -------
    DataFrame
        Columns expnum (int64), nite (str, YYYYMMDD), mjd_obs (d), radeg (deg, [0, 360)), decdeg (deg), band,
        exptime (s), propid, obstype, t_eff (NaN where unknown), object (may have spaces).

    Raises
    ------
    BadInput
        The file is missing, has another header, or a line whose columns do not fit; the message has the line number.
    """
    lines = _read_lines(path)
    start = _header_length(lines, path)
    rows = []
    for number, line in enumerate(lines[start:], start + 1):
        if line.strip():
            rows.append(_parse(line, f'{path}:{number}'))
    if not rows:
        raise BadInput(f'{path} lists no exposures')
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({'expnum': 'int64'})


def read_blacklist(path: str | os.PathLike) -> frozenset[int]:
    """Exposure numbers of a blacklist: the first word of each line; `#` starts a comment.

    Raises
    ------
    BadInput
        The file cannot be read, or a line does not start with a number.
    """
    numbers = set()
    for number, line in enumerate(_read_lines(path), 1):
        words = line.partition('#')[0].split()
        if words and not _is_digits(words[0]):
            raise BadInput(f'{path}:{number}: {words[0]!r} is no exposure number')
        numbers.update(int(word) for word in words[:1])
    return frozenset(numbers)


def _read_lines(path: str | os.PathLike) -> list[str]:
    try:
        return Path(path).read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f'cannot read {path}: {error}') from error


def _header_length(lines: list[str], path: str | os.PathLike) -> int:
    """1 where the first line names the columns, 0 where it is already an exposure."""
    words = lines[0].lower().split() if lines else []
    if not words or _is_digits(words[0]):
        return 0
    if tuple(words) != COLUMNS:
        raise BadInput(f'{path}: columns are {" ".join(words)}; wanted {" ".join(COLUMNS)}')
    return 1


def _parse(line: str, where: str) -> tuple:
    words = line.split()
    if len(words) > 9 and words[9].lower() == 'flat':
        words[8:10] = [' '.join(words[8:10])]
    if len(words) < 10:
        raise BadInput(f'{where}: {len(words)} columns; wanted {" ".join(COLUMNS)}')
    try:
        if not (_is_digits(words[0]) and _is_digits(words[1]) and len(words[1]) == 8):
            raise ValueError(f'{words[0]} {words[1]} are not an exposure number and a night YYYYMMDD')
        mjd, ra, dec = (float(word) for word in words[2:5])
        if not (mjd > 0 and -360.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0):
            raise ValueError(f'MJD {words[2]}, RA {words[3]}, Dec {words[4]} cannot be')
        return (int(words[0]), words[1], mjd, ra % 360.0, dec, words[5], _number(words[6]), words[7], words[8],
                _number(words[9]), ' '.join(words[10:]))
    except ValueError as error:
        raise BadInput(f'{where}: {error}; wanted {" ".join(COLUMNS)}') from None


def _number(word: str) -> float:
    return float('nan') if word.lower() in _UNKNOWN else float(word)


def _is_digits(word: str) -> bool:
    return word.isascii() and word.isdigit()
