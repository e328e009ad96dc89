"""The whitened difference: white noise of the propagated variance, and a PSF that fits its sources."""
import numpy as np
import pytest

from sediff.psf.model import PsfModel
from sediff.subtract.decorrelate import power_of, scale_cells, whitening_kernels
from sediff.subtract.difference_psf import filtered, psf_of_difference
from sediff.subtract.subtract import subtract


def correlation(chi, free, dx, dy):
    """Correlation coefficient of chi with itself moved by (dx, dy), on free pixels."""
    ny, nx = chi.shape
    both = free[:ny - dy, :nx - dx] & free[dy:, dx:]
    a, b = chi[:ny - dy, :nx - dx][both], chi[dy:, dx:][both]
    return np.mean(a * b) / np.mean(a * a)


@pytest.fixture(scope='module')
def noisy(make_pair):
    """A pair whose template is as noisy as its science image."""
    pair = make_pair(seed=21)
    rng = np.random.default_rng(2)
    extra = 300.0
    pair.template = (pair.template + rng.normal(0, np.sqrt(extra), pair.template.shape)).astype(np.float32)
    pair.template_variance = pair.template_variance + np.float32(extra)
    return pair


def test_noise_is_white_and_as_propagated(noisy):
    plain, white = subtract(*noisy.arrays()), subtract(*noisy.arrays(), decorrelate=True)
    free = noisy.sky() & ~white.mask
    chi = [np.where(free, r.image / np.sqrt(r.variance), 0) for r in (plain, white)]
    assert correlation(chi[0], free, 1, 0) > 0.08
    for dx, dy in ((1, 0), (0, 1), (1, 1), (2, 0)):
        assert abs(correlation(chi[1], free, dx, dy)) < 0.02
    assert chi[1][free].std() == pytest.approx(1.0, abs=0.02)


def test_psf_of_the_result_fits_its_sources(noisy):
    found = subtract(*noisy.arrays(), decorrelate=True)
    alpha = noisy.fwhm[0] / (2 * np.sqrt(2 ** (1 / 3.5) - 1))
    v, u = np.mgrid[-12:13, -12:13]
    fluxes, errors = [], []
    for x, y in noisy.sources[:, :2]:
        i, j = round(x), round(y)
        psf = 2.5 / (np.pi * alpha**2) * (1 + ((u - x + i) ** 2 + (v - y + j) ** 2) / alpha**2) ** -3.5
        psf = filtered(psf, found.whitening.at(x, y))
        part = (slice(j - 12, j + 13), slice(i - 12, i + 13))
        weight = np.where(found.mask[part], 0, psf / found.variance[part])
        fluxes.append(np.sum(weight * found.image[part]) / np.sum(weight * psf))
        errors.append(np.sum(weight * psf) ** -0.5)
    assert np.mean(fluxes) == pytest.approx(6000, abs=3.5 * np.mean(errors) / np.sqrt(len(fluxes)))
    assert np.std(fluxes) < 2 * np.mean(errors)


def test_a_noiseless_template_needs_no_filter():
    kernels = np.zeros((1, 1, 9, 9), np.float32)
    kernels[..., 3:6, 3:6] = 1 / 9
    filters = whitening_kernels(power_of(kernels), 0.0)
    assert filters[0, 0, 10, 10] == pytest.approx(1.0, abs=1e-6) and np.abs(filters).sum() == pytest.approx(1.0, abs=1e-4)
    variance = np.ones((8, 8), np.float32)
    scale_cells(variance, np.zeros((1, 1), np.float32), np.ones((1, 1)), np.full((1, 1), 1 / 9), 1.0, 128, 256)
    assert variance == pytest.approx(1.0)


@pytest.mark.parametrize('samp', [1.0, 0.7])
def test_model_of_the_result_is_its_psf(noisy, samp):
    """A model that varies across the image, filtered at any place, and the filtered model there: the same image."""
    found = subtract(*noisy.arrays(), decorrelate=True)
    v, u = np.mgrid[-22:23, -22:23] * samp
    plane = np.exp(-0.5 * (u**2 + v**2) / 4.0)
    mask = np.array([plane, 0.05 * plane * (u**2 + v**2 - 8) / 8, 0.03 * plane * u * v / 8])
    model = PsfModel(mask / plane.sum(), 1, (256.0, 256.0), (256.0, 256.0), samp)
    white = psf_of_difference(model, found)
    for x, y in ((100, 400), (300, 60)):
        direct = filtered(model.image(x, y, 41), found.whitening.at(x, y))
        assert np.abs(direct - white.image(x, y, 41)).max() < 0.01 * direct.max()
    assert white.image(256, 256).sum() == pytest.approx(1.0, abs=1e-3)
    assert white.fwhm < 2.36 * 2.0
