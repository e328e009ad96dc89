"""autoScan: the score of a detection, 0 (artefact) to 1 (real), and its class.

score = 1 / (1 + exp(-(scale z + offset))), z the sum of the leaves of boosted trees on the features, scale and offset fitted
on scenes apart (Platt 1999, Advances in Large Margin Classifiers, 61). The classes have trees of their own, and softmax.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sediff.candidates.features import FEATURES
from sediff.candidates.texttable import table_text
from sediff.candidates.trees import Trees, probabilities
from sediff.errors import BadInput


@dataclass(frozen=True)
class ScoreModel:
    """What was trained.

    Parameters
    ----------
    real : Trees
        One sum, of features in the order of `sediff.candidates.features.NAMES`.
    scale, offset : float
        From that sum to the logit of the score.
    classes : Trees
        A sum a class.
    names : tuple of str
        Of the classes.
    version : str
    seed : int
        Of the training.
    """

    real: Trees
    scale: float
    offset: float
    classes: Trees
    names: tuple[str, ...]
    version: str
    seed: int


def score_features(features: np.ndarray, model: ScoreModel) -> np.ndarray:
    """Scores in [0, 1] of (n, len(FEATURES)) features: (n,) float64.

    Raises
    ------
    BadInput
        Features of another number, or not finite.
    """
    return probabilities(model.scale * model.real.sums(_checked(features)) + model.offset)[:, 0]


def class_probabilities(features: np.ndarray, model: ScoreModel) -> np.ndarray:
    """Probability of each class of `model.names`: (n, k) float64; raises as `score_features`."""
    return probabilities(model.classes.sums(_checked(features)))


def class_names(chances: np.ndarray, model: ScoreModel) -> np.ndarray:
    """The most probable class of each row of `class_probabilities`: (n,) str."""
    return np.array(model.names)[chances.argmax(axis=1)] if len(chances) else np.zeros(0, 'U1')


def _checked(features: np.ndarray) -> np.ndarray:
    features = np.asarray(features, float)
    if features.ndim != 2 or features.shape[1] != len(FEATURES):
        raise BadInput(f'the score needs {len(FEATURES)} features a detection, got an array of shape {features.shape}')
    if not np.isfinite(features).all():
        raise BadInput('a feature of the score is not finite; look at the detection table and its stamps')
    return features


def score_table_text(numbers: np.ndarray, scores: np.ndarray, classes: Sequence[str] | np.ndarray,
                     comments: tuple[str, ...] = ()) -> str:
    """The text of `..._autoScan.out`: OBJID, ML_SCORE and the most probable CLASS; zero rows are fine."""
    return table_text({'OBJID': numbers, 'ML_SCORE': scores, 'CLASS': classes}, {'ML_SCORE': '.4f'}, comments)
