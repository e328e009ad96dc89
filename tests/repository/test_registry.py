"""The registry on disk: the same rows give the same bytes; what is no registry is said."""
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from sediff.errors import BadInput
from sediff.repository.names import Exposure
from sediff.repository.registry import (
    ExposureRow,
    FileRow,
    read_exposure_rows,
    read_file_rows,
    registered_files,
    registry_path,
    write_registry,
)
from sediff.repository.repository import Repository

ROW = ExposureRow(668443, 'DECam', '20170817', 'i', 57983.1, 90.0, 197.45, -23.38, 'object', '2017B-0110', 'DESWS hex')
ZERO = ExposureRow(668400, 'DECam', '20170817', '', 57983.0, 0.0, None, None, 'zero', '', '')
FILE = FileRow('elsewhere/a b.fits', 668443, 'raw', '1,3-5', 'file:x', 10, 20)


@pytest.fixture
def path(tmp_path):
    return registry_path(tmp_path)


def change(path, statement):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


def test_rows_come_back_in_order_whatever_order_they_were_written_in(path):
    write_registry(path, [ROW, ZERO], [FILE])
    first = path.read_bytes()
    write_registry(path, [ZERO, ROW], [FILE])
    assert path.read_bytes() == first
    assert read_exposure_rows(path) == [ZERO, ROW] and read_exposure_rows(path, [668443, 5]) == [ROW]
    assert read_file_rows(path, [668443]) == [FILE] and FILE.numbers == (1, 3, 4, 5) and read_file_rows(path, []) == []
    assert ROW.on_sky and not ZERO.on_sky


def test_a_name_with_signs_of_a_url(tmp_path):
    path = tmp_path / 'a b#c?d%20' / 'registry.sqlite3'
    write_registry(path, [ROW], [])
    assert read_exposure_rows(path) == [ROW]


def test_no_registry_no_rows(path):
    assert read_exposure_rows(path) == [] and read_file_rows(path, [1]) == []


def test_noise_is_no_registry(path):
    path.write_bytes(np.random.default_rng(3).bytes(20480))
    with pytest.raises(BadInput, match='move it away'):
        read_exposure_rows(path)


@pytest.mark.parametrize('content', [b'', b'SQLite format 3\x00', b'expnum nite\n'])
def test_other_files_are_no_registry(path, content):
    path.write_bytes(content)
    with pytest.raises(BadInput, match='no registry'):
        read_exposure_rows(path)


def test_a_damaged_registry(path):
    rows = [ExposureRow(number, *list(vars(ROW).values())[1:]) for number in range(2000)]
    write_registry(path, rows, [])
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b'\xff' * (len(whole) - 8192))
    with pytest.raises(BadInput, match='move it away'):
        read_exposure_rows(path)


def test_a_folder_in_its_place(path):
    path.mkdir()
    with pytest.raises(BadInput, match='is not a file'):
        read_exposure_rows(path)


@pytest.mark.parametrize(('statement', 'said'), [
    ('PRAGMA user_version = 2', 'newer sediff'), ('PRAGMA application_id = 5', 'no registry of sediff'),
    ('DROP TABLE exposure', 'no such table'), ('UPDATE exposure SET mjd = "soon"', "mjd is 'soon'"),
    ('UPDATE exposure SET band = NULL', 'band is None'),
    ('ALTER TABLE exposure RENAME COLUMN nite TO night', 'no such column'),
])
def test_tables_of_other_kinds(path, statement, said):
    write_registry(path, [ROW], [FILE])
    change(path, statement)
    with pytest.raises(BadInput, match=said):
        read_exposure_rows(path)


def test_a_file_is_found_by_exposure_kind_and_ccd(tmp_path):
    write_registry(registry_path(tmp_path), [ROW], [FILE])
    assert registered_files(tmp_path, 668443, ('raw',), 3) == {}
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'elsewhere' / 'a b.fits').write_bytes(b'x')
    there = {'raw': tmp_path / 'elsewhere' / 'a b.fits'}
    assert registered_files(tmp_path, 668443, ('raw',), 3) == registered_files(tmp_path, 668443, ('raw',)) == there
    assert registered_files(tmp_path, 668443, ('raw',), 2) == registered_files(tmp_path, 668443, ('ooi',), 3) == {}


def test_a_raw_file_left_where_it_is_is_the_repositorys(tmp_path):
    write_registry(registry_path(tmp_path), [ROW], [FILE])
    exposure, repository = Exposure(tmp_path, 668443, '20170817', 'i'), Repository(tmp_path)
    usual = tmp_path / 'dts' / '20170817' / 'DECam_00668443.fits.fz'
    assert repository.path('raw', exposure) == usual and not repository.exists('raw', exposure)
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'elsewhere' / 'a b.fits').write_bytes(b'x')
    assert repository.path('raw', exposure) == tmp_path / 'elsewhere' / 'a b.fits' and repository.exists('raw', exposure)
    usual.parent.mkdir(parents=True)
    usual.write_bytes(b'y')
    assert repository.path('raw', exposure.with_ccd(1)) == usual
