import numpy as np
import pytest
from tests.kernels import cold_kernels

from sediff.errors import BadData
from sediff.maskbits import Bit
from sediff.psf.fit import fit_psf, stamp_size, stars_needed


def planes(image, sky_sigma=10.0):
    return np.full(image.shape, sky_sigma ** -2, np.float32), np.zeros(image.shape, np.uint16)


def worst_error(model, field, places):
    """Largest error of the model over its peak at the given places."""
    size = model.default_size()
    stamps = [(model.image(x, y, size), field.stamp(x, y, size)) for x, y in places]
    return max(np.abs(fitted - truth).max() / truth.max() for fitted, truth in stamps)


PLACES = [(150.3, 150.0), (1040.0, 1050.6), (600.2, 600.9), (150.0, 1050.0)]


def test_varying_moffat(star_field):
    field, image, x, y, flux = star_field
    weight, mask = planes(image)
    jitter = np.random.default_rng(3).normal(0, 0.02, (2, x.size))
    model, used, statistics = fit_psf(image, weight, mask, x + jitter[0], y + jitter[1], flux * 1.03)
    assert model.degree == 2
    assert used.size >= 260
    assert statistics.n_reserve == 30
    assert not set(used) & set(statistics.reserve)
    assert statistics.residual_peak < 0.02
    assert 0.8 < statistics.chi2 < 1.2
    # 270 stars of S/N ~ 10-20 in the peak pixel, 6 terms: about 1 % at the corners
    assert worst_error(model, field, PLACES) < 0.02
    assert model.fwhm == pytest.approx(4.0, rel=0.01)
    assert (model.n_loaded, model.n_accepted) == (300, used.size)
    assert model.coefficients_image(100.0, 900.0).sum() == pytest.approx(1.0, abs=1e-5)


def test_defects_neighbours_and_impostors_do_not_matter(star_field):
    field, image, x, y, flux = star_field
    image, rng = image.copy(), np.random.default_rng(8)
    weight, mask = planes(image)
    image[:, 400:402], mask[:, 400:402] = np.nan, int(Bit.BPM)
    for k in range(0, 300, 3):
        image[int(y[k]) + 9, int(x[k]) - 7] += 3000.0
    wide = type(field)(field.shape, 9.0, 0.0)
    fake_x, fake_y = rng.uniform(100, 1100, (2, 15))
    image += wide.image(fake_x, fake_y, np.full(15, 6e4), 0.0, 1)
    model, used, _ = fit_psf(image, weight, mask, np.r_[x, fake_x], np.r_[y, fake_y], np.r_[flux, np.full(15, 6e4)])
    assert np.sum(used >= 300) == 0
    assert worst_error(model, field, PLACES) < 0.025


def test_segmentation_hides_neighbours(moffat_field):
    field = moffat_field((400, 400), variation=0.0)
    x, y = (a.ravel() for a in np.meshgrid(np.arange(40.0, 380, 40), np.arange(40.0, 380, 40)))
    x, flux = x + 0.3, np.full(x.size, 5e4)
    image = field.image(np.r_[x, x + 10], np.r_[y, y], np.r_[flux, flux], 10.0, 4)
    weight, mask = planes(image)
    segmentation = np.zeros(image.shape, np.int32)
    rows, columns = np.indices(image.shape)
    for k, (a, b) in enumerate(zip(x, y)):
        segmentation[np.hypot(columns - a, rows - b) < 5] = 2 * k + 1
        segmentation[(np.hypot(columns - a - 10, rows - b) < 8) & (columns > a + 5)] = 2 * k + 2
    model, _, _ = fit_psf(image, weight, mask, x, y, flux, degree=0, segmentation=segmentation)
    stamp = model.image(200.0, 200.0)
    assert np.abs(stamp[16, 24:28]).max() < 0.03 * stamp.max()


@pytest.mark.parametrize(('count', 'degree'), [(3, 0), (8, 0), (14, 1), (40, 2)])
def test_degree_follows_the_number_of_stars(star_field, count, degree):
    _, image, x, y, flux = star_field
    model, used, statistics = fit_psf(image, *planes(image), x[::7][:count], y[::7][:count], flux[::7][:count])
    assert model.degree == statistics.degree == degree
    assert used.size >= stars_needed(degree)


def test_oversampled_model(star_field):
    field, image, x, y, flux = star_field
    model, _, _ = fit_psf(image, *planes(image), x, y, flux, samp=0.8)
    assert model.samp == 0.8
    assert model.default_size() >= 25
    size = 25
    for place in PLACES:
        fitted, truth = model.image(*place, size), field.stamp(*place, size)
        assert np.abs(fitted / fitted.sum() - truth).max() < 0.025 * truth.max()


def test_stamp_grows_with_the_seeing(moffat_field):
    field = moffat_field((300, 300), 7.0, 0.0)
    x, y = (a.ravel() for a in np.meshgrid([80.0, 150.4, 219.8], [80.0, 150.4, 219.8]))
    model, _, _ = fit_psf(field.image(x, y, np.full(9, 1e5), 5.0, 1), *planes(np.empty((300, 300)), 5.0), x, y,
                          np.full(9, 1e5))
    assert abs(model.mask.shape[1] - stamp_size(7.0)) <= 2
    assert stamp_size(4.0) == 31


def test_no_usable_stars(star_field):
    _, image, x, y, flux = star_field
    weight, mask = planes(image)
    with pytest.raises(BadData, match='at least 3'):
        fit_psf(image, weight, mask, x[:2], y[:2], flux[:2])
    with pytest.raises(BadData, match='at least 3'):
        fit_psf(image, weight * 0, mask, x, y, flux)
    with pytest.raises(BadData, match='at least 3'):
        fit_psf(image, weight, mask, [], [], [])
    with pytest.raises(BadData, match='shape'):
        fit_psf(image, weight[1:], mask, x, y, flux)
    with pytest.raises(BadData, match='odd'):
        fit_psf(image, weight, mask, x, y, flux, size=30)


@pytest.mark.night
def test_warm_compiles_every_kernel():
    assert cold_kernels('sediff.psf') == []
