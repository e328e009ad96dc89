"""Numbers rounded in binary: exact floats whose last bits are zero, so that a file of them compresses."""
from __future__ import annotations

import numpy as np


def round_to_step(values: np.ndarray, step: float) -> np.ndarray:
    """Values rounded to multiples of `step`, a power of two; float64, NaN stays NaN."""
    return np.round(np.asarray(values, float) / step) * step


def round_relative(values: np.ndarray, bits: int) -> np.ndarray:
    """Values rounded to `bits` significant bits (relative error at most 2**-bits); float64, NaN stays NaN."""
    mantissa, exponent = np.frexp(np.asarray(values, float))
    return np.ldexp(np.round(mantissa * 2.0 ** bits) / 2.0 ** bits, exponent)
