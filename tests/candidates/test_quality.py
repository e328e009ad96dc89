"""Figures of merit by hand and against scores whose truth is drawn."""
import numpy as np
import pytest

from sediff.candidates.quality import area_under, recalls, rejected_at, reliability, roc
from sediff.errors import BadData


def test_roc_by_hand():
    score, real = np.array([0.9, 0.8, 0.8, 0.3, 0.1]), np.array([True, True, False, True, False])
    false, true, threshold = roc(score, real)
    np.testing.assert_allclose(false, [0, 0, 0.5, 0.5, 1])
    np.testing.assert_allclose(true, [0, 1 / 3, 2 / 3, 1, 1])
    np.testing.assert_allclose(threshold, [np.inf, 0.9, 0.8, 0.3, 0.1])
    assert area_under(false, true) == pytest.approx(4.5 / 6)       # of six pairs four are in order, one is a tie
    assert rejected_at(score, real, 1.0) == 0.5 and rejected_at(score, real, 0.3) == 1.0


def test_the_area_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(1)
    real = rng.random(400) < 0.4
    score = rng.normal(real, 1.0)
    false, true, _ = roc(score, real)
    assert area_under(false, true) == pytest.approx(np.mean(score[real][:, None] > score[~real]))


def test_one_class_has_no_roc():
    with pytest.raises(BadData, match='needs real ones and artefacts'):
        roc(np.zeros(3), np.ones(3, bool))


def test_chances_that_come_true_are_reliable():
    rng = np.random.default_rng(2)
    score = rng.random(20_000)
    told = reliability(score, rng.random(20_000) < score)
    assert (np.abs(told['share'] - told['score']) < 4.0 * told['error']).all() and told['number'].sum() == 20_000
    assert np.isnan(reliability(np.array([0.05, 1.0]), np.array([False, True]))['share'][1:9]).all()


def test_recalls():
    truth, found = np.array(['a', 'a', 'b', 'c']), np.array(['a', 'b', 'b', 'a'])
    assert recalls(truth, found, ('a', 'b', 'c', 'd')) == {'a': 0.5, 'b': 1.0, 'c': 0.0}
