"""Flux scales of exposures against the truth."""
import numpy as np
import pytest

from sediff.template.scale import relative_scale


def stars(rng, n, outliers=0):
    error = rng.uniform(0.002, 0.04, n)
    difference = 0.3 + rng.normal(0, np.hypot(error, 0.005))
    difference[:outliers] += rng.uniform(0.2, 1.5, outliers)
    return difference, error


def test_many_stars_within_two_millimag():
    rng = np.random.default_rng(1)
    found = [relative_scale(*stars(rng, 480, 48)) for _ in range(50)]
    off = np.array([one.offset - 0.3 for one in found])
    assert np.sqrt(np.mean(off**2)) < 0.001 and np.abs(off).max() < 0.003
    assert np.mean([one.error for one in found]) == pytest.approx(np.sqrt(np.mean(off**2)), rel=0.5)


def test_few_stars_with_variables_among_them_and_an_honest_error():
    rng = np.random.default_rng(2)
    found = [relative_scale(*stars(rng, 10, 3)) for _ in range(300)]
    pull = np.array([(one.offset - 0.3) / one.error for one in found])
    assert np.mean(np.abs(pull) < 3) > 0.95
    assert np.percentile([abs(one.offset - 0.3) for one in found], 99) < 0.06
    plain = [np.mean(stars(rng, 10, 3)[0]) - 0.3 for _ in range(300)]
    assert np.std([one.offset for one in found]) < 0.3 * np.std(plain)


@pytest.mark.parametrize('n', [1, 2, 3])
def test_hardly_any_star(n):
    found = relative_scale(np.full(n, 0.1), np.full(n, 0.02))
    assert found.offset == pytest.approx(0.1) and found.used == n and 0 < found.error < 0.05


def test_none_and_not_finite():
    assert relative_scale(np.array([]), np.array([])).used == 0
    assert relative_scale(np.array([np.nan]), np.array([0.01])).error == np.inf
    assert relative_scale(np.array([0.1, np.nan]), np.array([0.01, 0.01])).used == 1
