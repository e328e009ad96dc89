"""Gradient boosting of small trees on binned features, for the training of the score.

One tree a round with a vector of values in each leaf, one number a class (two classes: one number), after Friedman (2001,
Annals of Statistics 29, 1189) with the second-order steps and the penalty of Chen & Guestrin (2016, KDD, eq. 5 and 7), the
gains summed over the classes.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from sediff.candidates.trees import Trees, probabilities
from sediff.errors import BadData

#: Most bins of a feature.
BINS = 128


@dataclass(frozen=True)
class Recipe:
    """How trees are grown.

    Parameters
    ----------
    rounds : int
        Trees.
    depth : int
        Questions from the root to a leaf, at most.
    rate : float
        Share of each step that is taken.
    penalty : float
        On half the squared values of the leaves.
    least : float
        Least weight (number of examples) of a leaf.
    rows, columns : float
        Share of the examples and of the features that a tree sees.
    """

    rounds: int = 200
    depth: int = 5
    rate: float = 0.1
    penalty: float = 5.0
    least: float = 20.0
    rows: float = 0.6
    columns: float = 0.5


def bin_edges(features: np.ndarray) -> list[np.ndarray]:
    """Limits between the bins of each feature, at most BINS - 1 of them, float64 that are exact in float32."""
    levels = np.linspace(0.0, 1.0, BINS + 1)[1:-1]
    return [np.unique(np.quantile(column, levels).astype(np.float32)).astype(float) for column in features.T]


def binned(features: np.ndarray, edges: list[np.ndarray]) -> np.ndarray:
    """Bin of each value: (n, f) uint8; a value that equals a limit is below it."""
    return np.column_stack([np.searchsorted(edge, column, side='left') for edge, column in zip(edges, features.T)]
                           ).astype(np.uint8)


def fit_trees(features: np.ndarray, labels: np.ndarray, classes: int, recipe: Recipe, seed: int,
              weights: np.ndarray | None = None) -> Trees:
    """Trees whose values add up to the logit of class 1 (`classes` 2), or to the logits of the classes before softmax.

    Parameters
    ----------
    features : ndarray, (n, f) float64
    labels : ndarray, (n,) int
        0 to classes - 1.
    weights : ndarray, (n,) float64, optional
        Of the examples, mean 1 is usual.

    Raises
    ------
    BadData
        A class has no example.
    """
    counts = np.bincount(labels, minlength=classes)
    if (counts == 0).any() or len(counts) > classes:
        raise BadData(f'training needs examples of each class; there are {counts.tolist()}')
    rng, features = np.random.default_rng(seed), np.asarray(features, np.float32)
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, float)
    edges = bin_edges(features)
    bins = binned(features, edges)
    targets = (labels[:, None] == np.arange(classes)).astype(float)[:, 1 if classes == 2 else 0:]
    width = targets.shape[1]
    share = (weights[:, None] * targets).sum(axis=0) / weights.sum()
    start = np.log(share / (1.0 - share)) if width == 1 else np.log(share)
    logit = np.tile(start, (len(labels), 1))
    grown = []
    for _ in range(recipe.rounds):
        chance = probabilities(logit)
        gradient = weights[:, None] * (chance - targets)
        curvature = weights[:, None] * np.maximum(chance * (1 - chance), 1e-6)
        rows = np.sort(rng.permutation(len(labels))[:max(int(recipe.rows * len(labels)), 1)])
        columns = np.sort(rng.permutation(features.shape[1])[:max(int(recipe.columns * features.shape[1]), 1)])
        tree = _grow(bins, gradient, curvature, rows, columns, recipe)
        leaf = _leaves(bins, tree[0], tree[1], tree[2])
        logit += tree[3][leaf]
        grown.append(tree)
    return _joined(grown, edges, start)


def _grow(bins: np.ndarray, gradient: np.ndarray, curvature: np.ndarray, rows: np.ndarray, columns: np.ndarray,
          recipe: Recipe) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A tree: feature (-1 in leaves), bin up to which one goes left, left child (right is the next), values (nodes, k)."""
    feature, limit, left, values = [-1], [0], [0], [_value(gradient[rows], curvature[rows], recipe)]
    open_nodes = [(0, rows, 0)]
    while open_nodes:
        node, members, level = open_nodes.pop(0)
        if level >= recipe.depth or len(members) < 2 * recipe.least:
            continue
        best, cut, gain = _best_split(bins, gradient, curvature, members, columns, recipe.penalty, recipe.least)
        if gain <= 1e-6:
            continue
        below = bins[members, best] <= cut
        feature[node], limit[node], left[node] = best, cut, len(feature)
        for part in (members[below], members[~below]):
            open_nodes.append((len(feature), part, level + 1))
            feature.append(-1)
            limit.append(0)
            left.append(0)
            values.append(_value(gradient[part], curvature[part], recipe))
    return np.array(feature, np.int16), np.array(limit, np.int64), np.array(left, np.int32), np.array(values)


