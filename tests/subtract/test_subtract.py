"""The whole subtraction on synthetic pairs with truth."""
import numpy as np
import pytest

from sediff.errors import BadData, BadUsage
from sediff.subtract.subtract import subtract, warm


def sky_chi(pair, result):
    good = pair.sky() & ~result.mask
    chi = result.image[good] / np.sqrt(result.variance[good])
    return np.sqrt(np.mean(np.clip(chi, -6, 6)**2))


def star_chi(pair, result, radius=5):
    """Rms of the difference over the noise within 5 px of unsaturated bright stars."""
    y, x = np.mgrid[:pair.science.shape[0], :pair.science.shape[1]]
    bad = result.mask | pair.science_bad | pair.template_bad
    values = []
    for u, v, flux in pair.stars:
        disc = np.hypot(x - u, y - v) <= radius
        if flux > 1e4 and 25 < u < 487 and 25 < v < 487 and not bad[disc].any():
            values.append(result.image[disc] / np.sqrt(result.variance[disc]))
    return np.concatenate(values).std()


@pytest.fixture(scope='module')
def result(pair):
    return subtract(*pair.arrays())


def test_sky_noise_is_what_is_propagated(pair, result):
    assert sky_chi(pair, result) == pytest.approx(1.0, abs=0.03)
    assert result.figures['noise_chi'] == pytest.approx(1.0, abs=0.03)


def test_scale_direction_and_fluxes(pair, result, psf_fluxes):
    assert result.direction == 'template'
    assert result.kernel_sum == pytest.approx(1.3, rel=0.01)
    flux, error = psf_fluxes(result.image, result.variance, result.mask, pair.sources, pair.fwhm[0])
    bias = np.mean(flux) / 6000 - 1
    assert abs(bias) < 0.02 + 3 * np.mean(error) / 6000 / np.sqrt(len(flux))


def test_stars_vanish(pair, result):
    assert star_chi(pair, result) < 1.15


def test_kernel_at_has_the_scale(result):
    kernel = result.kernel.kernel_at(100.0, 400.0)
    assert kernel.shape[0] == kernel.shape[1] == 2 * result.figures['half_width'] + 1
    assert kernel.sum() == pytest.approx(result.kernel_sum, rel=0.01)


def test_sharper_science_is_convolved(sharp_pair, psf_fluxes):
    found = subtract(*sharp_pair.arrays())
    assert found.direction == 'science'
    assert found.kernel_sum == pytest.approx(1.3, rel=0.01)
    assert sky_chi(sharp_pair, found) == pytest.approx(1.0, abs=0.03)
    flux, _ = psf_fluxes(found.image, found.variance, found.mask, sharp_pair.sources, sharp_pair.fwhm[1])
    assert np.mean(flux) == pytest.approx(6000, rel=0.03)


@pytest.mark.parametrize('direction', ['template', 'science'])
def test_direction_can_be_forced(pair, direction):
    found = subtract(*pair.arrays(), convolve=direction, order=0)
    assert found.direction == direction and found.figures['order'] == 0
    assert found.image.dtype == found.variance.dtype == np.float32
    assert np.isfinite(found.image).all() and np.isfinite(found.variance).all()


def test_bad_columns_and_nan(pair):
    planes = [plane.copy() for plane in pair.arrays()]
    planes[0][:, 100] = np.nan
    planes[1][200, :] = np.nan
    planes[3][300:310, 300:310] = 0
    planes[5][:, 400] = True
    found = subtract(*planes)
    assert found.mask[:, 100].all() and found.mask[200].all() and found.mask[305, 305] and found.mask[:, 400].all()
    assert (found.image[found.mask] == 0).all() and np.isfinite(found.variance).all()
    assert found.mask.mean() < 0.1
    assert sky_chi(pair, found) == pytest.approx(1.0, abs=0.03)


def test_identical_images_give_zero(pair):
    same = (pair.science, pair.science, pair.science_variance, pair.science_variance, pair.science_bad,
            pair.science_bad)
    found = subtract(*same)
    assert np.abs(found.image / np.sqrt(found.variance)).max() < 0.1
    assert found.kernel_sum == pytest.approx(1.0, abs=1e-3)


def test_background_polynomial(pair):
    found = subtract(*pair.arrays(), background_order=1)
    assert found.background[250, 500] - found.background[250, 10] == pytest.approx(20 * 490 / 512, rel=0.1)
    assert sky_chi(pair, found) == pytest.approx(1.0, abs=0.03)


def test_given_stars_are_used(pair):
    bright = pair.stars[(pair.stars[:, 2] > 1e4)][:, :2]
    found = subtract(*pair.arrays(), stamps=bright)
    assert 3 <= found.figures['stars_tried'] <= len(bright)


def test_wrong_input(pair):
    arrays = pair.arrays()
    with pytest.raises(BadUsage, match='shape'):
        subtract(arrays[0][:-1], *arrays[1:])
    with pytest.raises(BadUsage, match='convolve'):
        subtract(*arrays, convolve='both')
    with pytest.raises(BadUsage, match='order'):
        subtract(*arrays, order=9)
    with pytest.raises(BadUsage, match='half width'):
        subtract(*arrays, half_width=1)
    everything = np.ones(arrays[0].shape, bool)
    with pytest.raises(BadData, match='masked'):
        subtract(*arrays[:4], everything, arrays[5])
    noise = np.random.default_rng(3).normal(300, 9, arrays[0].shape).astype(np.float32)
    with pytest.raises(BadData, match='no common stars'):
        subtract(arrays[0], noise, *arrays[2:])
    left, right = np.zeros(arrays[0].shape, bool), np.zeros(arrays[0].shape, bool)
    left[:, :256], right[:, 256:] = True, True
    with pytest.raises(BadData, match='no pixel is good in both'):
        subtract(*arrays[:4], left, right)


def test_few_stars_get_little_freedom(make_pair):
    small = make_pair(seed=7, shape=(256, 256), n=12)
    found = subtract(*small.arrays())
    assert found.figures['order'] == 0


def test_warm_compiles():
    warm()
