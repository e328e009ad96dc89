"""The database: idempotent writes, association, several processes at once."""
import multiprocessing

import numpy as np
import pytest
from sqlalchemy import create_mock_engine

from sediff.candidates.associate import candidate_table_text
from sediff.candidates.database import (
    add_forced,
    associate,
    candidates_of,
    close_databases,
    detections_of,
    forced_of,
    images_of,
    open_database,
    replace_detections,
    replace_image,
    transaction,
)
from sediff.candidates.rows import detection_rows, midpoint_mjd_tai
from sediff.candidates.schema import METADATA, source_id, source_parts
from sediff.candidates.texttable import parse_table
from sediff.detect.table import DETECTION_DTYPE
from sediff.errors import BadInput, BadUsage

from .writers import ARCSEC, row, store, write_eight

pytestmark = pytest.mark.busy


@pytest.fixture
def engine(tmp_path):
    engine = open_database(f'sqlite:///{tmp_path}/base/candidates.sqlite')
    yield engine
    engine.dispose()


def table(engine, season=33):
    with engine.connect() as connection:
        return candidates_of(connection, season), detections_of(connection, season)


def test_ids_are_positive_63_bit_and_come_apart():
    largest = source_id(8191, 99999999, 62, 131071)
    assert 0 < largest < 2 ** 63
    assert source_parts(largest) == (8191, 99999999, 62, 131071)
    with pytest.raises(BadUsage, match='number'):
        source_id(33, 668443, 3, 131072)


def test_a_database_that_is_closed_leaves_no_file_beside_it(engine, tmp_path):
    with engine.connect() as connection:
        images_of(connection, 33)
    close_databases()
    assert [path.name for path in (tmp_path / 'base').iterdir()] == ['candidates.sqlite']


def test_a_redone_ccd_replaces_its_rows(engine):
    first = store(engine, 668443, 3, [row(1, 10.0), row(2, 11.0), row(3, 12.0, reject=4)])
    assert [r['number'] for r in first] == [1, 2] and all(r['isNew'] for r in first)
    before = table(engine)
    again = store(engine, 668443, 3, [row(1, 10.0), row(2, 11.0), row(3, 12.0, reject=4)])
    assert again == first and table(engine) == before
    store(engine, 668443, 3, [row(1, 10.0)])
    candidates, detections = table(engine)
    assert len(candidates) == len(detections) == 1
    assert candidates[0]['diaObjectId'] == source_id(33, 668443, 3, 1)
    assert store(engine, 668443, 3, []) == [] and table(engine) == ([], [])


def test_association_again_changes_nothing(engine):
    store(engine, 1, 3, [row(1, 10.0)])
    before = table(engine)
    with transaction(engine) as connection:
        again = associate(connection, 1, 3, 33)
    assert table(engine) == before and not again[0]['isNew']


def test_a_second_exposure_joins_across_ra_zero(engine):
    store(engine, 1, 3, [row(1, -0.2 * ARCSEC)])
    second = store(engine, 2, 5, [row(9, 0.2 * ARCSEC, nite=20200103, mjd=58851.1, snr=20.0), row(10, 2 * ARCSEC)])
    candidates, _ = table(engine)
    assert len(candidates) == 2
    joined = max(candidates, key=lambda c: c['nDiaSources'])
    assert joined['nDiaSources'] == 2 and joined['nNites'] == 2 and joined['maxSnr'] == 20
    assert (joined['firstMjd'], joined['lastMjd']) == (58849.1, 58851.1)
    assert [r['isNew'] for r in second] == [False, True]
    # weighted by S/N squared, 1 : 4
    assert (joined['ra'] + 180) % 360 - 180 == pytest.approx(0.12 * ARCSEC * np.cos(0), abs=0.02 * ARCSEC)
    with engine.connect() as connection:
        assert [c['diaObjectId'] for c in candidates_of(connection, 33, expnum=1)] == [joined['diaObjectId']]
        assert candidates_of(connection, 33, min_reliability=0.95) == []


def test_founder_redone_elsewhere_gets_an_id_of_its_own(engine):
    store(engine, 1, 3, [row(1, 10.0)])
    store(engine, 2, 3, [row(1, 10.0 + 0.4 * ARCSEC)])
    store(engine, 1, 3, [row(1, 10.1)])
    candidates, _ = table(engine)
    assert len(candidates) == 2 and len({c['diaObjectId'] for c in candidates}) == 2
    assert all(c['nDiaSources'] == 1 for c in candidates)


def test_fakes_do_not_join_real_candidates_and_seasons_are_apart(engine):
    store(engine, 1, 3, [row(1, 10.0)])
    store(engine, 2, 3, [row(1, 10.0, fakeId=7)])
    store(engine, 2, 3, [row(1, 10.0)], season=34)
    candidates, _ = table(engine)
    assert sorted(c['fakeId'] for c in candidates) == [0, 7]
    assert len(table(engine, 34)[0]) == 1


