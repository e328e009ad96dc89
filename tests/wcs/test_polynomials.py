"""Products of polynomials against an independent program."""
import numpy as np
import pytest
from scipy.signal import convolve2d

from sediff.wcs.polynomials import product

EPS = np.finfo(float).eps


@pytest.mark.parametrize('size', range(1, 14))
def test_a_product_is_that_of_a_convolution_to_the_rounding(size):
    rng = np.random.default_rng(size)
    i, j = np.indices((size, size))
    for _ in range(20):
        first, second = (np.where(i + j < size, rng.normal(size=(size, size)) * 10.0 ** rng.uniform(-8, 2, (size, size)),
                                  0.0) for _ in range(2))
        terms = convolve2d(np.abs(first), np.abs(second))[:size, :size]
        # Sums of up to size^2 / 4 terms in two orders: their rounding grows with the number of terms, and each release
        # of SciPy has its own order.
        assert (np.abs(product(first, second) - convolve2d(first, second)[:size, :size]) <= size * EPS * terms).all()


def test_terms_that_are_zero_are_passed_over():
    line, one = np.zeros((4, 4)), np.zeros((4, 4))
    one[0, 0], line[0, 0], line[1, 0], line[0, 1] = 1.0, 3.0, 2.0, -1.0
    np.testing.assert_array_equal(product(line, one), line)
    # (3 + 2 x - y)^2
    assert np.array_equal(product(line, line)[:3, :3], [[9, -6, 1], [12, -4, 0], [4, 0, 0]])
