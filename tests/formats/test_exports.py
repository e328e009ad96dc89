"""Tables for other programs: read back by readers that are not ours; nothing in a cell is more than a text."""
import csv
import io
import re
import resource
import signal
import sys
import warnings

import fitsio
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.io.votable import parse_single_table, validate
from astropy.io.votable.ucd import check_ucd
from astropy.table import Table
from astropy.units import Unit

from sediff.errors import BadUsage, Temporary
from sediff.formats.exports import LONGEST, check_form, harmless, write_export
from sediff.report.candidate_columns import COLUMNS, candidate_table
from sediff.values import TABLE_FORMS

#: What an observer may type into OBJECT.
HOSTILE = ['=cmd|\'/C calc\'!A0', '+1+1', '-2+3', '@SUM(A1)', '\t=1+1', '\r=1+1', ' =1+1', '"=1+1', '";=1+1;"', 'a;=1+1',
           'a,=1+1', '<script>alert(1)</script>', ']]></TD>', '</TABLEDATA>', 'a\nb\x00\x0b\x1b[31m', 'M 31', '\uff1d1+1',
           '\u202e=x', "'=1+1", '&amp;', 'x' * 1000, '']
#: The same as a spreadsheet must not see it: a cell that starts so is a formula.
FORMULA = re.compile(r'[=+@\t\r-]')


def rows(count=3, **values):
    base = {'visit': 12345678, 'detector': 33, 'band': 'r', 'nite': 20231115, 'season': 33, 'midpointMjdTai': 60264.23,
            'raErr': 1e-5, 'decErr': 1e-5, 'psfFlux': -12.5, 'psfFluxErr': 2.5, 'nDiaSources': 2, 'nNites': 1, 'isNew': 1,
            'sourceClass': '', 'flags': 'edge dipole', 'x': 1.5, 'y': 2.5}
    return [{**base, 'diaObjectId': 2**62 + number, 'diaSourceId': 2**62 + number, 'number': number, 'ra': 51.0 + number,
             'dec': -28.0, 'snr': 5.0, 'reliability': 0.1 * number,
             **{name: each[number] for name, each in values.items()}} for number in range(count)]


def written(tmp_path, form, table):
    path = tmp_path / f'table.{form}'
    write_export(path, table, form)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    return path


@pytest.mark.parametrize('text', HOSTILE)
def test_a_cell_is_one_line_of_printable_text_and_no_formula(text):
    plain = harmless(text)
    assert len(plain) <= LONGEST + 1 and plain.isascii() and (plain.isprintable() or not plain)
    assert not FORMULA.match(plain) and ';' not in plain
    assert not re.match(r'''["` ]*[=+@-]''', plain)
    if text == 'M 31':
        assert plain == text


def test_hostile_text_is_harmless_in_csv_however_it_is_parted(tmp_path):
    texts = [harmless(text) for text in HOSTILE]
    text = written(tmp_path, 'csv', candidate_table(rows(len(texts), object=texts), 1, 33)).read_text()
    assert [row['object'] for row in csv.DictReader(io.StringIO(text))] == texts[::-1]
    for mark in ',;\t':                                  # as spreadsheets of other languages part it
        cells = [cell for row in csv.reader(io.StringIO(text), delimiter=mark) for cell in row]
        assert not [cell for cell in cells if FORMULA.match(cell) and not re.fullmatch(r'-?[\d.e+-]+', cell.split(',')[0])]


def test_pandas_reads_every_digit_and_the_gaps(tmp_path):
    table = candidate_table(rows(), 12345678, 33)
    read = pd.read_csv(written(tmp_path, 'csv', table))
    assert list(read) == [column.name for column in COLUMNS]
    assert read['diaObjectId'].tolist() == [2**62 + 2, 2**62 + 1, 2**62] and read['ra'].tolist() == [53.0, 52.0, 51.0]
    assert read['mag'].isna().all() and read['psfFlux'].tolist() == [-12.5] * 3
    assert np.allclose(read['reliability'], [0.2, 0.1, 0.0], atol=1e-7)


