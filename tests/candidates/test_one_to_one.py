"""One-to-one association against truth: crowded pairs, borders and overlaps of CCDs, RA 0, poles, the order of arrival."""
from itertools import permutations

import numpy as np
import pytest

from sediff.candidates.associate import associate_places, log_likelihood
from sediff.candidates.database import candidates_of, detections_of, open_database, transaction
from sediff.candidates.skymatch import Places, nearest, pairs_within
from sediff.sphere import from_vectors, separation, unit_vectors

from .writers import ARCSEC, row, store

pytestmark = pytest.mark.busy

CENTRES = [(150.0, -30.0), (0.0, -30.0), (0.0, 90.0), (77.0, -89.9999)]


def sky(centre, east, north):
    """RA and Dec (deg) of offsets in arcsec."""
    ra, dec = np.radians(centre)
    axes = np.array([[-np.sin(ra), np.cos(ra), 0.0],
                     [-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)]])
    return from_vectors(unit_vectors(*centre) + np.radians(np.stack([east, north], axis=-1) * ARCSEC) @ axes)


def places(ra, dec, error=0.0):
    """Places whose errors (arcsec) are the same on both axes."""
    ra, dec = np.broadcast_arrays(np.asarray(ra, float), np.asarray(dec, float))
    return Places(ra, dec, *(np.full(len(ra), error * ARCSEC) for _ in range(2)))


@pytest.mark.parametrize('centre', CENTRES)
def test_offsets_and_pairs_are_those_of_the_sphere(centre):
    rng = np.random.default_rng(2)
    one, other = (places(*sky(centre, *rng.uniform(-5.0, 5.0, (2, 60)))) for _ in range(2))
    first, second, distance = pairs_within(one, other, 2.0)
    everything = 3600.0 * separation(one.ra[:, None], one.dec[:, None], other.ra, other.dec)
    assert np.array_equal(np.argwhere(everything <= 2.0), np.stack([first, second], axis=-1)) and len(first) > 50
    np.testing.assert_allclose(distance, everything[first, second], atol=1e-6)
    np.testing.assert_allclose(np.hypot(*one.offsets_to(other, first, second)), distance, atol=1e-6)


def test_places_that_are_equal_are_joined():
    found = associate_places(places([10.0, 10.1], 0.0), places([10.1, 10.0], 0.0))
    assert found.candidate.tolist() == [1, 0] and found.separation.tolist() == [0.0, 0.0]


@pytest.mark.parametrize('seed', range(20))
def test_the_choice_is_the_likeliest_of_all(seed):
    """Against all choices for 4 detections and 4 candidates in 2 arcsec, one after the other."""
    rng = np.random.default_rng(seed)
    mine, known = (places(*sky((150.0, -30.0), *rng.uniform(0.0, 2.0, (2, 4))), 0.3) for _ in range(2))
    first, second, _ = pairs_within(mine, known, 1.0)
    gain = np.zeros((4, 8))                                # four more columns: alone
    alone = log_likelihood(places([0.0], 0.0), places([0.0], ARCSEC, 0.0), np.zeros(1, int), np.zeros(1, int), 1.0)
    gain[first, second] = log_likelihood(mine, known, first, second, 1.0) - alone
    best = max(permutations(range(8), 4), key=lambda columns: gain[range(4), columns].sum())
    expected = [k if k < 4 and gain[row, k] > 0 else -1 for row, k in enumerate(best)]
    assert associate_places(mine, known, 1.0).candidate.tolist() == expected


def test_a_near_pair_is_not_given_up_for_two_far_ones():
    mine = places(10.0, np.array([0.0, 0.88]) * ARCSEC, 0.05)
    known = places(10.0, np.array([0.02, -0.9]) * ARCSEC, 0.05)
    assert associate_places(mine, known).candidate.tolist() == [0, -1]


def test_an_isolated_pair_is_joined_up_to_the_radius_whatever_its_errors():
    offset = np.array([0.0, 0.5, 0.999, 1.001])
    known = places(10.0 + np.arange(4) / 60.0, 0.0, 0.01)
    mine = places(known.ra, offset * ARCSEC, 0.01)
    assert associate_places(mine, known, 1.0).candidate.tolist() == [0, 1, 2, -1]


