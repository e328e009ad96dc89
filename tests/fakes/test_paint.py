"""Fakes painted into a difference against the same photons put into the search image and subtracted again."""
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import convolve

from sediff.candidates.forced import forced_photometry
from sediff.detect.matched import score_image
from sediff.fakes.paint import STAMP, Light, Planes, add_stamp, borrowed, carrier, paint, paint_over
from sediff.fakes.truth import TRUTH_DTYPE
from sediff.subtract.convolve import squared_kernels
from sediff.subtract.difference_psf import filtered
from sediff.subtract.photons import light_in_score

sys.path.insert(0, str(Path(__file__).parent.parent / 'detect'))
import painted_pairs as pairs

CASES_OF = ('science', 'template')
SHAPE, MARGIN = (640, 640), 40
#: Sky, PSFs of science and template, and which of them is convolved then.
CASES = {'template': (4.6, 3.8), 'science': (3.8, 4.8)}


def fakes_apart(taken, rng, snr, noise):
    """Fakes on a grid of 90 px, none within 20 px of what is taken."""
    grid = np.stack(np.meshgrid(np.arange(MARGIN, 600, 90.0), np.arange(MARGIN, 600, 90.0))).reshape(2, -1).T
    grid += rng.uniform(-5, 5, grid.shape)
    free = np.min(np.hypot(*(grid[:, None] - taken[None]).transpose(2, 0, 1)), axis=1) > 20
    truth = np.zeros(free.sum(), TRUTH_DTYPE)
    truth['X_IMAGE'], truth['Y_IMAGE'] = grid[free].T + 1
    truth['SIGN'] = 1
    truth['FLUX'] = noise * np.exp(rng.uniform(*np.log(snr), len(truth)))
    return truth


def measured(plane, image, photons, truth):
    """Forced fluxes and errors, and the largest score within 2 px of each fake."""
    bad = plane.difference.mask
    x, y = truth['X_IMAGE'] - 1, truth['Y_IMAGE'] - 1
    forced = forced_photometry(image, plane.variance, bad, plane.psf.image, x, y, photons=photons)
    score = score_image(image, plane.variance, bad, plane.psf.image).score
    peaks = [score[round(v) - 2:round(v) + 3, round(u) - 2:round(u) + 3].max() for u, v in zip(x, y)]
    return forced['FLUX'], forced['FLUXERR'], np.array(peaks)


@pytest.fixture(scope='module', params=CASES)
def both(request):
    """The same fakes painted, and subtracted again: (truth, painted, exact, without)."""
    band = pairs.Band(sky=250.0, fwhm=CASES[request.param])
    sources, stars, science, template = pairs.paint(band, 5, SHAPE, step=200, stars=60, places=('field',))
    plain = pairs.subtracted(band, None, stars, science, template, background_order=1)
    assert plain.difference.direction == request.param
    rng = np.random.default_rng(3)
    noise = pairs.ideal_noise(band, 0, np.zeros((STAMP * 2 - 1,) * 2), 0, 0)
    taken = np.vstack([stars, np.column_stack([sources['x'], sources['y']])])
    truth = fakes_apart(taken, rng, (4, 400), noise)
    planes = Planes(plain.difference.image, plain.photons, science, plain.difference.mask)
    kernels = plain.difference.kernel.on_blocks()
    of_search, of_template = (Light(pairs.psf_model(fwhm).image, unit, kernels if request.param == name else None)
                              for fwhm, unit, name in zip(band.fwhm, (1.0, band.scale / band.inputs), CASES_OF))
    painted = paint(planes, plain.psf.image, of_search, of_template, truth, rng)
    exact = pairs.subtracted(band, None, stars, painted.search, template, background_order=1)
    return (truth, measured(plain, painted.difference, painted.photons, truth),
            measured(exact, exact.difference.image, exact.photons, truth),
            measured(plain, plain.difference.image, plain.photons, truth))


