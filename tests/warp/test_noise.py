"""Noise of an image that comes without one, and what is said where the one that it comes with is wrong."""
from __future__ import annotations

import re

import numpy as np
import pytest
from astropy.io import fits as afits

from sediff.errors import BadData
from sediff.formats.image_source import ImageSource, load_planes
from sediff.warp.noise import sky_noise, variance_from

SIDE, GAIN, READ_NOISE = 384, 4.0, 7.0


def light_of_stars(count, fwhm, seed, low=300.0, high=1e5, beta=3.0):
    """Moffat stars, many faint ones and few bright ones: (SIDE, SIDE) float64."""
    rng = np.random.default_rng(seed)
    alpha, out = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1)), np.zeros((SIDE, SIDE))
    for x, y, flux in zip(*rng.uniform(0, SIDE, (2, count)), low * (high / low) ** rng.random(count) ** 2):
        x0, x1, y0, y1 = (int(max(v, 0)) for v in (x - 30, x + 31, y - 30, y + 31))
        j, i = np.mgrid[y0:min(y1, SIDE), x0:min(x1, SIDE)]
        out[j, i] += flux * (beta - 1) / (np.pi * alpha**2) * (1 + ((i - x)**2 + (j - y)**2) / alpha**2) ** -beta
    return out


def observed(light, sky=200.0, seed=2):
    """The image (float32, ADU) and its true variance."""
    rng = np.random.default_rng(seed)
    electrons = rng.poisson((light + sky) * GAIN) + rng.normal(0, READ_NOISE, light.shape)
    return (electrons / GAIN).astype(np.float32), (light + sky) / GAIN + (READ_NOISE / GAIN) ** 2


def nebula():
    v, u = np.mgrid[:SIDE, :SIDE]
    clouds = 200 * np.sin(u / 9.0) ** 2 * np.cos(v / 13.0) ** 2
    return 1500 * np.exp(-((u - 200) ** 2 + (v - 150) ** 2) / 2 / 70.0**2) + clouds


