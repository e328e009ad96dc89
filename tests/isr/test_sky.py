"""Sky maps against the sky that was put in."""
from __future__ import annotations

import numpy as np
import pytest
from isr_scenes import make_scene

from sediff.errors import BadData
from sediff.isr.sky import fit_sky
from sediff.maskbits import Bit


@pytest.fixture(scope='module')
def stars():
    return make_scene((1024, 1024), stars=500, rays=100, seed=8)


def test_gradient_under_stars(stars):
    """The map follows a gradient; its error is that of a block's mode and what faint wings add."""
    y, x = np.indices(stars.image.shape)
    truth = 1000.0 + 0.05 * x - 0.03 * y
    mask = np.where(stars.saturated, int(Bit.SATURATE), 0).astype(np.uint16)
    sky, brightness, sigma = fit_sky(stars.image + truth.astype(np.float32), mask)
    inner = np.s_[64:-64, 64:-64]
    noise = np.sqrt(stars.sky + stars.read_noise ** 2)
    assert abs(np.median(sky[inner] - truth[inner])) < 0.05 * noise
    assert np.abs(sky[inner] - truth[inner]).max() < 0.35 * noise
    assert brightness == pytest.approx(np.median(truth), abs=0.1 * noise)
    assert sigma == pytest.approx(noise, rel=0.03)
    assert sky.dtype == np.float32


def test_noise_alone():
    rng = np.random.default_rng(9)
    image = rng.normal(500, 20, (512, 640)).astype(np.float32)
    sky, brightness, sigma = fit_sky(image, np.zeros(image.shape, np.uint16))
    assert brightness == pytest.approx(500, abs=5 * 1.5 * 20 / np.sqrt(image.size))
    assert sigma == pytest.approx(20, rel=0.02)
    assert np.abs(sky - 500)[64:-64, 64:-64].max() < 6 * 2.1 * 20 / 128
    assert np.abs(sky - 500).max() < 15 * 2.1 * 20 / 128


def test_masked_half_does_not_pull():
    rng = np.random.default_rng(9)
    image = rng.normal(500, 20, (512, 512)).astype(np.float32)
    mask = np.zeros(image.shape, np.uint16)
    image[:, 256:], mask[:, 256:] = 0, int(Bit.BADAMP)
    sky, brightness, _ = fit_sky(image, mask)
    assert brightness == pytest.approx(500, abs=1.5) and np.abs(sky - 500).max() < 3


def test_unusable():
    image = np.zeros((256, 256), np.float32)
    with pytest.raises(BadData, match='usable'):
        fit_sky(image, np.full(image.shape, int(Bit.BADAMP), np.uint16))
    with pytest.raises(BadData, match='finite'):
        fit_sky(np.full_like(image, np.nan), np.zeros(image.shape, np.uint16))
