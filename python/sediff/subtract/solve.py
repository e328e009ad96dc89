"""Solution of the kernel fit: spatial polynomials, outlier stars, and how much freedom the stars support."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.errors import BadData
from sediff.stats import sigma_about
from sediff.subtract.basis import KernelBasis
from sediff.subtract.normal import StarEquations
from sediff.subtract.terms import spatial_terms, term_count

FOLDS = 4
#: Parts of the stars that are left out in turn for the error of the photometric scale.
PARTS = 12
#: Added to the unit diagonal of the scaled normal matrix.
RIDGE = 1e-6
CLIP_ROUNDS = 5


@dataclass(frozen=True)
class Freedom:
    """What a fit may vary.

    Parameters
    ----------
    functions : tuple of int
        Basis functions in use; 0 (the photometric scale, constant over the image) is always one.
    order : int
        Degree of the spatial polynomial of the kernel's shape.
    shift_order : int
        Degree of the polynomial of the two first-derivative functions, which register the images.
    damping : float
        Weight of a prior that draws the shape's terms above the constant to zero, relative to what the stars together
        say of each.
    """

    functions: tuple[int, ...]
    order: int
    shift_order: int
    damping: float = 0.0

    @classmethod
    def whole(cls, basis: KernelBasis, order: int) -> Freedom:
        """All functions, one order."""
        return cls(tuple(range(basis.size)), order, order)


@dataclass(frozen=True)
class Solution:
    """Coefficients of the zero-sum functions: (m, terms) float64, 0 where not fitted, and how the stars did.

    `held_out_error` is the part of the brighter held-out stars that the fit did not predict, relative to them; `scale_error`
    the relative error of the photometric scale (jackknife), NaN with fewer than two stars.
    """

    coefficients: np.ndarray
    freedom: Freedom
    used: np.ndarray
    reduced_chi2: np.ndarray
    held_out_chi2: float
    held_out_error: float = np.nan
    scale_error: float = np.nan


def candidate_freedoms(basis: KernelBasis, n_stars: int, order: int | None) -> list[Freedom]:
    """Fits to compare, the simplest first; a fixed order leaves the choice of functions.

    Raises
    ------
    BadData
        Fewer stars than the fixed order has terms.
    """
    family, i, j = basis.members.T
    everything = tuple(range(basis.size))
    narrow = _numbers((i + j <= 2) & (family < len(basis.profiles) - 1) | ((family > 0) & (i + j == 0)))
    if order is not None:
        if n_stars < term_count(order):
            raise BadData(f'order {order} needs {term_count(order)} stars, {n_stars} are common; ask for a lower order')
        return [Freedom(narrow, order, order), Freedom(everything, order, order)]
    least = _numbers((i + j == 0) | ((family == 0) & (i + j == 1)))
    if n_stars >= 60:
        return [Freedom(everything, k, k) for k in range(4 if n_stars >= 150 else 3)]
    found = [Freedom(least, 0, 0), Freedom(narrow, 0, 0), Freedom(everything, 0, 0)]
    if n_stars >= 5:
        found += [Freedom(narrow, 0, 1), Freedom(everything, 1, 1, 3.0)]
    if n_stars >= 15:
        found += [Freedom(everything, 1, 1, 1.0), Freedom(everything, 1, 1)]
    return found


def plain_fit(basis: KernelBasis, equations: StarEquations, x: np.ndarray, y: np.ndarray, shape: tuple[int, int],
              freedom: Freedom) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One fit of given freedom, outlying stars clipped: stars used (n,) bool, coefficients (m, t), terms (n, t)."""
    terms = spatial_terms(x, y, shape, max(freedom.order, freedom.shift_order))
    used, coefficients, _ = _clip(basis, equations, terms, freedom, np.ones(len(x), bool), 8.0)
    return used, coefficients, terms


