"""A dipole as two point sources of opposite sign, fitted together."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

#: Rounds of the fit; it ends when no centre moves by more than this (px).
ROUNDS, SETTLED = 12, 0.005
#: A centre may move this far from where it starts, px.
LARGEST_MOVE = 3.0
#: First damping of the steps (Levenberg 1944), relative to the diagonal.
DAMPING = 1e-3


def fit_dipole(pixels: np.ndarray, weight: np.ndarray, psf: Callable[[float, float], np.ndarray], first: tuple[float, float],
               second: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Fluxes and centres of two point sources in a stamp.

    Parameters
    ----------
    pixels, weight : ndarray, (n, n) float32
        Stamp of the difference and its inverse variance, 0 = unusable.
    psf : callable
        ``psf(x, y)`` is the (n, n) unit-flux image of a source at stamp pixel x, y (0-based).
    first, second : (x, y)
        Where to start, stamp pixels.

    Returns
    -------
    parameters : ndarray, (6,)
        Flux, x, y of the first source, then of the second.
    errors : ndarray, (6,)
    chi2 : float
        chi^2 over the pixels with weight less the six parameters.
        None when the fit does not converge or both fluxes have one sign.

    Notes
    -----
    Levenberg (1944) steps on sum w (d - f1 P(r1) - f2 P(r2))^2; derivatives of P by central differences.
    """
    if (weight > 0).sum() < 12:
        return None
    start = np.array([0.0, *first, 0.0, *second])
    start[[0, 3]] = _fluxes(pixels, weight, psf, start)
    found, damping = start, DAMPING
    model, slopes = _model(psf, found)
    chi2 = float(np.sum(weight * (pixels - model) ** 2))
    for _ in range(ROUNDS):
        matrix = np.einsum('kij,ij,lij->kl', slopes, weight, slopes)
        vector = np.einsum('kij,ij,ij->k', slopes, weight, pixels - model)
        try:
            step = np.linalg.solve(matrix + damping * np.diag(np.diag(matrix)), vector)
        except np.linalg.LinAlgError:
            return None
        trial = found + step
        if not np.isfinite(trial).all() or np.abs(trial - start)[[1, 2, 4, 5]].max() > LARGEST_MOVE:
            return None
        trial_model, trial_slopes = _model(psf, trial)
        trial_chi2 = float(np.sum(weight * (pixels - trial_model) ** 2))
        if trial_chi2 > chi2:
            damping *= 10.0
            continue
        found, model, slopes, chi2, damping = trial, trial_model, trial_slopes, trial_chi2, 0.1 * damping
        if np.abs(step[[1, 2, 4, 5]]).max() < SETTLED:
            break
    if found[0] * found[3] >= 0:
        return None
    errors = np.sqrt(np.maximum(np.diag(np.linalg.pinv(np.einsum('kij,ij,lij->kl', slopes, weight, slopes))), 0.0))
    return found, errors, chi2 / max(int((weight > 0).sum()) - 6, 1)


def _fluxes(pixels, weight, psf, parameters) -> np.ndarray:
    """Best fluxes of two sources at given centres."""
    one, two = psf(*parameters[1:3]), psf(*parameters[4:6])
    cross = np.sum(weight * one * two)
    matrix = np.array([[np.sum(weight * one**2), cross], [cross, np.sum(weight * two**2)]])
    vector = np.array([np.sum(weight * one * pixels), np.sum(weight * two * pixels)])
    return np.linalg.lstsq(matrix, vector, rcond=None)[0]


def _model(psf, parameters) -> tuple[np.ndarray, np.ndarray]:
    """Image of the two sources and its derivatives by the six parameters: (n, n), (6, n, n)."""
    images, slopes = [], []
    for flux, x, y in (parameters[:3], parameters[3:]):
        image = psf(x, y)
        down, along = np.gradient(image)
        images.append(flux * image)
        slopes += [image, -flux * along, -flux * down]
    return images[0] + images[1], np.array(slopes)
