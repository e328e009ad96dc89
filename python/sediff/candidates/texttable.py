"""Plain text tables with a VARNAMES header line, as the pipeline's `.out` files."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sediff.errors import BadInput


def table_text(columns: Mapping[str, Sequence | np.ndarray], formats: Mapping[str, str] | None = None,
               comments: Sequence[str] = ()) -> str:
    """Columns as text.

    Parameters
    ----------
    columns : mapping
        Name -> values, all of one length; zero rows are allowed.
    formats : mapping, optional
        Name -> format specification, as ``'.3f'``; others are written with ``str``.
    comments : sequence of str
        Lines written first, each behind ``# ``.

    Returns
    -------
    text : str
        Comments, ``NVAR: n``, ``VARNAMES: names``, then one ``OBJ: values`` line a row. Blanks in a value become ``_``
        and an empty value ``-``.

    Raises
    ------
    BadInput
        The columns differ in length.
    """
    formats = formats or {}
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise BadInput(f'columns of a table must have one length; they have {sorted(lengths)}')
    lines = [f'# {" ".join(comment.split())}' for comment in comments]
    lines += [f'NVAR: {len(columns)}', 'VARNAMES: ' + ' '.join(columns)]
    cells = [[_cell(value, formats.get(name, '')) for value in values] for name, values in columns.items()]
    lines += ['OBJ: ' + ' '.join(row) for row in zip(*cells)]
    return '\n'.join(lines) + '\n'


def parse_table(text: str) -> dict[str, np.ndarray]:
    """Columns (str arrays) of a text written by `table_text`.

    Raises
    ------
    BadInput
        No VARNAMES line, or a row of another length.
    """
    names, rows = None, []
    for number, line in enumerate(text.splitlines(), 1):
        key, _, rest = line.partition(':')
        if key == 'VARNAMES':
            names = rest.split()
        elif key == 'OBJ':
            values = rest.split()
            if names is None or len(values) != len(names):
                raise BadInput(f'line {number} of the table has {len(values)} values for '
                               f'{len(names or [])} VARNAMES; the file may be cut short: make it again')
            rows.append(values)
    if names is None:
        raise BadInput('the table has no VARNAMES line; it may be empty or of another program')
    return {name: np.array([row[k] for row in rows], dtype=str) for k, name in enumerate(names)}


def _cell(value: object, specification: str) -> str:
    text = format(value, specification) if specification else str(value)
    return '_'.join(text.split()) or '-'
