"""Synthetic pairs with truth, shared by the tests of the subtraction."""
from dataclasses import dataclass

import numpy as np
import pytest


def moffat(shape, x, y, flux, fwhm, beta=3.5, radius=40, elongation=1.0):
    """Moffat profiles (pixel-centre sampled) at 0-based positions, wider along x by `elongation`, narrower along y."""
    out = np.zeros(shape)
    alpha = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    for u, v, f in zip(x, y, flux):
        x0, x1 = max(0, int(u) - radius), min(shape[1], int(u) + radius + 1)
        y0, y1 = max(0, int(v) - radius), min(shape[0], int(v) + radius + 1)
        j, i = np.mgrid[y0:y1, x0:x1]
        r2 = (((i - u) / elongation)**2 + ((j - v) * elongation)**2) / alpha**2
        out[y0:y1, x0:x1] += f * (beta - 1) / (np.pi * alpha**2) * (1 + r2) ** -beta
    return out


@dataclass
class Pair:
    """A science and template image, the expected noise, stars and injected sources."""

    science: np.ndarray
    template: np.ndarray
    science_variance: np.ndarray
    template_variance: np.ndarray
    science_bad: np.ndarray
    template_bad: np.ndarray
    stars: np.ndarray
    sources: np.ndarray
    fwhm: tuple[float, float]

    def arrays(self):
        """The six arguments of `subtract`."""
        return (self.science, self.template, self.science_variance, self.template_variance, self.science_bad,
                self.template_bad)

    def sky(self):
        """Pixels away from all stars and sources."""
        free = np.ones(self.science.shape, bool)
        for x, y in np.vstack([self.stars[:, :2], self.sources[:, :2]]):
            free[max(0, int(y) - 14):int(y) + 15, max(0, int(x) - 14):int(x) + 15] = False
        return free


def build_pair(fwhm_science=4.6, fwhm_template=3.8, seed=1, scale=1.3, shape=(512, 512), n=70,
               elongation=(1.0, 1.0)):
    """Stars of S/N 20-1000 and ten sources only the science image has; sky 1000 and 300 at gain 4."""
    rng = np.random.default_rng(seed)
    stars = np.c_[rng.uniform(5, shape[1] - 5, n), rng.uniform(5, shape[0] - 5, n), 10 ** rng.uniform(2.8, 5.2, n)]
    sources = []
    for x, y in rng.uniform((40, 40), (shape[1] - 40, shape[0] - 40), (3000, 2)):
        others = np.vstack([stars, np.array(sources).reshape(-1, 3)])
        if len(sources) < 10 and np.hypot(others[:, 0] - x, others[:, 1] - y).min() > 28:
            sources.append((x, y, 6000.0))
    sources = np.array(sources).reshape(-1, 3)
    slope = np.linspace(0, 20, shape[1])
    planes = []
    for fwhm, sky, factor, objects, stretch in (
            (fwhm_science, 1000 + slope, scale, np.vstack([stars, sources / [1, 1, scale]]), elongation[0]),
            (fwhm_template, 300.0, 1.0, stars, elongation[1])):
        mean = sky + factor * moffat(shape, *objects.T, fwhm, elongation=stretch)
        planes.append((rng.poisson(4 * mean) / 4 + rng.normal(0, 2, shape)).astype(np.float32))
        planes.append((mean / 4 + 4).astype(np.float32))
    bad = [plane > 20000 for plane in planes[::2]]
    return Pair(planes[0], planes[2], planes[1], planes[3], *bad, stars, sources, (fwhm_science, fwhm_template))


def weigh_fluxes(image, variance, mask, positions, fwhm):
    """PSF-weighted fluxes and errors at known positions."""
    fluxes = []
    for x, y in positions[:, :2]:
        i, j = round(x), round(y)
        part = (slice(j - 12, j + 13), slice(i - 12, i + 13))
        psf = moffat((25, 25), [x - i + 12], [y - j + 12], [1.0], fwhm)
        weight = np.where(mask[part], 0, psf / variance[part])
        fluxes.append((np.sum(weight * image[part]) / np.sum(weight * psf), np.sum(weight * psf) ** -0.5))
    return np.array(fluxes).T


@pytest.fixture(scope='session')
def make_pair():
    """Function that builds a `Pair`."""
    return build_pair


@pytest.fixture(scope='session')
def psf_fluxes():
    """Function that measures fluxes at known positions."""
    return weigh_fluxes


@pytest.fixture(scope='session')
def pair():
    """The usual case: the science image has the broader PSF."""
    return build_pair()


@pytest.fixture(scope='session')
def sharp_pair():
    """The science image has the sharper PSF."""
    return build_pair(3.6, 4.8, seed=2)


@pytest.fixture(scope='session')
def paint():
    """Function that paints Moffat stars."""
    return moffat
