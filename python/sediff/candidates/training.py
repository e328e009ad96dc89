"""Train the score, on simulated scenes whose truth is known or on examples of one's own, and measure it."""
from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from scipy.optimize import minimize

from sediff.candidates.boosting import Recipe, fit_trees
from sediff.candidates.examples import CLASSES, REAL_CLASSES, scene_examples
from sediff.candidates.independent import independent_scene
from sediff.candidates.quality import area_under, recalls, rejected_at, reliability, roc
from sediff.candidates.scenes import Scene, simulate_scene
from sediff.candidates.score import ScoreModel, class_names, class_probabilities, score_features
from sediff.errors import BadData

VERSION = '2.0'
#: Seeds of the scenes: to train on, to test on, and those of the independent generator.
SCENES = {'train': range(1000, 1360), 'test': range(3000, 3060), 'independent': range(50)}
#: Parts of the examples that are set apart in turn.
FOLDS = 3
REAL_RECIPE = Recipe(rounds=260, depth=5, rate=0.1)
CLASS_RECIPE = Recipe(rounds=110, depth=5, rate=0.15)
#: Trees of one's own stamps, of which there are fewer.
OWN_RECIPE = Recipe(rounds=80, depth=3, rate=0.1, least=5.0, penalty=2.0)
#: Least examples of each kind for that.
LEAST_EXAMPLES = 20


def training_scene(seed: int) -> Scene:
    """A scene of the training's generator: seeing 2.8 to 6.5 px, everything else as varied as it can be."""
    return simulate_scene(seed, fwhm=float(np.random.default_rng([seed, 1]).uniform(2.8, 6.5)), varied=True)


