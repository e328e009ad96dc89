"""Simulated template, search and difference images of known content, from which the score is trained."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: What an object in a scene is.
KINDS = ('transient', 'negative', 'dipole', 'cosmic_ray', 'hot_pixel', 'residual', 'trail', 'edge')


@dataclass(frozen=True)
class Scene:
    """A simulated CCD cutout with its truth.

    Parameters
    ----------
    template, search, difference, variance : ndarray, (ny, nx) float32
        Electrons (squared); sky subtracted.
    bad : ndarray, (ny, nx) bool
        Unusable pixels.
    truth : structured ndarray, (n,)
        kind (str), x, y (0-based px), flux (electrons; 0 for artefacts without a flux).
    stars : structured ndarray, (n,)
        x, y (0-based px), mag of the stars in both images.
    psf_at : callable
        Model of the search image's PSF, not quite the true one.
    """

    template: np.ndarray
    search: np.ndarray
    difference: np.ndarray
    variance: np.ndarray
    bad: np.ndarray
    truth: np.ndarray
    stars: np.ndarray
    psf_at: Callable[[float, float, int], np.ndarray]


def moffat_psf(fwhm: float, beta: float = 3.5, ellipticity: float = 0.0) -> Callable[[float, float, int], np.ndarray]:
    """A callable PSF: Moffat of that FWHM (px), centred on the sub-pixel position, unit flux in an infinite stamp."""
    alpha = fwhm / (2.0 * np.sqrt(2.0 ** (1.0 / beta) - 1.0))
    stretch = np.sqrt((1.0 + ellipticity) / (1.0 - ellipticity))

    def psf_at(x: float, y: float, size: int) -> np.ndarray:
        grid = np.arange(size) - size // 2
        dx = (grid - (x - np.floor(x + 0.5))) / np.sqrt(stretch)
        dy = (grid - (y - np.floor(y + 0.5))) * np.sqrt(stretch)
        radius2 = (dx[None, :] ** 2 + dy[:, None] ** 2) / alpha ** 2
        return ((beta - 1.0) / (np.pi * alpha ** 2) * (1.0 + radius2) ** -beta).astype(np.float32)

    return psf_at


def noise_flux(sky: float, psf: np.ndarray) -> float:
    """One-sigma PSF flux error on a flat sky variance (electrons^2 per pixel)."""
    return float(np.sqrt(sky / np.sum(psf.astype(float) ** 2)))


def simulate_scene(seed: int, shape: tuple[int, int] = (600, 600), fwhm: float = 4.0, sky: float = 400.0,
                   counts: dict[str, int] | None = None, n_stars: int = 40,
                   psf_error: float = 0.02) -> Scene:
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
        How many objects of each of `KINDS`.
    n_stars : int
        Stars in template and search that subtract well.
    psf_error : float
        Rms of the relative error of the PSF model's width.
    """
    rng = np.random.default_rng(seed)
    counts = {'transient': 40, 'negative': 4, 'dipole': 12, 'cosmic_ray': 12, 'hot_pixel': 6, 'residual': 8, 'trail': 1,
              'edge': 6,
              **(counts or {})}
    ellipticity = float(rng.uniform(0, 0.1))
    psf_at = moffat_psf(fwhm, ellipticity=ellipticity)
    model = moffat_psf(fwhm * (1.0 + float(rng.normal(0, psf_error))), ellipticity=ellipticity)
    unit = noise_flux(sky, psf_at(0, 0, 51))
    ny, nx = shape
    template, changed = np.zeros(shape), np.zeros(shape)
    bad = np.zeros(shape, bool)
    stars = _add_stars(rng, template, psf_at, n_stars, sky)
    rows = []
    for kind, number in counts.items():
        for _ in range(number):
            x, y = rng.uniform(2, nx - 3), rng.uniform(2, ny - 3)
            flux = _PAINTERS[kind](rng, template, changed, bad, psf_at, x, y, unit)
            rows.append((kind, x, y, flux))
    variance = sky + np.maximum(template, 0) + np.maximum(changed, 0)
    difference = changed + rng.normal(0, 1, shape) * np.sqrt(variance)
    calm = rng.normal(0, np.sqrt(0.2 * sky), shape)
    truth = np.array(rows, [('kind', 'U12'), ('x', 'f8'), ('y', 'f8'), ('flux', 'f8')])
    return Scene((template + calm).astype(np.float32), (template + calm + difference).astype(np.float32),
                 difference.astype(np.float32), variance.astype(np.float32), bad, truth, stars, model)