def solve(basis: KernelBasis, equations: StarEquations, x: np.ndarray, y: np.ndarray, shape: tuple[int, int],
          order: int | None = None) -> Solution:
    """Fit the kernel, outlying stars clipped, with the freedom that predicts held-out stars best.

    Parameters
    ----------
    x, y : ndarray, (n,)
        Star positions, 0-based pixels.
    order : int, optional
        Spatial order to use; default: chosen by cross-validation among those the number of stars allows.
    """
    freedoms = candidate_freedoms(basis, len(x), order)
    terms = spatial_terms(x, y, shape, max(max(f.order, f.shift_order) for f in freedoms))
    used = _clip(basis, equations, terms, freedoms[-1], np.ones(len(x), bool), 8.0)[0]
    best, score, error = freedoms[0], np.full(1, np.nan), np.nan
    kept = equations.take(used)
    if used.sum() > 1:
        best, score = _compare(basis, kept, terms[used], freedoms)
        error = _relative_error(kept, score)
    used, coefficients, chi2 = _clip(basis, equations, terms, best, used, 5.0)
    scale_error = _scale_error(basis, equations.take(used), terms[used], best)
    return Solution(coefficients, best, used, chi2, float(np.median(score / kept.pixels)), error, scale_error)


def _scale_error(basis: KernelBasis, equations: StarEquations, terms: np.ndarray, freedom: Freedom) -> float:
    """Relative error of the photometric scale: fits without each of PARTS groups of stars (jackknife; Tukey 1958)."""
    count = min(PARTS, len(terms))
    if count < 2:
        return float('nan')
    groups = [np.arange(len(terms)) % count == k for k in range(count)]
    parts = [_assemble(basis, equations.take(group), terms[group], freedom) for group in groups]
    matrix, right = (sum(part[k] for part in parts) for k in (0, 1))
    damping = _damping(basis, freedom)
    scales = np.array([_solve_scaled(matrix - part[0], right - part[1], damping)[0] for part in parts])
    return float(np.sqrt((count - 1.0) / count * np.sum((scales - scales.mean()) ** 2)) / abs(scales.mean()))


def _relative_error(equations: StarEquations, chi2: np.ndarray) -> float:
    """Root of the share of a brighter star's chi^2 that is left, the noise that the fainter half shows subtracted."""
    bright = equations.total > np.median(equations.total)
    noise = np.median((chi2 / equations.pixels)[~bright])
    share = (chi2 - noise * equations.pixels)[bright] / np.maximum(equations.total[bright], 1e-30)
    return float(np.sqrt(max(share.mean(), 0.0))) if bright.any() else 0.0


def _compare(basis, equations, terms, freedoms) -> tuple[Freedom, np.ndarray]:
    """The simplest fit that no freer one beats by more than the error of the comparison, and its held-out chi^2.

    A damped fit goes back to the simpler one by itself: it need only be better.
    """
    best, best_chi2 = freedoms[0], held_out_chi2(basis, equations, terms, freedoms[0])
    for freedom in freedoms[1:]:
        chi2 = held_out_chi2(basis, equations, terms, freedom)
        gain = np.log(np.maximum(best_chi2, 1e-9) / np.maximum(chi2, 1e-9))
        if gain.mean() > (gain.std() / np.sqrt(len(gain)) if freedom.damping == 0 else 0.0):
            best, best_chi2 = freedom, chi2
    return best, best_chi2


def _numbers(chosen: np.ndarray) -> tuple[int, ...]:
    """The indices that are chosen."""
    return tuple(np.flatnonzero(chosen).tolist())


def held_out_chi2(basis: KernelBasis, equations: StarEquations, terms: np.ndarray, freedom: Freedom) -> np.ndarray:
    """chi^2 of each star predicted from a fit without it (in one of four parts): (n,) float64."""
    fold = np.arange(len(terms)) % min(FOLDS, len(terms))
    folds = range(fold.max() + 1)
    chi2 = np.empty(len(terms))
    parts = [_assemble(basis, equations.take(fold == k), terms[fold == k], freedom) for k in folds]
    for k in folds:
        matrix, right = (np.asarray(sum(part[which] for i, part in enumerate(parts) if i != k)) for which in (0, 1))
        coefficients = _unpack(basis, _solve_scaled(matrix, right, _damping(basis, freedom)), freedom, terms.shape[1])
        held_out = equations.take(fold == k)
        chi2[fold == k] = reduced_chi2(held_out, terms[fold == k], coefficients) * held_out.pixels
    return chi2


