"""Stars that are elsewhere in the template, by their motion or by refraction, are moved before they are subtracted."""
import numpy as np
import pytest
from tests.subtract.conftest import moffat

from sediff.subtract.listed import ListedStars
from sediff.subtract.moving import move_stars, moved_stamps, shifted
from sediff.subtract.refracted import fit_colour_shift
from sediff.subtract.stamps import Stars
from sediff.subtract.subtract import subtract

SHAPE, GAIN = (480, 480), 4.0


class Scene:
    """90 stars of S/N 30 to 1000 that are displaced between the images; the variances are of the sky alone."""

    def __init__(self, shift_of, seed=3, widths=(4.6, 3.8), n=90, saturated=None):
        rng = np.random.default_rng(seed)
        side = int(np.ceil(np.sqrt(n)))
        cells = (np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)[:n] + 0.5) * SHAPE[0] / side
        self.x, self.y = (cells + rng.uniform(-9, 9, cells.shape)).T
        self.flux = 10 ** rng.uniform(3.2, 5.1, n)
        if saturated is not None:
            self.flux[saturated] = 3e6
        self.colour = rng.uniform(0.5, 2.5, n)
        self.shift = shift_of(rng, self.colour)
        self.planes = []
        for fwhm, sky, x, y in ((widths[0], 1000.0, self.x, self.y),
                                (widths[1], 300.0, self.x - self.shift[:, 0], self.y - self.shift[:, 1])):
            mean = sky + moffat(SHAPE, x, y, self.flux, fwhm)
            self.planes += [(rng.poisson(GAIN * mean) / GAIN + rng.normal(0, 2, SHAPE)).astype(np.float32),
                            np.full(SHAPE, sky / GAIN + 4, np.float32)]
        self.bad = [plane > 3e4 for plane in self.planes[::2]]

    def subtract(self, listed=None, **options):
        return subtract(self.planes[0], self.planes[2], self.planes[1], self.planes[3], *self.bad, listed=listed,
                        photons=(1 / GAIN, 1 / GAIN), **options)

    def listed(self, shift=None, colour=None, **more):
        nothing = np.full(len(self.x), np.nan)
        return ListedStars(self.x, self.y, self.shift if shift is None else shift, nothing if colour is None else colour,
                           **more)

    def chi(self, result, least=2e4):
        """rms of the difference over its noise, photons included, within 4 px of the brighter stars."""
        y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
        near = np.zeros(SHAPE, bool)
        for k in np.flatnonzero((self.flux > least) & (self.flux < 1e6)):
            near |= np.hypot(x - self.x[k], y - self.y[k]) < 4
        near &= ~result.mask
        light = np.maximum(self.planes[0] - 1000, 0) / GAIN * 1.15
        return float(np.sqrt(np.mean((result.image**2 / (result.variance + light))[near])))


def motions(rng, colour):
    return rng.normal(0, 0.12, (len(colour), 2))


def refraction(rng, colour):
    return (colour[:, None] - 1.1) * np.array([0.12, -0.25])


@pytest.fixture(scope='module')
def moving():
    return Scene(motions)


def test_motions_are_an_error_of_place_not_of_flux(moving):
    """Without a list the scatter of the places is measured, and the fluxes are still trusted to 0.3 %."""
    result = moving.subtract()
    assert result.metrics['model_error'] <= 0.003
    assert result.metrics['model_shift'] == pytest.approx(0.12, rel=0.25)


def test_known_motions_are_taken_out(moving):
    plain, result = moving.subtract(), moving.subtract(moving.listed())
    assert moving.chi(plain) > 1.7 and moving.chi(result) == pytest.approx(1.0, abs=0.08)
    assert result.metrics['moved'] > 60
    assert result.metrics['model_error'] <= 0.003 and result.metrics['model_shift'] <= 0.01
    assert result.metrics['left_out_error'] < 0.5 * plain.metrics['left_out_error']


def test_motions_where_the_science_image_is_convolved():
    scene = Scene(motions, seed=4, widths=(3.7, 4.6))
    result = scene.subtract(scene.listed())
    assert result.direction == 'science' and result.metrics['model_shift'] <= 0.01
    assert scene.chi(result) == pytest.approx(1.0, abs=0.1)


def test_stars_without_a_motion_keep_their_error(moving):
    """Every third star has no known motion: it gets the error of its kind, the others none."""
    shift = moving.shift.copy()
    shift[::3] = np.nan
    result = moving.subtract(moving.listed(shift))
    places = result.places
    near = [np.hypot(places[:, 0] - x, places[:, 1] - y).min() for x, y in zip(moving.x[::3], moving.y[::3])]
    assert np.mean(np.array(near) < 1.5) > 0.8
    assert places[:, 2].min() == pytest.approx(0.12, rel=0.35) and result.metrics['model_shift'] <= 0.015


