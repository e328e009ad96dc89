"""Numba kernels of PSF photometry: joint fluxes, positions, SPREAD_MODEL."""
from __future__ import annotations

import numpy as np
from numba import njit

#: Sums may be reordered (and so vectorised); NaN and infinity keep their meaning.
REORDER = {'reassoc', 'contract', 'nsz'}

@njit(cache=True)
def _bounds(near: int, half: int, length: int) -> tuple[int, int]:
    """Range of stamp rows (or columns) that lie inside the image."""
    return max(0, half - near), min(2 * half + 1, length - near + half)


@njit(cache=True)
def add_models(image: np.ndarray, stamps: np.ndarray, near_x: np.ndarray, near_y: np.ndarray, flux: np.ndarray,
               rows: np.ndarray, sign: float) -> None:
    """Add sign * flux * stamp of the stars `rows` to `image` (float32), in place."""
    half = stamps.shape[1] // 2
    for star in rows:
        x0, x1 = _bounds(near_x[star], half, image.shape[1])
        y0, y1 = _bounds(near_y[star], half, image.shape[0])
        for j in range(y0, y1):
            for i in range(x0, x1):
                image[near_y[star] + j - half, near_x[star] + i - half] += sign * flux[star] * stamps[star, j, i]


@njit(cache=True, fastmath=REORDER)
def _project(residual: np.ndarray, inverse: np.ndarray, stamp: np.ndarray, row: int, column: int, y0: int, y1: int,
             x0: int, x1: int) -> tuple[float, float]:
    """sum(w P r) and sum(w P^2) over the part of a stamp that lies inside the image."""
    top, bottom = 0.0, 0.0
    for j in range(y0, y1):
        unit = stamp[j, x0:x1]
        weight = inverse[row + j, column + x0:column + x1]
        value = residual[row + j, column + x0:column + x1]
        for i in range(unit.size):
            weighted = weight[i] * unit[i]
            top += weighted * value[i]
            bottom += weighted * unit[i]
    return top, bottom


@njit(cache=True)
def solve_fluxes(residual: np.ndarray, inverse: np.ndarray, stamps: np.ndarray, near_x: np.ndarray, near_y: np.ndarray,
                 order: np.ndarray, start: np.ndarray, neighbours: np.ndarray, flux: np.ndarray, norm: np.ndarray,
                 sweeps: int) -> int:
    """Joint weighted least-squares fluxes by Gauss-Seidel sweeps, brightest star first.

    Parameters
    ----------
    residual : ndarray, (ny, nx) float32
        Image minus the models of the present `flux`; updated.
    inverse : ndarray, (ny, nx) float32
        Inverse variance, 0 where unusable.
    stamps : ndarray, (n, s, s) float64
        Unit-flux PSFs.
    near_x, near_y : ndarray, (n,) int64
        Pixel of the stamps' centres.
    order : ndarray, (n,) int64
    start, neighbours : ndarray, (n + 1,) and (m,) int64
        neighbours[start[k]:start[k + 1]] are the stars whose stamps overlap that of star k.
    flux : ndarray, (n,) float64
        Updated.
    norm : ndarray, (n,) float64
        Overwritten with sum(w P^2); stars with 0 keep their flux.
    sweeps : int
        At most so many; ends when no flux moves by more than 0.005 of its error. After the first only stars are visited
        with a neighbour that moved.

    Returns
    -------
    done : int
        Sweeps made.
    """
    half = stamps.shape[1] // 2
    stale = np.ones(flux.size, np.bool_)
    for sweep in range(sweeps):
        moved = False
        for star in order:
            if not stale[star]:
                continue
            stale[star] = False
            x0, x1 = _bounds(near_x[star], half, residual.shape[1])
            y0, y1 = _bounds(near_y[star], half, residual.shape[0])
            row, column = near_y[star] - half, near_x[star] - half
            top, bottom = _project(residual, inverse, stamps[star], row, column, y0, y1, x0, x1)
            norm[star] = bottom
            if bottom <= 0.0:
                continue
            change = top / bottom
            flux[star] += change
            for j in range(y0, y1):
                for i in range(x0, x1):
                    residual[row + j, column + i] -= change * stamps[star, j, i]
            if abs(change) * np.sqrt(bottom) >= 0.005:
                moved = True
                for k in range(start[star], start[star + 1]):
                    stale[neighbours[k]] = True
        if not moved:
            return sweep + 1
    return sweeps


