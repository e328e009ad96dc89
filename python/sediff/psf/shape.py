"""Measures of a PSF model: its FWHM over the image and the disc-broadened twin used by SPREAD_MODEL."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import map_coordinates, spline_filter

from sediff.errors import BadData
from sediff.psf.model import PsfModel, polynomial_terms


def stamp_fwhm(stamp: np.ndarray) -> float:
    """FWHM (pixels of the stamp) of a centred star from the half-maximum contour's mean radius.

    Parameters
    ----------
    stamp : ndarray, (n, n) float64
        Star on the central pixel.

    Raises
    ------
    BadData
        The profile never falls to half of its maximum.
    """
    centre = stamp.shape[0] // 2
    angles = np.linspace(0.0, 2.0 * np.pi, 32, endpoint=False)
    radii = np.arange(0.0, centre, 0.1)
    rows = centre + np.outer(np.sin(angles), radii)
    columns = centre + np.outer(np.cos(angles), radii)
    profile = map_coordinates(spline_filter(stamp), [rows, columns], order=3, prefilter=False)
    below = profile < 0.5 * profile[0, 0]
    if profile[0, 0] <= 0 or not below.any(axis=1).all():
        raise BadData('the PSF has no half-maximum contour; its planes hold no star')
    first = below.argmax(axis=1)
    lines = np.arange(angles.size)
    upper, lower = profile[lines, first - 1], profile[lines, first]
    radius = radii[first - 1] + 0.1 * (upper - 0.5 * profile[0, 0]) / (upper - lower)
    return 2.0 * float(np.sqrt(np.mean(radius ** 2)))


def fwhm_at(model: PsfModel, x: np.ndarray, y: np.ndarray, grid: int = 4) -> np.ndarray:
    """FWHM of the PSF (image pixels) at 0-based positions.

    Measured on a grid over the range of the model's polynomial and interpolated by a polynomial of the model's degree
    (at most 2).
    """
    degree = min(model.degree, 2)
    nodes = np.linspace(-0.5, 0.5, grid) if degree else np.zeros(1)
    u, v = (a.ravel() for a in np.meshgrid(nodes, nodes))
    at_x = u * model.pol_scale[0] + model.pol_zero[0] - 1.0
    at_y = v * model.pol_scale[1] + model.pol_zero[1] - 1.0
    widths = np.array([model.samp * stamp_fwhm(model.coefficients_image(a, b)) for a, b in zip(at_x, at_y)])
    coefficients = np.linalg.lstsq(polynomial_terms(u, v, degree), widths, rcond=None)[0]
    here_u = (np.asarray(x, float) + 1.0 - model.pol_zero[0]) / model.pol_scale[0]
    here_v = (np.asarray(y, float) + 1.0 - model.pol_zero[1]) / model.pol_scale[1]
    return polynomial_terms(here_u, here_v, degree) @ coefficients


def half_light_diameter(model: PsfModel) -> float:
    """Diameter (image pixels) of the circle that holds half of the flux of the constant plane.

    Raises
    ------
    BadData
        The plane holds no flux.
    """
    plane = model.mask[0].astype(float)
    rows, columns = np.indices(plane.shape) - plane.shape[0] // 2
    radii = np.arange(0.25, plane.shape[0] / 2.0, 0.25)
    edge = np.clip(radii[:, None] - np.hypot(rows, columns).ravel() + 0.5, 0.0, 1.0)
    growth = edge @ plane.ravel()
    if not growth[-1] > 0 or not (growth >= 0.5 * plane.sum()).any():
        raise BadData('the PSF has no half-light radius; its planes hold no star')
    above = int(np.argmax(growth >= 0.5 * plane.sum()))
    if above == 0:
        return 2.0 * model.samp * float(radii[0])
    part = (0.5 * plane.sum() - growth[above - 1]) / (growth[above] - growth[above - 1])
    return 2.0 * model.samp * float(radii[above - 1] + 0.25 * part)


def with_disc(model: PsfModel, scale: float) -> PsfModel:
    """The model convolved with a round exponential disc.

    Parameters
    ----------
    scale : float, image pixels
        Scale length h of the disc exp(-r/h)/(2 pi h^2), whose Fourier transform is (1 + (2 pi k h)^2)^(-3/2).

    Raises
    ------
    BadData
        `scale` is not positive.
    """
    if not scale > 0:
        raise BadData(f'the scale length of the disc must be positive, got {scale}; the PSF has no FWHM')
    n = model.mask.shape[1]
    padded = 2 * n
    frequency = np.fft.fftfreq(padded)[:, None] ** 2 + np.fft.rfftfreq(padded)[None, :] ** 2
    disc = (1.0 + (2.0 * np.pi * scale / model.samp) ** 2 * frequency) ** -1.5
    spectrum = np.fft.rfft2(model.mask.astype(float), s=(padded, padded), axes=(1, 2)) * disc
    return replace(model, mask=np.fft.irfft2(spectrum, s=(padded, padded), axes=(1, 2))[:, :n, :n])
