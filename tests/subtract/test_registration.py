"""The registration field: found where stars show one, off where they do not, and applied."""
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from sediff.subtract.registration import STEP, eliminate, fit_field, measure_offsets, move_rows

pytestmark = pytest.mark.busy

SHAPE = (1200, 1000)


@pytest.fixture(scope='module')
def truth():
    """A field of 0.05 px rms smoothed over 150 px: (2, ny, nx)."""
    rng = np.random.default_rng(3)
    return np.array([(lambda f: 0.05 * f / f.std())(gaussian_filter(rng.standard_normal(SHAPE), 150, mode='wrap'))
                     for _ in range(2)])


def sample(truth, n=300, seed=4):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, SHAPE[1] - 1, n), rng.uniform(0, SHAPE[0] - 1, n)
    error = 10 ** rng.uniform(-2.6, -1.3, n)
    real = np.stack([map_coordinates(f, [y, x], order=1) for f in truth], axis=1)
    return x, y, real + rng.normal(size=(n, 2)) * error[:, None], error


def test_field_is_recovered(truth):
    field = fit_field(*sample(truth))
    assert 80 < field.length < 400 and 0.025 < field.rms < 0.1
    nodes = field.nodes(SHAPE)[:, :SHAPE[0] // STEP, :SHAPE[1] // STEP]
    left = nodes - truth[:, ::STEP, ::STEP][:, :nodes.shape[1], :nodes.shape[2]]
    assert left.std() < 0.4 * truth.std()


def test_field_is_off_without_structure(truth):
    x, y, offset, error = sample(np.zeros_like(truth))
    assert fit_field(x, y, offset, error) is None
    scatter = np.random.default_rng(6).normal(0, 0.02, offset.shape)
    assert fit_field(x, y, offset + scatter, error) is None
    assert fit_field(x[:10], y[:10], offset[:10], error[:10]) is None


def test_outliers_do_not_matter(truth):
    x, y, offset, error = sample(truth)
    clean = fit_field(x, y, offset, error)
    offset[::30] += 0.6
    dirty = fit_field(x, y, offset, error, (clean.length, clean.rms))
    assert np.abs(dirty.nodes(SHAPE) - clean.nodes(SHAPE)).mean() < 0.01


def test_stars_are_moved_and_their_offsets_measured():
    y, x = np.mgrid[:64, :64]
    star = [(1000 * np.exp(-0.5 * ((x - 30 - a) ** 2 + (y - 33 - b) ** 2) / 4)).astype(np.float32)
            for a, b in ((0, 0), (0.12, -0.07))]
    moved = star[0].copy()
    nodes = np.zeros((2, 6, 6), np.float32)
    nodes[0], nodes[1] = 0.12, -0.07
    move_rows(moved, nodes, STEP)
    assert np.abs(moved - star[1]).max() < 0.003 * 1000
    out = np.empty((1, 3))
    measure_offsets(star[1], np.float32(0), star[0], np.ones_like(star[0]), np.zeros(star[0].shape, bool),
                    np.array([30]), np.array([33]), 7, 0.002, out)
    assert out[0, 0] == pytest.approx(0.12, abs=0.005) and out[0, 1] == pytest.approx(-0.07, abs=0.005)
    assert 0 < out[0, 2] < 0.01


def test_elimination():
    a = np.random.default_rng(1).normal(size=(4, 9))
    matrix, right = a @ a.T, np.arange(4.0)
    expected, inverse = np.linalg.solve(matrix, right), np.linalg.inv(matrix)
    assert eliminate(matrix, right)
    np.testing.assert_allclose(right, expected)
    np.testing.assert_allclose(matrix, inverse)
    assert not eliminate(np.zeros((2, 2)), np.ones(2))
