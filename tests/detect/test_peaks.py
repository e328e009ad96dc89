"""Peaks: local maxima of both signs, merging, and no noise on slopes."""
import numpy as np
import pytest

from sediff.candidates.painters import moffat_psf
from sediff.detect.peaks import find_peaks, psf_correlation
from sediff.errors import BadUsage


def bump(shape, x, y, height, sigma=2.4):
    j, i = np.mgrid[:shape[0], :shape[1]]
    return (height * np.exp(-0.5 * ((i - x) ** 2 + (j - y) ** 2) / sigma ** 2)).astype(np.float32)


def test_both_signs_strongest_first():
    score = bump((80, 80), 20, 30, 8) + bump((80, 80), 60, 50, -12)
    y, x = find_peaks(score, 5.0, 4.0)
    assert list(zip(x, y)) == [(60, 50), (20, 30)]


def test_plateau_gives_one_peak_and_border_peaks_count():
    score = np.zeros((20, 20), np.float32)
    score[5:8, 5:8] = 7
    score[0, 19] = 9
    y, x = find_peaks(score, 5.0, 0.0)
    assert len(x) == 2 and (x[0], y[0]) == (19, 0)


def test_weaker_neighbour_of_the_same_sign_merges_opposite_stays():
    score = np.zeros((40, 40), np.float32)
    score[20, 20], score[20, 23], score[20, 17] = 10, 6, -6
    y, x = find_peaks(score, 5.0, 4.0)
    assert set(zip(x.tolist(), y.tolist())) == {(20, 20), (17, 20)}


def test_noise_on_the_slope_of_a_bright_source_is_no_peak():
    psf = moffat_psf(4.0)(0, 0, 25)
    correlation = psf_correlation(psf, 12)
    assert correlation[12, 12] == pytest.approx(1.0)
    assert correlation.max() <= 1 + 1e-12
    score = np.zeros((60, 60), np.float32)
    score[18:43, 18:43] = 500 * correlation
    at = 30 + int(np.argmax(score[30, 30:] < 4))
    assert score[30, at] > 1
    score[30, at] = score[30, at - 1] + 0.2
    own = score[30, at] - 500 * correlation[12, at - 18]
    assert score[30, at] > 5 and own < 5
    assert len(find_peaks(score, 5.0, 4.0)[0]) == 2
    assert len(find_peaks(score, 5.0, 4.0, correlation)[0]) == 1
    score[30, at] += 5.2 - own
    assert len(find_peaks(score, 5.0, 4.0, correlation)[0]) == 2


def test_nothing_and_wrong_threshold():
    y, x = find_peaks(np.zeros((10, 10), np.float32), 5.0, 1.0)
    assert len(y) == len(x) == 0
    with pytest.raises(BadUsage):
        find_peaks(np.zeros((10, 10), np.float32), 0.0, 1.0)
