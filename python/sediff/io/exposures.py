"""`exposures.list` and the blacklist: which exposures there are, and which not to use."""
from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import pandas as pd

from sediff.errors import BadInput
from sediff.io.exposure_columns import COLUMNS, columns_of, row_of
from sediff.values import shown

__all__ = ['COLUMNS', 'read_blacklist', 'read_exposures']

def read_exposures(path: str | os.PathLike) -> pd.DataFrame:
    """The exposures of an `exposures.list`.

    Its first line names the columns, in any order and by any name of `sediff.io.exposure_columns.SYNONYMS`; without it they
    are those of `COLUMNS`. Words are separated by blanks, tabs or commas.

    Returns
    -------
    DataFrame
        Columns expnum (int64), nite (str, YYYYMMDD), mjd_obs (d), radeg (deg, [0, 360)), decdeg (deg), band,
        exptime (s), propid, obstype, t_eff (NaN where unknown), object (may have spaces).

    Raises
    ------
    BadInput
        The file is missing, lacks a column, or has a line that does not fit; the message has the line number.
    """
    lines = _read_lines(path)
    start, separator, names = _columns(lines, path)
    places = columns_of(names, str(path))
    rows = []
    for number, line in enumerate(lines[start:], start + 1):
        if line.strip() and not line.lstrip().startswith('#'):
            rows.append(_parse(line, names, places, separator, f'{path}:{number}'))
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
            raise BadInput(f'{path}:{number}: {shown(words[0])} is no exposure number')
        numbers.update(int(word) for word in words[:1])
    return frozenset(numbers)


def _read_lines(path: str | os.PathLike) -> list[str]:
    try:
        return Path(path).read_text(encoding='utf-8').splitlines()
    except OSError as error:
        raise BadInput(f'cannot read {path}: {error.strerror}') from error
    except UnicodeDecodeError as error:
        raise BadInput(f'cannot read {path}: it is not UTF-8 text (byte 0x{error.object[error.start]:02x} at '
                       f'{error.start}); save it as UTF-8') from error


def _split(line: str, separator: str) -> list[str]:
    """Words of a line; between commas or tabs they may have blanks and quotes."""
    return line.split() if not separator else [word.strip() for word in next(csv.reader([line], delimiter=separator))]


def _columns(lines: list[str], path: str | os.PathLike) -> tuple[int, str, list[str]]:
    """Lines before the first exposure, what separates the words, and the names of the columns."""
    for number, line in enumerate(lines):
        bare = line.strip().lstrip('#').strip()
        if not bare:
            continue
        separator = next((mark for mark in ',\t' if mark in bare), '')
        words = _split(bare, separator)
        if line.strip().startswith('#') and not {'expnum', 'exposure'} & {word.lower() for word in words}:
            continue
        if re.fullmatch(r'[0-9.]+', words[0]):
            return number, separator, list(COLUMNS)
        return number + 1, separator, words
    raise BadInput(f'{path} lists no exposures')


def _parse(line: str, names: list[str], places: dict[str, int], separator: str, where: str) -> tuple:
    words = _split(line, separator)
    if not separator:
        words = _joined(words, names, places)
    least = 1 + max(place for name, place in places.items() if (name, place) != ('object', len(names) - 1))
    if not least <= len(words) <= len(names):
        raise BadInput(f'{where}: {len(words)} columns, {shown(line.strip())}; wanted {" ".join(names)}')
    try:
        return row_of(words, places, names)
    except ValueError as error:
        raise BadInput(f'{where}: {error}; wanted {" ".join(names)}') from None


def _joined(words: list[str], names: list[str], places: dict[str, int]) -> list[str]:
    """Words with those of `dome flat`, and of an object in the last column, put together."""
    kind = places.get('obstype', len(words))
    if len(words) > kind + 1 and words[kind + 1].lower() == 'flat':
        words[kind:kind + 2] = [' '.join(words[kind:kind + 2])]
    if places.get('object') == len(names) - 1 and len(words) > len(names):
        words[len(names) - 1:] = [' '.join(words[len(names) - 1:])]
    return words


def _is_digits(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) <= 18
