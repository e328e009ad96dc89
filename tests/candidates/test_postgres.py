"""The candidates' database on a PostgreSQL server: the same rows as in SQLite, many writers, a server that goes away."""
import multiprocessing

import numpy as np
import pytest

from sediff.candidates.database import (
    associate,
    candidates_of,
    database_id,
    detections_of,
    open_database,
    replace_detections,
    transaction,
)
from sediff.candidates.versions import HEAD, version_of
from sediff.errors import BadInput, Temporary

from .postgres import BINARIES, running_server

pytestmark = [pytest.mark.skipif(not BINARIES, reason='no PostgreSQL server here (apt-get install postgresql)'),
              pytest.mark.night]
SEASON = 33


@pytest.fixture(scope='module')
def server():
    """One server for all."""
    with running_server() as server:
        yield server


@pytest.fixture
def engine(server):
    """An empty database on it."""
    engine = open_database(server.url)
    with transaction(engine) as connection:
        for name in ('detections', 'candidates', 'forced', 'images', 'entries'):
            connection.exec_driver_sql(f'DELETE FROM {name}')
    yield engine
    engine.dispose()


def rows(seed: int, count: int = 40) -> list[dict]:
    """Detections of one CCD: the same sky for all seeds, 0.1" apart."""
    sky, shift = np.random.default_rng(1), np.random.default_rng(seed)
    ra, dec = 10.0 + sky.uniform(0.0, 0.1, count), -30.0 + sky.uniform(0.0, 0.1, count)
    ra, dec = (values + shift.normal(0.0, 0.1 / 3600.0, count) for values in (ra, dec))
    return [{'number': k + 1, 'ra': ra[k], 'dec': dec[k], 'snr': 10.0 + k, 'reject': 0, 'band': 'i', 'nite': 20200101 + seed,
             'midpointMjdTai': 58849.1 + seed, 'reliability': 0.9} for k in range(count)]


def store(engine, expnum: int, ccd: int) -> list[dict]:
    """The rows of a CCD and their candidates."""
    with transaction(engine) as connection:
        replace_detections(connection, expnum, ccd, SEASON, rows(expnum))
        return associate(connection, expnum, ccd, SEASON)


def contents(engine) -> tuple[list, list]:
    """Candidates and detections."""
    with transaction(engine, writes=False) as connection:
        return candidates_of(connection, SEASON), detections_of(connection, SEASON)


def write_ccds(url: str, numbers: list[int]) -> None:
    """A process of its own: each CCD twice, as a run that is repeated does."""
    engine = open_database(url)
    for expnum in [*numbers, *numbers]:
        store(engine, expnum, 3)
    engine.dispose()


def test_rows_and_candidates_are_those_of_sqlite(engine, tmp_path):
    other = open_database(f'sqlite:///{tmp_path}/base.sqlite')
    for expnum in (1, 2, 3, 2):
        assert store(engine, expnum, 3) == store(other, expnum, 3)
    found, expected = contents(engine), contents(other)
    other.dispose()
    assert len(found[0]) == len(expected[0]) == 40
    for one, same in zip(found[0] + found[1], expected[0] + expected[1]):
        assert one.keys() == same.keys()
        for name, value in one.items():
            if isinstance(value, float):
                assert value == pytest.approx(same[name], rel=1e-6), name       # its single precision
            else:
                assert value == same[name], name


def test_writers_at_once_lose_nothing(engine, server):
    workers = [multiprocessing.get_context('spawn').Process(target=write_ccds, args=(server.url, [k, k + 4]))
               for k in range(1, 5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * 4
    candidates, detections = contents(engine)
    assert len(detections) == 8 * 40 and len(candidates) == 40
    assert {one['nDiaSources'] for one in candidates} == {8}


def test_a_server_that_goes_away_is_tried_again(engine, server):
    """Exit 75 and nothing half written; the same rows are taken when it is back."""
    store(engine, 1, 3)
    before = contents(engine)
    with pytest.raises(Temporary, match='try again'), transaction(engine) as connection:
        replace_detections(connection, 2, 3, SEASON, rows(2))
        server.stop()
        associate(connection, 2, 3, SEASON)
    with pytest.raises(Temporary, match='try again'):
        store(engine, 2, 3)
    server.start()
    assert contents(engine) == before
    store(engine, 2, 3)
    assert len(contents(engine)[1]) == 80


def test_versions_of_the_tables(engine, server):
    """A database from before there were versions is migrated, a newer one is rejected."""
    with transaction(engine) as connection:
        known = database_id(connection)
        connection.exec_driver_sql('DROP TABLE alembic_version')
        connection.exec_driver_sql('ALTER TABLE detections DROP COLUMN "sourceClass"')
    open_database(server.url).dispose()
    with transaction(engine) as connection:
        assert version_of(connection) == HEAD and database_id(connection) == known
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0999'")
    try:
        with pytest.raises(BadInput, match='0999'):
            open_database(server.url)
    finally:
        with transaction(engine) as connection:
            connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{HEAD}'")
    assert store(engine, 1, 3)
