"""Databases of earlier versions are migrated with their rows, newer ones are rejected."""
import re
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, inspect

import sediff.candidates.migrations as migrations
from sediff.candidates.database import candidates_of, detections_of, images_of, open_database, transaction
from sediff.candidates.skymatch import healpix_index
from sediff.candidates.versions import HEAD, version_of
from sediff.candidates.withdraw import withdraw
from sediff.errors import BadInput

from .writers import row, store

#: As the first databases were: no version, no classes, no entries.
FIRST = ('CREATE TABLE images (season INTEGER NOT NULL, visit INTEGER NOT NULL, detector SMALLINT NOT NULL, nite INTEGER, '
         'PRIMARY KEY (season, visit, detector))',
         'CREATE TABLE candidates ("diaObjectId" BIGINT PRIMARY KEY, season INTEGER NOT NULL, healpix BIGINT NOT NULL, '
         'ra FLOAT NOT NULL, dec FLOAT NOT NULL, "nDiaSources" INTEGER, "nNites" INTEGER, "firstMjd" FLOAT, '
         '"lastMjd" FLOAT, "maxReliability" FLOAT, "maxSnr" FLOAT, "fakeId" BIGINT)',
         'INSERT INTO candidates VALUES (7, 33, 1, 10.0, -30.0, 1, 1, 58849.0, 58849.0, 0.9, 12.0, 0)')


def columns(engine) -> dict:
    """Tables with their columns' names and types, keys and indexes."""
    known = inspect(engine)
    return {name: ({each['name']: (str(each['type']), each['nullable']) for each in known.get_columns(name)},
                   known.get_pk_constraint(name)['constrained_columns'],
                   sorted(each['name'] for each in known.get_indexes(name))) for name in known.get_table_names()}


def written(path: Path, statements) -> str:
    """URL of a database that these statements make."""
    engine = create_engine(url := f'sqlite:///{path}')
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()
    return url


def test_head_is_the_last_migration():
    revisions = {re.search(r"revision, down_revision = '(\d+)', (None|'\d+')", path.read_text()).groups()
                 for folder in migrations.__path__ for path in Path(folder, 'versions').glob('0*.py')}
    assert max(revision for revision, _ in revisions) == HEAD
    assert {down for _, down in revisions} == {'None', *(f"'{revision}'" for revision, _ in revisions if revision != HEAD)}


def test_a_migrated_database_is_as_a_new_one(tmp_path):
    new = open_database(f'sqlite:///{tmp_path}/new.sqlite')
    old = open_database(written(tmp_path / 'old.sqlite', ['CREATE TABLE images ' + FIRST[0].partition('images ')[2]]))
    found, expected = columns(old), columns(new)
    assert found.pop('images')[0].keys() == {'season', 'visit', 'detector', 'nite', 'timeWithdrawnMjdTai', 'whyWithdrawn',
                                             'diffDepth', 'diffDepthErr'}     # a table that is there stays, and gets these
    assert expected.pop('images')
    for table in (found, expected):
        table['detections'][0].pop('fakeId')           # a default of ours, none of the database's
    assert found == expected
    new.dispose()
    old.dispose()


def test_rows_of_a_first_database_are_kept(tmp_path):
    engine = open_database(url := written(tmp_path / 'old.sqlite', FIRST))
    with transaction(engine) as connection:
        assert version_of(connection) == HEAD
        assert [(row['diaObjectId'], row['sourceClass']) for row in candidates_of(connection, 33)] == [(7, None)]
    engine.dispose()
    before = (tmp_path / 'old.sqlite').read_bytes()
    open_database(url).dispose()
    assert (tmp_path / 'old.sqlite').read_bytes() == before


def test_rows_of_a_second_database_are_kept_and_count(tmp_path):
    """As 0002 made it, by its own migrations: rows, then this version; a detection more joins and gives the errors."""
    engine = create_engine(url := f'sqlite:///{tmp_path}/old.sqlite')
    with engine.begin() as connection:
        config = Config()
        config.set_main_option('script_location', 'sediff.candidates:migrations')
        config.attributes['connection'] = connection
        command.upgrade(config, '0002')
        place = {'ra': 10.0, 'dec': -30.0, 'season': 33}
        for table, values in (
                ('detections', {'diaSourceId': 5, 'visit': 1, 'detector': 3, 'number': 1, 'diaObjectId': 5, 'reject': 0,
                                'fakeId': 0, 'snr': 10.0, 'raErr': 2e-5, 'decErr': 2e-5, **place}),
                ('candidates', {'diaObjectId': 5, 'healpix': int(healpix_index(10.0, -30.0)), 'nDiaSources': 1, 'fakeId': 0,
                                **place}),
                ('images', {'season': 33, 'visit': 1, 'detector': 3})):
            names = ', '.join(f'"{name}"' for name in values)
            connection.exec_driver_sql(f'INSERT INTO {table} ({names}) VALUES ({", ".join("?" * len(values))})',
                                       tuple(values.values()))
    engine.dispose()
    engine = open_database(url)
    with transaction(engine) as connection:
        assert version_of(connection) == HEAD > '0002'
        assert [(row['raErr'], row['nDiaSources']) for row in candidates_of(connection, 33)] == [(None, 1)]
        assert len(detections_of(connection, 33)) == len(images_of(connection, 33)) == 1
    assert store(engine, 2, 3, [row(1, 10.0, raErr=2e-5, decErr=2e-5)])[0]['diaObjectId'] == 5
    with transaction(engine) as connection:
        known, = candidates_of(connection, 33)
        assert known['nDiaSources'] == 2 and known['raErr'] == known['decErr'] == pytest.approx(2e-5 / 2 ** 0.5)
        assert withdraw(connection, 33, 1, 'clouds', 60000.0).detections == 1
        assert [each['nDiaSources'] for each in candidates_of(connection, 33)] == [1]
    engine.dispose()


def test_a_newer_database_is_rejected_and_left_alone(tmp_path):
    path = tmp_path / 'newer.sqlite'
    engine = open_database(f'sqlite:///{path}')
    with transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0999'")
    engine.dispose()
    before = path.read_bytes()
    with pytest.raises(BadInput, match=r'version 0999 of the tables.*update sediff'):
        open_database(f'sqlite:///{path}')
    assert path.read_bytes() == before
