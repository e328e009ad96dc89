"""The parts of the kernel fit: basis, stamps, normal equations, solution, convolution, sky."""
import numpy as np
import pytest
from scipy.signal import fftconvolve

from sediff.errors import BadData
from sediff.subtract.background import residual_sky, sky_level, spline_weights
from sediff.subtract.basis import make_basis
from sediff.subtract.convolve import BLOCK, block_centres, convolve, no_patch, squared_kernels
from sediff.subtract.holes import mark_lit, patch_of, patches_of, spoiled
from sediff.subtract.model import KernelModel
from sediff.subtract.normal import _family_products, slope_coefficients, star_sums
from sediff.subtract.solve import candidate_freedoms, reduced_chi2, solve
from sediff.subtract.stamps import choose_evenly, cut, find_stars, typical_fwhm
from sediff.subtract.terms import spatial_terms, term_count
from sediff.subtract.wings import add_wings


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
    assert make_basis(4.0, 4.5).reach >= 16


def convolve_stamps(basis, stamps):
    """Each stamp (n, s, s) convolved with each basis function: (n, m, r, r), the part the kernel reaches whole."""
    reach = stamps.shape[1] - 2 * basis.reach
    out = np.empty((len(stamps), basis.size, reach, reach), np.float32)
    for family, products in enumerate(_family_products(basis, stamps)):
        for k in np.nonzero(basis.members[:, 0] == family)[0]:
            _, i, j = basis.members[k]
            out[:, k] = products[:, j, :, i, :]
    return out


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
    v, u = np.mgrid[-40:41, -40:41]
    stamps = np.array([1e4 * np.exp(-0.5 * ((u - a)**2 + (v - b)**2) / 4) for a, b in rng.uniform(-0.5, 0.5, (n, 2))])
    terms = spatial_terms(x, y, shape, 1)
    truth = np.zeros((basis.size, 3))
    truth[0, 0], truth[12], truth[3, :2] = 1.2, (0.3, -0.1, 0.05), (0.1, 0.02)
    local = terms @ (basis.zero_sum_transform() @ truth).T
    target = np.einsum('nkyx,nk->nyx', convolve_stamps(basis, stamps.astype(np.float32)), local)
    target += rng.normal(0, 1, target.shape) + 50.0
    target[7] *= 1.5
    planes = stamps.astype(np.float32), target.astype(np.float32), np.ones(target.shape, np.float32)
    equations = star_sums(basis, *planes).equations()
    found = solve(basis, equations, x, y, shape)
    assert not found.used[7] and found.used.sum() >= n - 2
    assert found.freedom.order == 1
    assert found.coefficients[0, 0] == pytest.approx(1.2, rel=2e-3)
    assert np.median(reduced_chi2(equations, spatial_terms(x, y, shape, found.freedom.order),
                                  found.coefficients)) == pytest.approx(1.0, abs=0.1)


def test_freedom_follows_the_number_of_stars(basis):
    orders = [max(f.order for f in candidate_freedoms(basis, n, None)) for n in (4, 30, 100, 300)]
    assert orders == [0, 1, 2, 3]
    assert all(f.damping > 0 for f in candidate_freedoms(basis, 8, None) if f.order > 0)
    with pytest.raises(BadData, match='stars'):
        candidate_freedoms(basis, 4, 2)


def test_terms_are_nested():
    low, high = (spatial_terms([3.0, 90.0], [5.0, 70.0], (100, 100), k) for k in (1, 3))
    assert high.shape == (2, term_count(3))
    np.testing.assert_array_equal(low, high[:, :3])


