import galsim
import galsim.des
import numpy as np
import pytest

from sediff.errors import BadData
from sediff.formats.psfex import read_psf, write_psf
from sediff.psf.model import PsfModel, polynomial_terms

REAL = ('DECam_00154912_12_psfcat.psf', 'c4d_140818_002108_ooi_z_v1.ext27.psf',
        'tractor_520206/decam-520206-S16-psfex.fits')


def gaussian_model(sigma=2.0, side=33, samp=1.0):
    y, x = (np.indices((side, side)) - side // 2) * samp
    plane = np.exp(-0.5 * (x ** 2 + y ** 2) / sigma ** 2)
    planes = np.stack([plane, 0.1 * plane * (x ** 2 - y ** 2) / sigma ** 2, 0.05 * plane * x * y])
    return PsfModel(planes / plane.sum() / samp ** 2, 1, (500.5, 500.5), (1000.0, 1000.0), samp, 2.3548 * sigma)


def galsim_image(path, x, y, size, order=None):
    """DES_PSFEx at a 0-based position; with `order` its array is interpolated by Lanczos of that order."""
    reader = galsim.des.DES_PSFEx(str(path))
    place = galsim.PositionD(x + 1, y + 1)
    psf = reader.getPSF(place)
    if order:
        psf = galsim.InterpolatedImage(galsim.Image(reader.getPSFArray(place)), scale=reader.sample_scale, flux=1,
                                       x_interpolant=galsim.Lanczos(order))
    offset = (x - np.floor(x + 0.5), y - np.floor(y + 0.5))
    return psf.drawImage(nx=size, ny=size, scale=1, method='no_pixel', offset=offset).array


@pytest.mark.parametrize('name', REAL)
@pytest.mark.parametrize('place', [(100.3, 200.8), (1024.0, 2047.5), (2000.9, 4000.1)])
def test_agrees_with_galsim_on_real_files(realdata, name, place):
    model = read_psf(realdata / 'psf' / name)
    drawn = model.image(*place, size=31)
    same_kernel = galsim_image(realdata / 'psf' / name, *place, 31, order=4)
    # the correction of `lanczos_taps` is all that differs
    assert np.abs(drawn - same_kernel).max() < 4e-3 * same_kernel.max()
    # galsim's own choice is Lanczos-3: the planes are noisy, so the two kernels differ a little
    assert np.abs(drawn - galsim_image(realdata / 'psf' / name, *place, 31)).max() < 1.2e-2 * same_kernel.max()


@pytest.mark.parametrize('samp', [1.0, 0.8])
def test_agrees_with_galsim_on_own_file(tmp_path, samp):
    write_psf(tmp_path / 'own.psf', gaussian_model(samp=samp))
    for x, y in ((10.0, 10.0), (321.4, 876.7), (999.5, 0.2)):
        reference = galsim_image(tmp_path / 'own.psf', x, y, 21, order=4)
        assert np.abs(gaussian_model(samp=samp).image(x, y, 21) - reference).max() < 4e-3 * reference.max()


def test_star_is_drawn_where_it_belongs():
    model = gaussian_model()
    for x, y, dx, dy in ((100.3, 200.8, 0.0, 0.0), (5.5, 7.49, 0.0, 0.0), (50.0, 60.0, 1.3, -0.7)):
        stamp = model.image(x, y, dx=dx, dy=dy)
        assert stamp.shape == (33, 33)
        assert stamp.sum() == pytest.approx(1.0, abs=1e-4)
        rows, columns = np.indices(stamp.shape) - 16
        assert (stamp * columns).sum() == pytest.approx(x - np.floor(x + 0.5) + dx, abs=2e-4)
        assert (stamp * rows).sum() == pytest.approx(y - np.floor(y + 0.5) + dy, abs=2e-4)


def test_interpolation_of_a_sampled_gaussian():
    stamp = gaussian_model().image(499.5 + 0.37, 499.5, 25)
    y, x = np.indices((25, 25)) - 12
    shift = 499.5 + 0.37 - 500.0
    truth = np.exp(-0.5 * ((x - shift) ** 2 + (y + 0.5) ** 2) / 4.0)
    truth /= 2 * np.pi * 4.0
    assert np.abs(stamp - truth).max() < 3e-3 * truth.max()


def test_many_equal_one_by_one():
    model = gaussian_model()
    x, y = np.array([1.2, 300.0, 700.6]), np.array([4.4, 500.5, 800.0])
    together = model.images(x, y, 15)
    for k in range(3):
        np.testing.assert_array_equal(together[k], model.image(x[k], y[k], 15))


def test_larger_and_smaller_stamps_agree():
    model = gaussian_model()
    np.testing.assert_allclose(model.image(10.2, 10.2, 41)[10:31, 10:31], model.image(10.2, 10.2, 21), atol=1e-12)
    assert model.image(10.2, 10.2, 61)[0, 0] == 0.0


def test_order_of_the_polynomial():
    terms = polynomial_terms(np.array([2.0]), np.array([3.0]), 2)
    np.testing.assert_array_equal(terms[0], [1, 2, 4, 3, 6, 9])


def test_wrong_models_are_rejected():
    plane = np.ones((1, 5, 5))
    with pytest.raises(BadData, match='needs'):
        PsfModel(plane, 1, (0, 0), (1, 1))
    with pytest.raises(BadData, match='odd'):
        PsfModel(np.ones((1, 4, 4)), 0, (0, 0), (1, 1))
    with pytest.raises(BadData, match='finite'):
        PsfModel(plane * np.nan, 0, (0, 0), (1, 1))
    with pytest.raises(BadData, match='odd'):
        gaussian_model().image(1.0, 1.0, 10)
