"""Bleed trails: long ones are marked to their ends, round cores are left alone."""
from __future__ import annotations

import numpy as np
import pytest
from isr_scenes import moffat

from sediff.isr.bleed import mark_bleed_trails
from sediff.maskbits import Bit

FULL = 180000.0


def star_with_trail(length: int = 160, faint: int = 12, row: int = 300, shape=(600, 400)):
    """A saturated star at (row, 200); its trail is full over `length` pixels and fades over `faint` more at each end."""
    rng = np.random.default_rng(5)
    light = np.full(shape, 1000.0)
    light[row - 80:row + 81, 120:281] += 3e8 * moffat(80, 4.0, 0.0, 0.0)
    light = np.minimum(light, FULL)
    truth = np.zeros(shape, bool)
    if length:
        first, last = max(row - length // 2, 0), min(row + length // 2, shape[0])
        light[first:last, 199:202] = FULL
        truth[max(first - faint, 0):last + faint, 199:202] = True
        light[max(first - faint, 0):first, 199:202] += 3000.0
        light[last:last + faint, 199:202] += 3000.0
    image = (light + rng.normal(0, np.sqrt(np.minimum(light, FULL) + 36))).astype(np.float32)
    mask = np.where(light >= FULL, int(Bit.SATURATE), 0).astype(np.uint16)
    return image, mask, truth


def test_trail_to_its_faint_ends():
    image, mask, truth = star_with_trail()
    marked = mark_bleed_trails(image, mask, 6.0)
    trail = (marked & np.uint16(Bit.TRAIL)) != 0
    assert trail[truth].mean() > 0.99
    rows = np.flatnonzero(trail.any(axis=1))
    assert abs(rows[0] - (300 - 92)) <= 3 and abs(rows[-1] - (300 + 91)) <= 3
    columns = np.flatnonzero(trail.any(axis=0))
    assert columns[0] >= 196 and columns[-1] <= 204
    assert not (marked & np.uint16(Bit.EDGEBLEED)).any()
    np.testing.assert_array_equal(marked & np.uint16(Bit.SATURATE), mask)


def test_a_round_core_is_no_trail():
    image, mask, _ = star_with_trail(length=0)
    assert np.count_nonzero(mask) > 100
    np.testing.assert_array_equal(mark_bleed_trails(image, mask, 6.0), mask)


def test_trail_that_reaches_the_edge():
    image, mask, truth = star_with_trail(row=90, length=220, faint=0)
    marked = mark_bleed_trails(image, mask, 6.0)
    assert (marked[truth] & np.uint16(Bit.EDGEBLEED)).all()


def test_nothing_saturated():
    image = np.full((50, 40), 100, np.float32)
    assert not mark_bleed_trails(image, np.zeros(image.shape, np.uint16), 6.0).any()


@pytest.mark.parametrize('min_length, found', [(30, True), (60, False)])
def test_length_rule(min_length, found):
    image, mask = np.full((200, 100), 100, np.float32), np.zeros((200, 100), np.uint16)
    image[50:90, 50], mask[50:90, 50] = FULL, int(Bit.SATURATE)
    assert bool((mark_bleed_trails(image, mask, 6.0, min_length) & np.uint16(Bit.TRAIL)).any()) is found
