"""Tables in and out: csv and FITS."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sediff.errors import BadInput
from sediff.formats.atomic import atomic_path
from sediff.formats.integrity import KEPT, check_sum
from sediff.formats.opening import open_fits, write_fits

if TYPE_CHECKING:
    import pandas as pd


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
    import pandas as pd
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise BadInput(f'cannot read the table {path}: {error}') from error


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a FITS binary table atomically; text columns become bytes."""
    records = table.to_records(index=False)
    columns = {name: records[name].astype('S') if records[name].dtype == object else records[name]
               for name in records.dtype.names or ()}
    with write_fits(path) as handle:
        handle.write(columns)


def read_table(path: Path) -> pd.DataFrame:
    """Read the first table of a FITS file."""
    import pandas as pd
    try:
        with open_fits(path) as handle:
            check_sum(path, handle[1], KEPT)
            records = handle[1].read()
    except (OSError, IndexError) as error:
        raise BadInput(f'cannot read the table {path}: {error}') from error
    return pd.DataFrame({name: records[name].byteswap().view(records[name].dtype.newbyteorder('='))
                         if not records[name].dtype.isnative else records[name] for name in records.dtype.names})
