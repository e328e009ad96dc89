"""Stamps without a pipeline: their seeing and noise are measured in them, and what is real scores as real."""
import numpy as np
import pytest

from sediff.candidates.features import FEATURES
from sediff.candidates.painters import add_stamp, moffat_psf
from sediff.candidates.score import score_features
from sediff.candidates.scoremodel import read_score_model
from sediff.candidates.stampscan import TYPICAL_FWHM, measured_fwhm, set_features, stamp_features
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument


def triplet(seed, fwhm=4.0, size=51, kind='transient', snr=25.0):
    """Stamps of a source, a cosmic ray or a dipole, with a star elsewhere in template and search."""
    rng, psf = np.random.default_rng(seed), moffat_psf(fwhm)
    template, difference, middle = np.zeros((size, size)), np.zeros((size, size)), size // 2
    flux = snr * 10.0 / np.sqrt((psf(0, 0, 51).astype(float) ** 2).sum())
    x, y = middle + rng.uniform(-0.4, 0.4, 2)
    star = psf(12.2, 12.4, 51) * 3e4
    add_stamp(template, star, 12.2, 12.4)
    if kind == 'transient':
        add_stamp(difference, flux * psf(x, y, 51), x, y)
    elif kind == 'cosmic_ray':
        difference[middle, middle:middle + 3] += 0.4 * flux
    else:
        add_stamp(template, 20 * flux * psf(x, y, 51), x, y)
        add_stamp(difference, 20 * flux * (psf(x + 0.2, y, 51) - psf(x - 0.2, y, 51)), x, y)
    search = template + difference
    noise = rng.normal(0, 10, (2, size, size))
    return {'temp': (template + 0.5 * noise[0]).astype(np.float32), 'srch': (search + noise[1]).astype(np.float32),
            'diff': (difference + noise[1]).astype(np.float32)}


@pytest.fixture(scope='module')
def model():
    return read_score_model(table_path(default_instrument(), 'autoscan.npz'))


@pytest.mark.parametrize('fwhm', [3.0, 4.5, 6.5])
def test_seeing_of_the_stars(fwhm):
    """Gaussian moments of a Moffat profile are a little wider than its FWHM."""
    assert measured_fwhm([triplet(seed, fwhm) for seed in range(4)]) == pytest.approx(1.05 * fwhm, rel=0.1)


def test_seeing_without_stars():
    noise = np.random.default_rng(1).normal(0, 1, (51, 51)).astype(np.float32)
    blank = {'temp': noise, 'srch': noise, 'diff': noise}
    assert measured_fwhm([blank]) == TYPICAL_FWHM
    assert measured_fwhm([{**blank, 'diff': triplet(1, 5.0)['diff']}]) == pytest.approx(5.2, rel=0.15)


def test_real_ones_score_high_and_others_low(model):
    kinds = ['transient'] * 10 + ['cosmic_ray'] * 10 + ['dipole'] * 10
    features, seen = set_features([triplet(seed, kind=kind) for seed, kind in enumerate(kinds)], True)
    score = score_features(features, model)
    assert seen.all() and features.shape == (30, len(FEATURES))
    assert np.mean(score[:10] >= 0.7) >= 0.9 and np.mean(score[10:] < 0.3) >= 0.95


def test_stamps_of_different_exposures_have_each_their_seeing(model):
    stamps = [triplet(seed, fwhm, 61, snr=40.0) for seed, fwhm in enumerate((3.0, 6.0, 4.0, 5.0))]
    assert (score_features(set_features(stamps, False)[0], model) >= 0.7).all()


def test_what_cannot_be_measured_is_told(model):
    good = triplet(1)
    for diff in (np.full((51, 51), np.nan, np.float32), np.zeros((51, 51), np.float32)):
        assert stamp_features({**good, 'diff': diff}, 4.0) is None
    features, seen = set_features([good, {**good, 'diff': diff}], True)
    assert seen.tolist() == [True, False] and (features[1] == 0).all()
