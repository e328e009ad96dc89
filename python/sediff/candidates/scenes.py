"""Simulated template, search and difference images of known content, from which the score is trained."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from sediff.candidates.painters import (
    PAINTERS,
    REAL,
    Canvas,
    add_stamp,
    moffat_psf,
    noise_flux,
)

#: What an object in a scene is.
KINDS = tuple(PAINTERS)
#: How many there are of each in a scene.
COUNTS = {'transient': 30, 'nucleus': 12, 'variable': 12, 'asteroid': 10, 'dipole': 12, 'cosmic_ray': 14, 'hot_pixel': 5,
          'star': 7, 'streak': 1, 'bleed': 3, 'edge': 5, 'ghost': 1}
TRUTH_DTYPE = [('kind', 'U12'), ('x', 'f8'), ('y', 'f8'), ('flux', 'f8')]


@dataclass(frozen=True)
class Scene:
    """A simulated CCD cutout with its truth.

    Parameters
    ----------
    template, search, difference, variance : ndarray, (ny, nx) float32
        Electrons (squared); sky subtracted. The variance is what is known of it.
    bad : ndarray, (ny, nx) bool
        Unusable pixels.
    truth : structured ndarray, (n,)
        kind (str), x, y (0-based px), flux (electrons; 0 for artefacts).
    stars : structured ndarray, (n,)
        x, y (0-based px), mag of the stars in both images.
    psf_at : callable
        Model of the search image's PSF, not quite the true one.
    artefact : ndarray, (ny, nx) int8
        Position in KINDS of the artefact that has changed a pixel most, -1 where none has by half a sigma.
    """

    template: np.ndarray
    search: np.ndarray
    difference: np.ndarray
    variance: np.ndarray
    bad: np.ndarray
    truth: np.ndarray
    stars: np.ndarray
    psf_at: Callable[[float, float, int], np.ndarray]
    artefact: np.ndarray


def simulate_scene(seed: int, shape: tuple[int, int] = (600, 600), fwhm: float = 4.0, sky: float = 400.0,
                   counts: dict[str, int] | None = None, n_stars: int = 40, psf_error: float = 0.02,
                   varied: bool = False) -> Scene:
    """Draw a scene.

    Parameters
    ----------
    seed : int
        Of the random generator.
    shape : (int, int)
        (ny, nx).
    fwhm : float
        Of the search PSF, px.
    sky : float
        Variance of the sky in the difference, electrons^2 per pixel.
    counts : dict, optional
        How many objects of each of `KINDS` where it is not COUNTS.
    n_stars : int
        Stars in template and search that subtract well.
    psf_error : float
        Rms of the relative error of the PSF model's width.
    varied : bool
        Also draw the PSF's wings, the error of its model, the correlation of the noise, and whether the variance is known
        with its photons or the sky's only.
    """
    rng = np.random.default_rng(seed)
    beta, model_beta, blur, flat = 3.5, 3.5, 0.0, False
    ellipticity, angle = float(rng.uniform(0, 0.1)), 0.0
    if varied:
        beta, angle = float(rng.uniform(2.5, 5.0)), float(rng.uniform(0, np.pi))
        psf_error = float(rng.choice((0.01, 0.02, 0.05)))
        model_beta = beta if rng.random() < 0.6 else 3.5
        blur, flat = float(rng.choice((0.0, rng.uniform(0.4, 0.8)))), bool(rng.random() < 0.3)
    psf_at = moffat_psf(fwhm, beta, ellipticity, angle)
    model = moffat_psf(fwhm * (1.0 + float(rng.normal(0, psf_error))), model_beta,
                       ellipticity * float(rng.choice((1.0, 0.3))) if varied else ellipticity, angle)
    unit = noise_flux(sky, psf_at(0, 0, 51))
    canvas = Canvas(rng, np.zeros(shape), np.zeros(shape), np.zeros(shape, bool), psf_at, unit)
    stars = add_stars(canvas, n_stars, sky)
    truth, artefact = paint(canvas, {**COUNTS, **(counts or {})}, 0.5 * np.sqrt(sky))
    light = np.maximum(canvas.template, 0) + np.maximum(canvas.changed, 0)
    noise = correlated(rng, shape, blur) * np.sqrt(sky + light)
    difference = canvas.changed + noise
    template = canvas.template + rng.normal(0, np.sqrt(rng.uniform(0.1, 1.0) * sky) if varied else np.sqrt(0.2 * sky), shape)
    variance = np.full(shape, sky) if flat else sky + light
    return Scene(template.astype(np.float32), (template + difference).astype(np.float32), difference.astype(np.float32),
                 variance.astype(np.float32), canvas.bad, truth, stars, model, artefact)


def paint(canvas: Canvas, counts: dict[str, int], threshold: float, painters: Mapping = PAINTERS
          ) -> tuple[np.ndarray, np.ndarray]:
    """Paint objects at random places: their truth (n,) of TRUTH_DTYPE, and the plane `artefact` of `Scene`."""
    ny, nx = canvas.changed.shape
    artefact, strongest, rows = np.full((ny, nx), -1, np.int8), np.full((ny, nx), threshold), []
    for kind, number in counts.items():
        for _ in range(number):
            x, y = canvas.rng.uniform(2, nx - 3), canvas.rng.uniform(2, ny - 3)
            if kind in REAL:
                rows.append((kind, x, y, painters[kind](canvas, x, y)))
                continue
            before, masked = canvas.changed.copy(), canvas.bad.copy()
            rows.append((kind, x, y, painters[kind](canvas, x, y)))
            change = np.abs(canvas.changed - before)
            stronger = change > strongest
            artefact[stronger], strongest[stronger] = KINDS.index(kind), change[stronger]
            artefact[canvas.bad & ~masked & (artefact < 0)] = KINDS.index(kind)
    return np.array(rows, TRUTH_DTYPE), artefact


def correlated(rng: np.random.Generator, shape: tuple[int, int], blur: float) -> np.ndarray:
    """Noise of unit variance, smoothed by a Gaussian of sigma `blur` px."""
    noise = rng.normal(0, 1, shape)
    if blur <= 0:
        return noise
    smooth = gaussian_filter(noise, blur, mode='wrap')
    return smooth / smooth.std()


def add_stars(canvas: Canvas, number: int, sky: float) -> np.ndarray:
    """Stars of both images that subtract well: x, y (0-based px), mag."""
    rng, (ny, nx) = canvas.rng, canvas.template.shape
    stars = np.zeros(number, [('x', 'f8'), ('y', 'f8'), ('mag', 'f8')])
    stars['x'], stars['y'] = rng.uniform(0, nx - 1, number), rng.uniform(0, ny - 1, number)
    stars['mag'] = rng.uniform(17, 23, number)
    for star in stars:
        flux = 10 ** (-0.4 * (star['mag'] - 30.0)) * np.sqrt(sky / 400.0)
        add_stamp(canvas.template, flux * canvas.psf_at(star['x'], star['y'], 61), star['x'], star['y'])
    return stars
