"""Star flat from dithered stars, and the matching of stars."""
from __future__ import annotations

import numpy as np
import pytest

from sediff.errors import BadData
from sediff.isr.starflat import fit_star_flat, match_stars, star_flat_image

ZERO = np.random.default_rng(7).normal(0, 0.1, 12)


def pattern(ccd, x, y):
    u, v = 2 * x / 2047 - 1, 2 * y / 4095 - 1
    return 0.01 * u - 0.006 * v + 0.008 * u * v + (0.004 * (ccd == 1)) * u * u


def measurements(noise=0.005, seed=1, exposures=12, stars=800):
    """Stars on two CCDs side by side, with offsets of up to 1500 pixels between exposures."""
    rng = np.random.default_rng(seed)
    sx, sy, mag = rng.uniform(-1500, 5600, stars), rng.uniform(-1500, 5600, stars), rng.uniform(15, 18, stars)
    rows = []
    for number in range(exposures):
        (dx, dy), zero = rng.uniform(-1500, 1500, 2), ZERO[number]
        for ccd, left in ((0, 0), (1, 2100)):
            x, y = sx + dx - left, sy + dy
            inside = (x > 0) & (x < 2047) & (y > 0) & (y < 4095)
            m = mag + zero + pattern(ccd, x, y) + rng.normal(0, noise, stars)
            rows += [(ccd, x[k], y[k], k, number, m[k]) for k in np.flatnonzero(inside)]
    ccd, x, y, star, exposure, m = (np.array(column) for column in zip(*rows))
    m[::97] += 0.5                                      # variable stars, blends
    return ccd, x, y, star, exposure, m, np.full(len(m), noise)


@pytest.mark.parametrize('photometric', [True, False])
def test_pattern_is_found(photometric):
    table = measurements()
    zero_points = {number: -value for number, value in enumerate(ZERO)} if photometric else None
    patterns, rms = fit_star_flat(*table, degree=2, shape=(4096, 2048), zero_points=zero_points, zero_point_error=0.001)
    assert rms == pytest.approx(0.005, rel=0.15)
    rows, columns = np.mgrid[0:4096:64, 0:2048:64]
    slopes = []
    for ccd in (0, 1):
        flat = star_flat_image(patterns[ccd], 2, (4096, 2048))[::64, ::64]
        wanted = 10 ** (-0.4 * pattern(ccd, columns, rows))
        difference = np.log(flat / wanted)
        difference -= difference.mean()
        if not photometric:
            # offsets cannot tell a plane common to all CCDs from zero points
            plane = np.stack([np.ones(rows.size), columns.ravel() / 1024.0, rows.ravel() / 1024.0], axis=1)
            terms = np.linalg.lstsq(plane, difference.ravel(), rcond=None)[0]
            difference = difference - (plane @ terms).reshape(rows.shape)
            slopes.append(terms[1:])
        # 5 terms from some 4000 measurements of 5 mmag: 0.2 mmag; corners three times worse
        assert np.abs(difference).max() < 0.0015
    if slopes:
        np.testing.assert_allclose(slopes[0], slopes[1], atol=5e-4)


def test_matching():
    rng = np.random.default_rng(2)
    sky = np.stack([rng.uniform(10, 10.2, 200), rng.uniform(-30.1, -30, 200)], axis=1)
    again = sky[50:150] + rng.normal(0, 0.05, (100, 2)) / 3600
    numbers = match_stars({1: sky, 2: again})
    np.testing.assert_array_equal(numbers[200:], numbers[50:150])
    assert len(np.unique(numbers[:200])) >= 199


def test_wrong_input():
    ccd, x, y, _, exposure, m, error = measurements(stars=100)
    with pytest.raises(BadData, match='measured twice'):
        fit_star_flat(ccd, x, y, np.arange(len(m)), exposure, m, error, 3, (4096, 2048))
    with pytest.raises(BadData, match='lower degree'):
        fit_star_flat(*(values[:20] for values in (ccd, x, y, np.zeros(len(m), int), exposure, m, error)), degree=5,
                      shape=(4096, 2048))