def _value(gradient: np.ndarray, curvature: np.ndarray, recipe: Recipe) -> np.ndarray:
    return -recipe.rate * gradient.sum(axis=0) / (curvature.sum(axis=0) + recipe.penalty)


@njit(cache=True)
def _best_split(bins, gradient, curvature, members, columns, penalty, least):
    """Feature, bin and gain of the best question to the members of a node."""
    width = gradient.shape[1]
    best, cut, most = -1, 0, 0.0
    sums, curves, counts = np.zeros((BINS, width)), np.zeros((BINS, width)), np.zeros(BINS)
    whole, bend = np.zeros(width), np.zeros(width)
    for row in members:
        for k in range(width):
            whole[k] += gradient[row, k]
            bend[k] += curvature[row, k]
    parent = 0.0
    for k in range(width):
        parent += whole[k] ** 2 / (bend[k] + penalty)
    for column in columns:
        sums[:], curves[:], counts[:] = 0.0, 0.0, 0.0
        for row in members:
            b = bins[row, column]
            counts[b] += 1.0
            for k in range(width):
                sums[b, k] += gradient[row, k]
                curves[b, k] += curvature[row, k]
        below, lower, bent = 0.0, np.zeros(width), np.zeros(width)
        for b in range(BINS - 1):
            below += counts[b]
            lower += sums[b]
            bent += curves[b]
            if counts[b] == 0 or below < least or members.size - below < least:
                continue
            gain = -parent
            for k in range(width):
                gain += lower[k] ** 2 / (bent[k] + penalty) + (whole[k] - lower[k]) ** 2 / (bend[k] - bent[k] + penalty)
            if gain > most:
                best, cut, most = column, b, gain
    return best, cut, most


@njit(cache=True)
def _leaves(bins, feature, limit, left):
    """Leaf of each example: (n,) int64."""
    out = np.zeros(bins.shape[0], np.int64)
    for n in range(bins.shape[0]):
        node = 0
        while feature[node] >= 0:
            node = left[node] + (bins[n, feature[node]] > limit[node])
        out[n] = node
    return out


def _joined(grown: list, edges: list[np.ndarray], start: np.ndarray) -> Trees:
    """Trees of bins as trees of values: below or at the limit goes left."""
    roots = np.cumsum([0, *(len(tree[0]) for tree in grown)])[:-1]
    feature = np.concatenate([tree[0] for tree in grown])
    threshold = np.array([edges[f][min(b, len(edges[f]) - 1)] if f >= 0 else 0.0
                          for tree in grown for f, b in zip(tree[0], tree[1])], np.float32)
    left = np.concatenate([np.where(tree[0] >= 0, tree[2] + root, 0) for tree, root in zip(grown, roots)])
    return Trees(feature, threshold, left.astype(np.int32), np.concatenate([tree[3] for tree in grown]).astype(np.float32),
                 roots.astype(np.int32), start.astype(np.float32))
