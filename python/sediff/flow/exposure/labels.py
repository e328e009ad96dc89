"""Labels of stamps: votes of the pages, or a table of one's own."""
from __future__ import annotations

import csv
import os
from collections.abc import Sequence

from sediff.candidates.texttable import parse_table
from sediff.errors import BadInput
from sediff.formats.stamp_sets import StampSet
from sediff.formats.votes import COLUMNS, read_votes

#: Header of a table of one's own: name of the file of stamps, OBJID in it (row of a table, from 1), real or bogus.
OWN = ('stamps', 'objid', 'label')
_WORDS = {'real': True, 'bogus': False}


def labels_of(path: str | os.PathLike, sets: Sequence[StampSet]) -> list[dict[int, bool]]:
    """For each set of stamps OBJID -> whether it is real; stamps without a label are left out.

    Votes are on candidates: the stamps must lie where RUN23 wrote them, beside the table `..._makeCand.out` that tells which
    detection belongs to which candidate. Votes `unsure` and comments without a vote label nothing.

    Raises
    ------
    BadInput
        The file is missing or neither of the two kinds, or no stamp has a label.
    """
    own = _own_labels(path)
    if own is not None:
        found = [{number: own[each.path.name, number] for number in each.numbers if (each.path.name, number) in own}
                 for each in sets]
    else:
        votes = {vote.candidate: _WORDS[vote.vote] for vote in read_votes(path) if vote.vote in _WORDS}
        found = [{number: votes[candidate] for number, candidate in _candidates(each).items() if candidate in votes}
                 for each in sets]
    if not any(found):
        raise BadInput(f'{path} has no label of any of the {sum(len(each.numbers) for each in sets)} stamps; give the '
                       'stamps of the exposures that were voted on, or a csv stamps,objid,label')
    return found


def _own_labels(path: str | os.PathLike) -> dict[tuple[str, int], bool] | None:
    """(name of the file, OBJID) -> real, of a table of one's own; None for a file of votes."""
    try:
        with open(path, encoding='utf-8-sig', newline='') as file:
            rows = csv.reader(file)
            head = tuple(next(rows, []))
            if head != OWN:
                if head == COLUMNS or (head and head[0].lstrip()[:1] in ('{', '[')):
                    return None
                raise BadInput(f'{path} has neither labels ({",".join(OWN)}) nor votes ({",".join(COLUMNS)}) in its first '
                               'line')
            return dict(_own_row(row, f'{path}, line {rows.line_num}') for row in rows if row)
    except OSError as error:
        raise BadInput(f'cannot read the labels {path}: {error.strerror}') from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f'{path} is no csv ({error})') from error


def _own_row(row: list[str], where: str) -> tuple[tuple[str, int], bool]:
    if len(row) != len(OWN) or not (row[1].isascii() and row[1].isdigit() and len(row[1]) < 10) or row[2] not in _WORDS:
        raise BadInput(f'{where}: {",".join(OWN)} must be the name of a file, a number, and real or bogus')
    return (row[0], int(row[1])), _WORDS[row[2]]


def _candidates(stamps: StampSet) -> dict[int, int]:
    """OBJID -> diaObjectId, of the table beside the stamps."""
    tables = stamps.beside('*_makeCand.out')
    if len(tables) != 1:
        raise BadInput(f'{stamps.path}: {len(tables) or "no"} tables *_makeCand.out beside it; votes are on candidates, and '
                       'one such table tells whose detections the stamps are. Or give a csv stamps,objid,label')
    made = parse_table(tables[0].read_text(encoding='utf-8'))
    try:
        return dict(zip(made['OBJID'].astype(int).tolist(), made['diaObjectId'].astype(int).tolist()))
    except (KeyError, ValueError) as error:
        raise BadInput(f'{tables[0]} has no OBJID and diaObjectId; run RUN25_combined_makeCand again') from error