def test_fluxes_are_those_of_the_exact_way(both):
    """The photons are the same, so what differs is the kernel, fitted again: far less than the noise."""
    truth, painted, exact, _ = both
    change = (painted[0] - exact[0]) / exact[1]
    # so many fakes raise the sky that is subtracted the exact way; the fitted kernel makes the PSF to 0.3 %
    assert np.median(change) == pytest.approx(0.0, abs=0.15)
    allowed = np.hypot(0.04, 0.003 * truth['FLUX'] / exact[1])
    assert np.sqrt(np.mean(((change - np.median(change)) / allowed) ** 2)) < 1.0


def test_errors_and_scores_are_those_of_the_exact_way(both):
    _, painted, exact, _ = both
    assert painted[1] == pytest.approx(exact[1], rel=0.04)
    assert np.median(painted[1] / exact[1]) == pytest.approx(1.0, abs=0.01)
    assert painted[2] == pytest.approx(exact[2], rel=0.02, abs=0.4)
    assert np.mean(painted[2] > 5) == pytest.approx(np.mean(exact[2] > 5), abs=0.03)


def test_photons_scatter_as_their_variance_says(both):
    """Against the difference without fakes the sky's noise cancels: what is left is the noise of the fakes' own photons."""
    truth, painted, _, before = both
    own = np.sqrt(painted[1] ** 2 - before[1] ** 2)
    chi = (painted[0] - before[0] - truth['FLUX']) / own
    bright = truth['FLUX'] > 20 * before[1]
    count = bright.sum()
    assert np.mean(chi[bright]) == pytest.approx(0.0, abs=3.5 / np.sqrt(count))
    assert np.std(chi[bright]) == pytest.approx(1.0, abs=3.5 / np.sqrt(2 * count))


def test_a_source_that_faded_has_the_templates_photons():
    shape, unit = (301, 301), 0.25
    psf = pairs.psf_model(4.0).image
    truth = np.zeros(36, TRUTH_DTYPE)
    truth['X_IMAGE'], truth['Y_IMAGE'] = np.stack(np.meshgrid(np.arange(26, 301, 50), np.arange(26, 301, 50))).reshape(2, -1)
    truth['FLUX'] = -1e5
    empty = np.zeros(shape, np.float32)
    planes = Planes(empty, empty, empty, np.zeros(shape, bool))
    lights = Light(psf, 1.0), Light(psf, lambda x, y: unit)
    out = paint(planes, psf, *lights, truth, np.random.default_rng(1))
    assert not out.search.any() and not planes.difference.any()
    sums = [out.difference[int(y) - 21:int(y) + 20, int(x) - 21:int(x) + 20].sum() for x, y in zip(truth['X_IMAGE'],
                                                                                              truth['Y_IMAGE'])]
    kept = psf(25, 25, STAMP).sum()
    assert np.mean(sums) == pytest.approx(-1e5 * kept, abs=3.5 * np.sqrt(unit * 1e5 / 36))
    assert np.std(sums) == pytest.approx(np.sqrt(unit * 1e5), rel=3.5 / np.sqrt(72))
    assert out.photons.sum() == pytest.approx(36 * unit * 1e5 * kept, rel=0.001)


def test_carrier_is_the_filter_between_the_psfs():
    """A filter known beforehand is found where the PSF has power, with its share of a source's noise."""
    psf = pairs.psf_model(4.2).image(20, 20, STAMP)
    kernel = np.zeros((5, 5))
    kernel[2, 2], kernel[2, 1], kernel[2, 3], kernel[1, 2], kernel[3, 2] = 1.6, -0.2, -0.2, -0.1, -0.1
    found = carrier(filtered(psf, np.pad(kernel, 3)), psf)
    sharp = pairs.psf_model(5.0).image(20, 20, STAMP)
    assert found.apply(sharp) == pytest.approx(filtered(sharp, np.pad(kernel, 3)), abs=5e-3 * sharp.max())
    power, filters = (np.abs(np.fft.fft2(each, (128, 128))) ** 2 for each in (filtered(psf, np.pad(kernel, 3)), kernel))
    assert found.eta == pytest.approx((power * filters).sum() / power.sum(), rel=0.01)