def fwhm_of(psf_at: Callable[[float, float, int], np.ndarray]) -> float:
    """FWHM (px) from the area above half maximum, good to a few percent."""
    psf = psf_at(0.0, 0.0, 51)
    return float(np.sqrt(4.0 / np.pi * np.count_nonzero(psf > 0.5 * psf.max())))


def add_stamp(image: np.ndarray, stamp: np.ndarray, x: float, y: float) -> None:
    """Add a stamp centred on the pixel nearest to 0-based x, y; what falls outside the image is lost."""
    half, j, i = stamp.shape[0] // 2, int(np.floor(y + 0.5)), int(np.floor(x + 0.5))
    ny, nx = image.shape
    j0, j1, i0, i1 = max(j - half, 0), min(j + half + 1, ny), max(i - half, 0), min(i + half + 1, nx)
    if j1 > j0 and i1 > i0:
        image[j0:j1, i0:i1] += stamp[j0 - j + half:j1 - j + half, i0 - i + half:i1 - i + half]


def _add_stars(rng, template, psf_at, number, sky):
    ny, nx = template.shape
    stars = np.zeros(number, [('x', 'f8'), ('y', 'f8'), ('mag', 'f8')])
    stars['x'], stars['y'] = rng.uniform(0, nx - 1, number), rng.uniform(0, ny - 1, number)
    stars['mag'] = rng.uniform(17, 23, number)
    for star in stars:
        flux = 10 ** (-0.4 * (star['mag'] - 30.0)) * np.sqrt(sky / 400.0)
        add_stamp(template, flux * psf_at(star['x'], star['y'], 61), star['x'], star['y'])
    return stars


def _paint_transient(rng, template, changed, bad, psf_at, x, y, unit):
    flux = unit * 10 ** rng.uniform(np.log10(5.0), np.log10(150.0))
    add_stamp(changed, flux * psf_at(x, y, 51), x, y)
    if rng.random() < 0.5:
        _paint_galaxy(rng, template, x + rng.normal(0, 4), y + rng.normal(0, 4), flux * 10 ** rng.uniform(-0.5, 1.2))
    return flux


def _paint_negative(rng, template, changed, bad, psf_at, x, y, unit):
    flux = unit * 10 ** rng.uniform(np.log10(6.0), np.log10(50.0))
    add_stamp(changed, -flux * psf_at(x, y, 51), x, y)
    add_stamp(template, 1.2 * flux * psf_at(x, y, 51), x, y)
    return -flux


def _paint_galaxy(rng, template, x, y, flux):
    grid = np.arange(61) - 30
    angle, axis, size = rng.uniform(0, np.pi), rng.uniform(0.4, 1.0), rng.uniform(3, 8)
    u = grid[None, :] * np.cos(angle) + grid[:, None] * np.sin(angle)
    v = grid[:, None] * np.cos(angle) - grid[None, :] * np.sin(angle)
    profile = np.exp(-np.hypot(u, v / axis) / size * 1.678)
    add_stamp(template, flux * profile / profile.sum(), x, y)


