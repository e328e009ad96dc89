"""Scenes of stars and galaxies with known truth."""
from __future__ import annotations

import galsim
import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.ccdimage import CcdImage
from sediff.psf.model import PsfModel

SKY_SIGMA, BETA, FWHM = 10.0, 3.0, 4.0
ALPHA2 = (FWHM / 2.0) ** 2 / (2.0 ** (1.0 / BETA) - 1.0)


def moffat(dx, dy):
    """Flux per pixel of a unit star at offsets dx, dy."""
    return (BETA - 1) / np.pi / ALPHA2 * (1 + (dx ** 2 + dy ** 2) / ALPHA2) ** -BETA


class Scene:
    """A noise-free image to which objects are added."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.truth = np.zeros(shape)

    def stars(self, x, y, flux, reach=60):
        for a, b, f in zip(np.atleast_1d(x), np.atleast_1d(y), np.broadcast_to(flux, np.shape(np.atleast_1d(x)))):
            top, left = max(int(b) - reach, 0), max(int(a) - reach, 0)
            box = self.truth[top:int(b) + reach + 1, left:int(a) + reach + 1]
            rows, columns = np.indices(box.shape)
            box += f * moffat(columns + left - a, rows + top - b)
        return self

    def galaxies(self, x, y, flux, radius):
        """Round exponential galaxies of half-light `radius` (pixels) seen through the star's Moffat."""
        psf = galsim.Moffat(beta=BETA, fwhm=FWHM)
        image = galsim.Image(self.truth, xmin=0, ymin=0)
        for a, b, f, r in zip(x, y, flux, radius):
            profile = galsim.Convolve(galsim.Exponential(half_light_radius=r, flux=f), psf)
            stamp = profile.drawImage(nx=61, ny=61, scale=1, method='no_pixel', center=galsim.PositionD(a, b))
            bounds = stamp.bounds & image.bounds
            image[bounds] += stamp[bounds]
        return self

    def ccd(self, seed):
        """With the noise of sky and objects (gain 1)."""
        noise = np.random.default_rng(seed).normal(size=self.truth.shape) * np.sqrt(SKY_SIGMA ** 2 + self.truth)
        header = Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRPIX1': 300.0, 'CRPIX2': 300.0, 'CRVAL1': 30.0,
                         'CRVAL2': -20.0, 'CD1_1': 0.0, 'CD1_2': 7.3e-5, 'CD2_1': 7.3e-5, 'CD2_2': 0.0,
                         'SATURATE': 60000.0})
        return CcdImage((self.truth + noise).astype(np.float32), np.zeros(self.truth.shape, np.uint16),
                        np.full(self.truth.shape, SKY_SIGMA ** -2, np.float32), header)


def exact_psf(side=41):
    """The scenes' PSF, and the part of a star's flux that it holds."""
    rows, columns = np.indices((side, side)) - side // 2
    plane = moffat(columns, rows)
    return PsfModel(plane[None] / plane.sum(), 0, (1.0, 1.0), (1.0, 1.0), 1.0, FWHM), float(plane.sum())


def jittered_grid(size, step, seed):
    """Places about `step` apart on a square image, 0-based."""
    line = np.arange(step, size - step + 1, step, dtype=float)
    x, y = (a.ravel() for a in np.meshgrid(line, line))
    rng = np.random.default_rng(seed)
    return x + rng.uniform(-5, 5, x.size), y + rng.uniform(-5, 5, y.size)


@pytest.fixture(scope='session')
def scene():
    return Scene


@pytest.fixture(scope='session')
def psf():
    return exact_psf()[0]


@pytest.fixture(scope='session')
def enclosed():
    return exact_psf()[1]


@pytest.fixture(scope='session')
def grid():
    return jittered_grid


@pytest.fixture(scope='session')
def star_scene():
    """400 isolated stars of S/N 15-300 on 1100 x 1100 pixels: ccd, x, y, flux."""
    x, y = jittered_grid(1100, 52, 1)
    flux = 10 ** np.random.default_rng(2).uniform(3.3, 5.2, x.size)
    return Scene((1100, 1100)).stars(x, y, flux).ccd(3), x, y, flux
