"""Cosmic rays: recall and precision against truth, and stars that must stay."""
from __future__ import annotations

import numpy as np
import pytest
from isr_scenes import make_scene, moffat
from ray_scenes import SIGMA, exposed, faint_track, found_share, stars_and_rays_on_flanks
from scipy import ndimage

from sediff.errors import BadData
from sediff.isr.cosmicrays import TESTS, find_cosmic_rays, star_ratios
from sediff.maskbits import Bit

pytestmark = pytest.mark.busy


def saturation_mask(scene):
    return np.where(ndimage.binary_dilation(scene.saturated, np.ones((3, 3))), int(Bit.SATURATE), 0).astype(np.uint16)


def touched_stars(scene, rays, mask, fwhm):
    """Stars of S/N > 50 with a found pixel within 2 of the centre, among those that no ray is near."""
    near = ndimage.binary_dilation(scene.rays > 0.3 * scene.sigma, np.ones((5, 5)))
    area = 4 * np.pi * (fwhm / 2.3548) ** 2
    clean = hit = 0
    for y, x, flux in scene.positions:
        box = np.s_[max(round(y) - 2, 0):round(y) + 3, max(round(x) - 2, 0):round(x) + 3]
        if flux > 50 * np.sqrt(flux + area * scene.sky) and not near[box].any() and not mask[box].any():
            clean += 1
            hit += bool(rays[box].any())
    return hit, clean


@pytest.mark.parametrize('stars', [150, 600])
@pytest.mark.parametrize('fwhm', [2.66, 3.6, 4.8, 6.1])
def test_recall_precision_and_stars(fwhm, stars):
    """Sparse and crowded (8500 stars above 400 e- on a whole CCD, half of them above 18000), seeing 0.7 to 1.6 arcsec."""
    scene = make_scene(fwhm=fwhm, stars=stars)
    mask = saturation_mask(scene)
    rays = find_cosmic_rays(scene.image, scene.weight, mask, fwhm)
    truth = (scene.rays > 5 * scene.sigma) & (mask == 0)
    assert truth.sum() > 1000 and rays[truth].mean() > 0.95
    assert (scene.rays > scene.sigma)[rays].mean() > 0.95
    hit, clean = touched_stars(scene, rays, mask, fwhm)
    assert clean > 0.1 * stars and hit <= 0.001 * clean
    assert not rays[mask != 0].any()


@pytest.mark.parametrize('factor', [0.85, 1.1])
def test_a_wrong_fwhm_spares_the_stars(scene, factor):
    mask = saturation_mask(scene)
    hit, clean = touched_stars(scene, find_cosmic_rays(scene.image, scene.weight, mask, factor * 3.6), mask, 3.6)
    assert clean > 100 and hit <= 0.01 * clean


@pytest.mark.parametrize('beta', [2.5, 3.5, 20.0])
@pytest.mark.parametrize('stretch', [1.0, 1.15])
def test_noiseless_stars_of_other_shapes(beta, stretch):
    """Wings from Moffat 2.5 to nearly Gaussian, 15 % drawn out: no pixel of a star of 1e6 e- is a cosmic ray."""
    image = np.zeros((320, 320))
    for k in range(49):
        y, x = 40 + 40 * (k // 7) + (k % 7) / 7 - 0.5, 40 + 40 * (k % 7) + (k // 7) / 7 - 0.5
        j, i = round(y), round(x)
        star = moffat(18, 3.2, (y - j) * stretch, x - i, beta)
        image[j - 18:j + 19, i - 18:i + 19] += 1e6 * star
    weight = np.full(image.shape, 1e-3, np.float32)
    assert not find_cosmic_rays(image.astype(np.float32), weight, np.zeros(image.shape, np.uint16), 3.2).any()


def test_noise_has_no_cosmic_rays():
    """At 4.5 sigma chance gives 3e-6 of the pixels."""
    rng = np.random.default_rng(1)
    image = rng.normal(0, 30, (700, 700)).astype(np.float32)
    rays = find_cosmic_rays(image, np.full(image.shape, 1 / 900, np.float32), np.zeros(image.shape, np.uint16), 3.0)
    assert rays.sum() < 12


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


def test_a_ray_on_a_bright_star_takes_little_of_it():
    """The hit pixels go, the peak beside them stays."""
    rng = np.random.default_rng(4)
    image = rng.poisson(1000 + 2e5 * np.pad(moffat(30, 3.6, 0.1, 0.2), 20)) - 1000.0
    image[52, 49:55] += 8000
    rays = find_cosmic_rays(image.astype(np.float32), np.full(image.shape, 1 / 1036, np.float32),
                            np.zeros(image.shape, np.uint16), 3.6)
    assert rays[52, 49:55].all() and rays.sum() <= 12 and not rays[:51].any()


def test_faint_straight_tracks_are_followed_through_their_gaps():
    """Of the pixels above 5 sigma 80 % in 97 % of the tracks, 90 % in 93 %."""
    rng = np.random.default_rng(3)
    rays = [faint_track(rng) for _ in range(60)]
    image, sigma = exposed(rng, np.zeros((800, 1000)), rays)
    found = find_cosmic_rays(image, np.full(image.shape, SIGMA ** -2, np.float32), np.zeros(image.shape, np.uint16), 3.8)
    charge = np.zeros(image.shape)
    for rows, columns, electrons in rays:
        charge[rows, columns] += electrons
    assert (found_share(rays, found, sigma) >= 0.9).mean() >= 0.93
    assert (found_share(rays, found, sigma) >= 0.8).mean() >= 0.97 and (charge > SIGMA)[found].mean() > 0.95


@pytest.mark.parametrize('fwhm, beta', [(3.0, 3.5), (3.8, 2.5), (5.0, 5.0)])
def test_rays_on_the_flanks_of_stars(fwhm, beta):
    """Stars of peak 20 to 1500 sigma: 85 % of the rays lose 80 % of their pixels above 5 sigma, 96 % half; cores stay."""
    rng = np.random.default_rng(5)
    light, rays = stars_and_rays_on_flanks(rng, fwhm, beta)
    image, sigma = exposed(rng, light, rays)
    found = find_cosmic_rays(image, np.full(image.shape, SIGMA ** -2, np.float32), np.zeros(image.shape, np.uint16), fwhm)
    share = found_share(rays, found, sigma)
    charge = np.zeros(image.shape)
    for rows, columns, electrons in rays:
        charge[rows, columns] += electrons
    assert len(share) > 100 and (share >= 0.8).mean() >= 0.85 and (share >= 0.5).mean() >= 0.96
    assert (charge > sigma)[found].mean() > 0.91
    clean = ndimage.maximum_filter(charge, 5) < 0.3 * sigma
    assert not (found & clean & (light > 20 * SIGMA)).any()


def test_sharper_stars_leave_fewer_rays():
    values = np.array([star_ratios(fwhm) for fwhm in (2.2, 2.6, 3.1, 3.8, 5.2)])
    assert values.shape[1] == len(TESTS) and (np.diff(values, axis=0) > 0).all() and (values < 1).all()


def test_wrong_input():
    image, mask = np.zeros((32, 32), np.float32), np.zeros((32, 32), np.uint16)
    for fwhm in (0.0, 0.5, 30.0, float('nan')):
        with pytest.raises(BadData, match='FWHM'):
            find_cosmic_rays(image, np.ones_like(image), mask, fwhm)
    with pytest.raises(BadData, match='weight'):
        find_cosmic_rays(image, np.zeros_like(image), mask, 3.0)
