"""Satellite streaks: found to their edges, and not where there are none."""
from __future__ import annotations

import numpy as np
import pytest
from isr_scenes import make_scene

from sediff.isr.streaks import find_streaks


@pytest.fixture(scope='module')
def sky():
    return make_scene((1024, 1024), stars=400, rays=50, seed=11)


def with_streak(scene, start, end, peak, fwhm=5.0):
    """Image with a streak, and each pixel's distance across and place along it (0 to 1)."""
    y, x = np.indices(scene.image.shape)
    (x0, y0), (x1, y1) = start, end
    length = np.hypot(x1 - x0, y1 - y0)
    across = ((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)) / length
    along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length ** 2
    light = peak * np.exp(-4 * np.log(2) * (across / fwhm) ** 2) * ((along >= 0) & (along <= 1))
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


def test_all_masked():
    image = np.zeros((128, 128), np.float32)
    assert not find_streaks(image, np.zeros_like(image), np.ones(image.shape, np.uint16)).any()
