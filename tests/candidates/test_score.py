"""autoScan: the shipped weights separate what the simulation knows, in scenes they were not trained on."""
import numpy as np
import pytest

from sediff.candidates.features import FEATURES, feature_table, star_proximity
from sediff.candidates.scenes import simulate_scene
from sediff.candidates.score import model_text, parse_model, score_features, score_table_text
from sediff.candidates.texttable import parse_table
from sediff.candidates.training import fit_logistic, scene_examples
from sediff.detect.table import DETECTION_DTYPE
from sediff.errors import BadData, BadInput
from sediff.io.scoremodel import read_score_model, write_score_model


@pytest.fixture(scope='module')
def judged():
    """Features, kinds, S/N and scores of nine unseen scenes."""
    parts = [scene_examples(simulate_scene(seed, fwhm=3.2 + 0.3 * seed)) for seed in range(1, 10)]
    features, kinds, snr = (np.concatenate(part) for part in zip(*parts))
    return features, kinds, snr, score_features(features, read_score_model())


def test_real_transients_above_eight_sigma_score_high(judged):
    _, kinds, snr, score = judged
    real = score[(kinds == 'transient') & (snr > 8)]
    assert len(real) > 150
    assert np.median(real) > 0.95 and np.mean(real >= 0.7) > 0.95


@pytest.mark.parametrize('kind', ['dipole', 'cosmic_ray', 'hot_pixel', 'residual'])
def test_artefacts_score_low(judged, kind):
    _, kinds, _, score = judged
    of_kind = score[kinds == kind]
    assert len(of_kind) > 5
    assert np.median(of_kind) < 0.05 and np.mean(of_kind < 0.3) > 0.9


def test_trails_and_mask_borders_score_low(judged):
    _, kinds, _, score = judged
    assert np.mean(score[(kinds == 'artefact') | (kinds == 'edge') | (kinds == 'trail')] < 0.3) > 0.85


def test_features_are_finite_and_bounded(judged):
    features = judged[0]
    assert features.shape[1] == len(FEATURES)
    assert np.isfinite(features).all() and np.abs(features).max() < 10


def test_no_detections_no_scores(tmp_path):
    none = feature_table(np.zeros(0, DETECTION_DTYPE), [], [], 4.0)
    assert none.shape == (0, len(FEATURES))
    assert score_features(none, read_score_model()).shape == (0,)
    assert len(parse_table(score_table_text(np.zeros(0, int), np.zeros(0)))['ML_SCORE']) == 0


def test_star_proximity_falls_to_zero_at_the_radius():
    star = np.array([(0.0, 0.0, 20.0)], [('x', 'f8'), ('y', 'f8'), ('mag', 'f8')])
    near = star_proximity(np.array([0.0, 10.0, 30.0]), np.zeros(3), star, 21.0)
    np.testing.assert_allclose(near, [1, 0.5, 0])
    assert star_proximity(np.zeros(1), np.zeros(1), None) == 0


def test_model_file_round_trip_and_wrong_files(tmp_path):
    model = read_score_model()
    write_score_model(tmp_path / 'model.csv', model, ('made here',))
    again = read_score_model(tmp_path / 'model.csv')
    np.testing.assert_allclose(again.weight, model.weight)
    text = model_text(model)
    with pytest.raises(BadInput, match='log_snr'):
        parse_model('\n'.join(line for line in text.splitlines() if not line.startswith('log_snr')))
    with pytest.raises(BadInput, match='no score model'):
        read_score_model(tmp_path / 'none.csv')
    with pytest.raises(BadInput, match='features'):
        score_features(np.zeros((1, 2)), model)
    with pytest.raises(BadInput, match='finite'):
        score_features(np.full((1, len(FEATURES)), np.nan), model)


def test_fit_recovers_a_known_rule_and_refuses_one_class():
    rng = np.random.default_rng(3)
    features = rng.normal(0, 1, (4000, len(FEATURES)))
    logit = 2.0 * features[:, 0] - 1.5 * features[:, 1]
    real = rng.random(4000) < 1 / (1 + np.exp(-logit))
    model = fit_logistic(features, real, ridge=0.1)
    assert model.weight[0] == pytest.approx(2.0, abs=0.3) and model.weight[1] == pytest.approx(-1.5, abs=0.3)
    assert np.abs(model.weight[2:]).max() < 0.25
    with pytest.raises(BadData, match='one class'):
        fit_logistic(features, np.ones(4000, bool))