def test_crowded_pairs_are_seldom_swapped():
    """4000 pairs 1.2" apart, errors 0.3": swapped where noise turns them around, 0.23 %; the nearest would err in 2.3 %."""
    rng = np.random.default_rng(5)
    count, error = 4000, 0.3
    east = np.repeat(np.arange(count) % 64 * 20.0, 2) + np.tile([0.0, 1.2], count)
    north = np.repeat(np.arange(count) // 64 * 20.0, 2)
    known = places(*sky((150.0, -30.0), east, north))
    mine = places(*sky((150.0, -30.0), *(np.stack([east, north]) + rng.normal(0.0, error, (2, 2 * count)))), error)
    order = rng.permutation(2 * count)
    found = np.empty(2 * count, int)
    found[order] = associate_places(mine[order], known, 2.0).candidate
    assert np.array_equal(found, associate_places(mine, known, 2.0).candidate)        # whatever the order
    joined = found >= 0
    assert len(set(found[joined])) == joined.sum() > 0.999 * len(found)
    wrong = np.count_nonzero(joined & (found != np.arange(2 * count)))
    assert wrong < 2 * count * 0.0023 + 5 * np.sqrt(2 * 2 * count * 0.0023)           # they come in twos
    assert np.count_nonzero(nearest(mine.ra, mine.dec, known.ra, known.dec, 2.0)[0] != np.arange(2 * count)) > 4 * wrong


@pytest.fixture
def engine(tmp_path):
    """An empty database."""
    engine = open_database(f'sqlite:///{tmp_path}/base.sqlite')
    yield engine
    engine.dispose()


def dithered(centre, overlap=0.0, seed=3):
    """(exposure, CCD) -> rows of 30 sources and of 15 pairs 1.2" apart, with truth in `x`; CCDs of 40" side by side, the
    exposures 7" apart, so that borders cross sources; errors 0.1"."""
    rng = np.random.default_rng(seed)
    east, north = rng.permutation(30) * 4.0 + 60.0, rng.uniform(-15.0, 15.0, 30)
    angle = rng.uniform(0.0, np.pi, 15)
    east = np.concatenate([east, east[:15] + 1.2 * np.cos(angle)])
    north = np.concatenate([north, north[:15] + 1.2 * np.sin(angle)])
    found = {}
    for expnum in range(1, 7):
        for ccd in range(1, 7):
            at = east - 7.0 * expnum - 40.0 * (ccd - 1)
            inside = np.flatnonzero((at >= -overlap) & (at < 40.0 + overlap))
            noise = rng.normal(0.0, 0.1, (2, len(inside)))
            ra, dec = sky(centre, east[inside] + noise[0], north[inside] + noise[1])
            found[expnum, ccd] = [row(n + 1, ra[n], dec[n], x=float(k), raErr=0.1 * ARCSEC, decErr=0.1 * ARCSEC,
                                      nite=20200100 + expnum) for n, k in enumerate(inside)]
    return found


def sources(engine):
    """Members (visit, CCD, number) of each candidate, and the true sources they are of."""
    with transaction(engine, writes=False) as connection:
        known, rows = candidates_of(connection, 33), detections_of(connection, 33)
    members = {one['diaObjectId']: [] for one in known}
    for each in rows:
        if each['diaObjectId'] is not None:
            members[each['diaObjectId']].append(each)
    assert all(one['nDiaSources'] == len(members[one['diaObjectId']]) for one in known)
    return ({frozenset((each['visit'], each['detector'], each['number']) for each in mine) for mine in members.values()},
            [{each['x'] for each in mine} for mine in members.values()])


@pytest.mark.parametrize('centre', CENTRES)
def test_sources_are_found_again_in_any_order_of_ccds_and_exposures(tmp_path, centre):
    rows, partitions = dithered(centre), []
    for seed in range(3):
        engine = open_database(f'sqlite:///{tmp_path}/{seed}.sqlite')
        for expnum, ccd in np.random.default_rng(seed).permutation(list(rows)).tolist() if seed else rows:
            store(engine, expnum, ccd, rows[expnum, ccd])
        partition, truth = sources(engine)
        engine.dispose()
        assert len(truth) == 45 and all(len(each) == 1 for each in truth)
        assert all(len({visit for visit, _, _ in mine}) == len(mine) == 6 for mine in partition)
        partitions.append(partition)
    assert partitions[0] == partitions[1] == partitions[2]


def test_what_two_ccds_of_an_exposure_see_counts_once(engine):
    """CCDs that overlap by 3": what lies there is detected twice in an exposure, and is one source of one candidate."""
    rows = dithered((0.0, -30.0), overlap=1.5)
    total = sum(map(len, rows.values()))
    joined = sum(len(store(engine, *key, rows[key])) for key in rows)
    assert joined == 6 * 45 and total > joined + 20
    before = sources(engine)
    assert len(before[1]) == 45 and all(len(each) == 1 for each in before[1])
    assert all(len({visit for visit, _, _ in mine}) == len(mine) == 6 for mine in before[0])
    for key in rows:                                       # each CCD once more
        store(engine, *key, rows[key])
    assert [len(each) for each in sources(engine)[1]] == [1] * 45 and {len(mine) for mine in sources(engine)[0]} == {6}


def test_a_rerun_replaces_the_rows_of_its_ccd_and_nothing_else(engine):
    rows = dithered((0.0, -30.0))
    for key in rows:
        store(engine, *key, rows[key])

    def others():
        with transaction(engine, writes=False) as connection:
            return [each for each in detections_of(connection, 33) if (each['visit'], each['detector']) != (3, 2)]
    before = others()
    store(engine, 3, 2, rows[3, 2][1:])
    assert others() == before and len(before) < 6 * 45 - 3