def reduced_chi2(equations: StarEquations, terms: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """chi^2 a pixel of each star under a solution: (n,) float64."""
    local = terms @ coefficients.T
    fit = np.einsum('nk,nkl,nl->n', local, equations.matrix, local) - 2 * np.einsum('nk,nk->n', local, equations.right)
    return np.maximum(equations.total + fit, 0.0) / np.maximum(equations.pixels, 1)


def _clip(basis, equations, terms, freedom, used, threshold):
    """Solve, drop stars whose chi^2 is an outlier, and repeat."""
    for _ in range(CLIP_ROUNDS):
        matrix, right = _assemble(basis, equations.take(used), terms[used], freedom)
        coefficients = _unpack(basis, _solve_scaled(matrix, right, _damping(basis, freedom)), freedom, terms.shape[1])
        chi2 = reduced_chi2(equations, terms, coefficients)
        middle = np.median(chi2[used])
        spread = sigma_about(chi2[used], middle)
        kept = used & (chi2 <= middle + threshold * max(spread, 0.1 * middle))
        if kept.sum() == used.sum() or kept.sum() < max(3, 0.5 * len(used)):
            break
        used = kept
    return used, coefficients, chi2


def _groups(basis: KernelBasis, freedom: Freedom) -> list[tuple[np.ndarray, int]]:
    """(functions, terms) of the photometric scale, the registration functions, and the shape."""
    family, i, j = basis.members.T
    chosen = np.array(freedom.functions)
    shift = ((family == 0) & (i + j == 1))[chosen]
    groups = [(chosen[chosen == 0], 1), (chosen[shift], term_count(freedom.shift_order)),
              (chosen[~shift & (chosen != 0)], term_count(freedom.order))]
    return [group for group in groups if len(group[0])]


def _assemble(basis, equations, terms, freedom) -> tuple[np.ndarray, np.ndarray]:
    """Global normal matrix and right side: sum over stars of (terms terms^T) x (star matrix), group by group."""
    n = len(terms)
    groups = _groups(basis, freedom)
    rows, rights = [], []
    for functions, count in groups:
        right = equations.right[:, functions].T @ terms[:, :count]
        rights.append(right.ravel())
        row = []
        for others, other_count in groups:
            products = (terms[:, :count, None] * terms[:, None, :other_count]).reshape(n, -1)
            block = equations.matrix[:, functions[:, None], others].reshape(n, -1).T @ products
            block = block.reshape(len(functions), len(others), count, other_count).transpose(0, 2, 1, 3)
            row.append(block.reshape(len(functions) * count, -1))
        rows.append(np.hstack(row))
    return np.vstack(rows), np.concatenate(rights)


def _damping(basis, freedom) -> np.ndarray:
    """Weight of the prior on each unknown: `damping` for the shape's terms above the constant, 0 for the others."""
    groups = _groups(basis, freedom)
    return np.concatenate([np.tile(freedom.damping * (np.arange(count) > 0) * (group == len(groups) - 1), len(functions))
                           for group, (functions, count) in enumerate(groups)])


def _solve_scaled(matrix: np.ndarray, right: np.ndarray, damping: np.ndarray) -> np.ndarray:
    scale = 1.0 / np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    scaled = matrix * scale[:, None] * scale
    ridge = RIDGE
    while True:
        try:
            system = scaled + np.diag(ridge + damping)
            np.linalg.cholesky(system)
            return scale * np.linalg.solve(system, scale * right)
        except np.linalg.LinAlgError:
            ridge *= 10.0


def _unpack(basis, vector, freedom, n_terms) -> np.ndarray:
    coefficients = np.zeros((basis.size, n_terms))
    start = 0
    for functions, count in _groups(basis, freedom):
        size = len(functions) * count
        coefficients[functions, :count] = vector[start:start + size].reshape(len(functions), count)
        start += size
    return coefficients
