"""The photometric scale where no pixel is plain sky: in a nebula, and with a star every 12 to 30 square px."""
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve

from sediff.subtract.subtract import subtract

SCALE, SHAPE = 1.3, (400, 400)


def moffat_stamp(fwhm, half=40):
    v, u = np.mgrid[-half:half + 1, -half:half + 1]
    profile = (1 + (u**2 + v**2) / (fwhm / (2 * np.sqrt(2 ** (1 / 3.5) - 1))) ** 2) ** -3.5
    return profile / profile.sum()


def crowd(rng, area):
    """A star every `area` square px, ten times fewer for each factor of 20 in flux."""
    light = np.zeros(SHAPE)
    number = light.size // area
    flux = (10**-1.5 + rng.random(number) * (10**-3.9 - 10**-1.5)) ** (-1 / 0.75)
    np.add.at(light, tuple(rng.integers(0, 400, (2, number))), flux)
    return light


def nebula(rng, level):
    """Clouds of 8 to 80 px, log-normal, with 90 stars in them."""
    waves = [gaussian_filter(rng.normal(0, 1, SHAPE), size, mode='wrap') for size in (8, 24, 80)]
    light = np.exp(0.7 * sum(wave / wave.std() for wave in waves))
    light *= level / light.mean()
    np.add.at(light, tuple(rng.integers(0, 400, (2, 90))), 10 ** rng.uniform(2.8, 5.2, 90))
    return light


def pair_of(rng, light, fwhm):
    """The light seen twice, sky 1000 and 300 at gain 4."""
    planes = []
    for width, sky, factor in ((fwhm[0], 1000, SCALE), (fwhm[1], 300, 1.0)):
        mean = sky + factor * fftconvolve(np.pad(light, 40, mode='wrap'), moffat_stamp(width), mode='valid')
        planes.append((rng.poisson(4 * mean) / 4 + rng.normal(0, 2, SHAPE)).astype(np.float32))
        planes.append((mean / 4 + 4).astype(np.float32))
    return planes[0], planes[2], planes[1], planes[3], planes[0] > 20000, planes[2] > 20000


@pytest.mark.parametrize('fwhm', [(4.6, 3.8), (5.5, 3.6), (3.8, 4.6)])
@pytest.mark.parametrize(('paint', 'amount'), [(crowd, 30), (crowd, 12), (nebula, 1500)])
def test_scale_is_right_within_a_percent(paint, amount, fwhm):
    rng = np.random.default_rng(amount)
    found = subtract(*pair_of(rng, paint(rng, amount), fwhm))
    assert found.kernel_sum == pytest.approx(SCALE, rel=0.01)
    assert found.metrics['kernel_sum_error'] < 0.01 and found.scale_warning() is None
    assert found.metrics['noise_chi'] == pytest.approx(1.0, abs=0.04)


def test_a_scale_that_few_stars_cannot_tell_is_said(make_pair):
    errors, offsets = [], []
    for seed in range(6):
        found = subtract(*make_pair(seed=40 + seed, shape=(200, 200), n=8).arrays())
        errors.append(found.metrics['kernel_sum_error'])
        offsets.append(found.kernel_sum / SCALE - 1)
        assert (found.scale_warning() is None) == (errors[-1] <= 0.01)
    assert max(errors) > 0.01
    assert np.sqrt(np.mean(np.square(offsets))) < 3 * np.sqrt(np.mean(np.square(errors)))
