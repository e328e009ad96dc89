"""autoScan: a documented linear score of a detection, 0 (artefact) to 1 (real).

score = 1 / (1 + exp(-(bias + sum_k weight_k (feature_k - centre_k) / scale_k))), a logistic regression.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.candidates.features import FEATURES, NAMES
from sediff.candidates.texttable import table_text
from sediff.errors import BadInput


@dataclass(frozen=True)
class LinearModel:
    """Weights of the score.

    Parameters
    ----------
    bias : float
    weight, centre, scale : ndarray, (len(FEATURES),) float64
        In the order of `sediff.candidates.features.NAMES`.
    """

    bias: float
    weight: np.ndarray
    centre: np.ndarray
    scale: np.ndarray


def score_features(features: np.ndarray, model: LinearModel) -> np.ndarray:
    """Scores in [0, 1] of (n, len(FEATURES)) features: (n,) float64.

    Raises
    ------
    BadInput
        Features of another number, or not finite.
    """
    features = np.asarray(features, float)
    if features.ndim != 2 or features.shape[1] != len(FEATURES):
        raise BadInput(f'the score needs {len(FEATURES)} features a detection, got an array of shape {features.shape}')
    if not np.isfinite(features).all():
        raise BadInput('a feature of the score is not finite; look at the detection table and its stamps')
    logit = model.bias + ((features - model.centre) / model.scale) @ model.weight
    return 1.0 / (1.0 + np.exp(-np.clip(logit, -50.0, 50.0)))


def model_text(model: LinearModel, comments: tuple[str, ...] = ()) -> str:
    """The model as csv: comments behind `#`, then name,weight,centre,scale,meaning with the bias first."""
    lines = [f'# {comment}' for comment in comments] + ['name,weight,centre,scale,meaning']
    lines.append(f'bias,{model.bias:.6f},0,1,constant term')
    for name, weight, centre, scale in zip(NAMES, model.weight, model.centre, model.scale):
        lines.append(f'{name},{weight:.6f},{centre:.6f},{scale:.6f},"{FEATURES[name]}"')
    return '\n'.join(lines) + '\n'


def parse_model(text: str) -> LinearModel:
    """The model of a text written by `model_text`.

    Raises
    ------
    BadInput
        A feature is missing, unknown, or its numbers cannot be read.
    """
    rows = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith(('#', 'name,')):
            name, *numbers = line.split(',')[:4]
            try:
                rows[name] = [float(number) for number in numbers]
            except ValueError as error:
                raise BadInput(f'score model: line of {name!r} cannot be read ({error})') from error
    if set(rows) != {'bias', *NAMES} or any(len(row) != 3 or not row[2] > 0 for row in rows.values()):
        wrong = set(rows) ^ {'bias', *NAMES}
        raise BadInput(f'score model does not fit the features of this version (differs in {", ".join(sorted(wrong))}); '
                       'train it again')
    weight, centre, scale = np.array([rows[name] for name in NAMES]).T
    return LinearModel(rows['bias'][0], weight, centre, scale)


def score_table_text(numbers: np.ndarray, scores: np.ndarray, comments: tuple[str, ...] = ()) -> str:
    """The text of `..._autoScan.out`: OBJID and ML_SCORE; zero rows are fine."""
    return table_text({'OBJID': numbers, 'ML_SCORE': scores}, {'ML_SCORE': '.4f'}, comments)
