"""An ensemble of decision trees as plain arrays."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit


@dataclass(frozen=True)
class Trees:
    """Trees whose leaves are added up, all nodes in one row.

    Parameters
    ----------
    feature : ndarray, (nodes,) int16
        Feature that a node asks for, -1 in a leaf.
    threshold : ndarray, (nodes,) float32
        Up to which (included) one goes to the left.
    left : ndarray, (nodes,) int32
        Left child; the right one is the next node.
    value : ndarray, (nodes, k) float32
        What a leaf adds.
    root : ndarray, (trees,) int32
    start : ndarray, (k,) float32
        Sum before the first tree.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    value: np.ndarray
    root: np.ndarray
    start: np.ndarray

    def sums(self, features: np.ndarray) -> np.ndarray:
        """Start and leaves added up for each of (n, f) features: (n, k) float64."""
        out = np.tile(self.start.astype(np.float64), (len(features), 1))
        add_leaves(np.ascontiguousarray(features, np.float32), self.feature, self.threshold, self.left, self.value,
                   self.root, out)
        return out


def probabilities(logit: np.ndarray) -> np.ndarray:
    """Logistic function of one column, softmax of several: as the input, (n, k)."""
    if logit.shape[1] == 1:
        return 1.0 / (1.0 + np.exp(-np.clip(logit, -50.0, 50.0)))
    power = np.exp(logit - logit.max(axis=1, keepdims=True))
    return power / power.sum(axis=1, keepdims=True)


@njit(cache=True)
def add_leaves(features, feature, threshold, left, value, root, out):
    """Add the leaf of each tree to out (n, k)."""
    for n in range(features.shape[0]):
        for tree in range(root.size):
            node = root[tree]
            while feature[node] >= 0:
                node = left[node] + (features[n, feature[node]] > threshold[node])
            for k in range(out.shape[1]):
                out[n, k] += value[node, k]
