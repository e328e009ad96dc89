"""Tables in and out: csv and FITS."""
from __future__ import annotations

from pathlib import Path

import pandas as pd

from sediff.errors import BadInput
from sediff.io.atomic import atomic_path
from sediff.io.checksum import check_sum
from sediff.io.opening import open_fits, write_fits


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


def text_lines(path: Path, what: str) -> list[str]:
    """Lines of a user's text table, comments (#) left out.

    Raises
    ------
    BadInput
        It is missing, or no text; the message says `what` it should be.
    """
    try:
        lines = Path(path).read_text(encoding='utf-8').splitlines()
    except OSError as error:
        raise BadInput(f'cannot read {path}, {what}: {error.strerror}') from error
    except UnicodeDecodeError as error:
        raise BadInput(f'{path} is no text; it must be {what}') from error
    return [line for line in lines if line.strip() and not line.lstrip().startswith('#')]


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a FITS binary table atomically; text columns become bytes."""
    records = table.to_records(index=False)
    columns = {name: records[name].astype('S') if records[name].dtype == object else records[name]
               for name in records.dtype.names}
    with write_fits(path) as handle:
        handle.write(columns)


def read_table(path: Path) -> pd.DataFrame:
    """Read the first table of a FITS file."""
    try:
        with open_fits(path) as handle:
            check_sum(path, handle[1])
            records = handle[1].read()
    except (OSError, IndexError) as error:
        raise BadInput(f'cannot read the table {path}: {error}') from error
    return pd.DataFrame({name: records[name].byteswap().view(records[name].dtype.newbyteorder('='))
                         if not records[name].dtype.isnative else records[name] for name in records.dtype.names})
