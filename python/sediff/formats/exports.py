"""Tables for other programs: CSV, FITS, VOTable and Parquet of one astropy Table, with units, UCDs and descriptions."""
from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.io.votable.tree import CooSys, TimeSys
from astropy.table import Column, MaskedColumn, Table

from sediff.errors import BadUsage
from sediff.formats.atomic import atomic_path

#: Longest text of a cell.
LONGEST = 80


def harmless(text: object) -> str:
    """A text from outside (a header's OBJECT) as a cell that is only text in every form and in what opens it.

    Printable ASCII in one line of at most LONGEST characters, others as ?. One that a spreadsheet would take for a formula
    (=, +, -, @ at its start) gets an apostrophe there, which makes it a text (OWASP, "CSV injection"); ; becomes a comma, as
    it parts cells for some spreadsheets, and what follows it could be a formula.
    """
    plain = ' '.join(re.sub(r'[\x00-\x1f\x7f]', ' ', str(text)).split())
    plain = re.sub(r'[^ -~]', '?', plain).replace(';', ',')[:LONGEST]
    return re.sub(r'''^(?=["'` ]*[=+@-])''', "'", plain)


def check_form(form: str) -> None:
    """Whether a form can be written here.

    Raises
    ------
    BadUsage
        It needs a package that is not installed.
    """
    if form == 'parquet':
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:
            raise BadUsage(f'tables as parquet need pyarrow, which is not installed ({error}): pip install '
                           "'sediff[parquet]', or leave parquet out of CANDIDATE_TABLES and remove the parquet file that is "
                           'there') from error


def write_export(path: Path, table: Table, form: str) -> None:
    """Write a table atomically.

    Parameters
    ----------
    table : astropy.table.Table
        Columns with unit, description, and `meta['ucd']`; NaN stands for what is not known; meta of the table: `name`,
        `description`, and `cards`, a dict of numbers and plain texts.
    form : str
        One of `sediff.values.TABLE_FORMS`.

    Raises
    ------
    BadUsage
        As `check_form`.
    BadInput, Temporary
        The file cannot be written.
    """
    check_form(form)
    with atomic_path(path) as temporary:
        _WRITERS[form](temporary, table)


def _write_csv(path: Path, table: Table) -> None:
    """Names in the first line; what is not known is an empty cell."""
    plain = Table({name: MaskedColumn(column.data, mask=~np.isfinite(column.data)) if column.dtype.kind == 'f'
                   else column.data for name, column in table.columns.items()})
    single = {name: '.7g' for name, column in table.columns.items() if column.dtype == np.float32}
    plain.write(path, format='ascii.csv', formats=single, overwrite=True)


def _write_fits(path: Path, table: Table) -> None:
    """A binary table with TUNIT, TUCD and TCOMM of each column; checksums that do not tell the date."""
    columns = Table(table, copy=False)
    columns.meta = {}
    hdu = fits.table_to_hdu(columns)
    hdu.name = table.meta['name']
    for key, value in table.meta['cards'].items():
        hdu.header[key] = value
    for number, column in enumerate(table.itercols(), 1):
        hdu.header[f'TUCD{number}'] = column.meta['ucd']
        hdu.header[f'TCOMM{number}'] = column.description
    hdus = fits.HDUList([fits.PrimaryHDU(), hdu])
    for each in hdus:
        each.add_checksum(when='of this header and its data')
    hdus.writeto(path, output_verify='exception')


def _write_votable(path: Path, table: Table) -> None:
    """VOTable 1.4: positions ICRS, times MJD TAI at the telescope."""
    plain = Table([_as_char(column) for column in table.itercols()])
    votable = from_table(plain, table_id=table.meta['name'].lower())
    votable.version = '1.4'
    resource, only = votable.resources[0], votable.get_first_table()
    resource.coordinate_systems.append(CooSys(ID='icrs', system='ICRS'))
    resource.time_systems.append(TimeSys(ID='tai', timeorigin=2400000.5, timescale='TAI', refposition='TOPOCENTER',
                                         config={'version_1_4_or_later': True}))
    only.description = table.meta['description']
    for field in only.fields:
        ucd = field.ucd or ''
        field.ref = 'icrs' if 'pos.eq' in ucd else 'tai' if ucd.startswith('time.epoch') and field.unit else None
    votable.to_xml(str(path))


def _as_char(column: Column) -> Column:
    """A text as plain characters: VOTable's unicodeChar has two bytes each."""
    if column.dtype.kind != 'U':
        return column
    return Column(np.char.encode(column.data, 'ascii'), column.name, description=column.description, meta=column.meta)


def _write_parquet(path: Path, table: Table) -> None:
    """One file; unit, UCD and description are in the metadata of each column."""
    import pyarrow as pa
    from pyarrow import parquet
    columns = [pa.array(column.data.tolist(), pa.string()) if column.dtype.kind == 'U' else pa.array(np.array(column.data))
               for column in table.itercols()]
    described = [pa.field(column.name, values.type, metadata={
        'unit': str(column.unit or ''), 'ucd': column.meta['ucd'], 'description': column.description})
        for column, values in zip(table.itercols(), columns)]
    parquet.write_table(pa.Table.from_arrays(columns, schema=pa.schema(described)), path)


_WRITERS: dict[str, Callable[[Path, Table], None]] = {
    'csv': _write_csv, 'fits': _write_fits, 'votable': _write_votable, 'parquet': _write_parquet}