def test_photons_go_through_the_square_of_the_kernel():
    """The direct sum of `scipy.signal`, on zeros beyond the stamp, to the rounding of float32."""
    rng = np.random.default_rng(4)
    kernels = rng.normal(0.0, 1.0, (2, 2, 23, 23)).astype(np.float32)
    stamp, square = rng.gamma(1.0, 5.0, (STAMP, STAMP)), squared_kernels(kernels[0, 0])
    expected = convolve(stamp, square, mode='same', method='direct') / square.sum()
    assert Light(None, kernels=kernels).spread(stamp, 3, 3) == pytest.approx(expected, rel=1e-4, abs=1e-6 * expected.max())
    assert Light(None).spread(stamp, 3, 3) is stamp


def test_bad_pixels_and_borders_stay_as_they_are():
    image, bad = np.zeros((30, 30), np.float32), np.zeros((30, 30), bool)
    bad[3, 3] = True
    add_stamp(image, np.ones((11, 11)), 2.0, 2.4, bad)
    assert image[3, 3] == 0 and image.sum() == 8 * 8 - 1 and image[0, 0] == 1 and image[8, 0] == 0
    add_stamp(image, np.ones((11, 11)), 500.0, -40.0)
    assert image.sum() == 63


def test_light_in_the_score_leaves_fakes_out():
    """A fake is judged against the noise that is there without it: `light_in_score` must not take it for a host."""
    band = pairs.Band(sky=250.0)
    sources, stars, science, template = pairs.paint(band, 6, (400, 400), step=200, stars=40, places=('field',))
    stars = np.vstack([stars, np.column_stack([sources['x'], sources['y']])])
    plain = pairs.subtracted(band, None, stars, science, template)
    x, y = next((x, y) for x in range(60, 340, 20) for y in range(60, 340, 20) if np.hypot(*(stars - (x, y)).T).min() > 45)
    truth = np.zeros(1, TRUTH_DTYPE)
    truth['X_IMAGE'], truth['Y_IMAGE'], truth['FLUX'] = x + 1, y + 1, 2e4
    planes = Planes(plain.difference.image, plain.photons, science, plain.difference.mask)
    out = paint(planes, plain.psf.image, Light(pairs.psf_model(4.6).image), Light(pairs.psf_model(3.8).image, 0.5), truth,
                np.random.default_rng(1))
    eta = carrier(plain.psf.image(x, y, STAMP), pairs.psf_model(4.6).image(x, y, STAMP)).eta
    light = light_in_score(out.photons, out.difference, eta, planes.bad)
    peak = out.photons[y, x]
    assert light[y - 8:y + 9, x - 8:x + 9].max() < 0.15 * peak


@pytest.mark.parametrize('fails', [False, True])
def test_borrowed_planes_are_what_they_were_byte_for_byte(fails):
    """Also where stamps overlap and reach over the edge, and where the search for the fakes fails."""
    shape, psf, rng = (160, 200), pairs.psf_model(4.0).image, np.random.default_rng(2)
    planes = Planes(*(rng.normal(0.0, 20.0, shape).astype(np.float32) for _ in range(3)), np.zeros(shape, bool))
    before = [plane.tobytes() for plane in (planes.difference, planes.photons, planes.search)]
    truth = np.zeros(4, TRUTH_DTYPE)
    truth['X_IMAGE'], truth['Y_IMAGE'] = (2.0, 90.3, 99.8, 230.0), (1.4, 80.0, 84.6, 60.0)
    truth['FLUX'] = 9e3, 1e4, -1e4, 1e4
    lights = Light(psf, 1.0), Light(psf, lambda x, y: 0.5)
    expected = paint(planes, psf, *lights, truth, np.random.default_rng(7))
    try:
        with borrowed(planes, truth) as lent:
            paint_over(lent, psf, *lights, truth, np.random.default_rng(7))
            assert lent.difference is planes.difference
            for name in ('difference', 'photons', 'search'):
                assert np.array_equal(getattr(lent, name), getattr(expected, name))
            assert lent.difference.tobytes() != before[0]
            if fails:
                raise KeyError
    except KeyError:
        assert fails
    assert [plane.tobytes() for plane in (planes.difference, planes.photons, planes.search)] == before