def test_convolution_follows_the_kernel_of_each_block(basis):
    """Blocks agree with a direct sum with the kernel of that place; the flux of a point is the kernel's sum."""
    shape = (75, 301)
    rng = np.random.default_rng(3)
    coefficients = np.zeros((basis.size, 3))
    coefficients[0, 0], coefficients[7] = 1.0, (0.3, 0.2, 0.1)
    model = KernelModel.from_solution(basis, coefficients, shape)
    image = rng.normal(size=shape).astype(np.float32)
    kernels = model.on_blocks(narrow=True)
    out = convolve(image + np.float32(5), kernels, level=5.0)
    x, y = block_centres(shape)
    assert kernels.shape[:2] == (len(y), len(x))
    for row, column in ((0, 0), (1, 2), (2, 4)):
        kernel = model.kernel_at(x[column], y[row])
        edge = basis.reach - basis.half_width
        np.testing.assert_allclose(kernels[row, column], kernel[edge:-edge, edge:-edge], atol=1e-6)
        whole = fftconvolve(image, kernel, mode='same')
        part = tuple(slice(side * k, side * (k + 1)) for side, k in zip(BLOCK, (row, column)))
        np.testing.assert_allclose(out[part], whole[part], atol=3e-5)
    assert model.kernel_sum() == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize('shape', [(120, 160), (121, 163)])
def test_wings_are_the_full_convolution(basis, shape):
    """The wide functions, applied on coarse cells, agree with the direct convolution to 2e-3 of themselves."""
    y, x = np.mgrid[:shape[0], :shape[1]]
    image = sum((1 + ((x - u) ** 2 + (y - v) ** 2) / 12) ** -3.0 for u, v in ((60, 70), (90.4, 45.3))).astype(np.float32)
    for k in range(basis.narrow_count, basis.size):
        coefficients = np.zeros((basis.size, 1))
        coefficients[k] = 1.0
        model = KernelModel(basis, coefficients, shape, 0)
        out = np.zeros(shape, np.float32)
        local = model.coefficients_on_blocks()[:, :, basis.narrow_count:]
        add_wings(out, image + np.float32(3), basis, local, no_patch(), 3.0)
        whole = fftconvolve(image.astype(float), model.kernel_at(0, 0), mode='same')
        inner = (slice(25, -25), slice(25, -25))
        assert np.abs(out - whole)[inner].max() < 2e-3 * np.abs(whole).max()


def test_slopes_move_a_star(basis):
    """The slope functions make the derivative of the convolved star: 1e-2 of its largest value."""
    y, x = np.mgrid[-40:41, -40:41]
    star = np.exp(-0.5 * (x**2 + y**2) / 2.6)
    coefficients = np.zeros(basis.size)
    coefficients[0], coefficients[6], coefficients[21] = 1.2, 0.6, 0.1
    slopes = slope_coefficients(basis, coefficients, 3.8)
    functions = np.tensordot(basis.zero_sum_transform().T, basis.images(), 1)
    kernel = np.tensordot(coefficients, functions, 1)
    for offset, slope in ((x, slopes[0]), (y, slopes[1])):
        moved = fftconvolve(star, np.tensordot(slope, functions, 1), mode='same')
        expected = fftconvolve(star * offset / 2.6, kernel, mode='same')
        inner = (slice(25, -25), slice(25, -25))
        assert np.abs(moved - expected)[inner].max() < 0.05 * expected.max()


def test_free_offsets_leave_the_kernel_alone(basis):
    """Stars displaced at random: with offsets free the scale and chi^2 are those of stars in place."""
    rng = np.random.default_rng(8)
    n, v, u = 60, *np.mgrid[-42:43, -42:43]
    stamps = np.tile(1e4 * np.exp(-0.5 * (u**2 + v**2) / 4), (n, 1, 1)).astype(np.float32)
    coefficients = np.zeros(basis.size)
    coefficients[0], coefficients[6] = 1.2, 0.5
    target = np.einsum('k,kyx->yx', basis.zero_sum_transform() @ coefficients, convolve_stamps(basis, stamps[:1])[0])
    half = target.shape[0] // 2
    wave = 2j * np.pi * np.fft.fftfreq(target.shape[0])
    moved = [np.fft.ifft2(np.fft.fft2(target) * np.exp(-wave * a - wave[:, None] * b)).real
             for a, b in rng.normal(0, 0.05, (n, 2))]
    targets = (np.array(moved) + rng.normal(0, 10, (n, 2 * half + 1, 2 * half + 1))).astype(np.float32)
    equations = star_sums(basis, stamps, targets, np.full(targets.shape, 0.01, np.float32)).equations()
    free = equations.with_free_shift(slope_coefficients(basis, coefficients, 4.7), 0.05)
    x, y = rng.uniform(0, 500, (2, n))
    bound, found = (solve(basis, e, x, y, (500, 500), 0) for e in (equations, free))
    assert abs(np.median(found.reduced_chi2) - 1.0) < 0.1 < np.median(bound.reduced_chi2) - 1.0
    assert found.coefficients[0, 0] == pytest.approx(1.2, rel=3e-3)


