"""Cosmic rays: recall against truth, and stars that must stay."""
from __future__ import annotations

import numpy as np
import pytest
from isr_scenes import make_scene
from scipy import ndimage

from sediff.camera.maskbits import Bit
from sediff.errors import BadData
from sediff.isr.cosmicrays import find_cosmic_rays, star_sharpness


def saturation_mask(scene):
    return np.where(ndimage.binary_dilation(scene.saturated, np.ones((3, 3))), int(Bit.SATURATE), 0).astype(np.uint16)


def touched_stars(scene, rays, mask):
    """Stars of which a pixel within 2 of the centre is taken for a cosmic ray, among those that no ray is near."""
    near = ndimage.binary_dilation(scene.rays > 0.3 * scene.sigma, np.ones((5, 5)))
    clean = hit = 0
    for y, x, _ in scene.positions:
        box = np.s_[max(round(y) - 2, 0):round(y) + 3, max(round(x) - 2, 0):round(x) + 3]
        if not near[box].any() and not mask[box].any():
            clean += 1
            hit += bool(rays[box].any())
    return hit, clean


@pytest.mark.parametrize('fwhm', [2.6, 3.6, 4.8])
def test_recall_and_stars(fwhm):
    scene = make_scene(fwhm=fwhm)
    mask = saturation_mask(scene)
    rays = find_cosmic_rays(scene.image, scene.weight, mask, fwhm)
    truth = (scene.rays > 5 * scene.sigma) & (mask == 0)
    assert truth.sum() > 1000 and rays[truth].mean() > 0.85
    hit, clean = touched_stars(scene, rays, mask)
    assert clean > 250 and hit <= 0.01 * clean
    near = ndimage.binary_dilation(scene.rays > 0.2 * scene.sigma, np.ones((5, 5)))
    assert (rays & ~near).mean() < 5e-4
    assert not rays[mask != 0].any()


def test_a_fwhm_one_fifth_too_large_spares_the_stars(scene):
    mask = saturation_mask(scene)
    hit, clean = touched_stars(scene, find_cosmic_rays(scene.image, scene.weight, mask, 1.2 * 3.6), mask)
    assert hit <= 0.02 * clean


def test_noise_has_no_cosmic_rays():
    """At 4.5 sigma chance gives 3e-6 of the pixels."""
    rng = np.random.default_rng(1)
    image = rng.normal(0, 30, (700, 700)).astype(np.float32)
    rays = find_cosmic_rays(image, np.full(image.shape, 1 / 900, np.float32), np.zeros(image.shape, np.uint16), 3.0)
    assert rays.sum() < 20


def test_bad_neighbours_are_not_edges():
    """Pixels of value 0 under the mask, in a bright sky, must not make their neighbours cosmic rays."""
    image = np.full((200, 200), 5000, np.float32)
    mask = np.zeros(image.shape, np.uint16)
    image[:, 100], mask[:, 100] = 0, int(Bit.BPM)
    weight = np.where(mask, 0, 1 / 900).astype(np.float32)
    assert not find_cosmic_rays(image, weight, mask, 3.0).any()


def test_edges_are_searched_though_they_have_no_weight():
    image, mask = np.zeros((200, 200), np.float32), np.zeros((200, 200), np.uint16)
    mask[:15] = int(Bit.EDGE)
    weight = np.where(mask, 0, 1 / 900).astype(np.float32)
    image[5, 80:90] = 3000
    assert find_cosmic_rays(image, weight, mask, 3.0)[5, 80:90].all()


def test_sharper_stars_have_a_higher_limit():
    values = [star_sharpness(fwhm) for fwhm in (2.5, 3.0, 3.5, 4.5)]
    assert values == sorted(values, reverse=True)


def test_wrong_input():
    image, mask = np.zeros((32, 32), np.float32), np.zeros((32, 32), np.uint16)
    for fwhm in (0.0, 0.5, 30.0, float('nan')):
        with pytest.raises(BadData, match='FWHM'):
            find_cosmic_rays(image, np.ones_like(image), mask, fwhm)
    with pytest.raises(BadData, match='weight'):
        find_cosmic_rays(image, np.zeros_like(image), mask, 3.0)
