"""Withdrawn exposures: rows stay, marked; candidates are what the others make of them; and all comes back."""
import pytest
from sqlalchemy import select

from sediff.candidates.database import (
    add_forced,
    candidates_of,
    detections_of,
    forced_of,
    images_of,
    open_database,
    replace_image,
    transaction,
)
from sediff.candidates.database_rows import enter, entered
from sediff.candidates.schema import DETECTIONS, source_id
from sediff.candidates.withdraw import restore, withdraw

from .writers import ARCSEC, row, store

#: 10.0 is seen by 1 and 2, 10.1 by 1 alone (an artefact), 10.2 by 2 alone.
SEEN = {1: [row(1, 10.0, snr=30.0, reliability=0.99), row(2, 10.1, reliability=0.8), row(3, 10.3, reject=4)],
        2: [row(1, 10.0 + 0.2 * ARCSEC, nite=20200102, mjd=58850.1), row(2, 10.2, nite=20200102, mjd=58850.1)]}
FIRST, ALONE = source_id(33, 1, 3, 1), source_id(33, 1, 3, 2)


def fill(engine):
    for expnum, rows in SEEN.items():
        with transaction(engine) as connection:
            replace_image(connection, 33, expnum, 3, {'nite': rows[0]['nite'], 'band': 'i'})
        for each in store(engine, expnum, 3, rows):
            with transaction(engine) as connection:
                add_forced(connection, expnum, 3, 33, [
                    {'diaObjectId': each['diaObjectId'], 'psfFlux': 1.0, 'psfFluxErr': 0.1}])
                enter(connection, 33, expnum, 3, 'RUN25')


@pytest.fixture
def engine(tmp_path):
    engine = open_database(f'sqlite:///{tmp_path}/base.sqlite')
    fill(engine)
    yield engine
    engine.dispose()


def contents(engine, withdrawn=False):
    """Candidates by id, detections and images."""
    with transaction(engine, writes=False) as connection:
        known = {each['diaObjectId']: each for each in candidates_of(connection, 33)}
        return known, detections_of(connection, 33, withdrawn=withdrawn), images_of(connection, 33, withdrawn=withdrawn)


def test_candidates_are_as_if_the_exposure_had_never_been(engine, tmp_path):
    known, everything, images = contents(engine)
    with transaction(engine) as connection:
        done = withdraw(connection, 33, 1, 'clouds', 60000.0)
    assert (done.ccds, done.detections, done.candidates, done.removed) == (1, 3, 2, 1)
    assert done.visits == ((2, 20200102, 'i'),) and done.moved == ()
    left, detections, counting = contents(engine)
    other = open_database(f'sqlite:///{tmp_path}/other.sqlite')
    store(other, 2, 3, SEEN[2])
    expected = contents(other)[0]
    other.dispose()
    assert ALONE in known and left.keys() == {FIRST, *expected} - {source_id(33, 2, 3, 1)}
    one, same = left[FIRST], expected[source_id(33, 2, 3, 1)]
    assert {**one, 'diaObjectId': 0} == {**same, 'diaObjectId': 0} and one['nDiaSources'] == 1
    assert {each['visit'] for each in detections} == {each['visit'] for each in counting} == {2}
    marked = contents(engine, withdrawn=True)
    assert len(marked[1]) == len(everything) == 5 and len(marked[2]) == len(images) == 2
    assert {(each['visit'], each['timeWithdrawnMjdTai']) for each in marked[1]} == {(1, 60000.0), (2, None)}
    assert [each['whyWithdrawn'] for each in marked[2]] == ['clouds', None]
    with transaction(engine, writes=False) as connection:
        assert [each['visit'] for each in forced_of(connection, FIRST)] == [2]
        assert candidates_of(connection, 33, expnum=1) == []


def test_all_comes_back_and_twice_is_as_once(engine):
    before = contents(engine)
    for _ in range(2):
        with transaction(engine) as connection:
            withdraw(connection, 33, 1, 'clouds', 60000.0)
    away = contents(engine, withdrawn=True)
    with transaction(engine) as connection:
        withdraw(connection, 33, 1, 'clouds', 70000.0)
    assert contents(engine, withdrawn=True) == away             # the first time stays
    for _ in range(2):
        with transaction(engine) as connection:
            done = restore(connection, 33, 1)
        assert contents(engine) == before and done.moved == ()
    with transaction(engine, writes=False) as connection:
        assert len(forced_of(connection, FIRST)) == 2 and entered(connection, 33, 1, 3, 'RUN25')


def test_rows_that_are_written_later_are_withdrawn_too(engine):
    with transaction(engine) as connection:
        withdraw(connection, 33, 1, 'clouds', 60000.0)
        replace_image(connection, 33, 1, 4, {'nite': 20200101, 'band': 'i'})
        add_forced(connection, 1, 4, 33, [{'diaObjectId': FIRST, 'psfFlux': 1.0, 'psfFluxErr': 0.1}])
    assert store(engine, 1, 4, [row(1, 11.0)]) == [] and store(engine, 1, 3, SEEN[1]) == []
    assert {each['visit'] for each in contents(engine)[1]} == {each['visit'] for each in contents(engine)[2]} == {2}
    with transaction(engine) as connection:
        assert [each['visit'] for each in forced_of(connection, FIRST)] == [2]
        restore(connection, 33, 1)
    assert source_id(33, 1, 4, 1) in contents(engine)[0] and len(contents(engine)[0]) == 4


def test_what_was_found_in_the_meantime_is_joined(engine):
    """10.1 is found again by exposure 3: when 1 counts again it joins that candidate, its products are to be made anew."""
    with transaction(engine) as connection:
        withdraw(connection, 33, 1, 'clouds', 60000.0)
    found = store(engine, 3, 3, [row(1, 10.1, nite=20200103)])[0]['diaObjectId']
    with transaction(engine) as connection:
        assert restore(connection, 33, 1).moved == (3,)
        assert entered(connection, 33, 1, 3, 'RUN25') is None and entered(connection, 33, 2, 3, 'RUN25')
        members = connection.execute(select(DETECTIONS.c.visit).where(DETECTIONS.c.diaObjectId == found)).scalars().all()
    assert sorted(members) == [1, 3] and ALONE not in contents(engine)[0]


def test_an_exposure_without_rows_changes_nothing(engine):
    before = contents(engine)
    with transaction(engine) as connection:
        assert withdraw(connection, 33, 9, 'clouds', 60000.0).detections == 0
        assert restore(connection, 33, 9).candidates == 0
        withdraw(connection, 34, 1, 'clouds', 60000.0)            # of another season
    assert contents(engine) == before