@njit(cache=True)
def fit_shifts(residual: np.ndarray, inverse: np.ndarray, stamps: np.ndarray, near_x: np.ndarray, near_y: np.ndarray,
               rows: np.ndarray, flux: np.ndarray, segmentation: np.ndarray, shift: np.ndarray) -> None:
    """One Gauss-Newton step of the positions of the stars `rows`, neighbours held.

    Parameters
    ----------
    segmentation : ndarray, (ny, nx) int32
        1 + the row of the star that owns a pixel, 0 none; pixels of others are left out.
    shift : ndarray, (len(rows), 2) float64, pixels
        Overwritten; 0 where the flux is not positive.
    """
    half = stamps.shape[1] // 2
    for k in range(rows.size):
        star = rows[k]
        x0, x1 = _bounds(near_x[star], half, residual.shape[1])
        y0, y1 = _bounds(near_y[star], half, residual.shape[0])
        xx, xy, yy, rx, ry = 0.0, 0.0, 0.0, 0.0, 0.0
        for j in range(max(y0, 1), min(y1, 2 * half)):
            for i in range(max(x0, 1), min(x1, 2 * half)):
                row, column = near_y[star] + j - half, near_x[star] + i - half
                owner = segmentation[row, column]
                if owner > 0 and owner != star + 1:
                    continue
                slope_x = 0.5 * (stamps[star, j, i - 1] - stamps[star, j, i + 1])
                slope_y = 0.5 * (stamps[star, j - 1, i] - stamps[star, j + 1, i])
                weight = inverse[row, column]
                xx += weight * slope_x * slope_x
                xy += weight * slope_x * slope_y
                yy += weight * slope_y * slope_y
                rx += weight * slope_x * residual[row, column]
                ry += weight * slope_y * residual[row, column]
        determinant = xx * yy - xy * xy
        shift[k, 0], shift[k, 1] = 0.0, 0.0
        if flux[star] > 0.0 and determinant > 0.0:
            shift[k, 0] = (yy * rx - xy * ry) / determinant / flux[star]
            shift[k, 1] = (xx * ry - xy * rx) / determinant / flux[star]


@njit(cache=True)
def flux_variances(image: np.ndarray, residual: np.ndarray, inverse: np.ndarray, stamps: np.ndarray,
                   near_x: np.ndarray, near_y: np.ndarray, gain: float, variance: np.ndarray) -> None:
    """Variance (n,) float64 of isolated-star fluxes with the weights of the sky and the noise of sky and models."""
    half = stamps.shape[1] // 2
    for star in range(variance.size):
        x0, x1 = _bounds(near_x[star], half, residual.shape[1])
        y0, y1 = _bounds(near_y[star], half, residual.shape[0])
        top, bottom = 0.0, 0.0
        for j in range(y0, y1):
            for i in range(x0, x1):
                row, column = near_y[star] + j - half, near_x[star] + i - half
                weight, unit = inverse[row, column], stamps[star, j, i]
                if weight > 0.0:
                    noise = 1.0 / weight + max(image[row, column] - residual[row, column], np.float32(0.0)) / gain
                    top += weight * weight * unit * unit * noise
                    bottom += weight * unit * unit
        variance[star] = top / (bottom * bottom) if bottom > 0.0 else 0.0


