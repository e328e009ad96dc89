import numpy as np
import pytest
from made_up_stars import catalogue_of

from sediff.errors import BadData
from sediff.photometry.zeropoint import ClipOptions, StarCuts, fit_zero_point, select_objects, select_references


def test_truth_within_the_stated_error_despite_outliers():
    pulls = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n = 100
        error = rng.uniform(0.005, 0.05, n)
        reference = rng.uniform(15, 20, n)
        spread = np.hypot(error, 0.02)
        instrumental = reference - 31.3 + spread * rng.normal(size=n)
        instrumental[:8] += rng.uniform(0.5, 3.0, 8)       # variable stars, blends, wrong matches
        fitted = fit_zero_point(instrumental, error, reference, np.zeros(n))
        assert fitted.n_all == n
        assert 80 <= fitted.n_clipped <= 92
        pulls.append((fitted.zero_point - 31.3) / fitted.error)
    assert abs(np.mean(pulls)) < 4 / np.sqrt(60)
    assert 0.7 < np.std(pulls) < 1.35


def test_the_rms_is_the_stars_scatter():
    rng = np.random.default_rng(3)
    error = np.full(2000, 0.03)
    fitted = fit_zero_point(-31.0 + 0.03 * rng.normal(size=2000), error, np.zeros(2000), np.zeros(2000),
                            ClipOptions(sigma=5.0, intrinsic_scatter=0.0))
    assert fitted.rms == pytest.approx(0.03, rel=4 / np.sqrt(4000))
    assert fitted.error == pytest.approx(0.03 / np.sqrt(2000), rel=0.1)


def test_too_few_stars_say_how_many():
    with pytest.raises(BadData, match='3 stars matched'):
        fit_zero_point(np.zeros(3), np.full(3, 0.1), np.zeros(3), np.zeros(3))
    with pytest.raises(BadData, match='of 6 matched'):
        fit_zero_point(np.array([0, 0, 0.01, 0.01, 20, 30]), np.full(6, 0.1), np.zeros(6), np.zeros(6))
    with pytest.raises(BadData, match='0 stars'):
        fit_zero_point(np.full(9, np.nan), np.full(9, 0.1), np.zeros(9), np.zeros(9))


def test_every_cut_on_objects_works():
    table = catalogue_of(np.full(9, 10.0), np.zeros(9), np.full(9, 17.0), 31.0)
    table['FLUX_PSF'][0] = -5.0
    table['FLUXERR_PSF'][1] = table['FLUX_PSF'][1]
    table['FLAGS'][2], table['FLAGS'][3] = 4, 2
    table['IMAFLAGS_ISO'][4], table['IMAFLAGS_ISO'][5] = 2, 32
    table['CLASS_STAR'][6] = 0.3
    table['SPREAD_MODEL'][7] = 0.02
    assert select_objects(table).tolist() == [False] * 8 + [True]
    assert select_objects(table, StarCuts(allowed_mask=32))[5]
    assert select_objects(table, StarCuts(max_flags=3))[3]
    assert not select_objects(table, StarCuts(max_flux=table['FLUX_PSF'][8] / 2)).any()


def test_references_are_cut_in_magnitude_and_colour():
    chosen = select_references(np.array([13.0, 17.0, 17.0, 17.0, np.nan]), np.array([1.0, 1.0, 3.0, np.nan, 1.0]))
    assert chosen.tolist() == [False, True, False, False, False]


def test_few_stars_state_an_honest_error():
    """Three stars: |pull| is within 2.5 as often as a Gaussian's, whether or not they happen to agree."""
    pulls = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        error = np.array([0.01, 0.02, 0.03])
        instrumental = -31.0 + np.hypot(error, 0.02) * rng.normal(size=3)
        fitted = fit_zero_point(instrumental, error, np.zeros(3), np.zeros(3), ClipOptions(min_stars=2))
        pulls.append((fitted.zero_point - 31.0) / fitted.error)
    assert np.mean(np.abs(pulls) > 2.5) < 0.02
    assert 0.7 < np.std(pulls) < 1.1


def test_scatter_that_the_errors_do_not_explain():
    rng = np.random.default_rng(5)
    error = rng.uniform(0.003, 0.03, 400)
    instrumental = -31.0 + np.hypot(error, 0.05) * rng.normal(size=400)
    fitted = fit_zero_point(instrumental, error, np.zeros(400), np.zeros(400), ClipOptions(sigma=5.0))
    assert fitted.scatter == pytest.approx(0.05, rel=0.15)
    exact = fit_zero_point(-31.0 + error * rng.normal(size=400), error, np.zeros(400), np.zeros(400))
    assert exact.scatter < 0.005
