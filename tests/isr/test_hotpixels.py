"""Hot pixels and columns against the dark charge that was put in: from darks, from dithered exposures, from long flats."""
from __future__ import annotations

import numpy as np
import pytest
from isr_scenes import moffat

from sediff.isr.hotpixels import bright_blocks, hot_in_dark, hot_in_science, positions
from sediff.sim.hotpixels import draw_dark_rate

pytestmark = pytest.mark.busy

SHAPE, SKY, READ_NOISE, SECONDS = (900, 700), 1400.0, 6.0, 90.0
#: Dark charge that is 5 sigma of such a sky in 90 s.
MATTERS = 5.0 * np.sqrt(SKY + READ_NOISE ** 2) / SECONDS


@pytest.fixture(scope='module')
def rate():
    """Four hot columns and 500 hot pixels, 0.3 to 300 e-/s: many more a pixel than on a real CCD."""
    return draw_dark_rate(np.random.default_rng(4), SHAPE, 500, 4)


def sky_exposure(rate, offset, seed, stars=700):
    """Electrons of 90 s: stars of 300 to 3e5 e- at places shifted by `offset`, cosmic rays, a gradient."""
    rng, sky = np.random.default_rng(seed), np.random.default_rng(99)
    pad = 200
    light = np.full((SHAPE[0] + 2 * pad, SHAPE[1] + 2 * pad), SKY)
    for _ in range(stars):
        y, x = sky.uniform(20, light.shape[0] - 20), sky.uniform(20, light.shape[1] - 20)
        j, i, flux = round(y), round(x), 10 ** sky.uniform(2.5, 5.5)
        light[j - 12:j + 13, i - 12:i + 13] += flux * moffat(12, 3.6, y - j, x - i)
    dy, dx = offset
    light = light[pad + dy:pad + dy + SHAPE[0], pad + dx:pad + dx + SHAPE[1]] * np.linspace(0.99, 1.01, SHAPE[1])
    image = rng.poisson(light + rate * SECONDS) + rng.normal(0, READ_NOISE, SHAPE)
    rows, columns = rng.integers(0, SHAPE[0], 300), rng.integers(0, SHAPE[1], 300)
    image[rows, columns] += rng.uniform(200, 5000, 300)
    return image.astype(np.float32)


def reader(frames):
    return lambda first, last: [frame[first:last] for frame in frames]


def assert_found(hot, rate, precision=0.95):
    wanted = rate > MATTERS
    columns = (rate > 0).sum(axis=0) > 100
    assert wanted[:, ~columns].sum() > 150 and wanted[:, columns].sum() > 300
    assert hot[wanted].mean() >= 0.9 and hot[:, ~columns][wanted[:, ~columns]].mean() >= 0.9
    assert (rate > 0)[hot].mean() >= precision


@pytest.mark.parametrize('count', [3, 8])
def test_from_darks(rate, count):
    """Darks of 300 s and what the clipped mean of `count` of them leaves of the read noise."""
    rng = np.random.default_rng(count)
    noise = READ_NOISE / 300.0 / np.sqrt(count)
    dark = (rng.poisson(rate * 300.0 * count) / (300.0 * count) + rng.normal(0.002, noise, SHAPE)).astype(np.float32)
    assert_found(hot_in_dark(dark, noise), rate, precision=0.99)


@pytest.mark.parametrize('offsets', [[(0, 0), (40, -30), (-25, 90)], [(0, 0), (12, 9), (-15, 8), (10, -14), (-9, -11)]])
def test_from_dithered_exposures(rate, offsets):
    frames = [sky_exposure(rate, offset, seed) for seed, offset in enumerate(offsets)]
    groups = positions([bright_blocks(frame) for frame in frames])
    assert len(set(groups)) == len(offsets)
    assert_found(hot_in_science(reader(frames), groups, SHAPE), rate)


def test_exposures_that_are_not_dithered_cannot_tell(rate):
    """Five exposures of one place: one position, and no star is masked; with two more places there are three."""
    frames = [sky_exposure(rate, (0, 1) if seed == 2 else (0, 0), seed) for seed in range(5)]
    groups = positions([bright_blocks(frame) for frame in frames])
    assert len(set(groups)) == 1 and not hot_in_science(reader(frames), groups, SHAPE).any()
    frames += [sky_exposure(rate, (30, 20), 5), sky_exposure(rate, (-30, 25), 6)]
    groups = positions([bright_blocks(frame) for frame in frames])
    assert len(set(groups)) == 3
    assert_found(hot_in_science(reader(frames), groups, SHAPE), rate)


@pytest.mark.parametrize('stars, count', [(1500, 3), (3000, 5)])
def test_a_crowded_field_without_hot_pixels(stars, count):
    """20000 and 40000 stars a CCD: at most 2 pixels of 630000 by chance."""
    offsets = [(0, 0), (40, -30), (-25, 90), (70, 20), (-60, -50)][:count]
    frames = [sky_exposure(np.zeros(SHAPE), offset, 50 + k, stars=stars) for k, offset in enumerate(offsets)]
    groups = positions([bright_blocks(frame) for frame in frames])
    assert len(set(groups)) == count and hot_in_science(reader(frames), groups, SHAPE).sum() <= 2


def test_a_dead_pixel_or_a_dust_ring_is_not_hot():
    frames = [sky_exposure(np.zeros(SHAPE), offset, k) for k, offset in enumerate([(0, 0), (40, -30), (-25, 90)])]
    for frame in frames:
        frame[100:120, 200:240] *= np.float32(0.97)
        frame[300:700, 400] *= np.float32(0.3)
    hot = hot_in_science(reader(frames), [0, 1, 2], SHAPE)
    assert not hot[95:125, 195:245].any() and not hot[300:700, 396:405].any()