def examples_of(scene_of: Callable[[int], Scene], seeds: Iterable[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, classes (str) and S/N of the examples of scenes; blends are left out (`scene_examples`)."""
    parts = [scene_examples(scene_of(seed)) for seed in seeds]
    features, kinds, snr = (np.concatenate(part) for part in zip(*parts))
    use = kinds != 'blend'
    return features[use], kinds[use], snr[use]


def is_real(kinds: np.ndarray) -> np.ndarray:
    """Which classes are real: (n,) bool."""
    return np.isin(kinds, CLASSES[:REAL_CLASSES])


def fit_model(features: np.ndarray, kinds: np.ndarray, seed: int) -> ScoreModel:
    """A model from examples, features (n, f) and classes (n,) str, in the order of their scenes.

    Every example has the same weight for the score; for the classes rare ones have more, three times at most, and noise is
    no class of its own. Scale and offset of the score are those of sums that trees give which have not seen the example
    (`unseen_sums`).
    """
    is_one = is_real(kinds).astype(int)
    real = fit_trees(features, is_one, 2, REAL_RECIPE, seed)
    scale, offset = fit_scale(unseen_sums(features, is_one, REAL_RECIPE, seed), is_one > 0)
    told = kinds != 'noise'
    names = tuple(name for name in CLASSES if (kinds[told] == name).any())
    labels = np.argmax(kinds[told][:, None] == np.array(names), axis=1)
    counts = np.bincount(labels)
    weights = np.clip(np.median(counts) / counts, 0.3, 3.0)[labels]
    classes = fit_trees(features[told], labels, len(names), CLASS_RECIPE, seed + 1, weights / weights.mean())
    return ScoreModel(real, scale, offset, classes, names, VERSION, seed)


def unseen_sums(features: np.ndarray, labels: np.ndarray, recipe: Recipe, seed: int) -> np.ndarray:
    """Sum of each example from trees trained on the other two thirds, in blocks as examples of a scene are alike: (n,)."""
    block, sums = np.arange(len(labels)) * FOLDS // len(labels), np.zeros(len(labels))
    for k in range(FOLDS):
        here = block == k
        sums[here] = fit_trees(features[~here], labels[~here], 2, recipe, seed + 10 + k).sums(features[here])[:, 0]
    return sums


def fit_scale(sums: np.ndarray, real: np.ndarray) -> tuple[float, float]:
    """Scale and offset that make 1 / (1 + exp(-(scale z + offset))) most likely; the scale is positive.

    The targets are (n + 1) / (n + 2) and 1 / (m + 2) for n real ones and m artefacts (Platt 1999): finite where z separates
    them.
    """
    target = np.where(real, (real.sum() + 1.0) / (real.sum() + 2.0), 1.0 / ((~real).sum() + 2.0))

    def loss(values: np.ndarray) -> float:
        z = np.exp(values[0]) * sums + values[1]
        return float(np.mean(np.logaddexp(0.0, z) - target * z))

    fit = minimize(loss, np.zeros(2), method='Nelder-Mead', options={'xatol': 1e-6, 'fatol': 1e-10, 'maxiter': 2000})
    return float(np.exp(fit.x[0])), float(fit.x[1])


def train(seed: int = 1, seeds: range = SCENES['train']) -> ScoreModel:
    """The model of the simulated scenes."""
    return fit_model(*examples_of(training_scene, seeds)[:2], seed)


def train_own(features: np.ndarray, real: np.ndarray, shipped: ScoreModel, seed: int) -> ScoreModel:
    """A model whose score is trained on examples of one's own; its classes are those of the shipped one.

    Raises
    ------
    BadData
        Fewer than LEAST_EXAMPLES real ones or artefacts.
    """
    counts = int(real.sum()), int((~real).sum())
    if min(counts) < LEAST_EXAMPLES:
        raise BadData(f'there are {counts[0]} real examples and {counts[1]} artefacts; training needs {LEAST_EXAMPLES} of '
                      'each')
    order = np.random.default_rng(seed).permutation(len(real))
    rank = np.where(real[order], np.cumsum(real[order]), np.cumsum(~real[order]))
    order = order[np.argsort(rank % FOLDS, kind='stable')]      # each part has its share of both
    features, labels = features[order], real[order].astype(int)
    scale, offset = fit_scale(unseen_sums(features, labels, OWN_RECIPE, seed), labels > 0)
    trees = fit_trees(features, labels, 2, OWN_RECIPE, seed)
    return ScoreModel(trees, scale, offset, shipped.classes, shipped.names, 'own', seed)


def measures(score: np.ndarray, real: np.ndarray, threshold: float) -> dict:
    """Completeness, rejection and purity at a threshold, area under the ROC, rejection at 95 and 99 % kept, reliability."""
    false, true, _ = roc(score, real)
    kept = score >= threshold
    told = reliability(score, real)
    return {'examples': len(score), 'real': int(real.sum()), 'threshold': threshold,
            'kept': float(kept[real].mean()), 'rejected': float((~kept)[~real].mean()),
            'purity': float(real[kept].mean()) if kept.any() else 0.0, 'roc_auc': area_under(false, true),
            'rejected_at_kept_0.95': rejected_at(score, real, 0.95), 'rejected_at_kept_0.99': rejected_at(score, real, 0.99),
            'roc': _points(false, true),
            'reliability': {name: [None if not np.isfinite(v) else round(float(v), 4) for v in values]
                            for name, values in told.items()}}


def _points(false: np.ndarray, true: np.ndarray) -> dict[str, list[float]]:
    """Shares of real ones kept at shares of artefacts kept, every 0.15 in ln from 1e-4 on."""
    levels = np.append(np.exp(np.arange(np.log(1e-4), 0.0, 0.15)), 1.0)
    kept = true[np.searchsorted(false, levels, side='right') - 1]
    return {'artefacts_kept': [round(float(v), 6) for v in levels], 'real_kept': [round(float(v), 5) for v in kept]}


def judged(model: ScoreModel, examples: tuple[np.ndarray, np.ndarray, np.ndarray], threshold: float) -> dict:
    """`measures` of examples, the share of each class at or above the threshold, and how well classes are told apart."""
    features, kinds, snr = examples
    score, real = score_features(features, model), is_real(kinds)
    recall = recalls(kinds, class_names(class_probabilities(features, model), model), model.names)
    kept = score >= threshold
    return {**measures(score, real, threshold), 'kept_above_snr_8': float(kept[real & (snr > 8)].mean()),
            'classes': {name: {'examples': int((kinds == name).sum()), 'accepted': float(kept[kinds == name].mean()),
                               'recall': recall[name]} for name in recall},
            'macro_recall': float(np.mean(list(recall.values())))}


def model_card(model: ScoreModel, threshold: float = 0.3, scenes: dict[str, range] = SCENES) -> dict:
    """What a reader should know of a model of simulated scenes, with its figures on scenes it has not seen."""
    tests = {'own_test': examples_of(training_scene, scenes['test']),
             'independent': examples_of(independent_scene, scenes['independent'])}
    return {'model': 'autoScan', 'version': model.version, 'seed': model.seed,
            'scenes': {name: [part.start, part.stop] for name, part in scenes.items()},
            'classes': list(model.names), 'trees': {'score': len(model.real.root), 'classes': len(model.classes.root)},
            **{name: _rounded(judged(model, examples, threshold)) for name, examples in tests.items()}}


def _rounded(value):
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return round(value, 4) if isinstance(value, float) else value
