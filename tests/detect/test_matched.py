"""The score image: unit noise, right fluxes, wrong inputs."""
import numpy as np
import pytest

from sediff.candidates.painters import add_stamp, moffat_psf, noise_flux
from sediff.detect import score_image
from sediff.errors import BadData, BadInput

PSF = moffat_psf(4.0)


def noise(seed, shape=(700, 500), sigma=20.0):
    return np.random.default_rng(seed).normal(0, sigma, shape).astype(np.float32)


@pytest.mark.parametrize('true_scale', [0.8, 1.0, 1.3])
def test_score_has_unit_noise_and_reports_how_wrong_the_variance_was(true_scale):
    image = noise(1) * np.float32(true_scale)
    scored = score_image(image, np.full(image.shape, 400, np.float32), np.zeros(image.shape, bool), PSF, tile=256)
    independent = image.size / (4 * np.pi * (scored.fwhm / 2.355) ** 2)
    assert scored.noise_scale == pytest.approx(true_scale, rel=4 / np.sqrt(independent))
    assert np.std(scored.score[30:-30, 30:-30]) == pytest.approx(1.0, rel=4 / np.sqrt(independent))
    assert abs(scored.median) < 4 / np.sqrt(independent)


def test_score_of_a_source_is_flux_over_error_and_tiles_join():
    image, variance, bad = np.zeros((300, 300), np.float32), np.full((300, 300), 400, np.float32), np.zeros((300, 300), bool)
    image += noise(2, image.shape)
    positions = [(64, 150), (63, 64), (200, 128), (5, 250)]
    flux = 3000.0
    for x, y in positions:
        add_stamp(image, flux * PSF(x, y, 51), x, y)
    scored = score_image(image, variance, bad, PSF, tile=64)
    expected = flux / noise_flux(400.0, PSF(0, 0, scored.size)) / scored.noise_scale
    for x, y in positions[:3]:
        assert scored.score[y, x] == pytest.approx(expected, abs=4)


def test_unusable_pixels_do_not_reach_the_score():
    image = noise(3, (200, 200))
    bad = np.zeros(image.shape, bool)
    bad[80:120, 90:110] = True
    clean = score_image(image, np.full(image.shape, 400, np.float32), bad, PSF)
    image[bad] = 1e9
    image[100, 100] = np.nan
    dirty = score_image(image, np.full(image.shape, 400, np.float32), bad, PSF)
    np.testing.assert_array_equal(clean.score, dirty.score)
    assert np.isfinite(dirty.score).all()


def test_wrong_inputs():
    image = noise(4, (60, 60))
    variance, bad = np.ones_like(image), np.zeros(image.shape, bool)
    with pytest.raises(BadInput, match='one shape'):
        score_image(image, variance[:50], bad, PSF)
    with pytest.raises(BadData, match='no usable pixel'):
        score_image(image, variance, ~bad, PSF)
    with pytest.raises(BadInput, match='PSF'):
        score_image(image, variance, bad, lambda x, y, size: np.full((size, size), np.nan))
    with pytest.raises(BadData, match='no noise'):
        score_image(np.zeros_like(image), variance, bad, PSF)
