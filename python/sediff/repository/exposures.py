"""`exposures.list` and the blacklist: which exposures there are, and which not to use."""
from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sediff.csvtable import numbered_lines
from sediff.errors import BadInput, BadUsage
from sediff.repository.exposure_columns import COLUMNS, columns_of, row_of
from sediff.values import shown

if TYPE_CHECKING:
    import pandas as pd

__all__ = ['COLUMNS', 'extended_list', 'read_blacklist', 'read_exposures']


def read_exposures(path: str | os.PathLike, night_offset: float = 12.0) -> pd.DataFrame:
    """The exposures of an `exposures.list`.

    Its first line names the columns, in any order and by any name of `sediff.repository.exposure_columns.SYNONYMS`;
    without it they are those of `COLUMNS`. Words are separated by blanks, tabs or commas.

    Parameters
    ----------
    night_offset : float
        Hours by which the UTC date of a night lies before the exposure, for lines without a night.

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
    import pandas as pd
    lines = _read_lines(path)
    start, separator, names = _columns(lines, path)
    places = columns_of(names, str(path))
    rows = []
    for number, line in enumerate(lines[start:], start + 1):
        if line.strip() and not line.lstrip().startswith('#'):
            rows.append(_parse(line, names, places, separator, f'{path}:{number}', night_offset))
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
    numbers: set[int] = set()
    for number, line in numbered_lines(path, 'a list of exposure numbers'):
        word = line.split()[0]
        if not _is_digits(word):
            raise BadInput(f'{path}:{number}: {shown(word)} is not an exposure number')
        numbers.add(int(word))
    return frozenset(numbers)


def extended_list(path: str | os.PathLike, rows: Iterable[Mapping[str, object]]) -> str:
    """The text of a list of exposures with more rows at its end; what it has stays letter for letter.

    The rows are written in the list's own columns and with what separates them; a new list has those of `COLUMNS`, separated
    by blanks. Columns that are not known get `nan`, or nothing between commas or tabs.

    Parameters
    ----------
    path : path
        The list; it need not be there.
    rows : iterable of mapping
        Column of `COLUMNS` -> value; t_eff NaN where unknown.

    Raises
    ------
    BadInput
        The list cannot be read.
    """
    old = _read_lines(path) if Path(path).exists() else []
    if any(line.strip() for line in old):
        _, separator, names = _columns(old, path)
        with open(path, encoding='utf-8', newline='') as handle:
            text = handle.read()
    else:
        text, separator, names = ' '.join(COLUMNS), '', list(COLUMNS)
    known = {place: name for name, place in columns_of(names, str(path)).items()}
    lines = [_line([_word(row.get(known.get(place, '')), separator) for place in range(len(names))], separator)
             for row in rows]
    return text + ('' if text.endswith('\n') else '\n') + ''.join(f'{line}\n' for line in lines)


def _word(value: object, separator: str) -> str:
    """A value as a list has it; one without separator has no blanks in its words and none that is empty."""
    text = '' if value is None else str(value)
    if isinstance(value, float) and math.isfinite(value):
        text = f'{value:.8f}'.rstrip('0') + '0' * (value == int(value))
    return text if separator else re.sub(r'\s+', '_', text.strip()) or ('nan' if value is None else '-')


def _line(words: list[str], separator: str) -> str:
    if not separator:
        return ' '.join(words)
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator='').writerow(words)
    return out.getvalue()


def _read_lines(path: str | os.PathLike) -> list[str]:
    try:
        return Path(path).read_text(encoding='utf-8-sig').splitlines()
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


def _parse(line: str, names: list[str], places: dict[str, int], separator: str, where: str,
           night_offset: float) -> tuple:
    words = _split(line, separator)
    if not separator:
        words = _joined(words, names, places)
    least = 1 + max(place for name, place in places.items() if (name, place) != ('object', len(names) - 1))
    if not least <= len(words) <= len(names):
        raise BadInput(f'{where}: {len(words)} columns, {shown(line.strip())}; wanted {" ".join(names)}')
    try:
        return row_of(words, places, names, night_offset)
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


def exposure_numbers(text: str, option: str) -> frozenset[int]:
    """Exposure numbers of a comma-separated list, or of the first words of the lines of a file.

    Raises
    ------
    BadUsage
        A word is not a number.
    """
    if text and Path(text).is_file():
        lines = Path(text).read_text(encoding='utf-8').splitlines()
        words = [line.split()[0] for line in lines if line.strip() and not line.startswith(('#', 'expnum'))]
    else:
        words = [word.strip() for word in text.split(',') if word.strip()]
    for word in words:
        if not (word.isascii() and word.isdigit() and len(word) <= 18):
            raise BadUsage(f'{option}: {shown(word)} is not an exposure number')
    return frozenset(int(word) for word in words)
