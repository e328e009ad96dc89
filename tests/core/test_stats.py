"""Robust sigma against the truth, with outliers and without values."""
import numpy as np
import pytest

from sediff.stats import all_finite, clipped, median, robust_sigma, sigma_about


def test_sigma_of_a_normal_distribution_in_spite_of_outliers():
    """1.17 / sqrt(2 n) is its error; a twentieth of values far off raises it by some 6 per cent."""
    values = np.random.default_rng(1).normal(100.0, 3.0, 20000)
    error = 3.0 * 1.17 / np.sqrt(2 * values.size)
    assert robust_sigma(values) == pytest.approx(3.0, abs=4 * error)
    assert sigma_about(values - 100.0) == pytest.approx(3.0, abs=4 * error)
    assert sigma_about(values, 100.0) == sigma_about(values - 100.0)
    values[:1000] = 1e6
    assert 3.0 < robust_sigma(values) < 3.3


@pytest.mark.parametrize('values', [np.array([2.0, 4.0, 9.0]), np.array([[2.0, 4.0, 9.0]], np.float32)])
def test_definition(values):
    assert robust_sigma(values) == pytest.approx(1.4826 * 2.0)
    assert sigma_about(values) == pytest.approx(1.4826 * 4.0) and isinstance(sigma_about(values), float)


@pytest.mark.parametrize('size', [1, 300_000, 300_001])
def test_the_median_of_many_values_is_that_of_numpy(size):
    rng = np.random.default_rng(3)
    for values in (rng.normal(0.0, 1.0, size).astype(np.float32), rng.integers(0, 3, size), np.arange(size) % 7.0,
                   np.sort(rng.exponential(1.0, size)), np.where(np.arange(size) == size // 3, np.nan, 1.0)):
        assert median(values) == pytest.approx(float(np.median(values)), abs=0.0, nan_ok=True)


def test_nothing_and_all_the_same():
    assert robust_sigma(np.zeros(0)) == sigma_about(np.zeros(0), 3.0) == 0.0
    assert robust_sigma(np.full(5, 7.0)) == 0.0
    assert clipped(np.full(5, 7.0, np.float32), 3.0, 2).size == 5


def test_clipped_leaves_what_belongs_together():
    values = np.concatenate([np.random.default_rng(2).normal(0.0, 1.0, 1000), np.full(100, 50.0)])
    kept = clipped(values, 3.0, 3)
    assert kept.max() < 4.0 and 970 <= kept.size <= 1000 and abs(np.median(kept)) < 0.15


def test_the_factor_stands_in_one_place(repository):
    others = [path for path in (repository / 'python').rglob('*.py') if '1.4826 *' in path.read_text()]
    assert not others


def test_all_finite_sees_every_value():
    values = np.ones((40, 50), np.float32)
    assert all_finite(values) and all_finite(np.full(4, 3e38, np.float32))    # their sum is not
    for bad in (np.nan, np.inf, -np.inf):
        values[3, 7] = bad
        assert not all_finite(values)
    values[3, 8] = np.inf
    assert not all_finite(values)
