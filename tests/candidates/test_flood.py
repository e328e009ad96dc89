"""Figures of a difference out of range are named with their limit; those in range are not."""
import numpy as np
import pytest

from sediff.candidates.flood import FloodLimits, flood_problems
from sediff.candidates.painters import moffat_psf
from sediff.detect import score_image
from sediff.parameters.table import DIFFIMG

GOOD = {'the pixels': 1.0, 'the score': 1.02}


def test_defaults_are_those_of_the_parameters():
    default = {parameter.name: parameter.default for parameter in DIFFIMG}
    names = ('MAX_NEW_CANDIDATES', 'DIFF_MIN_NOISE', 'DIFF_MAX_NOISE', 'DIFF_MAX_MEDIAN', 'DIFF_MAX_NEGATIVE')
    assert FloodLimits() == FloodLimits(*(default[name] for name in names))


@pytest.mark.parametrize('kept, noise, median, words', [
    (201, GOOD, 0.0, ['201 detections', 'MAX_NEW_CANDIDATES=200']),
    (0, GOOD | {'the pixels': 1.3}, 0.0, ['the pixels is 1.3 ', 'DIFF_MAX_NOISE=1.25']),
    (0, GOOD | {'the score': 0.7}, 0.0, ['the score is 0.7 ', 'DIFF_MIN_NOISE=0.8']),
    (0, GOOD | {'the score': float('nan')}, 0.0, ['the score is nan', 'DIFF_MAX_NOISE']),
    (0, GOOD, -0.6, ['the median score is -0.6 sigma', 'DIFF_MAX_MEDIAN=0.5']),
    (0, GOOD, float('nan'), ['the median score is nan'])])
def test_each_figure_out_of_range_is_one_clause(kept, noise, median, words):
    found = flood_problems(kept, noise, median, FloodLimits())
    assert len(found) == 1 and all(word in found[0] for word in words)
    assert not flood_problems(200, GOOD, 0.5, FloodLimits())


def test_detections_of_the_image_of_turned_sign_count():
    found = flood_problems(10, GOOD, 0.0, FloodLimits(), negative=101)
    assert len(found) == 1 and '101 negative detections' in found[0] and 'DIFF_MAX_NEGATIVE=100' in found[0]
    assert not flood_problems(10, GOOD, 0.0, FloodLimits(), negative=100)


@pytest.mark.parametrize('factor, sky, wrong', [(1.0, 0.0, ''), (1.3, 0.0, 'DIFF_MAX_NOISE'), (0.7, 0.0, 'DIFF_MIN_NOISE'),
                                                (1.0, 4.0, 'DIFF_MAX_MEDIAN')])
def test_what_the_score_of_a_bad_difference_says(factor, sky, wrong):
    """Noise of other than the variance says, or a sky of a fifth of the pixels' noise: the score's own figures tell."""
    image = (factor * np.random.default_rng(1).normal(0, 20, (300, 300)) + sky).astype(np.float32)
    scored = score_image(image, np.full(image.shape, 400, np.float32), np.zeros(image.shape, bool), moffat_psf(4.0))
    found = flood_problems(0, {'the score': scored.noise_scale}, scored.median, FloodLimits())
    assert [wrong in clause for clause in found] == [True] * bool(wrong)
