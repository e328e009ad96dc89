"""Features from the images, a few stamps at a time: those of stamps cut one by one, whatever the number of detections."""
from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from sediff.candidates.features import CHUNK, FEATURES, feature_table, features_at
from sediff.candidates.scenes import simulate_scene
from sediff.detect.finder import detect_on_score, score_peaks
from sediff.detect.matched import score_image
from sediff.detect.stamps import cut_stamp, cut_stamps, cut_triplet
from sediff.detect.table import DETECTION_DTYPE
from sediff.errors import BadData, BadInput, BadUsage


@pytest.fixture(scope='module')
def scene():
    return simulate_scene(4, fwhm=4.0)


@pytest.fixture(scope='module')
def scored(scene):
    return score_image(scene.difference, scene.variance, scene.bad, scene.psf_at)


@pytest.fixture(scope='module')
def found(scene, scored):
    return detect_on_score(scored, scene.difference, scene.variance, scene.bad, scene.psf_at)


def test_images_and_stamps_give_the_same(scene, found):
    sigma = np.where(scene.bad, np.nan, np.sqrt(scene.variance)).astype(np.float32)
    places = list(zip(found['X_IMAGE'] - 1.0, found['Y_IMAGE'] - 1.0))
    triplets = [cut_triplet(scene.template, scene.search, scene.difference, x, y) for x, y in places]
    one = feature_table(found, triplets, [cut_stamp(sigma, x, y) for x, y in places], 4.0)
    np.testing.assert_allclose(features_at(found, scene.template, scene.difference, sigma, 4.0), one, atol=1e-12)
    assert (one[:, list(FEATURES).index('edge')] > 0).any()
    with pytest.raises(BadInput, match='21 px'):
        features_at(found, scene.template, scene.difference, sigma, 4.0, size=11)


def test_features_by_hand():
    """A source of one pixel on noise of 2, a hole of -30 beside it, a host of 100 a pixel, a stamp half outside."""
    detection = np.zeros(1, DETECTION_DTYPE)
    for name, value in {'X_IMAGE': 31, 'Y_IMAGE': 31, 'SIGN': 1, 'FLUX_PSF': 900, 'FLUX_APER': 900, 'SNR': 20, 'A_IMAGE': 1,
                        'B_IMAGE': 1, 'APSF_IMAGE': 1, 'CHI2_PSF': 1}.items():
        detection[name] = value
    difference, template, sigma = (np.full((60, 60), value, np.float32) for value in (0, 100, 2))
    difference[30, 30], difference[33, 30] = 300, -30
    row = dict(zip(FEATURES, features_at(detection, template, difference, sigma, 4.0)[0]))
    disc = sum(1 for j in range(-7, 8) for i in range(-7, 8) if j * j + i * i <= 49)
    assert row['negative_fraction'] == pytest.approx(max(1 / disc - 0.0228, 0))
    assert row['worst_negative'] == pytest.approx((5.0 - 3.0) / 50.0)
    assert row['peak_share'] == pytest.approx(np.log((300 - 4) / 900 * 2 * np.pi * (4 / 2.3548) ** 2))
    assert row['host_excess'] == pytest.approx(np.log1p(0.01 * 100 * 81 / 900)) and row['edge'] == 0
    detection['X_IMAGE'] = 1
    edge = features_at(detection, template, difference, sigma, 4.0)[0][list(FEATURES).index('edge')]
    assert edge == pytest.approx(1 - 26 / 51)


def test_memory_does_not_grow_with_the_number(scene, found):
    """Seven times as many detections as are held at a time take no more than those."""
    sigma = np.sqrt(scene.variance).astype(np.float32)
    many = np.resize(found, 7 * CHUNK)
    features_at(many[:5], scene.template, scene.difference, sigma, 4.0)
    peaks = []
    for count in (CHUNK, len(many)):
        tracemalloc.start()
        features_at(many[:count], scene.template, scene.difference, sigma, 4.0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4 * len(many) * len(FEATURES) * 8 and peaks[1] < 60e6


def test_cutouts():
    image = np.arange(90.0).reshape(9, 10).astype(np.float32)
    out = cut_stamps(image, np.array([4, 0]), np.array([4, 8]), 5)
    assert (out[0] == image[2:7, 2:7]).all() and np.isnan(out[1]).sum() == 25 - 9 and out[1][2, 2] == image[8, 0]
    with pytest.raises(BadUsage, match='odd'):
        cut_stamps(image, np.array([4]), np.array([4]), 4)


def test_the_brightest_of_too_many_are_measured(scene, scored, found):
    peaks = score_peaks(scored, scene.psf_at)
    planes = (scene.difference, scene.variance, scene.bad, scene.psf_at)
    few = detect_on_score(scored, *planes, max_detections=10, peaks=tuple(axis[:10] for axis in peaks))
    assert 5 < len(few) <= 10 and (few['SCORE'] == found['SCORE'][:len(few)]).all()
    with pytest.raises(BadData, match='peaks above'):
        detect_on_score(scored, *planes, max_detections=10)
