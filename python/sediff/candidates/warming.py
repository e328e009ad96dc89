"""Compiles the kernels of cuts and score on tiny inputs."""
from __future__ import annotations

import numpy as np

from sediff.candidates import lines
from sediff.candidates.boosting import Recipe, fit_trees
from sediff.candidates.stampkernels import STAMP_FEATURES, stamp_features
from sediff.detect.stamps import cut_stamps


def warm() -> None:
    """Compile (or load from the cache) the kernels of stamps, features, lines, trees and their training."""
    lines.warm()
    place, plane = np.array([10]), np.ones((21, 21), np.float32)
    stamps = cut_stamps(plane, place, place, 21)
    stamp_features(stamps, stamps, stamps, np.ones(1), np.ones(1), 4.0, np.empty((1, len(STAMP_FEATURES))))
    features = np.arange(40, dtype=float).reshape(20, 2)
    fit_trees(features, np.arange(20) % 2, 2, Recipe(rounds=1, depth=1, least=2.0), 0).sums(features)
