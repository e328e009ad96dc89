"""Fringes as strong as those of thick CCDs in the far red: lines of equal thickness, from 20 to some hundred px apart."""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from sediff.sim.options import DEEP_FRINGES, generator

#: rms of the pattern over the sky, and its range from exposure to exposure.
RMS, RANGE = 0.010, (0.7, 1.4)
#: Pixels from one fringe to the next at least, where the thickness falls steepest.
SHORTEST = 20.0


def deep_fringe_pattern(seed: int, ccdnum: int, shape: tuple[int, int]) -> np.ndarray:
    """Fringes of a CCD, rms 1: (ny, nx) float32.

    A night-sky line of wavelength L fringes as cos(4 pi n t / L), t the thickness: a slope and smooth hills, so that the
    fringes are long and nearly straight in places and rings in others. Two groups of lines make the profile uneven.
    """
    rng = generator(seed, DEEP_FRINGES, ccdnum)
    hills = sum(_field(rng, scale, shape) * scale for scale in (200.0, 500.0))
    y, x = np.ogrid[:shape[0], :shape[1]]
    angle = rng.uniform(0.0, np.pi)
    thickness = hills / 12.0 + (x * np.cos(angle) + y * np.sin(angle)) / 3.0
    steepest = max(float(np.quantile(np.hypot(*np.gradient(thickness[::4, ::4], 4.0)), 0.995)), 1e-6)
    phase = thickness * (2.0 * np.pi / SHORTEST / steepest)
    pattern = np.cos(phase) + 0.4 * np.cos(0.87 * phase + rng.uniform(0.0, 6.28))
    pattern -= pattern.mean()
    return (pattern / pattern.std()).astype(np.float32)


def deep_fringes(seed: int, expnum: int, ccdnum: int, shape: tuple[int, int]) -> np.ndarray:
    """Fringes over the sky, stronger or weaker from exposure to exposure as the night-sky lines are."""
    strength = RMS * generator(seed, DEEP_FRINGES, 0, expnum).uniform(*RANGE)
    return np.float32(strength) * deep_fringe_pattern(seed, ccdnum, shape)


def _field(rng: np.random.Generator, scale: float, shape: tuple[int, int]) -> np.ndarray:
    """A smooth random field with hills of about `scale` pixels, rms 1."""
    step = int(scale // 8)
    rows, columns = (length // step + 8 for length in shape)
    coarse = ndimage.gaussian_filter(rng.standard_normal((rows, columns)), scale / step / 2.0, mode='wrap')
    field = ndimage.zoom(coarse / coarse.std(), step, order=3)
    return field[:shape[0], :shape[1]]
