"""The sky over the focal plane as it differs from exposure to exposure, and fringes: truths of the sky components."""
from __future__ import annotations

import numpy as np

from sediff.instruments.base import Detector, Instrument
from sediff.sim.options import FOCAL_SKY, FRINGES, generator

#: Wavelength (pixels) and rms (of the sky) of the fringes.
FRINGE_LENGTH, FRINGE_RMS = 60.0, 0.003


def focal_plane_sky(seed: int, expnum: int, ccdnum: int, instrument: Instrument) -> np.ndarray:
    """A gradient of some per cent over the camera and a ring of light in the middle (a ghost of the pupil).

    Their strengths change with the exposure: three components and the mean describe every sky.

    Returns
    -------
    ndarray, (ny, nx) float32
        Sky over that of a plain sky.
    """
    a, b, c = generator(seed, FOCAL_SKY, expnum).normal(0.0, [0.04, 0.04, 0.02])
    x, y = _focal_plane(instrument.detector(ccdnum), instrument)
    radius = np.hypot(x, y)
    mean = 1.0 + 0.03 * np.exp(-((radius - 0.5) / 0.25) ** 2) - 0.02 * radius ** 2
    return (mean + a * x + b * y + c * np.exp(-(radius / 0.35) ** 2)).astype(np.float32)


def fringe_pattern(seed: int, ccdnum: int, shape: tuple[int, int]) -> np.ndarray:
    """Fringes of a CCD, rms 1: rings around a point beside it, bent: (ny, nx) float32."""
    rng = generator(seed, FRINGES, ccdnum)
    x0, y0, bend = rng.uniform(-800, -300), rng.uniform(0, shape[0]), rng.uniform(0.6, 1.4)
    y, x = np.ogrid[:shape[0], :shape[1]]
    distance = np.hypot(x - x0, bend * (y - y0))
    return (np.sqrt(2.0) * np.sin(2.0 * np.pi * distance / FRINGE_LENGTH)).astype(np.float32)


def fringes(seed: int, expnum: int, ccdnum: int, shape: tuple[int, int]) -> np.ndarray:
    """Fringes over the sky: the pattern, with a strength that changes by a third from exposure to exposure."""
    strength = FRINGE_RMS * generator(seed, FRINGES, 0, expnum).uniform(0.67, 1.33)
    return np.float32(strength) * fringe_pattern(seed, ccdnum, shape)


def _focal_plane(detector: Detector, instrument: Instrument) -> tuple[np.ndarray, np.ndarray]:
    """Place of a CCD's pixels in the focal plane, in units of its radius: (1, nx) and (ny, 1)."""
    ny, nx = detector.shape
    size = instrument.number('pixel_size', 0.015)
    farthest = max(np.hypot(*one.centre) for one in instrument.detectors.values()) + 0.5 * size * max(ny, nx)
    radius = instrument.number('sim_plane_radius', farthest)
    # rows of pixels run along the table's y axis
    columns, rows = (np.arange(nx) - 0.5 * (nx - 1)) * size, (np.arange(ny) - 0.5 * (ny - 1)) * size
    return (detector.centre[0] + columns)[None] / radius, (detector.centre[1] + rows)[:, None] / radius
