import numpy as np
import pytest

from sediff.photometry.spatial import SpatialOptions, SpatialTerm, fit_spatial, unit_places

SHAPE = (4096, 2048)


def field(seed, n=200, noise=0.02):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, SHAPE[1] - 1, n), rng.uniform(0, SHAPE[0] - 1, n)
    return x, y, noise * rng.normal(size=n), np.full(n, noise ** 2)


def test_noise_alone_warrants_no_term():
    assert sum(fit_spatial(*field(seed), SHAPE) is not None for seed in range(300)) <= 4


def test_few_stars_warrant_no_term():
    x, y, residual, variance = field(1, 40)
    u, _ = unit_places(x, y, SHAPE)
    assert fit_spatial(x, y, residual + 0.05 * u, variance, SHAPE) is None
    assert fit_spatial(*field(1, 0), SHAPE) is None


@pytest.mark.parametrize('shape_of', [lambda u, v: 0.03 * u - 0.02 * v, lambda u, v: 0.06 * (u * u - 1 / 3) + 0.02 * u * v])
def test_a_real_term_is_found(shape_of):
    x, y, residual, variance = field(2, 400)
    truth = shape_of(*unit_places(x, y, SHAPE))
    term = fit_spatial(x, y, residual + truth + 0.01, variance, SHAPE)
    assert np.std(term.at(x, y) - truth) < 0.02 * np.sqrt(6 / 400) * 2
    assert term.amplitude == pytest.approx(np.std(truth), rel=0.25)
    assert fit_spatial(x, y, residual + truth, variance, SHAPE, SpatialOptions(degree=0)) is None


def test_its_mean_over_the_ccd_is_zero():
    y, x = np.mgrid[0:4096:16, 0:2048:16] + 7.5
    term = SpatialTerm((0.1, 0.1, 0.2, 0.1, 0.3), SHAPE, 0.1, 50.0)
    assert abs(term.at(x, y).mean()) < 1e-4
    assert SpatialTerm.from_record(term.record()) == term
    assert SpatialTerm.from_record(None) is None
