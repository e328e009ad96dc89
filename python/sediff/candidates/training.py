"""Train the linear score on simulated scenes whose truth is known."""
from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.spatial import cKDTree

from sediff.candidates.features import FEATURES, features_at, star_proximity
from sediff.candidates.scenes import Scene, simulate_scene
from sediff.candidates.score import LinearModel
from sediff.detect import detect_on_score, score_image
from sediff.errors import BadData


def scene_examples(scene: Scene, threshold: float = 5.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positive detections of a scene as examples.

    Returns
    -------
    features : ndarray, (n, len(FEATURES)) float64
    kinds : ndarray, (n,) str
        Kind of the nearest true object within 1.5 FWHM; 'artefact' without one; 'blend' when a transient has an
        artefact beside it (neither real nor artefact: not for training).
    snr : ndarray, (n,) float64
    """
    scored = score_image(scene.difference, scene.variance, scene.bad, scene.psf_at)
    detections = detect_on_score(scored, scene.difference, scene.variance, scene.bad, scene.psf_at, threshold)
    detections = detections[detections['SIGN'] > 0]
    x, y = detections['X_IMAGE'] - 1.0, detections['Y_IMAGE'] - 1.0
    sigma = np.where(scene.bad, np.nan, np.sqrt(scene.variance)) * scored.noise_scale
    features = features_at(detections, scene.template, scene.difference, sigma, scored.fwhm,
                           star_proximity(x, y, scene.stars))
    return features, label(scene.truth, x, y, scored.fwhm), detections['SNR'].astype(float)


def label(truth: np.ndarray, x: np.ndarray, y: np.ndarray, fwhm: float) -> np.ndarray:
    """Kind of what lies at each 0-based position (px): see `scene_examples`."""
    tree = cKDTree(np.column_stack([truth['x'], truth['y']]))
    kinds = []
    for position in zip(x, y):
        near = tree.query_ball_point(position, 1.5 * fwhm)
        names = {truth['kind'][k] for k in near}
        closest = [truth['kind'][k] for k in near if np.hypot(*(np.subtract(position, (truth['x'][k], truth['y'][k]))))
                   < 0.5 * fwhm]
        if 'transient' in closest:
            crowded = len(tree.query_ball_point(position, 3.0 * fwhm)) > 1
            kinds.append('blend' if crowded else 'transient')
        else:
            kinds.append('blend' if 'transient' in names else next(iter(sorted(names)), 'artefact'))
    return np.array(kinds, dtype='U12')


def fit_logistic(features: np.ndarray, real: np.ndarray, ridge: float = 1.0) -> LinearModel:
    """Logistic regression with a ridge, equal total weight of both classes, and weights of known sign.

    A feature that describes a defect can only lower the score; log_snr can only raise it. So the score stays sane
    outside the simulated range.

    Parameters
    ----------
    features : ndarray, (n, len(FEATURES)) float64
    real : ndarray, (n,) bool
    ridge : float
        Penalty on half the squared weights (of features scaled to unit spread).

    Raises
    ------
    BadData
        One of the classes is empty or the fit does not converge.
    """
    if real.all() or not real.any():
        raise BadData('training needs real and artefact examples; one class is empty')
    centre, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 0.02)
    design = np.column_stack([np.ones(len(real)), (features - centre) / scale])
    balance = np.where(real, 0.5 / real.mean(), 0.5 / (~real).mean())
    penalty = np.array([0.0] + [ridge] * len(FEATURES))

    def loss(beta: np.ndarray) -> tuple[float, np.ndarray]:
        logit = design @ beta
        chance = 1.0 / (1.0 + np.exp(-np.clip(logit, -500, 500)))
        value = np.sum(balance * (np.logaddexp(0.0, logit) - real * logit)) + 0.5 * np.sum(penalty * beta ** 2)
        return float(value), design.T @ (balance * (chance - real)) + penalty * beta

    bounds = [(None, None)] + [(0.0, None) if name == 'log_snr' else (None, 0.0) for name in FEATURES]
    fit = minimize(loss, np.zeros(design.shape[1]), jac=True, bounds=bounds, method='L-BFGS-B',
                   options={'maxiter': 2000})
    if not fit.success:
        raise BadData(f'the fit of the score did not converge ({fit.message}); raise the ridge')
    return LinearModel(float(fit.x[0]), fit.x[1:] + 0.0, centre, scale)


def train(seeds: range, ridge: float = 1.0) -> tuple[LinearModel, dict[str, int]]:
    """Train on one scene a seed (seeing 3 to 6 px); the model and the number of examples of each kind."""
    features, kinds = [], []
    for seed in seeds:
        scene = simulate_scene(seed, fwhm=float(np.random.default_rng(seed).uniform(3.0, 6.0)))
        values, names, _ = scene_examples(scene)
        features.append(values)
        kinds.append(names)
    table, names = np.concatenate(features), np.concatenate(kinds)
    use = names != 'blend'
    model = fit_logistic(table[use], names[use] == 'transient', ridge)
    kinds_seen, counts = np.unique(names, return_counts=True)
    return model, dict(zip(kinds_seen.tolist(), counts.tolist()))
