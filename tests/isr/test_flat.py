"""Flat fielding."""
from __future__ import annotations

import numpy as np
import pytest

from sediff.errors import BadData
from sediff.isr.flat import divide_flat
from sediff.maskbits import Bit


def test_response_is_taken_out():
    rng = np.random.default_rng(1)
    flat = rng.normal(1.0, 0.05, (64, 64)).astype(np.float32)
    image, mask = divide_flat(1000 * flat, np.zeros((64, 64), np.uint16), flat)
    np.testing.assert_allclose(image, 1000, rtol=1e-6)
    assert not mask.any() and image.dtype == np.float32 and mask.dtype == np.uint16


def test_pixels_without_response_are_bad():
    flat = np.ones((8, 8), np.float32)
    flat[0, :4] = (0.0, 0.1, 0.05, -1.0)
    flat[1, 0] = 0.11
    image, mask = divide_flat(np.full((8, 8), 100, np.float32), np.full((8, 8), int(Bit.EDGE), np.uint16), flat)
    assert (mask[0, :4] == Bit.BPM | Bit.EDGE).all() and np.count_nonzero(mask & np.uint16(Bit.BPM)) == 4
    assert not image[0, :4].any() and image[1, 0] == pytest.approx(909.09, abs=0.01) and np.isfinite(image).all()


def test_wrong_flat():
    image, mask = np.zeros((8, 8), np.float32), np.zeros((8, 8), np.uint16)
    with pytest.raises(BadData, match='shape'):
        divide_flat(image, mask, np.ones((8, 7), np.float32))
    with pytest.raises(BadData, match='median 1'):
        divide_flat(image, mask, np.zeros((8, 8), np.float32))
    flat = np.ones((8, 8), np.float32)
    flat[2, 3] = np.nan
    with pytest.raises(BadData, match='1 values that are not finite'):
        divide_flat(image, mask, flat)
