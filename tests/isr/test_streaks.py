"""Satellite streaks: found to their edges, and not where there are none."""
from __future__ import annotations

import numpy as np
import pytest
from isr_scenes import make_scene
from streak_scenes import SIGMA, empty_sky, streak_light

from sediff.isr.streaks import find_streaks

pytestmark = pytest.mark.busy


@pytest.fixture(scope='module')
def sky():
    return make_scene((1024, 1024), stars=400, rays=50, seed=11)


def with_streak(scene, start, end, peak, fwhm=5.0):
    """Image with a streak, and each pixel's distance across and place along it (0 to 1)."""
    light, across, along = streak_light(scene.image.shape, start, end, peak, fwhm)
    return (scene.image + light).astype(np.float32), across, along


def mask_of(scene):
    return np.where(scene.saturated, 2, 0).astype(np.uint16)


@pytest.mark.parametrize('start, end', [((0, 100), (1023, 800)), ((512, 0), (520, 1023)), ((0, 300), (1023, 310)),
                                        ((900, 0), (100, 1023))])
@pytest.mark.parametrize('peak', [30.0, 100.0, 1000.0])
def test_streaks_across_the_ccd(sky, start, end, peak):
    image, across, _ = with_streak(sky, start, end, peak)
    streak = find_streaks(image, sky.weight, mask_of(sky))
    core = np.abs(across) < 2.5
    assert streak[core].mean() > 0.95
    assert np.abs(across[streak]).max() < 25 and np.count_nonzero(streak) < 25 * np.hypot(1024, 1024)


@pytest.mark.parametrize('fwhm', [3.0, 8.0, 20.0])
@pytest.mark.parametrize('angle', [4.0, 40.0, 95.0, 150.0])
def test_faint_streaks(fwhm, angle):
    """1.5 sigma a pixel, among galaxies and bleed trails."""
    image, weight, mask = empty_sky(1000)
    step = 1600 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    light, across, _ = streak_light(image.shape, (500, 540) - step, (500, 540) + step, 1.5 * SIGMA, fwhm)
    streak = find_streaks((image + light).astype(np.float32), weight, mask)
    assert streak[np.abs(across) < 0.5 * fwhm].mean() > 0.95
    assert np.abs(across[streak]).max() < 1.6 * fwhm + 4


@pytest.mark.parametrize('fwhm, peak', [(30.0, 1.5), (30.0, 20.0), (60.0, 1.5)])
def test_wide_streaks(fwhm, peak):
    """The mask has the measured width: what is significant, not more."""
    image, weight, mask = empty_sky(2000, size=2048, stars=1200, galaxies=150, bleeds=6)
    light, across, _ = streak_light(image.shape, (-100, 400), (2200, 1700), peak * SIGMA, fwhm)
    noise = np.random.default_rng(3).normal(0, 1, image.shape) * np.sqrt(light)
    streak = find_streaks((image + light + noise).astype(np.float32), weight, mask)
    assert streak[np.abs(across) < 0.5 * fwhm].mean() > 0.95
    assert np.abs(across[streak]).max() < 2.2 * fwhm


def test_streak_that_ends_inside(sky):
    image, across, along = with_streak(sky, (-100, 100), (700, 640), 100.0)
    streak = find_streaks(image, sky.weight, mask_of(sky))
    assert streak[(np.abs(across) < 2.5) & (along > 0) & (along < 1)].mean() > 0.95
    assert along[streak].max() < 1 + 200 / np.hypot(800, 540)


def test_two_streaks(sky):
    image, one, _ = with_streak(sky, (0, 100), (1023, 800), 80.0)
    second = with_streak(sky, (300, 0), (350, 1023), 80.0)
    streak = find_streaks(image + second[0] - sky.image, sky.weight, mask_of(sky))
    assert streak[np.abs(one) < 2].mean() > 0.95 and streak[np.abs(second[1]) < 2].mean() > 0.95


@pytest.mark.parametrize('seed', [1, 2, 3])
def test_no_streak_where_there_is_none(seed):
    scene = make_scene((1024, 1024), stars=600, rays=100, seed=seed)
    assert not find_streaks(scene.image, scene.weight, mask_of(scene)).any()


@pytest.mark.parametrize('seed', range(8))
def test_galaxies_and_bleed_trails_are_no_streaks(seed):
    image, weight, mask = empty_sky(seed, size=768, stars=170, galaxies=35, bleeds=2)
    assert not find_streaks(image, weight, mask).any()


@pytest.mark.slow
@pytest.mark.parametrize('first', range(0, 100, 20))
def test_none_in_a_hundred_empty_skies(first):
    assert [seed for seed in range(first, first + 20) if find_streaks(*empty_sky(seed)).any()] == []


def test_all_masked():
    image = np.zeros((128, 128), np.float32)
    assert not find_streaks(image, np.zeros_like(image), np.ones(image.shape, np.uint16)).any()
