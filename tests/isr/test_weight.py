"""Weights against the scatter of simulated pixels."""
from __future__ import annotations

import numpy as np
import pytest
from isr_scenes import raw_header

from sediff.instruments.amplifiers import read_amplifiers
from sediff.isr.weight import follow_sky, inverse_variance, null_weight
from sediff.maskbits import Bit


@pytest.mark.parametrize('response', [0.5, 1.0, 1.2])
def test_weight_is_the_inverse_variance_of_flat_fielded_pixels(response):
    rng = np.random.default_rng(4)
    amplifiers = read_amplifiers(raw_header('N'))
    flat = np.full((4096, 2048), response, np.float32)
    weight = inverse_variance(300.0, amplifiers, flat)
    for amplifier in amplifiers:
        count = 200_000
        pixels = (rng.poisson(300.0 * response, count) + rng.normal(0, amplifier.read_noise, count)) / response
        expected = weight[amplifier.ccd][0, 0]
        assert expected * pixels.var() == pytest.approx(1.0, abs=5 * np.sqrt(2 / count))


def test_no_response_no_weight():
    amplifiers = read_amplifiers(raw_header('N'))
    flat = np.ones((4096, 2048), np.float32)
    flat[5, 5], flat[6, 6] = np.nan, 0.0
    weight = inverse_variance(np.full(flat.shape, -3, np.float32), amplifiers, flat)
    assert weight[5, 5] == weight[6, 6] == 0 and weight[7, 7] == pytest.approx(1 / 5.75 ** 2) and weight.dtype == np.float32


def test_masked_pixels_weigh_nothing():
    mask = np.array([[0, Bit.BPM, Bit.NEAREDGE, Bit.CRAY | Bit.NEAREDGE, Bit.INTERP, Bit.STAR]], np.uint16)
    np.testing.assert_array_equal(null_weight(np.ones((1, 6), np.float32), mask), [[1, 0, 1, 0, 1, 1]])


def test_weight_follows_the_sky():
    """Made for 100 electrons, read noise 5: where the sky is 250 its variance is 275 / 125 times as large."""
    sky = np.full((70, 3), 100.0, np.float32)
    sky[65:, 1], sky[0, 0] = 250.0, -50.0
    weight = np.full(sky.shape, 0.01, np.float32)
    followed = follow_sky(weight, sky, 100.0, 5.0)
    np.testing.assert_allclose(followed[65:, 1], 0.01 * 125.0 / 275.0, rtol=1e-6)
    np.testing.assert_allclose(followed[0, 0], 0.01 * 125.0 / 25.0, rtol=1e-6)
    assert followed[64, 1] == weight[64, 1] and followed.dtype == np.float32


def test_weight_is_nulled_in_place_where_that_is_asked():
    mask, weight = np.array([[0, int(Bit.SATURATE)]], np.uint16), np.ones((1, 2), np.float32)
    assert null_weight(weight, mask) is not weight and weight[0, 1] == 1.0
    assert null_weight(weight, mask, in_place=True) is weight and weight[0, 1] == 0.0
