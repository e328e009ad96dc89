"""The whole subtraction on synthetic pairs with truth."""
import numpy as np
import pytest
from tests.kernels import cold_kernels

from sediff.errors import BadData, BadUsage
from sediff.subtract.subtract import subtract
from sediff.subtract.trust import systematic_variance


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
    assert result.metrics['noise_chi'] == pytest.approx(1.0, abs=0.03)


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
    assert kernel.shape[0] == kernel.shape[1] == 2 * result.metrics['reach'] + 1
    assert kernel.sum() == pytest.approx(result.kernel_sum, rel=0.01)


def test_sharper_science_is_convolved(sharp_pair, psf_fluxes):
    found = subtract(*sharp_pair.arrays())
    assert found.direction == 'science'
    assert found.kernel_sum == pytest.approx(1.3, rel=0.012)
    assert sky_chi(sharp_pair, found) == pytest.approx(1.0, abs=0.03)
    flux, _ = psf_fluxes(found.image, found.variance, found.mask, sharp_pair.sources, sharp_pair.fwhm[1])
    assert np.mean(flux) == pytest.approx(6000, rel=0.03)


@pytest.mark.parametrize('direction', ['template', 'science'])
def test_direction_can_be_forced(pair, direction):
    found = subtract(*pair.arrays(), convolve=direction, order=0)
    assert found.direction == direction and found.metrics['order'] == 0
    assert found.image.dtype == found.variance.dtype == np.float32
    assert np.isfinite(found.image).all() and np.isfinite(found.variance).all()


