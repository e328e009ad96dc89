"""Star flat: what stars see and the dome flat does not, from stars at many places of a CCD (Bernstein et al. 2017, 5)."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import lsqr

from sediff.errors import BadData
from sediff.sphere import unit_vectors
from sediff.stats import robust_sigma


def fit_star_flat(ccd: np.ndarray, x: np.ndarray, y: np.ndarray, star: np.ndarray, exposure: np.ndarray,
                  magnitude: np.ndarray, error: np.ndarray, degree: int, shape: tuple[int, int],
                  passes: int = 4, zero_points: Mapping[int, float] | None = None,
                  zero_point_error: float = 0.003) -> tuple[dict[int, np.ndarray], float]:
    """Smooth magnitude pattern of each CCD by least squares: m = star + exposure + CCD + pattern of the CCD at (x, y).

    Each star's magnitude, each CCD's and each exposure's zero point is free; a flat has a mean of 1 over its CCD.
    Measurements beyond 4 robust standard deviations are rejected in turns. A gradient that is the same on all CCDs cannot be
    told from zero points when exposures differ by offsets only: it is found where zero points are given, and is otherwise
    the least that fits.

    Parameters
    ----------
    ccd, star, exposure : ndarray, (n,) integer
        CCD, star and exposure of each measurement.
    x, y : ndarray, (n,) float64
        0-based pixels.
    magnitude, error : ndarray, (n,) float64
    degree : int
        Of the polynomial in x and y, both from -1 to 1.
    zero_points : mapping of exposure to float, optional
        Zero points of the magnitudes, known from elsewhere to `zero_point_error` (mag): m + zero point is calibrated.

    Returns
    -------
    patterns : dict of CCD number to ndarray, (terms,) float64, mag
        For `star_flat_image`.
    rms : float, mag
        Scatter of the measurements that were kept.

    Raises
    ------
    BadData
        No star was seen twice or more, or there are not four times as many measurements as terms for a CCD.
    """
    known = None
    if zero_points is not None:
        missing = sorted(set(np.unique(exposure).tolist()) - set(zero_points))
        if missing:
            raise BadData(f'no zero point is given for the exposures {missing}; give all or none')
        magnitude, known = magnitude + np.array([zero_points[int(each)] for each in exposure]), zero_point_error
    chosen = _seen_again(star, np.isfinite(magnitude) & (error > 0))
    if not chosen.any():
        raise BadData('no star was measured twice; a star flat needs exposures of the same field with offsets')
    for _ in range(passes):
        solution, residual, ccds = _solve(ccd[chosen], x[chosen], y[chosen], star[chosen], exposure[chosen],
                                          magnitude[chosen], error[chosen], degree, shape, known)
        spread = robust_sigma(residual)
        kept = np.abs(residual) <= 4.0 * max(spread, 1e-4)
        if kept.all():
            break
        chosen[np.flatnonzero(chosen)[~kept]] = False
        chosen = _seen_again(star, chosen)
    return {int(number): terms for number, terms in zip(ccds, solution)}, float(np.sqrt(np.mean(residual ** 2)))


def star_flat_image(terms: np.ndarray, degree: int, shape: tuple[int, int]) -> np.ndarray:
    """Response to stars of a CCD, mean 1: 10^(-0.4 pattern), (ny, nx) float32."""
    u, v = _unit(np.arange(shape[1]), shape[1]), _unit(np.arange(shape[0]), shape[0])
    pattern = np.zeros(shape)
    for value, (i, j) in zip(terms, _powers(degree)):
        pattern += value * np.outer(v ** j, u ** i)
    flat = 10.0 ** (-0.4 * pattern)
    return (flat / flat.mean()).astype(np.float32)


def match_stars(tables: Mapping[int, np.ndarray], radius: float = 0.7) -> np.ndarray:
    """A number for each star of several lists: the same for positions (deg) within `radius` arcsec of each other.

    Parameters
    ----------
    tables : mapping of any key to ndarray, (n, 2) float64
        RA, Dec.

    Returns
    -------
    ndarray, (sum of n,) int64
        In the order of the tables.
    """
    from scipy.spatial import cKDTree
    sky = np.concatenate(list(tables.values()))
    vectors = unit_vectors(*sky.T)
    pairs = cKDTree(vectors).query_pairs(np.radians(radius / 3600.0), output_type='ndarray')
    graph = sparse.coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(sky), len(sky)))
    return sparse.csgraph.connected_components(graph, directed=False)[1]


def _seen_again(star: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    count = np.bincount(star[chosen], minlength=int(star.max()) + 1)
    return chosen & (count[star] >= 2)


def _powers(degree: int) -> list[tuple[int, int]]:
    return [(i, total - i) for total in range(1, degree + 1) for i in range(total, -1, -1)]


def _unit(pixel: np.ndarray, length: int) -> np.ndarray:
    return 2.0 * np.asarray(pixel, float) / (length - 1) - 1.0


def _solve(ccd, x, y, star, exposure, magnitude, error, degree, shape, known):
    """Weighted least squares; patterns (CCDs, terms), residuals, CCD numbers."""
    powers = _powers(degree)
    ccds, ccd_index = np.unique(ccd, return_inverse=True)
    stars, star_index = np.unique(star, return_inverse=True)
    exposures, exposure_index = np.unique(exposure, return_inverse=True)
    if np.bincount(ccd_index).min() < 4 * len(powers):
        worst = ccds[np.bincount(ccd_index).argmin()]
        raise BadData(f'CCD {worst} has {np.bincount(ccd_index).min()} measurements of stars seen twice for {len(powers)} '
                      'terms; take more exposures or a lower degree')
    n, rows = len(magnitude), np.arange(len(magnitude))
    u, v = _unit(x, shape[1]), _unit(y, shape[0])
    blocks = [(rows, ccd_index * len(powers) + k, u ** i * v ** j) for k, (i, j) in enumerate(powers)]
    first = len(ccds) * len(powers)
    ones, second = np.ones(n), first + len(stars)
    blocks += [(rows, first + star_index, ones), (rows, second + exposure_index, ones)]
    blocks += [(rows, second + len(exposures) + ccd_index, ones)]
    weight = 1.0 / error
    values = np.concatenate([values * weight for _, _, values in blocks])
    places = tuple(np.concatenate([block[k] for block in blocks]) for k in (0, 1))
    matrix = sparse.csr_matrix((values, places), shape=(n, second + len(exposures) + len(ccds)))
    start = float(np.mean(magnitude))
    wanted, system = (magnitude - start) * weight, matrix
    if known is not None:
        prior = sparse.csr_matrix((np.full(len(exposures), 1.0 / known), (np.arange(len(exposures)), second
                                   + np.arange(len(exposures)))), shape=(len(exposures), matrix.shape[1]))
        wanted, system = np.concatenate([wanted, np.zeros(len(exposures))]), sparse.vstack([matrix, prior]).tocsr()
    solution = lsqr(system, wanted, atol=1e-12, btol=1e-12, iter_lim=8000)[0]
    residual = (magnitude - start) - (matrix @ solution) / weight
    return solution[:first].reshape(len(ccds), len(powers)), residual, ccds