def test_fits_has_units_ucds_and_checksums_and_the_same_bytes_twice(tmp_path):
    table = candidate_table(rows(object=[harmless(text) for text in HOSTILE[:3]]), 12345678, 33)
    path = written(tmp_path, 'fits', table)
    read = fitsio.read(str(path), ext='CANDIDATES')
    assert read.dtype.names == tuple(column.name for column in COLUMNS)
    assert read['diaObjectId'].tolist() == table['diaObjectId'].tolist() and np.isnan(read['mag']).all()
    assert [each.strip() for each in read['object']] == list(table['object'])
    with warnings.catch_warnings(), fits.open(path, checksum=True) as hdus:
        warnings.simplefilter('error')
        hdus.verify('exception')
        header = hdus[1].header
        for number, column in enumerate(COLUMNS, 1):
            assert header.get(f'TUNIT{number}', '') == column.unit and header[f'TUCD{number}'] == column.ucd
            assert header[f'TCOMM{number}'] == column.description
        assert header['EXPNUM'] == 12345678 and header['TIMESYS'] == 'TAI'
    before = path.read_bytes()
    write_export(path, table, 'fits')
    assert path.read_bytes() == before


def test_votable_is_valid_and_says_frame_time_scale_units_and_ucds(tmp_path):
    table = candidate_table(rows(len(HOSTILE), object=[harmless(text) for text in HOSTILE]), 12345678, 33)
    path, report = written(tmp_path, 'votable', table), io.StringIO()
    assert validate(path, report), report.getvalue()
    read = parse_single_table(path)
    assert list(read.to_table()['object']) == list(table['object'])
    for field, column in zip(read.fields, COLUMNS, strict=True):
        assert (field.name, str(field.unit or ''), field.ucd) == (column.name, column.unit, column.ucd)
    assert {field.name for field in read.fields if field.ref == 'icrs'} == {'ra', 'dec', 'raErr', 'decErr'}
    assert [field.name for field in read.fields if field.ref == 'tai'] == ['midpointMjdTai']


@pytest.mark.parametrize('column', COLUMNS, ids=lambda column: column.name)
def test_units_and_ucds_are_of_the_vocabulary(column):
    assert check_ucd(column.ucd, check_controlled_vocabulary=True) and column.description
    assert not column.unit or (Unit(column.unit, format='fits') == Unit(column.unit, format='vounit'))


@pytest.mark.parametrize('form', TABLE_FORMS[:3])
def test_an_exposure_without_candidates_is_a_table_with_a_header_only(tmp_path, form):
    path = written(tmp_path, form, candidate_table([], 12345678, 33))
    read = {'csv': lambda: Table.from_pandas(pd.read_csv(path)), 'fits': lambda: Table.read(path),
            'votable': lambda: parse_single_table(path).to_table()}[form]()
    assert len(read) == 0 and read.colnames == [column.name for column in COLUMNS]
    assert form != 'votable' or validate(path, io.StringIO())


def test_parquet_keeps_units_in_the_metadata(tmp_path):
    parquet = pytest.importorskip('pyarrow.parquet', reason='pyarrow is an extra (sediff[parquet])')
    table = candidate_table(rows(object=['a', "'=1", 'b']), 12345678, 33)
    path = written(tmp_path, 'parquet', table)
    assert pd.read_parquet(path)['diaObjectId'].tolist() == table['diaObjectId'].tolist()
    schema = parquet.read_schema(path)
    assert {field.name: field.metadata[b'unit'].decode() for field in schema} == {c.name: c.unit for c in COLUMNS}
    write_export(path, candidate_table([], 1, 33), 'parquet')
    assert parquet.read_schema(path).equals(schema) and len(pd.read_parquet(path)) == 0


def test_parquet_without_pyarrow_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pyarrow', None)
    with pytest.raises(BadUsage, match=r'need pyarrow.*sediff\[parquet\]'):
        check_form('parquet')
    with pytest.raises(BadUsage):
        write_export(tmp_path / 'a.parquet', candidate_table([], 1, 33), 'parquet')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('form', TABLE_FORMS[:3])
def test_a_full_disk_leaves_the_table_that_was_there(tmp_path, form):
    path = written(tmp_path, form, candidate_table([], 1, 33))
    before = path.read_bytes()
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, limits[1]))
    try:
        with pytest.raises(Temporary):
            write_export(path, candidate_table(rows(500), 1, 33), form)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before and [each.name for each in tmp_path.iterdir()] == [path.name]
