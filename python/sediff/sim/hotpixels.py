"""Hot pixels and hot columns: dark charge in proportion to the exposure time."""
from __future__ import annotations

from functools import lru_cache

import numpy as np

from sediff.sim.options import HOT_PIXELS, generator

#: Hot pixels and columns of a CCD, and their rates, electrons a second: as many in each decade.
PIXELS, COLUMNS, RATES = 600, 6, (0.3, 300.0)


@lru_cache(maxsize=2)
def dark_rate(seed: int, ccdnum: int, shape: tuple[int, int]) -> np.ndarray:
    """Dark charge of a CCD's pixels, electrons a second: (ny, nx) float32."""
    return draw_dark_rate(generator(seed, HOT_PIXELS, ccdnum), shape, PIXELS, COLUMNS)


def draw_dark_rate(rng: np.random.Generator, shape: tuple[int, int], pixels: int, columns: int) -> np.ndarray:
    """Rates of hot pixels at random places, and of columns that are hot from a row on to the end that is read last."""
    rate = np.zeros(shape, np.float32)
    for column in rng.integers(0, shape[1], columns):
        first = int(rng.integers(0, shape[0] // 2))
        rate[first:, column] = 10 ** rng.uniform(np.log10(RATES[0]), np.log10(0.1 * RATES[1]))
    rows, across = rng.integers(0, shape[0], pixels), rng.integers(0, shape[1], pixels)
    low, high = np.log10(RATES)
    rate[rows, across] = 10 ** rng.uniform(low, high, pixels).astype(np.float32)
    return rate