def test_a_list_that_moves_nothing_changes_nothing(moving):
    plain = moving.subtract()
    same = moving.subtract(moving.listed(np.zeros_like(moving.shift)))
    np.testing.assert_array_equal(plain.image, same.image)


def test_offsets_that_go_with_colour_are_found(moving):
    scene = Scene(refraction, seed=5)
    zero = np.zeros_like(scene.shift)
    result = scene.subtract(scene.listed(zero, scene.colour, usual=1.1))
    assert result.metrics['colour_slope'] == pytest.approx([0.12, -0.25], abs=0.006)
    assert scene.chi(result) == pytest.approx(1.0, abs=0.1)
    assert scene.chi(scene.subtract()) > 1.5
    # without refraction none is found
    assert moving.subtract(moving.listed(None, moving.colour)).metrics['colour_slope'] == [0.0, 0.0]


def test_few_stars_take_the_slope_that_is_expected():
    rng = np.random.default_rng(1)
    colour, x, y = rng.uniform(0.5, 2.5, 3), *rng.uniform(0, 2000, (2, 3))
    offset, expected = rng.normal(0, 0.05, (3, 2)), np.array([0.1, 0.3])
    found = fit_colour_shift(colour, x, y, offset, np.full(3, 0.05), (expected, 0.03))
    np.testing.assert_allclose(found.slope, expected, atol=0.04)
    assert fit_colour_shift(np.full(3, np.nan), x, y, offset, np.full(3, 0.05), (expected, 0.03)) is None


def test_a_field_does_not_pass_for_refraction():
    """Offsets of 0.1 px over 300 px, and a slope of 0.05 px a magnitude, whose error must be that of the stars."""
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0, 2000, (2, 200))
    colour, error = rng.uniform(0.5, 2.5, 200), np.full(200, 0.01)
    distance2 = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    root = np.linalg.cholesky(0.01 * np.exp(-0.5 * distance2 / 300**2) + 1e-8 * np.eye(200))
    offset = root @ rng.normal(size=(200, 2)) + rng.normal(0, 0.01, (200, 2)) + 0.05 * (colour[:, None] - 1.1)
    offset[::20] += 0.5
    found = fit_colour_shift(colour, x, y, offset, error, (np.zeros(2), 1.0), 1.1, (300.0, 0.1))
    np.testing.assert_allclose(found.slope, 0.05, atol=0.008)


def test_wings_of_a_saturated_star_move():
    scene = Scene(lambda rng, colour: np.where(np.arange(90)[:, None] == 44, (0.5, -0.4), motions(rng, colour)), seed=6,
                   saturated=44)
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    radius = np.hypot(x - scene.x[44], y - scene.y[44])
    dipole = []
    for listed in (None, scene.listed()):
        result = scene.subtract(listed)
        ring = (radius > 9) & (radius < 22) & ~result.mask
        assert ring.sum() > 200
        side = np.sign(0.5 * (x - scene.x[44]) - 0.4 * (y - scene.y[44]))
        dipole.append(abs(np.mean((side * result.image)[ring])))
    assert dipole[1] < 0.25 * dipole[0]


def test_neighbours_stay():
    """A star moves by 0.4 px; the light of another, 9 px away and as bright, does not."""
    x, y = np.array([40.0, 49.0, 90.0, 90.0, 40.0, 35.0, 90.0]), np.array([60.0, 60.0, 35.0, 80.0, 30.0, 95.0, 58.0])
    flux = np.full(7, 1e5)
    image = moffat((120, 120), x, y, flux, 4.0).astype(np.float32)
    stars = Stars(x.astype(int), y.astype(int), np.full(7, 1000.0), np.full(7, 4.0), np.full(7, 4.0), np.ones(7))
    expected = moffat((120, 120), x + 0.4 * (np.arange(7) == 0), y, flux, 4.0)
    moved = image.copy()
    assert move_stars(moved, np.zeros(image.shape, bool), 5.0, x[:1], y[:1], np.array([[0.4, 0.0]]), stars) == 1
    assert np.abs(moved - expected).max() < 0.015 * image.max()
    assert np.abs(moved - expected)[57:64, 47:54].max() < 0.005 * image.max()
    assert moved.sum() == pytest.approx(image.sum(), rel=1e-5)


@pytest.mark.parametrize('shift', [(0.3, -0.2), (0.5, 0.5), (2.4, -1.3)])
def test_sharp_stars_are_moved_well(shift):
    star = moffat((61, 61), [30], [30], [1e5], 3.3).astype(np.float32)
    truth = moffat((61, 61), [30 + shift[0]], [30 + shift[1]], [1e5], 3.3)
    assert np.abs(shifted(star, *shift) - truth).max() < 0.002 * star.max()
    small = (0.3, -0.2)
    truth = moffat((61, 61), [30 + small[0]], [30 + small[1]], [1e5], 3.3)
    assert np.abs(moved_stamps(star[None], np.array([small]), 3.3)[0] - truth)[20:41, 20:41].max() < 0.003 * star.max()
