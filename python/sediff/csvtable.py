"""Text tables with comments (#): those that come with sediff, and a user's own."""
from __future__ import annotations

import csv
import os
import zlib
from pathlib import Path

from sediff.errors import BadInput

_SIGNED = '# CRC-32 of the lines below: '


def read_csv_rows(path: str | os.PathLike, what: str) -> list[dict[str, str]]:
    """Rows of a CSV whose first line that is no comment names the columns.

    Parameters
    ----------
    what : str
        What the file should be, for the message: `a table of ccdnum, x0, x1, y0, y1`.

    Raises
    ------
    BadInput
        As `text_lines`.
    """
    return list(csv.DictReader(text_lines(path, what)))


def text_lines(path: str | os.PathLike, what: str) -> list[str]:
    """Lines of a text table, empty ones and comments left out.

    Raises
    ------
    BadInput
        It is missing, or no text (the message says `what` it should be), or is not what its checksum says.
    """
    lines = _read(path, what)
    _check_signature(path, lines)
    return [line for line in lines if line.strip() and not line.lstrip().startswith('#')]


def numbered_lines(path: str | os.PathLike, what: str, otherwise: str = 'not text') -> list[tuple[int, str]]:
    """Lines with their numbers, for a table of words: comments at their ends, and lines that are empty then, left out.

    Parameters
    ----------
    what, otherwise : str
        For the messages: what the file should be, and what one is that holds other bytes than text.

    Raises
    ------
    BadInput
        It is missing, or no text.
    """
    bare = ((number, line.partition('#')[0].strip()) for number, line in enumerate(_read(path, what, otherwise), 1))
    return [(number, line) for number, line in bare if line]


def signature(lines: list[str]) -> str:
    """A comment with the checksum of the lines below it, which `text_lines` compares."""
    return f'{_SIGNED}{zlib.crc32(chr(10).join(lines).encode()):08x}'


def _read(path: str | os.PathLike, what: str, otherwise: str = 'not text') -> list[str]:
    try:
        return Path(path).read_text(encoding='utf-8-sig').splitlines()
    except OSError as error:
        raise BadInput(f'cannot read {path}, {what}: {error.strerror}') from error
    except UnicodeDecodeError as error:
        raise BadInput(f'{path} is {otherwise}; it must be {what}') from error


def _check_signature(path: str | os.PathLike, lines: list[str]) -> None:
    number = next((k for k, line in enumerate(lines) if line.startswith(_SIGNED)), None)
    if number is not None and signature(lines[number + 1:]) != lines[number]:
        raise BadInput(f'{path} was altered since it was written; make it again (if you edited it, remove its line '
                       f'{number + 1}, {lines[number]})')
