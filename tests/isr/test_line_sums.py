"""Sums along lines against the definition, pixel by pixel."""
from __future__ import annotations

import numpy as np
import pytest

from sediff.isr.line_sums import line_sums

ANGLES = np.deg2rad(np.arange(0.0, 180.0, 2.5))


def by_definition(height, good, reach):
    sums, lengths = np.zeros((2, len(ANGLES), 2 * reach + 1))
    rows, columns = np.nonzero(good)
    for k, angle in enumerate(ANGLES):
        place = np.floor(rows * np.sin(angle) + 0.5 + reach + columns * np.cos(angle)).astype(int)
        np.add.at(sums[k], place, height[rows, columns])
        np.add.at(lengths[k], place, 1.0)
    return sums, lengths


@pytest.mark.parametrize('shape', [(40, 40), (17, 53), (64, 9)])
def test_every_pixel_is_in_one_line_of_each_angle(shape):
    rng = np.random.default_rng(5)
    good = rng.random(shape) > 0.2
    height = np.where(good, rng.uniform(-2.0, 2.0, shape), 0.0)
    reach = int(np.hypot(*shape)) + 1
    sums, lengths = line_sums(height, good, ANGLES)
    wanted, counts = by_definition(height, good, reach)
    np.testing.assert_array_equal(lengths, counts)
    # pixels are rounded to 2^-20, sums to float32
    np.testing.assert_allclose(sums, wanted, rtol=2e-7, atol=max(shape) * 2.0 ** -21 * 2)


def test_a_line_is_brightest_at_its_angle_and_distance():
    height = np.zeros((60, 60))
    rows = np.arange(60)
    height[rows, np.rint(20.0 + rows * np.tan(np.deg2rad(30.0))).astype(int).clip(0, 59)] = 1.0
    sums = line_sums(height, np.ones(height.shape, bool), ANGLES)[0]
    angle, place = np.unravel_index(np.argmax(sums), sums.shape)
    # x cos a + y sin a = d with a = -30 deg, that is 150 deg and the distance negative
    assert np.rad2deg(ANGLES[angle]) == pytest.approx(150.0)
    assert place - sums.shape[1] // 2 == pytest.approx(-20.0 * np.cos(np.deg2rad(30.0)), abs=1.0)


def test_nothing_good_has_no_length():
    sums, lengths = line_sums(np.zeros((8, 8)), np.zeros((8, 8), bool), ANGLES)
    assert not sums.any() and not lengths.any()
