"""Puddles of charge at the serial register: masked as far as they reach, and the ends of trails under them."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bleed_scenes import SHAPE, draw_cases, masked, paint, recall_and_precision

from sediff.maskbits import Bit


@pytest.mark.night
@pytest.mark.parametrize('shape, seed', [('exponential', 11), ('flat', 5), ('wedge', 8)])
def test_pixels_of_bleeds_and_puddles(shape, seed):
    """G = 7 to 12 within 600 rows of the register: both halves, both amplifiers, puddles of 160 to 20000 e-."""
    scenes = [paint(case) for case in draw_cases(shape, 12, seed)]
    assert sum(scene.puddle.any() for scene in scenes) >= 5
    recall, precision = recall_and_precision(scenes, [masked(scene) for scene in scenes])
    assert recall >= 0.98 and precision >= 0.9


def test_a_full_puddle():
    """Charge that fills the pixels of the puddle too: it is wide, and the trail is a trail all the same."""
    scene = paint(replace(draw_cases('flat')[4], peak=1e6, height=25.0, widths=(150.0, 90.0), distance=250.0))
    recall, precision = recall_and_precision([scene], [masked(scene)])
    assert recall >= 0.98 and precision >= 0.9


@pytest.mark.parametrize('far', [False, True])
def test_no_puddle(far):
    """A trail that ends in the register without one, or at the other edge: nothing but the trail is marked."""
    scene = paint(replace(draw_cases('flat')[0], peak=0.0, distance=120.0, far=far))
    recall, precision = recall_and_precision([scene], [masked(scene)])
    assert recall >= 0.98 and precision >= 0.98


def test_the_trail_under_a_puddle_is_a_trail():
    """A puddle as bright as the trail hides its end."""
    scene = paint(replace(draw_cases('flat')[2], peak=2e4, height=30.0, distance=300.0))
    mask = masked(scene)
    trail = (mask & np.uint16(Bit.TRAIL | Bit.SATURATE)) != 0
    hidden = scene.filled & scene.puddle
    assert hidden.sum() > 100 and trail[hidden].mean() > 0.98
    assert ((mask & np.uint16(Bit.EDGEBLEED)) != 0)[hidden].mean() > 0.9
    assert mask.shape == SHAPE
