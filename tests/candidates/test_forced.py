"""Forced photometry: unbiased, with honest errors, also where pixels are missing."""
import numpy as np
import pytest

from sediff.candidates.forced import forced_photometry
from sediff.candidates.painters import add_stamp, moffat_psf, noise_flux
from sediff.errors import BadInput

PSF = moffat_psf(4.2)
SKY = 400.0
UNIT = noise_flux(SKY, PSF(0, 0, 31))


def test_fluxes_are_unbiased_and_pulls_have_unit_width():
    rng = np.random.default_rng(11)
    image = rng.normal(0, np.sqrt(SKY), (900, 900))
    y, x = (grid.ravel() for grid in np.mgrid[30:880:45, 30:880:45])
    x, y = x + rng.uniform(-0.5, 0.5, x.size), y + rng.uniform(-0.5, 0.5, y.size)
    fluxes = UNIT * rng.choice([-5.0, 0.0, 0.0, 3.0, 50.0], x.size)
    for a, b, flux in zip(x, y, fluxes):
        add_stamp(image, flux * PSF(a, b, 31), a, b)
    bad = rng.random(image.shape) < 0.02
    image[bad] = 1e6
    table = forced_photometry(image.astype(np.float32), np.full(image.shape, SKY, np.float32), bad, PSF, x, y)
    pull = (table['FLUX'] - fluxes) / table['FLUXERR']
    n = len(pull)
    assert abs(pull.mean()) < 4 / np.sqrt(n)
    assert pull.std() == pytest.approx(1, abs=4 / np.sqrt(2 * n))
    assert np.median(table['CHI2']) == pytest.approx(1, abs=0.05)
    assert table['GOOD_FRACTION'].min() > 0.5 and table['GOOD_FRACTION'].mean() == pytest.approx(0.98, abs=0.02)


def test_positions_without_pixels_say_so():
    image = np.zeros((60, 60), np.float32)
    bad = np.zeros(image.shape, bool)
    bad[:40, :40] = True
    table = forced_photometry(image, np.ones_like(image), bad, PSF, [10.0, -1e6, 50.0], [10.0, 5.0, 50.0], size=21)
    assert np.isnan(table['FLUX'][:2]).all() and (table['GOOD_FRACTION'][:2] == 0).all()
    assert table['FLUX'][2] == 0 and table['GOOD_FRACTION'][2] > 0.5
    assert len(forced_photometry(image, np.ones_like(image), bad, PSF, [], [])) == 0


def test_noise_scale_multiplies_the_errors():
    image = np.zeros((60, 60), np.float32)
    args = (image, np.ones_like(image), np.zeros(image.shape, bool), PSF, [30.0], [30.0])
    assert forced_photometry(*args, noise_scale=1.5)['FLUXERR'][0] == pytest.approx(
        1.5 * forced_photometry(*args)['FLUXERR'][0], rel=1e-5)


def test_wrong_inputs():
    image = np.zeros((60, 60), np.float32)
    with pytest.raises(BadInput, match='one length'):
        forced_photometry(image, image + 1, image > 1, PSF, [1.0, 2.0], [1.0])
    with pytest.raises(BadInput, match='one shape'):
        forced_photometry(image, image[:5], image > 1, PSF, [1.0], [1.0])
