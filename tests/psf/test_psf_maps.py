import numpy as np
import pytest

from sediff.errors import BadData
from sediff.psf.fit import fit_psf
from sediff.psf.maps import adaptive_moments, ellipticity, psf_map
from sediff.psf.model import PsfModel
from sediff.psf.shape import half_light_diameter


def gaussian(xx, xy, yy, side=41):
    dy, dx = np.indices((side, side)) - side // 2
    inverse = np.linalg.inv([[xx, xy], [xy, yy]])
    return np.exp(-0.5 * (inverse[0, 0] * dx ** 2 + 2 * inverse[0, 1] * dx * dy + inverse[1, 1] * dy ** 2))


def test_moments_of_a_gaussian():
    np.testing.assert_allclose(adaptive_moments(gaussian(4.0, 0.5, 3.0), 1.5), [[4.0, 0.5], [0.5, 3.0]], atol=1e-3)
    assert ellipticity(np.array([[9.0, 0.0], [0.0, 4.0]])) == pytest.approx((0.2, 0.0))
    assert ellipticity(np.array([[5.0, 1.0], [1.0, 5.0]]))[1] > 0


def test_map_follows_the_truth(star_field):
    field, image, x, y, flux = star_field
    weight, mask = np.full(image.shape, 0.01, np.float32), np.zeros(image.shape, np.uint16)
    model = fit_psf(image, weight, mask, x, y, flux)[0]
    table = psf_map(model, image.shape, 4, 3)
    assert len(table) == 12
    np.testing.assert_allclose(table['fwhm'], field.fwhm(table['x'], table['y']), rtol=0.012)
    # r2 = (1 + e1) dx^2 + (1 - e1) dy^2 + 2 e2 dx dy: half of -e in the convention (a - b)/(a + b)
    u, v = table['x'] / 1200 - 0.5, table['y'] / 1200 - 0.5
    np.testing.assert_allclose(table['e1'], -0.5 * (0.04 * u + 0.02 * u * v), atol=0.006)
    np.testing.assert_allclose(table['e2'], -0.5 * 0.05 * v, atol=0.006)


def test_reserve_stars_are_fitted_to_one_per_cent(moffat_field):
    field, rng = moffat_field((1600, 1600)), np.random.default_rng(4)
    x, y = (a.ravel() + rng.uniform(-8, 8, 400) for a in np.meshgrid(np.linspace(40, 1560, 20), np.linspace(40, 1560, 20)))
    image = field.image(x, y, 10 ** rng.uniform(4.8, 5.8, 400), 10.0, 3)
    statistics = fit_psf(image, np.full(image.shape, 0.01, np.float32), np.zeros(image.shape, np.uint16), x, y,
                         np.full(400, 1e5), reserve=0.2)[2]
    assert statistics.n_reserve == 80
    assert statistics.residual_peak <= 0.01


def test_half_light():
    sigma = 2.0
    model = PsfModel(gaussian(sigma ** 2, 0, sigma ** 2)[None], 0, (1, 1), (1, 1), samp=0.9)
    assert half_light_diameter(model) == pytest.approx(0.9 * 2 * 1.1774 * sigma, rel=0.02)
    with pytest.raises(BadData, match='half-light'):
        half_light_diameter(PsfModel(np.zeros((1, 5, 5)), 0, (1, 1), (1, 1)))


def test_wrong_input():
    model = PsfModel(gaussian(4, 0, 4)[None], 0, (1, 1), (1, 1))
    with pytest.raises(BadData, match='cell'):
        psf_map(model, (100, 100), 0, 3)
    with pytest.raises(BadData, match='shape'):
        adaptive_moments(-gaussian(4, 0, 4), 2.0)