def test_both_can_be_convolved(pair, psf_fluxes):
    """Noise as propagated and fluxes kept, measured with the PSF of the science image made broader."""
    found = subtract(*pair.arrays(), convolve='both')
    assert found.direction == 'both' and found.smoothing.sum() == pytest.approx(1.0)
    assert sky_chi(pair, found) == pytest.approx(1.0, abs=0.03)
    assert star_chi(pair, found) < 1.15
    width = np.sqrt(found.smoothing.sum(axis=0) @ (np.arange(len(found.smoothing)) - len(found.smoothing) // 2) ** 2)
    broad = np.hypot(pair.fwhm[0], 2.3548 * width)
    flux, _ = psf_fluxes(found.image, found.variance, found.mask, pair.sources, broad)
    assert np.mean(flux) == pytest.approx(6000, rel=0.04)


def test_crossed_ellipses_need_both(make_pair):
    """PSFs of one width, one elongated along x and one along y: neither can be turned into the other."""
    pair = make_pair(4.4, 4.4, seed=31, elongation=(1.12, 0.9))
    planes = pair.arrays()
    chi = {direction: star_chi(pair, subtract(*planes, convolve=direction)) for direction in ('template', 'science')}
    found = subtract(*planes)
    assert found.direction == 'both'
    assert star_chi(pair, found) < 0.9 * min(chi.values())


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
    assert 3 <= found.metrics['stars_tried'] <= len(bright)


def test_wrong_input(pair):
    arrays = pair.arrays()
    with pytest.raises(BadUsage, match='shape'):
        subtract(arrays[0][:-1], *arrays[1:])
    with pytest.raises(BadUsage, match='convolve'):
        subtract(*arrays, convolve='neither')
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
    assert found.metrics['order'] == 0


@pytest.mark.night
def test_warm_compiles_every_kernel():
    assert cold_kernels('sediff.subtract', 'sediff.subtract.subtract') == []


def offset_pair(pair, dx, dy):
    """The six arrays with the template moved by whole pixels."""
    moved = [np.roll(plane, (dy, dx), (0, 1)) for plane in pair.arrays()[1::2]]
    arrays = list(pair.arrays())
    arrays[1::2] = moved
    return arrays


def test_an_offset_of_20_px_is_said(pair):
    with pytest.raises(BadData, match=r'offset by about \+(18|19|20|21|22) px in x and -(10|11|12|13|14) px in y'):
        subtract(*offset_pair(pair, 20, -12))


def test_what_cannot_be_subtracted_is_said(pair):
    arrays = pair.arrays()
    everything = np.ones(arrays[0].shape, bool)
    with pytest.raises(BadData, match='masked'):
        subtract(*arrays[:5], everything)
    saturated = arrays[0] > np.percentile(arrays[0], 1)
    with pytest.raises(BadData, match='no common stars'):
        subtract(*arrays[:4], saturated, arrays[5])
    nothing_known = np.full(arrays[0].shape, np.nan, np.float32)
    with pytest.raises(BadData, match='masked'):
        subtract(*arrays[:2], nothing_known, *arrays[3:])
    with pytest.raises(BadUsage, match='two-dimensional'):
        subtract(*(plane[0] for plane in arrays))


def test_masked_columns_a_dead_corner_and_nan_borders(pair, psf_fluxes):
    """60 columns, a corner and borders are lost; the sources outside keep their fluxes."""
    planes = [plane.copy() for plane in pair.arrays()]
    planes[4][:, 3:480:8] = True
    planes[1][-80:, -80:] = np.nan
    for k in (0, 1):
        planes[k][:5], planes[k][:, -5:] = np.nan, np.nan
    whole, found = subtract(*pair.arrays()), subtract(*planes)
    assert found.mask[-80:, -80:].all() and found.mask[:, 3:480:8].all() and found.mask[:5].all()
    assert np.isfinite(found.image).all() and (found.variance > 0).all() and np.isfinite(found.variance).all()
    inside = (pair.sources[:, 0] < 420) & (pair.sources[:, 1] < 420)
    before, _ = psf_fluxes(whole.image, whole.variance, found.mask, pair.sources[inside], pair.fwhm[0])
    after, error = psf_fluxes(found.image, found.variance, found.mask, pair.sources[inside], pair.fwhm[0])
    assert (np.abs(after - before) < 1.5 * error).all()
    assert sky_chi(pair, found) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize('seeing', [(6.0, 3.0), (3.0, 6.0)])
def test_one_image_twice_as_sharp(make_pair, seeing):
    """1.6" against 0.8": the sharper is convolved, and stars vanish."""
    pair = make_pair(*seeing, seed=11)
    found = subtract(*pair.arrays())
    assert found.direction == ('template' if seeing[0] > seeing[1] else 'science')
    assert star_chi(pair, found) < 1.25
    assert found.kernel_sum == pytest.approx(1.3, rel=0.02)


def test_fifteen_stars(make_pair):
    pair = make_pair(seed=12, n=15)
    found = subtract(*pair.arrays())
    assert found.metrics['order'] <= 1 and found.metrics['stars_found'] <= 25
    assert sky_chi(pair, found) == pytest.approx(1.0, abs=0.03)


def test_a_crowded_field(make_pair):
    """One star every 120 square px."""
    pair = make_pair(seed=13, n=2200)
    found = subtract(*pair.arrays())
    good = ~found.mask
    chi = (found.image / np.sqrt(found.variance))[good]
    assert np.sqrt(np.mean(np.clip(chi, -6, 6) ** 2)) < 1.1
    assert found.kernel_sum == pytest.approx(1.3, rel=0.015)


def test_a_variable_star_is_left_out(pair):
    bright = pair.stars[np.argsort(-pair.stars[:, 2])][5]
    planes = [plane.copy() for plane in pair.arrays()]
    y, x = np.mgrid[:512, :512]
    near = np.hypot(x - bright[0], y - bright[1]) < 9
    planes[0][near] += 0.5 * (planes[0][near] - np.float32(1000))
    found, before = subtract(*planes), subtract(*pair.arrays())
    assert found.kernel_sum == pytest.approx(before.kernel_sum, rel=0.003)
    assert found.image[near].max() > 10 * np.sqrt(np.median(found.variance))


def test_error_of_star_models(pair, result, paint):
    """No more error than noise in the simulated stars; 1 % put on every star is found and marked on the stars."""
    assert result.metrics['model_error'] < 0.004
    change = np.random.default_rng(3).normal(0.0, 0.01, len(pair.stars))
    x, y, flux = pair.stars.T
    planes = pair.arrays()
    science = planes[0] + paint(planes[0].shape, x, y, 1.3 * flux * change, 4.6).astype(np.float32)
    # of some 25 stars that are bright enough: the scatter of such a scatter is a fifth
    assert 0.005 < subtract(science, *planes[1:]).metrics['model_error'] < 0.018
    plane = systematic_variance(pair.science, result.image, result.mask, 0.01, 4.6)
    star = pair.stars[np.argmax(np.where(pair.stars[:, 2] < 5e4, pair.stars[:, 2], 0))]
    x, y = round(star[0]), round(star[1])
    peak = pair.science[y, x] - 1000
    assert plane[y, x] == pytest.approx((0.01 * peak) ** 2, rel=0.3)
    assert np.median(plane[pair.sky()]) < 1e-3 * plane[y, x]