def test_images_and_forced_photometry_are_replaced(engine):
    with transaction(engine) as connection:
        for depth in (23.1, 23.4):
            replace_image(connection, 33, 668443, 3, {'band': 'i', 'depth': depth, 'object': "O'Neill; DROP"})
        for flux in (1.0, 2.0):
            assert add_forced(connection, 668443, 3, 33, [
                {'diaObjectId': 5, 'psfFlux': flux, 'psfFluxErr': 0.1, 'midpointMjdTai': 1.0},
                {'diaObjectId': 6, 'psfFlux': np.nan, 'psfFluxErr': np.nan}]) == 1
    with engine.connect() as connection:
        assert [(i['depth'], i['object']) for i in images_of(connection, 33, 668443)] == [(23.4, "O'Neill; DROP")]
        assert [f['psfFlux'] for f in forced_of(connection, 5)] == [2.0] and forced_of(connection, 6) == []


def test_two_processes_write_the_same_sky_at_once(tmp_path):
    url = f'sqlite:///{tmp_path}/candidates.sqlite'
    spawn = multiprocessing.get_context('spawn')
    barrier = spawn.Barrier(2)
    workers = [spawn.Process(target=write_eight, args=(url, expnum, barrier)) for expnum in (1, 2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(100)
    assert [worker.exitcode for worker in workers] == [0, 0]
    engine = open_database(url)
    candidates, detections = table(engine)
    engine.dispose()
    assert len(detections) == 160 and len(candidates) == 80
    assert {c['nDiaSources'] for c in candidates} == {2} and {c['nNites'] for c in candidates} == {2}


def test_an_error_rolls_everything_back(engine):
    store(engine, 1, 3, [row(1, 10.0)])
    with pytest.raises(BadUsage, match='colour'), transaction(engine) as connection:
        replace_detections(connection, 1, 3, 33, [row(2, 11.0)])
        replace_detections(connection, 1, 4, 33, [row(2, 11.0, colour=1)])
    assert [d['number'] for d in table(engine)[1]] == [1]


def test_wrong_urls_and_files(tmp_path):
    with pytest.raises(BadUsage, match='URL'):
        open_database('what?')
    with pytest.raises(BadUsage, match='URL'):
        open_database('nosuchdb://x/y')
    (tmp_path / 'text').write_text('no database at all, ' * 100)
    with pytest.raises(BadInput, match='not a database'):
        open_database(f'sqlite:///{tmp_path}/text')
    with pytest.raises(BadUsage, match='radius'):
        store_radius = open_database('sqlite://')
        with transaction(store_radius) as connection:
            associate(connection, 1, 1, 33, radius_arcsec=30.0)


def test_schema_is_understood_by_postgresql():
    statements = []
    mock = create_mock_engine('postgresql+psycopg://', lambda sql, *a, **k: statements.append(
        str(sql.compile(dialect=mock.dialect))))
    METADATA.create_all(mock, checkfirst=False)
    text = '\n'.join(statements)
    assert 'BIGINT' in text and 'FLOAT(53)' in text and 'candidates_by_place' in text


def test_rows_carry_njy_and_half_exposure_in_tai():
    detections = np.zeros(2, DETECTION_DTYPE.descr + [('ALPHAWIN_J2000', 'f8'), ('DELTAWIN_J2000', 'f8')])
    detections['NUMBER'], detections['FLUX_PSF'], detections['SIGN'], detections['X_IMAGE'] = [1, 2], 100, [1, -1], 5
    rows = detection_rows(detections, np.array([0, 1]), np.array([0.5, np.nan]), 31.4 - 2.5, 0.263, 'i', 20200101, 58849.0)
    assert rows[0]['psfFlux'] == pytest.approx(1000.0) and rows[0]['x'] == 4
    assert rows[1]['isNegative'] and rows[1]['reliability'] is None and rows[1]['reject'] == 1
    assert midpoint_mjd_tai(58849.0, 90.0) == pytest.approx(58849.0 + (37 + 45) / 86400, abs=1e-9)
    with pytest.raises(BadInput, match='zero point'):
        detection_rows(detections, np.zeros(2), np.zeros(2), np.nan, 0.263, 'i', 20200101, 58849.0)


def test_classes_are_kept_and_older_databases_get_the_column(tmp_path):
    url = f'sqlite:///{tmp_path}/candidates.sqlite'
    engine = open_database(url)
    store(engine, 1, 3, [row(1, 10.0)])
    with transaction(engine) as connection:
        for name in ('detections', 'candidates'):
            connection.exec_driver_sql(f'ALTER TABLE {name} DROP COLUMN "sourceClass"')
        connection.exec_driver_sql('DROP TABLE alembic_version')
    engine.dispose()
    engine = open_database(url)
    made = store(engine, 2, 3, [row(1, 10.0, snr=20.0, sourceClass='variable_star'), row(2, 10.1, sourceClass=None)])
    candidates, detections = table(engine)
    engine.dispose()
    assert [one['sourceClass'] for one in made] == ['variable_star', None]
    assert [one['sourceClass'] for one in detections] == [None, 'variable_star', None]
    assert sorted((c['nDiaSources'], c['sourceClass']) for c in candidates) == [(1, None), (2, 'variable_star')]
    assert parse_table(candidate_table_text(made))['CLASS'].tolist() == ['variable_star', '-']
