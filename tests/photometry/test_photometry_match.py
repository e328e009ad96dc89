import numpy as np
import pytest

from sediff.errors import BadUsage
from sediff.photometry.match import group_sky, match_sky


def test_nearest_wins_and_no_index_comes_twice():
    first, second, distance = match_sky([10.0, 10.0, 50.0], [0.0, 0.4 / 3600, 0.0], [10.0, 10.0], [0.3 / 3600, 5.0], 1.0)
    assert (first.tolist(), second.tolist()) == ([1], [0])
    assert distance[0] == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize('dec', [0.0, -30.0, 80.0, 89.99])
def test_matching_across_ra_zero_and_near_the_pole(dec):
    rng = np.random.default_rng(1)
    n = 200
    step = 20.0 / 3600 / max(np.cos(np.radians(dec)), 1e-4)
    ra = np.mod(step * (np.arange(n) - n / 2), 360.0) if dec < 89 else rng.uniform(0, 360, n)
    dec = np.full(n, dec) if dec < 89 else dec - 40.0 * np.arange(n) / 3600
    moved = np.mod(ra + 0.5 / 3600 / np.cos(np.radians(dec)), 360.0)
    order = rng.permutation(n)
    first, second, distance = match_sky(ra, dec, moved[order], dec[order], 1.0)
    assert len(first) == n
    assert np.array_equal(order[second], first)
    assert distance == pytest.approx(np.full(n, 0.5), abs=1e-4)


def test_grouping_across_ra_zero():
    count, labels = group_sky([359.99999, 0.00001, 1.0], [0.0, 0.0, 0.0], 1.0)
    assert count == 2
    assert labels[0] == labels[1] != labels[2]
    assert group_sky([], [], 1.0)[0] == 0


def test_wrong_input_is_rejected():
    with pytest.raises(BadUsage, match='radius'):
        match_sky([0.0], [0.0], [0.0], [0.0], 0.0)
    with pytest.raises(BadUsage, match='finite'):
        match_sky([np.nan], [0.0], [0.0], [0.0], 1.0)
    with pytest.raises(BadUsage):
        group_sky([0.0], [np.nan], 1.0)
    assert match_sky([], [], [0.0], [0.0], 1.0)[0].size == 0
