"""Tables in and out: csv, FITS, and the VARNAMES text tables of difference imaging."""
from __future__ import annotations

from pathlib import Path

import fitsio
import pandas as pd

from sediff.errors import BadInput
from sediff.io.atomic import atomic_path, write_text


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a csv with header, without index, atomically."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False)


def read_csv(path: Path) -> pd.DataFrame:
    """Read a csv.

    Raises
    ------
    BadInput
        Missing, empty or no csv.
    """
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise BadInput(f'cannot read the table {path}: {error}') from error


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a FITS binary table atomically; text columns become bytes."""
    records = table.to_records(index=False)
    columns = {name: records[name].astype('S') if records[name].dtype == object else records[name]
               for name in records.dtype.names}
    with atomic_path(path) as temporary, fitsio.FITS(str(temporary), 'rw', clobber=True) as handle:
        handle.write(columns)


def read_table(path: Path) -> pd.DataFrame:
    """Read the first table of a FITS file."""
    try:
        records = fitsio.read(str(path), ext=1)
    except OSError as error:
        raise BadInput(f'cannot read the table {path}: {error}') from error
    return pd.DataFrame({name: records[name].byteswap().view(records[name].dtype.newbyteorder('='))
                         if not records[name].dtype.isnative else records[name] for name in records.dtype.names})


def write_varnames(path: Path, table: pd.DataFrame) -> None:
    """Write a text table of the kind difference imaging uses: NVAR, VARNAMES, then one OBS line a row."""
    lines = [f'NVAR: {len(table.columns)}', 'VARNAMES: ' + ' '.join(table.columns)]
    for row in table.itertuples(index=False):
        lines.append('OBS: ' + ' '.join(_word(value) for value in row))
    write_text(path, '\n'.join(lines) + '\n')


def read_varnames(path: Path) -> pd.DataFrame:
    """Read what `write_varnames` wrote; numbers become numbers."""
    lines = Path(path).read_text(encoding='utf-8').splitlines()
    names = next((line.split()[1:] for line in lines if line.startswith('VARNAMES:')), None)
    if names is None:
        raise BadInput(f'{path} has no VARNAMES line')
    rows = [line.split()[1:] for line in lines if line.startswith('OBS:')]
    table = pd.DataFrame(rows, columns=names)
    for name in names:
        numbers = pd.to_numeric(table[name], errors='coerce')
        if not numbers.isna().any() or (table[name].isin(['nan']) == numbers.isna()).all():
            table[name] = numbers
    return table


def _word(value) -> str:
    text = f'{value:.10g}' if isinstance(value, float) else str(value)
    return '_'.join(text.split()) or '-'