def test_spoiled_pixels_follow_the_kernel(basis):
    shape = (64, 128)
    coefficients = np.zeros((basis.size, 1))
    coefficients[0], coefficients[6] = 1.0, 0.7
    kernels = KernelModel.from_solution(basis, coefficients, shape).on_blocks(narrow=True)
    mask = spoiled(np.array([30 * 128 + 60]), shape, kernels, 0.02)
    share = np.abs(kernels[0, 0]) / np.abs(kernels[0, 0]).sum()
    half = share.shape[0] // 2
    np.testing.assert_array_equal(mask[30 - half:31 + half, 60 - half:61 + half], share > 0.02)
    assert mask[0].any() == (share[half + 1:].sum() > 0.02)


def test_restored_light_is_masked(basis):
    image = np.full((64, 128), 5.0, np.float32)
    bad = np.zeros(image.shape, bool)
    bad[30:33, 60:63] = True
    patch, mask = patch_of(image, 5.0, bad), np.zeros(image.shape, bool)
    v, u = np.mgrid[-5:6, -5:6]
    kernel = np.exp(-0.5 * (u**2 + v**2))
    bright = type(patch)(patch.index, np.full(9, 1000.0, np.float32))
    mark_lit(mask, bright, np.ones(9, bool), kernel, 1.0)
    assert mask[31, 58:65].all() and mask[27:36, 61].all() and not mask[31, :50].any() and not mask[31, 75:].any()


def test_squared_kernels_keep_their_sum(basis):
    kernel = np.random.default_rng(4).normal(size=(1, 1, 21, 21)).astype(np.float32)
    assert squared_kernels(kernel).sum() == pytest.approx((kernel**2).sum(), rel=1e-5)


def test_holes_are_filled_from_their_rim():
    image = np.full((40, 40), 7.0, np.float32)
    bad = np.zeros(image.shape, bool)
    bad[10:15, 10:30] = True
    image[bad] = np.nan
    patch, spread = patches_of(image, 3.0, image, bad)
    np.testing.assert_allclose(patch.value, 4.0)
    np.testing.assert_allclose(spread.value, 7.0)
    np.testing.assert_array_equal(patch.index, np.flatnonzero(bad))


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
    image = (10 + model + sky + rng.normal(0, 2, x.shape) + 1400 * source).astype(np.float32)
    found = residual_sky(image, 10.0, (model + 900 * source).astype(np.float32), np.zeros(x.shape, bool), 64, order)
    assert np.abs(found.image() - sky).max() < 0.8
    x, y = np.array([10, 200]), np.array([30, 77])
    np.testing.assert_allclose(found.at(x, y), found.image()[y, x], atol=1e-4)


def test_spline_passes_through_its_cells():
    weights = spline_weights(640, 64, 10, np.array([31.5, 159.5, 0.0]))
    np.testing.assert_allclose(weights, np.eye(10)[[0, 2, 0]], atol=1e-12)
    line = spline_weights(640, 64, 10, np.array([100.0])) @ (31.5 + 64 * np.arange(10))
    assert line[0] == pytest.approx(100.0)


def test_sky_without_a_good_pixel_is_said():
    image = np.ones((64, 64), np.float32)
    with pytest.raises(BadData, match='masked'):
        residual_sky(image, 0.0, image, np.ones(image.shape, bool), 32)


def test_sky_level_needs_a_good_pixel():
    with pytest.raises(BadData, match='masked'):
        sky_level(np.ones((20, 20), np.float32), np.ones((20, 20), bool))
