"""Votes on candidates, as the pages export them."""
from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sediff.errors import BadInput

#: What a vote can be; '' is a comment without a vote.
VOTES = ('real', 'bogus', 'unsure', '')
COLUMNS = ('candidate', 'vote', 'comment', 'time', 'season', 'exposure')
#: Longest comment (characters), and the most bytes that are read: the votes on a million candidates are less.
LONGEST_COMMENT, LARGEST = 2000, 500_000_000
#: Ids have 63 bits.
_LAST_ID = (1 << 63) - 1


@dataclass(frozen=True)
class Vote:
    """What a person said of a candidate.

    Parameters
    ----------
    candidate : int
        diaObjectId.
    vote : str
        One of `VOTES`.
    comment : str
        One line, or ''.
    time : datetime
        UTC.
    season, exposure : int
        Of the page on which it was given.
    """

    candidate: int
    vote: str
    comment: str
    time: datetime
    season: int
    exposure: int


def read_votes(path: str | os.PathLike) -> list[Vote]:
    """The votes of a file that a page has exported, CSV or JSON; the last vote on a candidate by its time counts.

    Returns
    -------
    list of Vote
        By candidate.

    Raises
    ------
    BadInput
        The file is missing, is no such table, or a row has an id, vote, comment, time, season or exposure that cannot be.
    """
    text = _text(path)
    rows = _json_rows(text, path) if text.lstrip()[:1] in ('{', '[') else _csv_rows(text, path)
    last: dict[int, Vote] = {}
    for where, row in rows:
        vote = _vote(row, f'{path}, {where}')
        if vote.candidate not in last or last[vote.candidate].time <= vote.time:
            last[vote.candidate] = vote
    return [last[candidate] for candidate in sorted(last)]


def _text(path: str | os.PathLike) -> str:
    try:
        if Path(path).stat().st_size > LARGEST:
            raise BadInput(f'{path} is larger than {LARGEST / 1e6:.0f} MB: no file of votes')
        return Path(path).read_text(encoding='utf-8-sig')
    except OSError as error:
        raise BadInput(f'cannot read the votes {path}: {error.strerror}; export them from an exposure\'s page') from error
    except UnicodeDecodeError as error:
        raise BadInput(f'{path} is no text (UTF-8); export the votes from the page of an exposure') from error


def _csv_rows(text: str, path: str | os.PathLike) -> Iterable[tuple[str, Mapping]]:
    try:
        reader = csv.reader(text.splitlines(), strict=True)
        names = next(reader, [])
        if tuple(names) != COLUMNS:
            raise BadInput(f'{path} is no file of votes: its first line must be {",".join(COLUMNS)}')
        rows = []
        for cells in reader:
            if len(cells) != len(COLUMNS):
                raise BadInput(f'{path}, line {reader.line_num} has {len(cells)} cells, {len(COLUMNS)} are needed')
            rows.append((f'line {reader.line_num}', dict(zip(COLUMNS, cells))))
        return rows
    except csv.Error as error:
        raise BadInput(f'{path} is no CSV ({error}); export the votes again') from error


def _json_rows(text: str, path: str | os.PathLike) -> Iterable[tuple[str, Mapping]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f'{path} is no JSON ({error}); export the votes again') from error
    votes = content.get('votes') if isinstance(content, dict) else None
    if not (isinstance(votes, list) and all(isinstance(row, dict) for row in votes)):
        raise BadInput(f'{path} is no file of votes: it must be an object with a list "votes"')
    shared = {name: content.get(name) for name in ('season', 'exposure')}
    return [(f'vote {number}', shared | row) for number, row in enumerate(votes, 1)]


def _vote(row: Mapping, where: str) -> Vote:
    """A row as a vote, or BadInput that names it."""
    vote, comment = row.get('vote'), row.get('comment')
    if vote not in VOTES:
        raise BadInput(f'{where}: vote {_shown(vote)} must be real, bogus, unsure or nothing')
    if not isinstance(comment, str) or len(comment) > LONGEST_COMMENT or not (comment + '.').isprintable():
        raise BadInput(f'{where}: the comment must be one line of at most {LONGEST_COMMENT} characters')
    if not (vote or comment):
        raise BadInput(f'{where}: neither a vote nor a comment')
    candidate, season, exposure = (_whole(row.get(name), name, where) for name in ('candidate', 'season', 'exposure'))
    return Vote(candidate, vote, comment, _time(row.get('time'), where), season, exposure)


def _whole(value: object, name: str, where: str) -> int:
    """A positive whole number, written as text or (season and exposure of JSON) as a number."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= _LAST_ID):
        raise BadInput(f'{where}: {name} {_shown(value)} must be a positive whole number')
    return int(text)


def _time(value: object, where: str) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise BadInput(f'{where}: time {_shown(value)} must be like 2026-01-31T23:59:59Z')
    return found.astimezone(UTC)


def _shown(value: object) -> str:
    """A value of a file in a message: short, and without what a terminal would obey."""
    return ascii(value)[:60]
