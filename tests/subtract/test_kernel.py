"""The parts of the kernel fit: basis, stamps, normal equations, solution, convolution, sky."""
import numpy as np
import pytest
from scipy.signal import fftconvolve

from sediff.errors import BadData
from sediff.subtract.background import residual_background, sky_level
from sediff.subtract.basis import make_basis
from sediff.subtract.convolve import block_centres, convolve, fill_bad, lost_weight, squared_kernels
from sediff.subtract.model import KernelModel
from sediff.subtract.normal import convolve_stamps, star_equations
from sediff.subtract.solve import candidate_freedoms, reduced_chi2, solve, spatial_terms, term_count
from sediff.subtract.stamps import choose_evenly, cut, find_stars, typical_fwhm


@pytest.fixture(scope='module')
def basis():
    return make_basis(3.8, 4.6)


def test_basis_sums(basis):
    images = basis.images()
    np.testing.assert_allclose(images.sum(axis=(1, 2)), basis.sums(), atol=1e-12)
    changed = np.einsum('nyx,nk->kyx', images, basis.zero_sum_transform())
    np.testing.assert_allclose(changed.sum(axis=(1, 2)), np.eye(basis.size)[0], atol=1e-12)


def test_basis_widens_with_the_seeing():
    assert make_basis(4.0, 14.0).half_width > make_basis(4.0, 4.5).half_width
    assert make_basis(4.0, 4.5, 12).half_width == 12


def test_stamps_are_convolved_with_every_function(basis):
    stamps = np.random.default_rng(1).normal(size=(2, 51, 51)).astype(np.float32)
    out = convolve_stamps(basis, stamps)
    for k, image in enumerate(basis.images()):
        np.testing.assert_allclose(out[1, k], fftconvolve(stamps[1], image, mode='valid'), atol=2e-5)


def test_known_kernel_is_found(basis):
    """Coefficients that vary linearly come back, and an odd star is dropped."""
    rng = np.random.default_rng(2)
    n, shape = 40, (400, 300)
    x, y = rng.uniform(0, 299, n), rng.uniform(0, 399, n)
    v, u = np.mgrid[-30:31, -30:31]
    stamps = np.array([1e4 * np.exp(-0.5 * ((u - a)**2 + (v - b)**2) / 4) for a, b in rng.uniform(-0.5, 0.5, (n, 2))])
    terms = spatial_terms(x, y, shape, 1)
    truth = np.zeros((basis.size, 3))
    truth[0, 0], truth[12], truth[3, :2] = 1.2, (0.3, -0.1, 0.05), (0.1, 0.02)
    local = terms @ (basis.zero_sum_transform() @ truth).T
    target = np.einsum('nkyx,nk->nyx', convolve_stamps(basis, stamps.astype(np.float32)), local)
    target += rng.normal(0, 1, target.shape) + 50.0
    target[7] *= 1.5
    equations = star_equations(basis, stamps.astype(np.float32), target.astype(np.float32),
                               np.ones(target.shape, np.float32))
    found = solve(basis, equations, x, y, shape)
    assert not found.used[7] and found.used.sum() >= n - 2
    assert found.freedom.order == 1
    assert found.coefficients[0, 0] == pytest.approx(1.2, rel=2e-3)
    assert np.median(reduced_chi2(equations, spatial_terms(x, y, shape, found.freedom.order),
                                  found.coefficients)) == pytest.approx(1.0, abs=0.1)


def test_freedom_follows_the_number_of_stars(basis):
    orders = [max(f.order for f in candidate_freedoms(basis, n, None)) for n in (5, 30, 300)]
    assert orders == [0, 1, 2]
    with pytest.raises(BadData, match='stars'):
        candidate_freedoms(basis, 4, 2)


def test_terms_are_nested():
    low, high = (spatial_terms([3.0, 90.0], [5.0, 70.0], (100, 100), k) for k in (1, 3))
    assert high.shape == (2, term_count(3))
    np.testing.assert_array_equal(low, high[:, :3])


