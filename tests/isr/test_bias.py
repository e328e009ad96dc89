"""Bias subtraction."""
from __future__ import annotations

import numpy as np
import pytest

from sediff.errors import BadData
from sediff.isr.bias import subtract_bias


def test_difference():
    image, bias = np.full((4, 6), 10, np.float32), np.arange(24, dtype=np.float32).reshape(4, 6)
    result = subtract_bias(image, bias)
    np.testing.assert_array_equal(result, 10 - bias)
    assert result.dtype == np.float32


def test_wrong_bias():
    image = np.zeros((4, 6), np.float32)
    with pytest.raises(BadData, match='shape'):
        subtract_bias(image, np.zeros((4, 5), np.float32))
    with pytest.raises(BadData, match='finite'):
        subtract_bias(image, np.full((4, 6), np.nan, np.float32))
