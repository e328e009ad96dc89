"""autoScan: the shipped model separates what the simulation knows, in scenes it was not trained on."""
import json
from dataclasses import replace

import numpy as np
import pytest
from tests.docs.roc import draw

from sediff.candidates.examples import CLASSES
from sediff.candidates.features import FEATURES, feature_table, star_proximity
from sediff.candidates.independent import independent_scene
from sediff.candidates.quality import recalls
from sediff.candidates.score import class_names, class_probabilities, score_features, score_table_text
from sediff.candidates.scoremodel import read_score_model, write_score_model
from sediff.candidates.texttable import parse_table
from sediff.candidates.training import examples_of, is_real, training_scene
from sediff.detect.table import DETECTION_DTYPE
from sediff.errors import BadInput
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument

pytestmark = pytest.mark.busy


def our_model():
    """The score model that comes with the default instrument."""
    return read_score_model(table_path(default_instrument(), 'autoscan.npz'))


@pytest.fixture(scope='module', params=['own', 'independent'])
def judged(request):
    """Which generator; features, kinds, S/N and scores of four unseen scenes of it."""
    scene_of = {'own': training_scene, 'independent': independent_scene}[request.param]
    features, kinds, snr = examples_of(scene_of, range(90_000, 90_004))
    return request.param, features, kinds, snr, score_features(features, our_model())


def test_real_ones_are_kept_and_artefacts_rejected(judged):
    """The bars of docs/score.md, less three errors of so few examples."""
    name, _, kinds, snr, score = judged
    real = is_real(kinds)
    for share, bar in ((np.mean(score[real] >= 0.3), {'own': 0.99, 'independent': 0.95}[name]),
                       (np.mean(score[~real] < 0.3), {'own': 0.98, 'independent': 0.95}[name])):
        assert share >= bar - 3.0 * np.sqrt(bar * (1.0 - bar) / min(real.sum(), (~real).sum()))
    assert np.mean(score[real & (snr > 8)] >= 0.3) > 0.98


@pytest.mark.parametrize('kind', ['dipole', 'cosmic_ray', 'star', 'streak', 'bleed', 'ghost'])
def test_artefacts_of_each_class_score_low(judged, kind):
    _, _, kinds, _, score = judged
    of_kind = score[kinds == kind]
    assert len(of_kind) > 5
    assert np.median(of_kind) < 0.05 and np.mean(of_kind < 0.3) > 0.9


def test_classes_are_told_apart(judged):
    _, features, kinds, _, _ = judged
    model = our_model()
    chances = class_probabilities(features, model)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0)
    recall = recalls(kinds, class_names(chances, model), model.names)
    assert set(recall) == set(model.names) == set(CLASSES) - {'noise'}
    assert np.mean(list(recall.values())) > 0.75


def test_faded_sources_score_like_new_ones(judged):
    """The features are those of the negative: variables and nuclei of both signs are among the real ones."""
    _, _, kinds, snr, score = judged
    assert np.mean(score[(kinds == 'variable') & (snr > 8)] >= 0.3) > 0.95


def test_features_are_finite_and_bounded(judged):
    features = judged[1]
    assert features.shape[1] == len(FEATURES)
    assert np.isfinite(features).all() and np.abs(features).max() < 10


def test_no_detections_no_scores():
    none, model = feature_table(np.zeros(0, DETECTION_DTYPE), [], [], 4.0), our_model()
    assert none.shape == (0, len(FEATURES))
    assert score_features(none, model).shape == (0,)
    assert len(class_names(class_probabilities(none, model), model)) == 0
    assert len(parse_table(score_table_text(np.zeros(0, int), np.zeros(0), []))['ML_SCORE']) == 0


def test_table_has_the_class_at_its_end():
    table = parse_table(score_table_text([3, 4], [0.12345, 1.0], ['dipole', 'transient']))
    assert list(table) == ['OBJID', 'ML_SCORE', 'CLASS']
    assert table['ML_SCORE'].tolist() == ['0.1235', '1.0000'] and table['CLASS'].tolist() == ['dipole', 'transient']


def test_star_proximity_falls_to_zero_at_the_radius():
    star = np.array([(0.0, 0.0, 20.0)], [('x', 'f8'), ('y', 'f8'), ('mag', 'f8')])
    near = star_proximity(np.array([0.0, 10.0, 30.0]), np.zeros(3), star, 21.0)
    np.testing.assert_allclose(near, [1, 0.5, 0])
    assert star_proximity(np.zeros(1), np.zeros(1), None) == 0


def test_model_file_round_trip(tmp_path):
    model, features = our_model(), np.random.default_rng(0).normal(0, 1, (50, len(FEATURES)))
    for name in ('a.npz', 'b.npz'):
        write_score_model(tmp_path / name, model)
    assert (tmp_path / 'a.npz').read_bytes() == (tmp_path / 'b.npz').read_bytes()
    assert (tmp_path / 'a.npz').read_bytes() == table_path(default_instrument(), 'autoscan.npz').read_bytes()
    again = read_score_model(tmp_path / 'a.npz')
    assert (score_features(features, again) == score_features(features, model)).all()
    assert (again.version, again.seed, again.names) == (model.version, model.seed, model.names)


def test_wrong_files_and_features(tmp_path):
    model = our_model()
    with pytest.raises(BadInput, match='no score model'):
        read_score_model(tmp_path / 'none.npz')
    whole = table_path(default_instrument(), 'autoscan.npz').read_bytes()
    for content in (b'', b'text', whole[:len(whole) // 2]):
        (tmp_path / 'bad.npz').write_bytes(content)
        with pytest.raises(BadInput, match='train it again'):
            read_score_model(tmp_path / 'bad.npz')
    np.savez(tmp_path / 'other.npz', a=np.zeros(3))
    with pytest.raises(BadInput, match='of this version'):
        read_score_model(tmp_path / 'other.npz')
    np.savez(tmp_path / 'objects.npz', a=np.array([{}], object))
    with pytest.raises(BadInput, match='no score model'):
        read_score_model(tmp_path / 'objects.npz')
    with pytest.raises(BadInput, match='features'):
        score_features(np.zeros((1, 2)), model)
    with pytest.raises(BadInput, match='finite'):
        score_features(np.full((1, len(FEATURES)), np.nan), model)


def test_the_card_is_of_this_model_and_meets_the_bars(tmp_path):
    card, model = json.loads(table_path(default_instrument(), 'autoscan.json').read_text()), our_model()
    assert (card['version'], card['seed'], tuple(card['classes'])) == (model.version, model.seed, model.names)
    own, other = card['own_test'], card['independent']
    assert own['kept'] >= 0.99 and own['rejected'] >= 0.98 and other['kept'] >= 0.95 and other['rejected'] >= 0.95
    assert other['macro_recall'] >= 0.85 and own['kept_above_snr_8'] >= 0.99
    draw(card, tmp_path / 'roc.png')
    assert (tmp_path / 'roc.png').read_bytes()[:4] == b'\x89PNG'


@pytest.mark.parametrize('change', [{'left': 0}, {'feature': 9999}, {'value': np.nan}])
def test_trees_that_lead_astray_are_refused(tmp_path, change):
    model = our_model()
    (name, value), = change.items()
    arrays = getattr(model.real, name).copy()
    arrays[model.real.feature >= 0] = value
    write_score_model(tmp_path / 'model.npz', replace(model, real=replace(model.real, **{name: arrays})))
    with pytest.raises(BadInput, match='do not fit together'):
        read_score_model(tmp_path / 'model.npz')
