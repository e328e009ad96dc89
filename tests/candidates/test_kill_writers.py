"""Many processes write a season and are killed (SIGKILL) at random moments: nothing is lost, doubled or half written."""
import multiprocessing
import time
from collections import Counter

import numpy as np
import pytest
from sqlalchemy import select

from sediff.candidates.database import candidates_of, detections_of, images_of, open_database, transaction
from sediff.candidates.schema import ENTRIES, FORCED

from .postgres import BINARIES, running_server
from .writers import write_exposure


@pytest.fixture
def sqlite(tmp_path):
    """URL of an SQLite file."""
    return f'sqlite:///{tmp_path}/base.sqlite'


@pytest.fixture
def postgresql():
    """URL of a server of its own."""
    if not BINARIES:
        pytest.skip('no PostgreSQL server here (apt-get install postgresql)')
    with running_server() as server:
        yield server.url


def entries(engine):
    """(exposure, CCD) of which the database says that all is there."""
    with transaction(engine, writes=False) as connection:
        return set(map(tuple, connection.execute(select(ENTRIES.c.visit, ENTRIES.c.detector))))


def written_under_fire(url, log, processes, ccds, count, kills):
    """Start a process an exposure, kill them one by one at random, start those again; returns how many were killed.

    Fewer than asked for where the others have written everything meanwhile.
    """
    engine, rng = open_database(url), np.random.default_rng(4)
    log.touch()
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([write_exposure.__module__])

    def start(expnum):
        process = context.Process(target=write_exposure, args=(url, expnum, range(1, ccds + 1), count, log))
        process.start()
        return process
    running = {expnum: start(expnum) for expnum in range(1, processes + 1)}
    killed, before = 0, 0
    while killed < kills:
        alive = sorted(expnum for expnum, process in running.items() if process.is_alive())
        if not alive:
            break
        if len(log.read_text().splitlines()) <= before:          # something is written between any two
            time.sleep(0.001)
            continue
        time.sleep(rng.uniform(0.0, 0.05))
        victim = int(rng.choice(alive))
        running[victim].kill()
        running[victim].join(30)
        killed += running[victim].exitcode == -9
        said = {tuple(map(int, line.split())) for line in log.read_text().splitlines()}
        assert said <= entries(engine)                           # what was committed is there
        before = len(log.read_text().splitlines())
        running[victim] = start(victim)
    for process in running.values():
        process.join(300)
    assert {process.exitcode for process in running.values()} == {0}
    engine.dispose()
    return killed


def check_season(url, processes, ccds, count):
    """Every CCD has its rows, every source one candidate with one detection an exposure."""
    engine = open_database(url)
    everything = {(expnum, ccd) for expnum in range(1, processes + 1) for ccd in range(1, ccds + 1)}
    assert entries(engine) == everything
    with transaction(engine, writes=False) as connection:
        known, rows, images = candidates_of(connection, 33), detections_of(connection, 33), images_of(connection, 33)
        forced = connection.execute(select(FORCED.c.visit, FORCED.c.detector, FORCED.c.diaObjectId)).all()
        if engine.dialect.name == 'sqlite':
            assert connection.exec_driver_sql('PRAGMA integrity_check').scalar() == 'ok'
    engine.dispose()
    assert [(each['visit'], each['detector']) for each in images] == sorted(everything)
    assert Counter((each['visit'], each['detector']) for each in rows) == dict.fromkeys(everything, count)
    members = {}
    for each in rows:
        members.setdefault(each['diaObjectId'], []).append((each['detector'], each['number'], each['visit']))
    assert len(known) == len(members) == ccds * count and {each['diaObjectId'] for each in known} == set(members)
    assert {each['nDiaSources'] for each in known} == {each['nNites'] for each in known} == {processes}
    for mine in members.values():
        assert len({each[:2] for each in mine}) == 1 and len({each[2] for each in mine}) == processes
    assert set(map(tuple, forced)) == {(each['visit'], each['detector'], each['diaObjectId']) for each in rows}


@pytest.mark.night
@pytest.mark.parametrize('kind', ['sqlite', 'postgresql'])
def test_three_writers_of_twelve_ccds(kind, request, tmp_path):
    url = request.getfixturevalue(kind)
    assert written_under_fire(url, tmp_path / 'log', 3, 12, 5, kills=4) >= 2
    check_season(url, 3, 12, 5)


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['sqlite', 'postgresql'])
def test_eight_writers_of_sixty_ccds(kind, request, tmp_path):
    url = request.getfixturevalue(kind)
    assert written_under_fire(url, tmp_path / 'log', 8, 60, 12, kills=40) >= 30
    check_season(url, 8, 60, 12)
