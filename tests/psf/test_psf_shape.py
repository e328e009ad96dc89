import galsim
import numpy as np
import pytest

from sediff.errors import BadData
from sediff.psf.model import PsfModel
from sediff.psf.shape import fwhm_at, stamp_fwhm, with_disc


def test_fwhm_of_a_moffat(moffat_field):
    field = moffat_field((100, 100), fwhm=3.7, variation=0.0)
    assert stamp_fwhm(field.stamp(50.0, 50.0, 31)) == pytest.approx(3.7, rel=0.005)


def test_fwhm_over_the_image(moffat_field):
    field = moffat_field((1000, 1000), variation=0.0)
    narrow, wide = moffat_field((9, 9), 3.8, 0).stamp(4.0, 4.0, 31), moffat_field((9, 9), 4.2, 0).stamp(4.0, 4.0, 31)
    model = PsfModel(np.stack([(narrow + wide) / 2, wide - narrow, 0 * wide]), 1, (500.5, 500.5), (1000.0, 1000.0))
    x = np.array([-0.5, 499.5, 999.5])
    np.testing.assert_allclose(fwhm_at(model, x, x), [3.8, 4.0, 4.2], rtol=0.006)
    assert field.fwhm(1, 1) == 4.0


def test_disc_convolution_against_galsim():
    gaussian = galsim.Gaussian(fwhm=4.0)
    stamp = gaussian.drawImage(nx=41, ny=41, scale=1, method='no_pixel').array
    disc = galsim.Exponential(scale_radius=0.25)
    truth = galsim.Convolve(gaussian, disc).drawImage(nx=41, ny=41, scale=1, method='no_pixel').array
    model = with_disc(PsfModel(stamp[None], 0, (1.0, 1.0), (1.0, 1.0)), 0.25)
    assert np.abs(model.mask[0] - truth).max() < 2e-4 * truth.max()


def test_wrong_input():
    flat = PsfModel(np.ones((1, 9, 9)), 0, (1.0, 1.0), (1.0, 1.0))
    with pytest.raises(BadData, match='half-maximum'):
        stamp_fwhm(flat.mask[0].astype(float))
    with pytest.raises(BadData, match='positive'):
        with_disc(flat, 0.0)
