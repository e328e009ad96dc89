"""The sky over the focal plane as it differs from exposure to exposure, and fringes: truths of the sky components."""
from __future__ import annotations

import numpy as np

from sediff.camera.ccds import ccd_table
from sediff.sim.options import CCD_SHAPE, FOCAL_SKY, FRINGES, generator

#: Half the width of the focal plane, mm; a pixel is 0.015 mm.
RADIUS, PIXEL = 230.0, 0.015
#: Wavelength (pixels) and rms (of the sky) of the fringes.
FRINGE_LENGTH, FRINGE_RMS = 60.0, 0.003


def focal_plane_sky(seed: int, expnum: int, ccdnum: int) -> np.ndarray:
    """A gradient of some per cent over the camera and a ring of light in the middle (a ghost of the pupil).

    Their strengths change with the exposure: three components and the mean describe every sky.

    Returns
    -------
    ndarray, (4096, 2048) float32
        Sky over that of a plain sky.
    """
    a, b, c = generator(seed, FOCAL_SKY, expnum).normal(0.0, [0.04, 0.04, 0.02])
    x, y = _focal_plane(ccdnum)
    radius = np.hypot(x, y)
    mean = 1.0 + 0.03 * np.exp(-((radius - 0.5) / 0.25) ** 2) - 0.02 * radius ** 2
    return (mean + a * x + b * y + c * np.exp(-(radius / 0.35) ** 2)).astype(np.float32)


def fringe_pattern(seed: int, ccdnum: int) -> np.ndarray:
    """Fringes of a CCD, rms 1: rings around a point beside it, bent: (4096, 2048) float32."""
    rng = generator(seed, FRINGES, ccdnum)
    x0, y0, bend = rng.uniform(-800, -300), rng.uniform(0, CCD_SHAPE[0]), rng.uniform(0.6, 1.4)
    y, x = np.ogrid[:CCD_SHAPE[0], :CCD_SHAPE[1]]
    distance = np.hypot(x - x0, bend * (y - y0))
    return (np.sqrt(2.0) * np.sin(2.0 * np.pi * distance / FRINGE_LENGTH)).astype(np.float32)


def fringes(seed: int, expnum: int, ccdnum: int) -> np.ndarray:
    """Fringes over the sky: the pattern, with a strength that changes by a third from exposure to exposure."""
    strength = FRINGE_RMS * generator(seed, FRINGES, 0, expnum).uniform(0.67, 1.33)
    return np.float32(strength) * fringe_pattern(seed, ccdnum)


def _focal_plane(ccdnum: int) -> tuple[np.ndarray, np.ndarray]:
    """Place of a CCD's pixels in the focal plane, in units of its radius: (1, 2048) and (4096, 1)."""
    row = ccd_table()[ccdnum - 1]
    # rows of pixels run along the table's y axis
    columns = (np.arange(CCD_SHAPE[1]) - 0.5 * (CCD_SHAPE[1] - 1)) * PIXEL
    rows = (np.arange(CCD_SHAPE[0]) - 0.5 * (CCD_SHAPE[0] - 1)) * PIXEL
    return (row['x_center_mm'] + columns)[None] / RADIUS, (row['y_center_mm'] + rows)[:, None] / RADIUS