def test_convolution_follows_the_kernel_of_each_block(basis):
    """Blocks agree with a direct sum with the kernel of that place; the flux of a point is the kernel's sum."""
    shape = (60, 300)
    rng = np.random.default_rng(3)
    coefficients = np.zeros((basis.size, 3))
    coefficients[0, 0], coefficients[7] = 1.0, (0.3, 0.2, 0.1)
    model = KernelModel.from_solution(basis, coefficients, shape)
    image = rng.normal(size=shape).astype(np.float32)
    kernels = model.on_blocks()
    out = convolve(image, kernels)
    x, y = block_centres(shape)
    for row, column in ((0, 0), (2, 1), (3, 2)):
        np.testing.assert_allclose(kernels[row, column], model.kernel_at(x[column], y[row]), atol=1e-6)
        whole = fftconvolve(image, model.kernel_at(x[column], y[row]), mode='same')
        part = (slice(16 * row, 16 * row + 16), slice(128 * column, 128 * column + 128))
        np.testing.assert_allclose(out[part], whole[part], atol=2e-5)
    assert model.kernel_sum() == pytest.approx(1.0, abs=1e-9)


def test_lost_weight_is_the_share_of_the_kernel(basis):
    shape = (64, 128)
    coefficients = np.zeros((basis.size, 1))
    coefficients[0], coefficients[21] = 1.0, 0.7
    kernels = KernelModel.from_solution(basis, coefficients, shape).on_blocks()
    bad = np.zeros(shape, bool)
    bad[30, 60] = True
    lost = lost_weight(bad, kernels)
    share = np.abs(kernels[1, 0]) / np.abs(kernels[1, 0]).sum()
    half = share.shape[0] // 2
    np.testing.assert_allclose(lost[30:33, 60:64], share[half:half + 3, half:half + 4], atol=1e-6)
    corner = share[half + 1:].sum() + share[:half + 1, half + 1:].sum()
    assert lost[0, 0] == pytest.approx(corner, abs=1e-5)


def test_squared_kernels_keep_their_sum(basis):
    kernel = np.random.default_rng(4).normal(size=(1, 1, 21, 21)).astype(np.float32)
    assert squared_kernels(kernel).sum() == pytest.approx((kernel**2).sum(), rel=1e-5)


def test_holes_are_filled_from_their_rim():
    image = np.full((40, 40), 7.0, np.float32)
    bad = np.zeros(image.shape, bool)
    bad[10:15, 10:30] = True
    image[bad] = np.nan
    np.testing.assert_allclose(fill_bad(image, bad), 7.0)


def test_stars_are_measured_and_spread(pair):
    planes = [plane.copy() for plane in pair.arrays()]
    for k in (0, 1):
        planes[k] -= np.median(planes[k])
    stars = find_stars(*planes)
    fwhm = typical_fwhm(stars)
    assert fwhm[0] == pytest.approx(4.6, rel=0.12) and fwhm[1] == pytest.approx(3.8, rel=0.12) and fwhm[0] > fwhm[1]
    nearest = np.hypot(stars.x[:, None] - pair.stars[:, 0], stars.y[:, None] - pair.stars[:, 1]).min(axis=1)
    assert np.mean(nearest < 2) > 0.9
    few = choose_evenly(stars, pair.science.shape, 12)
    assert len(few.x) == 12 and len({(a // 256, b // 256) for a, b in zip(few.x, few.y)}) == 4


def test_cutouts_end_at_the_border():
    image = np.arange(30.0, dtype=np.float32).reshape(5, 6)
    stamps = cut(image, np.array([0, 3]), np.array([2, 2]), 1, -1)
    np.testing.assert_array_equal(stamps[1], image[1:4, 2:5])
    assert (stamps[0][:, 0] == -1).all()


@pytest.mark.parametrize('order', [None, 1])
def test_residual_sky_is_smooth_and_ignores_sources(order):
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:256, :256]
    sky = 3.0 + 4.0 * x / 256
    model = rng.normal(0, 0.3, x.shape)
    source = np.hypot(x - 100, y - 100) < 9
    difference = sky + rng.normal(0, 2, x.shape) + 500 * source
    found = residual_background(difference.astype(np.float32), (model + 900 * source).astype(np.float32),
                                np.zeros(x.shape, bool), 64, order)
    assert np.abs(found - sky).max() < 0.8


def test_sky_level_needs_a_good_pixel():
    with pytest.raises(BadData, match='masked'):
        sky_level(np.ones((20, 20), np.float32), np.ones((20, 20), bool))
