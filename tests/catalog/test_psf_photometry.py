import numpy as np
import pytest

from sediff.catalog.psf_photometry import psf_photometry
from sediff.errors import BadData
from sediff.psf.model import PsfModel


def test_fluxes_and_errors(star_scene, psf, enclosed):
    ccd, x, y, flux = star_scene
    result = psf_photometry(ccd.image, ccd.weight, psf, x, y)
    pull = (result.flux - flux * enclosed) / result.flux_error
    assert abs(pull.mean()) < 4.0 / np.sqrt(x.size)
    assert 0.85 < pull.std() < 1.15
    ratio, weight = result.flux / (flux * enclosed), (flux / result.flux_error) ** 2
    assert abs(np.average(ratio, weights=weight) - 1.0) < 0.002
    score = result.spread / result.spread_error
    assert abs(score.mean()) < 0.25
    assert 0.85 < score.std() < 1.15


@pytest.mark.parametrize('distance', [4.0, 6.0, 10.0])
def test_close_pairs(scene, psf, enclosed, grid, distance):
    x, y = grid(1000, 60, 5)
    angle = np.random.default_rng(6).uniform(0, 2 * np.pi, x.size)
    x2, y2 = x + distance * np.cos(angle), y + distance * np.sin(angle)
    ccd = scene((1000, 1000)).stars(x, y, 4e4).stars(x2, y2, 1e4).ccd(7)
    result = psf_photometry(ccd.image, ccd.weight, psf, np.r_[x, x2], np.r_[y, y2], fit_positions=False)
    pull = (result.flux - np.r_[0 * x + 4e4, 0 * x + 1e4] * enclosed) / result.flux_error
    assert abs(pull.mean()) < 4.0 / np.sqrt(pull.size)
    assert 0.85 < pull.std() < 1.2


def test_positions_of_blends_are_fitted(scene, psf, grid):
    x, y = grid(1000, 60, 5)
    x2 = x + 6.0
    ccd = scene((1000, 1000)).stars(x, y, 4e4).stars(x2, y, 2e4).ccd(7)
    # windows pull the two towards each other
    result = psf_photometry(ccd.image, ccd.weight, psf, np.r_[x + 0.2, x2 - 0.4], np.r_[y, y])
    error = result.x - np.r_[x, x2]
    assert abs(error[:x.size].mean()) < 0.02
    assert abs(error[x.size:].mean()) < 0.03


def test_masked_pixels_and_borders(scene, psf, enclosed):
    x, y = np.array([3.2, 60.4, 100.7, 118.0]), np.array([50.0, 60.1, 20.3, 119.4])
    ccd = scene((120, 120)).stars(x, y, 1e5).ccd(2)
    ccd.image[58:62, :], ccd.weight[58:62, :] = 0.0, 0.0
    result = psf_photometry(ccd.image, ccd.weight, psf, x, y)
    np.testing.assert_array_less(np.abs(result.flux - 1e5 * enclosed), 5 * result.flux_error)
    # half of the second star is masked
    assert result.flux_error[1] > 1.3 * result.flux_error[2]


def test_no_usable_pixel_gives_no_flux(psf):
    image = np.full((50, 50), 5.0, np.float32)
    result = psf_photometry(image, np.zeros_like(image), psf, [25.0, 300.0], [25.0, 300.0])
    assert (result.flux == 0).all()
    assert (result.flux_error == 0).all()
    assert (result.spread == 0).all()
    assert (result.spread_error == 1).all()


def test_residual_is_noise(star_scene, psf):
    ccd, x, y, _ = star_scene
    result = psf_photometry(ccd.image, ccd.weight, psf, x, y)
    near = [result.residual[int(b) - 3:int(b) + 4, int(a) - 3:int(a) + 4].sum() for a, b in zip(x, y)]
    assert abs(np.mean(near)) < 100.0


def test_wrong_input(psf):
    image = np.zeros((30, 30), np.float32)
    with pytest.raises(BadData, match='shape'):
        psf_photometry(image, image[1:], psf, [1.0], [1.0])
    with pytest.raises(BadData, match='float32'):
        psf_photometry(image.astype(float), image, psf, [1.0], [1.0])
    with pytest.raises(BadData, match='finite'):
        psf_photometry(image, image, psf, [np.nan], [1.0])
    with pytest.raises(BadData, match='FWHM'):
        psf_photometry(image, image, PsfModel(psf.mask, 0, (1, 1), (1, 1)), [1.0], [1.0])
