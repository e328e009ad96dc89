"""Light onto pixels, against independent code and sums."""
import numpy as np
import pytest

from sediff.sim.mixtures import moffat_mixture, moffat_profile, noise_pixels, sersic_mixture, sersic_profile
from sediff.sim.optics import PsfField, draw_psf
from sediff.sim.options import generator
from sediff.sim.render import add_galaxies, add_stars, add_streak, star_stamp

PIXEL_SCALE = 0.2637

ROUND = PsfField(np.array([4.0, 0, 0, 0, 0, 0]), np.zeros(3), np.zeros(3), (101, 101))
OVAL = PsfField(np.array([4.0, 0, 0, 0, 0, 0]), np.array([0.1, 0, 0]), np.array([0.05, 0, 0]), (101, 101))


@pytest.mark.parametrize('psf', [ROUND, OVAL])
def test_star_has_its_flux_and_place(psf):
    image = np.zeros((101, 101), np.float32)
    add_stars(image, psf, np.array([50.3]), np.array([48.8]), np.array([1e6]))
    y, x = np.mgrid[:101, :101]
    # beyond 50 pixels a Moffat profile of beta 3.5 keeps 4e-6 of the light, beyond the cut at 0.05 electrons 3e-4
    assert image.sum() == pytest.approx(1e6, rel=5e-4)
    core = image * (image > 20)
    assert (core * x).sum() / core.sum() == pytest.approx(50.3, abs=0.01)
    assert (core * y).sum() / core.sum() == pytest.approx(48.8, abs=0.01)


def test_star_against_galsim():
    galsim = pytest.importorskip('galsim')
    theirs = galsim.Moffat(beta=3.5, fwhm=4.0, flux=1e5).shear(g1=0.1, g2=0.05)
    theirs = theirs.drawImage(nx=41, ny=41, scale=1.0, method='no_pixel')
    image = np.zeros((41, 41), np.float32)
    add_stars(image, OVAL, np.array([20.0]), np.array([20.0]), np.array([1e5]))
    assert np.abs(image - theirs.array).max() < 0.001 * theirs.array.max()


@pytest.mark.parametrize('index, tolerance', [(1.0, 0.005), (4.0, 0.04)])
def test_galaxy_against_galsim(index, tolerance):
    galsim = pytest.importorskip('galsim')
    profile = galsim.Sersic(n=index, half_light_radius=6.0, flux=1e5).shear(q=0.6, beta=0.5 * galsim.radians)
    theirs = galsim.Convolve(profile, galsim.Moffat(beta=3.5, fwhm=4.0))
    theirs = theirs.drawImage(nx=101, ny=101, scale=1.0, method='no_pixel')
    image = np.zeros((101, 101), np.float32)
    turn = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    shape = turn @ np.diag([36.0 / 0.6, 36.0 * 0.6]) @ turn.T
    add_galaxies(image, ROUND, moffat_mixture(), np.array([50.0]), np.array([50.0]), np.array([1e5]), shape[None],
                 [sersic_mixture(index)])
    # of index 4 the light beyond 8 half-light radii (4 per cent) is put inside
    assert np.abs(image - theirs.array).max() < tolerance * theirs.array.max()
    assert image.sum() == pytest.approx(1e5, rel=0.03)


def test_mixtures_keep_the_profiles():
    radius = np.linspace(0.0, 4.0, 400)
    mixture = moffat_mixture()
    sum_of_gaussians = (mixture.weights / (2 * np.pi * mixture.sigmas ** 2)
                        * np.exp(-0.5 * (radius[:, None] / mixture.sigmas) ** 2)).sum(axis=1)
    profile = moffat_profile(radius, 1.0)
    assert np.abs(sum_of_gaussians - profile).max() < 0.0005 * profile.max()
    assert mixture.weights.sum() == pytest.approx(1.0)
    assert sersic_profile(np.array([1.0]), 4.0)[0] == pytest.approx(1.0)


def test_noise_pixels_is_the_sum_of_squares():
    stamp, _, _ = star_stamp(ROUND, 50.0, 50.0, 25)
    assert 1.0 / np.sum(stamp.astype(float) ** 2) == pytest.approx(noise_pixels(4.0), rel=0.003)


def test_streak_profile():
    image = np.zeros((60, 60), np.float32)
    add_streak(image, (0.0, 10.0), (59.0, 50.0), 100.0, 5.0)
    x = np.arange(60)
    middle = 10.0 + 40.0 * x / 59.0
    for column in (20, 30, 40):
        assert image[round(middle[column]), column] == pytest.approx(100.0, rel=0.05)
    slope = np.hypot(59, 40) / 59
    assert image[:, 30].sum() == pytest.approx(100.0 * 5.0 / 2.3548 * np.sqrt(2 * np.pi) * slope, rel=0.01)


def test_drawn_psf_has_its_seeing():
    psf = draw_psf(generator(1), 1.1, (4096, 2048), PIXEL_SCALE)
    fwhm, shear1, shear2 = psf.at(np.linspace(0, 2047, 50), np.linspace(0, 4095, 50))
    assert fwhm.mean() == pytest.approx(1.1 / PIXEL_SCALE, rel=0.06)
    assert np.hypot(shear1, shear2).max() < 0.2
