"""The crosstalk table."""
from __future__ import annotations

import csv
import os
from pathlib import Path

from sediff.errors import BadInput
from sediff.isr.crosstalk import CrosstalkTerm

_COLUMNS = ('victim', 'source', 'x', 'src_nl', 'p1', 'p2', 'p3')


def read_crosstalk(path: str | os.PathLike) -> dict[str, tuple[CrosstalkTerm, ...]]:
    """Crosstalk terms of every victim amplifier ('ccd25A'), from a CSV table such as catalogs/crosstalk.csv.

    Raises
    ------
    BadInput
        The file is missing, lacks a column, or holds something that is no number.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f'no crosstalk table {path}')
    table: dict[str, tuple[CrosstalkTerm, ...]] = {}
    with path.open(encoding='utf-8') as lines:
        for row in csv.DictReader(line for line in lines if not line.startswith('#')):
            try:
                term = CrosstalkTerm(row['source'], float(row['x']), float(row['src_nl']),
                                     (float(row['p1']), float(row['p2']), float(row['p3'])))
                table[row['victim']] = table.get(row['victim'], ()) + (term,)
            except (KeyError, TypeError, ValueError) as error:
                raise BadInput(f'{path}: row {row} is not a crosstalk term ({error}); '
                               f'the columns are {", ".join(_COLUMNS)}') from error
    if not table:
        raise BadInput(f'{path} has no crosstalk terms')
    return table