SCENES = {'empty': 0 * nebula(), 'sparse': light_of_stars(90, 4.0, 1), 'nebula': nebula() + light_of_stars(90, 4.0, 2),
          'a star every 30 px^2': light_of_stars(SIDE**2 // 30, 3.5, 3, high=2e4),
          'the same, bright ones': light_of_stars(SIDE**2 // 30, 4.0, 4)}


@pytest.mark.parametrize('name', SCENES)
@pytest.mark.parametrize('subtracted', [False, True])
def test_neither_stars_nor_nebulosity_count(name, subtracted):
    """Sigma of every pixel right to 5 % in the median, and of the faint ones, sky left in or not."""
    image, truth = observed(SCENES[name])
    if subtracted:
        image -= np.float32(200.0)
    bad = np.zeros(image.shape, bool)
    found = variance_from(image, bad, sky_noise(image, bad), GAIN)
    ratio = np.sqrt(found / truth)
    faint = SCENES[name] <= np.median(SCENES[name])
    assert np.median(ratio) == pytest.approx(1.0, abs=0.05)
    assert np.median(ratio[faint]) == pytest.approx(1.0, abs=0.05)


def lanczos(image, shift):
    """The image moved by Lanczos-3 along both axes, periodic."""
    taps = np.arange(-2, 4)
    kernel = np.sinc(taps - shift) * np.sinc((taps - shift) / 3)
    line = np.zeros(SIDE)
    line[taps % SIDE] = kernel / kernel.sum()
    response = np.fft.fft(line)
    return np.real(np.fft.ifft2(np.fft.fft2(image) * response[None, :] * response[:, None])).astype(np.float32)


@pytest.mark.parametrize('shift', [0.5, 0.3, 0.2])
def test_a_resampled_image_is_known_and_has_the_noise_of_its_pixels(shift):
    white = np.random.default_rng(3).normal(0, 7, (SIDE, SIDE))
    noise = sky_noise(lanczos(white, shift), np.zeros(white.shape, bool))
    assert not noise.white and sky_noise(white, np.zeros(white.shape, bool)).white
    assert noise.typical()[1] == pytest.approx(lanczos(white, shift).std(), rel=0.04)


def test_integers_bad_pixels_and_small_images():
    image, _ = observed(SCENES['sparse'])
    bad = np.random.default_rng(1).random(image.shape) < 0.02
    image[bad] = 1e6
    assert sky_noise(np.round(image), bad).typical()[1] == pytest.approx(np.sqrt(50 + 3.06), rel=0.05)
    assert sky_noise(image[:40, :40], bad[:40, :40]).typical()[1] == pytest.approx(np.sqrt(53), rel=0.2)
    with pytest.raises(BadData, match='cannot be measured'):
        sky_noise(np.zeros((90, 90), np.float32), np.zeros((90, 90), bool))
    with pytest.raises(BadData, match='cannot be measured'):
        sky_noise(image, np.ones(image.shape, bool))


def written(folder, name, pixels, **cards):
    afits.PrimaryHDU(pixels.astype(np.float32), afits.Header(cards)).writeto(folder / name, overwrite=True)
    return str(folder / name)


@pytest.mark.parametrize('scale, said', [(1.0, False), (0.9, False), (55.0, True), (0.01, True), (4.0, True)])
def test_weights_on_another_scale(tmp_path, scale, said):
    """Weights off by a factor are said with the factor of the sigma, and corrected where that is asked for."""
    image, truth = observed(SCENES['sparse'])
    weight = scale / truth * np.where(np.arange(SIDE) < 9, 0, 1)
    paths = {'path': written(tmp_path, 'a.fits', image, GAIN=GAIN), 'weight': written(tmp_path, 'w.fits', weight)}
    loaded = load_planes(ImageSource(**paths))
    assert loaded.bad[:, :9].all() and loaded.bad.sum() == 9 * SIDE
    assert bool(loaded.notes) == said
    if said:
        factor = re.search(r'is ([\d.e+-]+) times.*--scale-weights', loaded.notes[0])[1]
        assert float(factor) == pytest.approx(np.sqrt(scale), rel=0.05)
    fixed = load_planes(ImageSource(**paths, scale_weights=True))
    ratio = np.sqrt(np.median(fixed.variance[~fixed.bad] / truth[~fixed.bad]))
    assert ratio == pytest.approx(1.0, abs=0.05 if said else 0.12)


def test_a_map_of_ones_names_the_good_pixels_only(tmp_path):
    image, truth = observed(SCENES['sparse'])
    paths = {'path': written(tmp_path, 'a.fits', image, GAIN=GAIN),
             'weight': written(tmp_path, 'w.fits', np.ones_like(image))}
    fixed = load_planes(ImageSource(**paths, scale_weights=True))
    bright = SCENES['sparse'] > 500
    assert np.sqrt(np.median(fixed.variance[bright] / truth[bright])) == pytest.approx(1.0, abs=0.05)
    assert 'all the same' in fixed.notes[0]


@pytest.mark.parametrize('factor, gain', [(1 / 65535, 1.0), (1 / 65535, GAIN), (1000.0, GAIN), (0.2, GAIN), (8.0, GAIN)])
def test_a_gain_that_the_noise_contradicts(tmp_path, factor, gain):
    """The image multiplied by a number, its GAIN left as it was: said with the gain that fits, which is then used."""
    image, truth = observed(SCENES['sparse'], sky=1000.0)
    path = written(tmp_path, 'a.fits', image * factor, GAIN=gain)
    loaded = load_planes(ImageSource(path))
    assert 'gain' in loaded.notes[0] and 'contradicts' in loaded.notes[0] and '--gain' in loaded.notes[0]
    fixed = load_planes(ImageSource(path, scale_weights=True))
    bright = SCENES['sparse'] > 300
    unit = factor / 2.0 ** fixed.exponent
    assert np.sqrt(np.median(fixed.variance[bright] / truth[bright])) / unit == pytest.approx(1.0, abs=0.07)


@pytest.mark.parametrize('subtract, gain', [(0.0, GAIN), (1000.0, GAIN), (990.0, GAIN), (0.0, 3.5), (0.0, 4.6)])
def test_a_gain_that_may_be_true_needs_no_word(tmp_path, subtract, gain):
    image, _ = observed(SCENES['sparse'], sky=1000.0)
    assert not load_planes(ImageSource(written(tmp_path, 'a.fits', image - subtract, GAIN=gain))).notes


@pytest.mark.parametrize('factor', [1e-20, 1e20, 1e-12, 3e9])
def test_any_unit(tmp_path, factor):
    """Pixels, weights and limits in tiny and huge units: variance right, the same pixels bad."""
    image, truth = observed(SCENES['sparse'])
    image[5, 5] = 1e5
    plain = load_planes(ImageSource(written(tmp_path, 'a.fits', image, GAIN=GAIN, SATURATE=5e4)))
    path = written(tmp_path, 'b.fits', image.astype(float) * factor, GAIN=GAIN / factor, SATURATE=5e4 * factor)
    loaded = load_planes(ImageSource(path))
    assert (loaded.bad == plain.bad).all() and loaded.bad.sum() == 1 and not loaded.notes and loaded.exponent != 0
    unit = 2.0 ** loaded.exponent
    np.testing.assert_allclose(loaded.image[~loaded.bad] * unit / factor, image[~loaded.bad], rtol=1e-6)
    np.testing.assert_allclose(loaded.variance * (unit / factor) ** 2, plain.variance, rtol=3e-3)
    afits.PrimaryHDU(1 / truth / factor**2).writeto(tmp_path / 'w.fits')
    weighed = load_planes(ImageSource(path, weight=str(tmp_path / 'w.fits')))
    np.testing.assert_allclose(weighed.variance[~weighed.bad] * (unit / factor) ** 2, truth[~weighed.bad], rtol=1e-4)