def _paint_dipole(rng, template, changed, bad, psf_at, x, y, unit):
    """A star of both images whose registration is off by a fraction of a pixel."""
    shift = rng.uniform(0.05, 0.5)
    flux = unit * 10 ** rng.uniform(0.9, 1.8) * 4.0 / shift
    angle = rng.uniform(0, 2 * np.pi)
    dx, dy = shift * np.cos(angle), shift * np.sin(angle)
    moved = _psf_about(psf_at, x, y, dx, dy)
    ratio = rng.normal(1.0, 0.01)
    add_stamp(changed, flux * (ratio * moved - psf_at(x, y, 51)), x, y)
    add_stamp(template, flux * psf_at(x, y, 51), x, y)
    return 0.0


def _psf_about(psf_at, x, y, dx, dy):
    """The PSF moved by dx, dy on the stamp of x, y (linear interpolation, enough for a residual)."""
    base = psf_at(x, y, 51).astype(float)
    right, up = np.roll(base, int(np.sign(dx)), 1), np.roll(base, int(np.sign(dy)), 0)
    return base + abs(dx) * (right - base) + abs(dy) * (up - base)


def _paint_cosmic_ray(rng, template, changed, bad, psf_at, x, y, unit):
    """A straight track one pixel wide, not masked."""
    length, angle = rng.integers(1, 14), rng.uniform(0, np.pi)
    charge = unit * 10 ** rng.uniform(-0.1, 1.0)
    ny, nx = changed.shape
    for step in np.arange(0, length, 0.5):
        j, i = int(y + step * np.sin(angle)), int(x + step * np.cos(angle))
        if 0 <= j < ny and 0 <= i < nx:
            changed[j, i] += charge * rng.uniform(0.3, 1.0)
    return 0.0


def _paint_hot_pixel(rng, template, changed, bad, psf_at, x, y, unit):
    changed[int(y), int(x)] += unit * 10 ** rng.uniform(0.4, 1.6) * rng.choice((1.0, 1.0, -1.0))
    return 0.0


def _paint_residual(rng, template, changed, bad, psf_at, x, y, unit):
    """A bright star whose PSF was matched badly; half of them with a masked core."""
    flux = unit * 10 ** rng.uniform(2.5, 3.7)
    wide = moffat_psf(fwhm_of(psf_at) * rng.uniform(0.8, 1.25))
    star = psf_at(x, y, 51)
    add_stamp(template, flux * star, x, y)
    add_stamp(changed, 0.3 * flux * (wide(x, y, 51) - star), x, y)
    if rng.random() < 0.5:
        ny, nx = bad.shape
        j, i = np.ogrid[:ny, :nx]
        bad[(j - y) ** 2 + (i - x) ** 2 < rng.uniform(2, 8) ** 2] = True
    return 0.0


def _paint_trail(rng, template, changed, bad, psf_at, x, y, unit):
    """A satellite trail across the image, as wide as the PSF."""
    ny, nx = changed.shape
    angle = rng.uniform(0, np.pi)
    j, i = np.mgrid[:ny, :nx]
    distance = (i - x) * np.sin(angle) - (j - y) * np.cos(angle)
    changed += unit * 10 ** rng.uniform(-1.0, 0.0) * np.exp(-0.5 * (distance / 1.7) ** 2)
    return 0.0


def _paint_edge(rng, template, changed, bad, psf_at, x, y, unit):
    """A masked box (defect, bleed trail, detector edge) with a border of wrong pixels left unmasked."""
    ny, nx = bad.shape
    j, i = int(y), int(x)
    height, width = (rng.integers(10, 80), rng.integers(2, 7))[::rng.choice((1, -1))]
    level = unit * 10 ** rng.uniform(-0.8, 0.4)
    changed[max(j - 1, 0):min(j + height + 1, ny), max(i - 1, 0):min(i + width + 1, nx)] += level
    bad[j:min(j + height, ny), i:min(i + width, nx)] = True
    return 0.0


_PAINTERS = {'transient': _paint_transient, 'negative': _paint_negative, 'dipole': _paint_dipole,
             'cosmic_ray': _paint_cosmic_ray, 'hot_pixel': _paint_hot_pixel, 'residual': _paint_residual,
             'trail': _paint_trail, 'edge': _paint_edge}
