"""The table of the brighter-fatter effect."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from sediff.csvtable import read_csv_rows
from sediff.errors import BadInput
from sediff.formats.atomic import write_text
from sediff.isr.brighterfatter import BorderShifts
from sediff.values import finite


def read_border_shifts(path: str | os.PathLike) -> BorderShifts:
    """Read a CSV with the columns border ('right' or 'up'), dy, dx (offset of the charge, pixels) and shift (pixels per
    electron, towards larger x or y); offsets that are left out shift nothing.

    Raises
    ------
    BadInput
        The file is missing or cannot be understood.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f'no brighter-fatter table {path}')
    rows = []
    for row in read_csv_rows(path, 'a table of border, dy, dx, shift'):
        try:
            if row['border'] not in ('right', 'up'):
                raise ValueError(f'border {row["border"]!r}')
            rows.append((row['border'], int(row['dy']), int(row['dx']), finite(row['shift'])))
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f'{path}: row {row} is not a border shift ({error}); the columns are border, dy, dx, '
                           'shift') from error
    if not rows:
        raise BadInput(f'{path} has no border shifts')
    reach = max(max(-offset, offset - 1) for _, dy, dx, _ in rows for offset in (dy, dx))
    tables = {name: np.zeros((2 * reach + 2, 2 * reach + 2)) for name in ('right', 'up')}
    for border, dy, dx, shift in rows:
        tables[border][dy + reach, dx + reach] = shift
    return BorderShifts(tables['right'], tables['up'])


def write_border_shifts(path: str | os.PathLike, shifts: BorderShifts, comment: str) -> None:
    """Write the table, atomically."""
    lines = [f'# {line}' for line in comment.splitlines()] + ['border,dy,dx,shift']
    reach = len(shifts.right) // 2 - 1
    for name, table in (('right', shifts.right), ('up', shifts.up)):
        lines += [f'{name},{row - reach},{column - reach},{table[row, column]:.6e}'
                  for row, column in zip(*np.nonzero(table))]
    write_text(Path(path), '\n'.join(lines) + '\n')
