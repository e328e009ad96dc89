"""Linearity tables: CSV (ours) and FITS (the DES form, a table a CCD)."""
from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import fitsio
import numpy as np

from sediff.csvtable import read_csv_rows, signature
from sediff.errors import BadData, BadInput
from sediff.formats.atomic import write_text
from sediff.formats.fits import header_of, open_fits
from sediff.formats.integrity import check_sum
from sediff.isr.linearity import LinearityCurve
from sediff.values import finite

_COLUMNS = ('ccdnum', 'amplifier', 'level', 'correction')
#: Columns of the DES form begin so and end with the amplifier's name.
_LINEAR = 'ADU_LINEAR_'


def read_linearity(path: str | os.PathLike, ccdnum: int) -> dict[str, LinearityCurve]:
    """The curves of a CCD's amplifiers; empty where the table does not have the CCD.

    Parameters
    ----------
    path : path
        CSV with the columns ccdnum, amplifier, level, correction (ADU; lines with # are comments), or FITS tables with
        the columns ADU, ADU_LINEAR_A, ADU_LINEAR_B, one extension a CCD with CCDNUM in its header (or in CCD order).

    Raises
    ------
    BadInput
        The file is missing or has not these columns.
    BadData
        A curve does not ascend.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f'no linearity table {path}')
    try:
        nodes = _read_fits(path, ccdnum) if path.suffix in ('.fits', '.fz') else _read_csv(path, ccdnum)
        return {name: LinearityCurve(level, correction) for name, (level, correction) in nodes.items()}
    except BadData as error:
        raise BadData(f'{path}, CCD {ccdnum}: {error}') from error


def write_linearity(path: str | os.PathLike, tables: Mapping[int, Mapping[str, LinearityCurve]], comment: str) -> None:
    """Write the curves of CCDs as CSV, atomically."""
    lines = [','.join(_COLUMNS)]
    for ccdnum, table in sorted(tables.items()):
        for name, curve in sorted(table.items()):
            lines += [f'{ccdnum},{name},{level:.8g},{correction:.4f}'
                      for level, correction in zip(curve.level, curve.correction)]
    comments = [f'# {line}' for line in comment.splitlines()]
    write_text(Path(path), '\n'.join([*comments, signature(lines), *lines]) + '\n')


def _read_csv(path: Path, ccdnum: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    nodes: dict[str, list[tuple[float, float]]] = {}
    for row in read_csv_rows(path, 'a table of ccdnum, amplifier, level, correction'):
        try:
            if int(row['ccdnum']) == ccdnum:
                nodes.setdefault(row['amplifier'], []).append((finite(row['level']), finite(row['correction'])))
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f'{path}: row {row} is not a linearity node ({error}); the columns are '
                           f'{", ".join(_COLUMNS)}') from error
    return {name: tuple(np.array(values).T) for name, values in nodes.items()}


def _read_fits(path: Path, ccdnum: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    with open_fits(path) as handle:
        tables = [hdu for hdu in handle if hdu.get_exttype() == 'BINARY_TBL']
        for number, hdu in enumerate(tables, 1):
            if header_of(hdu).get('CCDNUM', number) == ccdnum:
                return _from_hdu(path, hdu)
    return {}


def _from_hdu(path: Path, hdu: fitsio.hdu.TableHDU) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    check_sum(path, hdu)
    rows = hdu.read()
    names = {name.upper(): name for name in rows.dtype.names}
    wanted = ('ADU', 'ADU_LINEAR_A', 'ADU_LINEAR_B')
    amplifiers = [name.removeprefix(_LINEAR) for name in sorted(names) if name.startswith(_LINEAR)]
    if 'ADU' not in names or not amplifiers:
        raise BadInput(f'{path}: a linearity table has the columns {", ".join(rows.dtype.names)}; '
                       f'{", ".join(wanted)} are needed')
    level = rows[names['ADU']].astype(float)
    nodes = {}
    for amplifier in amplifiers:
        linear = rows[names[f'{_LINEAR}{amplifier}']].astype(float)
        rising = np.concatenate([[True], np.diff(np.maximum.accumulate(linear)) > 0])
        nodes[amplifier] = level[rising], (linear - level)[rising]
    return nodes
