"""The whitened difference: white noise of the propagated variance, and a PSF that fits its sources."""
import numpy as np
import pytest

from sediff.psf.model import PsfModel
from sediff.subtract.basis import make_basis
from sediff.subtract.convolve import convolve_part
from sediff.subtract.decorrelate import (
    BLOCKS,
    HALF_WIDTH,
    SIDE,
    Whitening,
    middle_of,
    power_of,
    power_on_blocks,
    scale_cells,
    whitening_kernels,
)
from sediff.subtract.difference_psf import filtered, psf_of_difference
from sediff.subtract.model import KernelModel
from sediff.subtract.subtract import subtract
from sediff.subtract.zones import NoiseZones


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


def test_spectra_of_polynomials_are_those_of_the_kernels():
    basis, rng = make_basis(3.8, 4.6), np.random.default_rng(5)
    model = KernelModel(basis, rng.normal(0.0, 0.1, (basis.size, 6)), (600, 500), 2)
    np.testing.assert_allclose(power_on_blocks(model), power_of(model.on_blocks(step=BLOCKS)), rtol=1e-3, atol=1e-5)
    x, y, shape = [30.0, 400.0], [500.0, 7.0], (64, 72)
    direct = np.fft.rfft2(model.kernels_at(x, y), shape)
    np.testing.assert_allclose(model.spectra_at(x, y, shape), direct, atol=1e-5 * np.abs(direct).max())


def test_the_middle_of_an_even_spectrum():
    power = power_of(np.random.default_rng(6).normal(size=(2, 3, 9, 9)))
    part = slice(SIDE // 2 - HALF_WIDTH, SIDE // 2 + HALF_WIDTH + 1)
    whole = np.fft.fftshift(np.fft.irfft2(power, (SIDE, SIDE)), axes=(-1, -2))[..., part, part]
    np.testing.assert_allclose(middle_of(power), whole, atol=1e-12 * np.abs(whole).max())


def test_blocks_are_filtered_in_place_as_if_at_once():
    """Blocks of two zones, the last cut by the image's edge: each pixel is that of its own block's and zone's filter."""
    rng, shape, block = np.random.default_rng(7), (91, 150), (32, 64)
    kernels = rng.normal(size=(2, 3, 3, 2 * HALF_WIDTH + 1, 2 * HALF_WIDTH + 1)).astype(np.float32)
    labels = (rng.random((12, 19)) < 0.2).astype(np.uint8)
    zones = NoiseZones(labels, np.ones(labels.shape, np.float32), np.ones(2), None)
    image = rng.normal(size=shape).astype(np.float32)
    found = image.copy()
    Whitening(kernels, np.ones((3, 3)), np.ones((3, 3)), 1.0, zones, block).apply(found)
    for y, x in ((0, 0), (31, 63), (32, 64), (90, 149), (64, 128), (45, 70)):
        kernel = kernels[labels[y // 8, x // 8], y // block[0], x // block[1]]
        assert found[y, x] == pytest.approx(convolve_part(image, kernel, (slice(y, y + 1), slice(x, x + 1)))[0, 0], abs=1e-4)
