"""Boosted trees find rules that are known, and their arrays say what the training said."""
import numpy as np
import pytest
from tests.kernels import cold_kernels

from sediff.candidates.boosting import BINS, Recipe, bin_edges, binned, fit_trees
from sediff.candidates.trees import probabilities
from sediff.errors import BadData

RECIPE = Recipe(rounds=60, depth=3, rate=0.2, least=10.0)


def drawn(seed, count=4000):
    """Features of which two decide, in a way that no straight line does."""
    features = np.random.default_rng(seed).normal(0, 1, (count, 4))
    return features, (features[:, 0] * features[:, 1] > 0).astype(int)


def test_what_no_line_separates():
    trees = fit_trees(*drawn(0), 2, RECIPE, 1)
    features, labels = drawn(1)
    chance = probabilities(trees.sums(features))[:, 0]
    assert np.mean((chance > 0.5) == labels) > 0.95
    assert set(np.unique(trees.feature)) <= {-1, 0, 1, 2, 3} and len(trees.root) == RECIPE.rounds


def test_noise_is_told_by_half():
    """Labels without a rule: the mean chance is their share, and no chance is far from it."""
    rng = np.random.default_rng(2)
    labels = (rng.random(4000) < 0.2).astype(int)
    chance = probabilities(fit_trees(rng.normal(0, 1, (4000, 3)), labels, 2, Recipe(rounds=10, depth=2), 1)
                           .sums(rng.normal(0, 1, (4000, 3))))
    assert chance.mean() == pytest.approx(labels.mean(), abs=0.01) and chance.max() < 0.5


def test_three_classes_share_the_trees():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 3000)
    features = rng.normal(0, 0.6, (3000, 2)) + np.array([[0, 0], [3, 0], [0, 3]])[labels]
    trees = fit_trees(features, labels, 3, RECIPE, 1)
    chance = probabilities(trees.sums(features))
    np.testing.assert_allclose(chance.sum(axis=1), 1.0)
    assert trees.value.shape[1] == 3 and np.mean(chance.argmax(axis=1) == labels) > 0.97


def test_the_seed_decides_everything():
    one, two, other = (fit_trees(*drawn(0), 2, RECIPE, seed) for seed in (1, 1, 2))
    assert all((getattr(one, name) == getattr(two, name)).all() for name in ('feature', 'threshold', 'left', 'value'))
    assert len(one.value) != len(other.value) or (one.value != other.value).any()


def test_heavy_examples_win():
    features = np.repeat([[0.0]], 200, axis=0)
    labels = np.arange(200) % 2
    weights = np.where(labels, 3.0, 1.0)
    chance = probabilities(fit_trees(features, labels, 2, RECIPE, 1, weights).sums(features))
    assert chance.mean() == pytest.approx(0.75, abs=0.05)


def test_bins_keep_the_order():
    features = np.column_stack([np.random.default_rng(4).normal(0, 1, 1000), np.arange(1000) % 3])
    edges = bin_edges(features)
    bins = binned(features.astype(np.float32), edges)
    assert [len(edge) < BINS for edge in edges] == [True, True] and len(np.unique(bins[:, 1])) == 3
    order = np.argsort(features[:, 0])
    assert (np.diff(bins[order, 0].astype(int)) >= 0).all()


def test_a_class_without_examples():
    with pytest.raises(BadData, match='each class'):
        fit_trees(np.zeros((10, 2)), np.zeros(10, int), 2, RECIPE, 1)


@pytest.mark.night
def test_warming_leaves_no_kernel_cold():
    assert cold_kernels('sediff.candidates', 'sediff.candidates.warming') == []
