"""Painted pairs with truth: sources in the field, in galaxies and on nuclei, every photon drawn."""
from dataclasses import dataclass

import numpy as np

from sediff.psf.model import PsfModel
from sediff.subtract.difference_psf import psf_of_difference
from sediff.subtract.photons import light_in_score, photon_plane, photon_variance
from sediff.subtract.subtract import Difference, subtract

STAMP = 81
PLACES = ('field', 'galaxy', 'nucleus')


def moffat(fwhm, x=0.0, y=0.0, beta=3.5, size=STAMP):
    """Unit-flux Moffat at (x, y) from the middle of a stamp."""
    v, u = np.mgrid[:size, :size] - size // 2
    alpha = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    return (beta - 1) / (np.pi * alpha**2) * (1 + ((u - x) ** 2 + (v - y) ** 2) / alpha**2) ** -beta


def add(image, stamp, x, y):
    """Add a stamp about the pixel nearest to x, y."""
    half, j, i = len(stamp) // 2, round(y), round(x)
    j0, i0 = max(half - j, 0), max(half - i, 0)
    part = image[max(j - half, 0):j + half + 1, max(i - half, 0):i + half + 1]
    part += stamp[j0:j0 + part.shape[0], i0:i0 + part.shape[1]]


@dataclass
class Band:
    """Sky and read noise of an exposure, e; PSFs, px; template exposures, their flux scale; flux of the nuclei, e."""

    sky: float
    read: float = 7.0
    fwhm: tuple[float, float] = (4.6, 3.8)
    inputs: int = 2
    scale: float = 1.1
    nucleus: float = 6e4

    @property
    def variances(self):
        """Sky variance of science and template pixels, science electrons squared."""
        one = self.sky + self.read**2
        return one, one * self.scale**2 / self.inputs


@dataclass
class Painted:
    """A subtracted, whitened pair."""

    band: Band
    truth: np.ndarray
    difference: Difference
    variance: np.ndarray
    psf: PsfModel
    photons: np.ndarray
    hosts: np.ndarray
    science: np.ndarray


def ideal_noise(band, flux, host, x, y):
    """Error of an optimal flux on a local host (science e per pixel) with all photons drawn."""
    psf = moffat(band.fwhm[0], x, y)
    photons = host * (1 + band.scale / band.inputs)
    return np.sum(psf**2 / (sum(band.variances) + photons + flux * psf)) ** -0.5


def paint(band, seed, shape=(1000, 1000), step=64, snr=(8, 150), stars=110, places=PLACES):
    """A pair with a source every `step` px."""
    rng = np.random.default_rng(seed)
    models = [np.zeros(shape), np.zeros(shape)]
    sources, occupied = [], []
    for y in range(step, shape[0] - step // 2, step):
        for x in range(step, shape[1] - step // 2, step):
            sources.append((x + rng.uniform(-.5, .5), y + rng.uniform(-.5, .5), places[(len(sources)) % len(places)]))
    for x, y, place in sources:
        if place == 'field':
            continue
        inside = (x - round(x), y - round(y))
        centre = inside if place == 'nucleus' else (inside[0] + rng.uniform(-3, 3), inside[1] + rng.uniform(-3, 3))
        v, u = np.mgrid[:STAMP, :STAMP] - STAMP // 2
        disc = np.exp(-np.hypot(u - centre[0], v - centre[1]) / rng.uniform(1.5, 3.0))
        share = rng.uniform(0.5, 1.5) * (0.3 if place == 'galaxy' else 0.5)
        light = band.nucleus * share * np.fft.rfft2(disc / disc.sum())
        if place == 'nucleus':
            light = light + band.nucleus * 0.5 * np.fft.rfft2(np.fft.irfft2(
                np.fft.rfft2(np.eye(1, STAMP * STAMP, STAMP * STAMP // 2).reshape(STAMP, STAMP)) * np.exp(
                    -2j * np.pi * (np.fft.fftfreq(STAMP)[:, None] * inside[1] + np.fft.rfftfreq(STAMP) * inside[0])),
                (STAMP, STAMP)))
        for model, fwhm in zip(models, band.fwhm):
            add(model, np.fft.irfft2(light * np.fft.rfft2(np.fft.ifftshift(moffat(fwhm))), (STAMP, STAMP)), x, y)
    at = np.column_stack([[s[0] for s in sources], [s[1] for s in sources]])
    while len(occupied) < stars:
        x, y = rng.uniform(5, shape[1] - 5), rng.uniform(5, shape[0] - 5)
        if np.hypot(*(at - (x, y)).T).min() > 0.45 * step:
            occupied.append((x, y))
            flux = 10 ** rng.uniform(3.8, 5.8)
            for model, fwhm in zip(models, band.fwhm):
                add(model, flux * moffat(fwhm, x - round(x), y - round(y)), x, y)
    truth = np.zeros(len(sources), [('x', 'f8'), ('y', 'f8'), ('flux', 'f8'), ('snr', 'f8'), ('place', 'U8')])
    new = np.zeros(shape)
    for row, (x, y, place) in zip(truth, sources):
        target = np.exp(rng.uniform(*np.log(snr)))
        half, j, i = 12, round(y), round(x)
        host = np.zeros((STAMP, STAMP))
        middle = slice(STAMP // 2 - half, STAMP // 2 + half + 1)
        host[middle, middle] = models[0][j - half:j + half + 1, i - half:i + half + 1]
        flux = target * ideal_noise(band, 0, host, x - i, y - j)
        for _ in range(6):
            flux = target * ideal_noise(band, flux, host, x - i, y - j)
        row['x'], row['y'], row['flux'], row['snr'], row['place'] = x, y, flux, target, place
        add(new, flux * moffat(band.fwhm[0], x - i, y - j), x, y)
    science = rng.poisson(models[0] + new + band.sky) + rng.normal(0, band.read, shape) - band.sky
    gain = band.inputs / band.scale
    template = rng.poisson((models[1] + band.sky * band.scale) * gain) / gain - band.sky * band.scale
    template = template + rng.normal(0, band.read * band.scale / band.inputs**0.5, shape)
    return truth, np.array(occupied), science.astype(np.float32), template.astype(np.float32)


def psf_model(fwhm):
    """The PSF of an image as a model."""
    samp, n = 0.5, 121
    v, u = (np.mgrid[:n, :n] - n // 2) * samp
    alpha = fwhm / (2 * np.sqrt(2 ** (1 / 3.5) - 1))
    plane = 2.5 / (np.pi * alpha**2) * (1 + (u**2 + v**2) / alpha**2) ** -3.5
    return PsfModel(plane[None] * samp**2, 0, (1.0, 1.0), (1.0, 1.0), samp, fwhm)


def subtracted(band, truth, stars, science, template, **options):
    """The pair subtracted, with the photon noise of its light."""
    variances = [np.full(science.shape, v, np.float32) for v in band.variances]
    bad = np.zeros(science.shape, bool)
    result = subtract(science, template, *variances, bad, bad, decorrelate=True, stamps=stars, **options)
    psf = psf_of_difference(psf_model(band.fwhm[result.direction == 'science']), result)
    light = photon_plane(science, bad), photon_plane(template, bad, band.scale / band.inputs)
    photons, factor = photon_variance(result, psf, *light)
    return Painted(band, truth, result, result.variance, psf, photons,
                   light_in_score(photons, result.image, factor, result.mask), science)
