"""How good scores are against what is known: completeness, rejection, ROC, reliability, recall of classes."""
from __future__ import annotations

import numpy as np

from sediff.errors import BadData


def roc(score: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share of the artefacts and of the real ones at or above each threshold.

    Parameters
    ----------
    score : ndarray, (n,) float64
    real : ndarray, (n,) bool

    Returns
    -------
    false, true, threshold : ndarray, (m,) float64
        Falling thresholds; the first is infinite, where nothing is accepted.

    Raises
    ------
    BadData
        There are no real examples, or no artefacts.
    """
    if real.all() or not real.any():
        raise BadData(f'{int(real.sum())} of {len(real)} examples are real: a ROC needs real ones and artefacts')
    order = np.argsort(-score, kind='stable')
    last = np.append(np.nonzero(np.diff(score[order]))[0], len(score) - 1)
    true, false = (np.append(0.0, np.cumsum(kind[order])[last] / kind.sum()) for kind in (real, ~real))
    return false, true, np.append(np.inf, score[order][last])


def area_under(false: np.ndarray, true: np.ndarray) -> float:
    """Area under a ROC curve (trapezia): the chance that a real one scores above an artefact."""
    return float(np.trapezoid(true, false))


def rejected_at(score: np.ndarray, real: np.ndarray, kept: float) -> float:
    """Share of the artefacts below the threshold that keeps a share of the real ones."""
    false, true, _ = roc(score, real)
    return float(1.0 - false[np.searchsorted(true, kept)])


def reliability(score: np.ndarray, real: np.ndarray, bins: int = 10) -> dict[str, np.ndarray]:
    """How often a score comes true, in bins of equal width from 0 to 1.

    Returns
    -------
    dict
        score: mean in the bin, share: of them real, error: of the share (binomial, with the Agresti-Coull centre), number;
        nan where a bin is empty. Each (bins,).
    """
    place = np.clip((score * bins).astype(int), 0, bins - 1)
    number = np.bincount(place, minlength=bins).astype(float)
    with np.errstate(invalid='ignore', divide='ignore'):
        mean, share = (np.bincount(place, values, bins) / number for values in (score, real.astype(float)))
    middle = (share * number + 2.0) / (number + 4.0)
    return {'score': mean, 'share': share, 'error': np.sqrt(middle * (1.0 - middle) / (number + 4.0)), 'number': number}


def recalls(truth: np.ndarray, found: np.ndarray, classes: tuple[str, ...]) -> dict[str, float]:
    """Share of the examples of each class that are given it; a class without examples is left out.

    `truth` and `found` are (n,) str.
    """
    return {name: float((found[truth == name] == name).mean()) for name in classes if (truth == name).any()}