@njit(cache=True)
def pair_correlations(stamps: np.ndarray, near_x: np.ndarray, near_y: np.ndarray, pairs: np.ndarray,
                      worst: np.ndarray) -> None:
    """Largest squared correlation, (n,) float64, of each star's PSF with a neighbour's; `pairs` is (m, 2) int64."""
    side = stamps.shape[1]
    for k in range(pairs.shape[0]):
        a, b = pairs[k, 0], pairs[k, 1]
        dx, dy = near_x[b] - near_x[a], near_y[b] - near_y[a]
        cross, own, other = 0.0, 0.0, 0.0
        for j in range(side):
            for i in range(side):
                own += stamps[a, j, i] ** 2
                other += stamps[b, j, i] ** 2
                if 0 <= j - dy < side and 0 <= i - dx < side:
                    cross += stamps[a, j, i] * stamps[b, j - dy, i - dx]
        correlation = cross * cross / (own * other)
        worst[a] = max(worst[a], correlation)
        worst[b] = max(worst[b], correlation)


@njit(cache=True)
def spread_models(image: np.ndarray, residual: np.ndarray, inverse: np.ndarray, stamps: np.ndarray, discs: np.ndarray,
                  x: np.ndarray, y: np.ndarray, flux: np.ndarray, segmentation: np.ndarray, gain: float, reach: float,
                  scale: float, spread: np.ndarray, error: np.ndarray) -> None:
    """SPREAD_MODEL and its error, without the pixels of other objects, their PSF models subtracted elsewhere.

    Parameters
    ----------
    discs : ndarray, (n, d, d) float64
        PSFs convolved with the disc; d <= s, the side of `stamps`.
    x, y : ndarray, (n,) float64, 0-based pixels
    segmentation : ndarray, (ny, nx) int32
        As in `fit_shifts`.
    reach : float
        Pixels nearer than this to the star's place take part.
    scale : float
        Factor of both results.
    spread, error : ndarray, (n,) float64
        Overwritten; 0 and 1 for an object without usable pixels or without flux.

    Notes
    -----
    Desai et al. 2012 (ApJ 757, 83), eq. 2: G'p/P'p - G'P/P'P over the usable pixels, with G the disc-broadened PSF,
    P the PSF and p the pixels. The error propagates the noise of sky and models.
    """
    half, margin = discs.shape[1] // 2, (stamps.shape[1] - discs.shape[1]) // 2
    for star in range(flux.size):
        spread[star], error[star] = 0.0, 1.0
        near_x, near_y = int(np.floor(x[star] + 0.5)), int(np.floor(y[star] + 0.5))
        x0, x1 = _bounds(near_x, half, residual.shape[1])
        y0, y1 = _bounds(near_y, half, residual.shape[0])
        gp, pp, gu, uu, gg_noise, pp_noise, gp_noise = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for j in range(y0, y1):
            row = near_y + j - half
            for i in range(x0, x1):
                column = near_x + i - half
                owner = segmentation[row, column]
                if inverse[row, column] <= 0.0 or (owner > 0 and owner != star + 1):
                    continue
                if (row - y[star]) ** 2 + (column - x[star]) ** 2 >= reach * reach:
                    continue
                unit, disc = stamps[star, j + margin, i + margin], discs[star, j, i]
                value = residual[row, column] + flux[star] * unit
                model = max(image[row, column] - residual[row, column], np.float32(0.0))
                noise = 1.0 / inverse[row, column] + model / gain
                gp += disc * value
                pp += unit * value
                gu += disc * unit
                uu += unit * unit
                gg_noise += disc * disc * noise
                pp_noise += unit * unit * noise
                gp_noise += disc * unit * noise
        if uu > 0.0 and pp > 0.0:
            spread[star] = scale * (gp / pp - gu / uu)
            variance = gg_noise * pp * pp + pp_noise * gp * gp - 2.0 * gp_noise * gp * pp
            error[star] = scale * np.sqrt(max(variance, 0.0)) / (pp * pp)
