"""`sediff skysources` on the simulated night: the noise is that of the errors, peaks are as many as noise gives."""
import json

import numpy as np
import pytest

from sediff.flow.diffimg.skysources import staged_difference
from sediff.instruments.load import default_instrument
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository

from .conftest import BAND, EXPNUM, NITE, Night

WORDS = ['--expnum', EXPNUM, '--nite', NITE, '--band', BAND, '--season', 'dp33']


def exposure_of(night: Night) -> Exposure:
    return Exposure(night.root, EXPNUM, NITE, BAND, ccd=33, field='WS525-280', instrument=default_instrument())


def test_figures_of_the_night(copy, in_process):
    result = in_process(copy, 'skysources', *WORDS)
    assert result.returncode == 0, result.stderr
    one, path = exposure_of(copy), next(copy.folder.rglob('*_skySources.json'))
    found, text = json.loads(path.read_text()), path.read_text()
    assert path.name in result.stdout and path == Repository.of(one).path('sky_sources', one)
    assert found['places'] == found['number'] == 500
    assert found['noise_over_errors'] == pytest.approx(1.0, abs=4 * found['noise_over_errors_error'])
    assert abs(found['median']) < 4 * found['median_error']
    low = found['quiet_peaks'][0]
    for sign in ('positive', 'negative'):                    # transients of the night are about ten
        assert abs(low[sign] - low['expected']) < 4 * np.sqrt(low['expected']) + 10
    assert found['quiet_peaks_deg2'] < found['peaks_deg2'] < 0.05
    assert in_process(copy, 'skysources', *WORDS).returncode == 0 and path.read_text() == text
    assert in_process(copy, 'skysources', *WORDS, '--seed', 1, '--places', 100).returncode == 0
    other = json.loads(path.read_text())
    assert other['places'] == 100 and other['median'] != found['median'] and other['peaks'] == found['peaks']


def test_the_score_is_that_of_the_detections_and_the_depth_that_of_its_errors(copy):
    one = exposure_of(copy)
    staged, table = staged_difference(one), Repository.of(one).get('diff_cat', one)
    score = staged.scored.score[table['YPEAK_IMAGE'] - 1, table['XPEAK_IMAGE'] - 1]
    assert score == pytest.approx(table['SCORE'], rel=0.02, abs=0.02)
    assert staged.scored.noise_scale == pytest.approx(Repository.of(one).get('score_info', one)['noise_scale'], abs=0.005)


def test_what_is_missing_is_one_sentence(copy, in_process):
    assert in_process(copy, 'skysources', *WORDS, '--places', 5).returncode == 2
    none = in_process(copy, 'skysources', *WORDS, '--ccds', 34)
    assert none.returncode == 3 and 'no difference of CCD 34' in none.stderr
    next(copy.root.rglob('*_diff.photons.fits.fz')).unlink()
    lost = in_process(copy, 'skysources', *WORDS)
    assert lost.returncode == 3 and 'c33: the photon noise of its difference is not there' in lost.stderr
    assert not list(copy.folder.rglob('*_skySources.json'))
