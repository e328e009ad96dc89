"""A CCD's permanent marks: response of its pixels, bias pattern, bad columns and pixels."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.sim.options import DETECTOR, generator


@dataclass(frozen=True)
class Detector:
    """Permanent properties of one CCD, in the trimmed frame.

    Parameters
    ----------
    flat : ndarray, (ny, nx) float32
        Response to light; median near 1.
    bias : ndarray, (ny, nx) float32
        Structure above the overscan level, ADU (hot columns included).
    bad : ndarray, (ny, nx) bool
        Dead or hot pixels.
    """

    flat: np.ndarray
    bias: np.ndarray
    bad: np.ndarray


def detector_of(seed: int, ccdnum: int, shape: tuple[int, int]) -> Detector:
    """The CCD of that number in the camera of that seed, the same in every exposure."""
    return make_detector(generator(seed, DETECTOR, ccdnum), shape)


def make_detector(rng: np.random.Generator, shape: tuple[int, int], bad_columns: int = 4, bad_pixels: int = 60) -> Detector:
    """Draw a CCD: 0.5 per cent pixel response, a few dust rings, halves that differ by 1 per cent, bias pattern."""
    flat = _smooth_response(rng, shape)
    flat *= 1.0 + np.float32(0.005) * rng.standard_normal(shape, dtype=np.float32)
    for _ in range(5):
        _dust_ring(rng, flat)
    bias = _bias_pattern(rng, shape)
    bad = np.zeros(shape, bool)
    for k in range(bad_columns):
        column, first = int(rng.integers(0, shape[1])), int(rng.integers(0, shape[0] // 2))
        bad[first:, column] = True
        if k % 2:
            bias[first:, column] += np.float32(rng.uniform(300.0, 2000.0))
        else:
            flat[first:, column] *= np.float32(rng.uniform(0.1, 0.6))
    rows, columns = rng.integers(0, shape[0], bad_pixels), rng.integers(0, shape[1], bad_pixels)
    bad[rows, columns] = True
    flat[rows, columns] *= np.float32(0.2)
    return Detector(flat, bias, bad)


def _smooth_response(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    v, u = _grid(shape)
    a, b, c, d = rng.normal(0.0, [0.015, 0.015, 0.01, 0.01])
    flat = (1.0 + a * u + b * v + c * (u * u - 1 / 3) + d * (v * v - 1 / 3)).astype(np.float32)
    flat[:, shape[1] // 2:] *= np.float32(1.0 + rng.normal(0.0, 0.01))
    return flat


def _dust_ring(rng: np.random.Generator, flat: np.ndarray) -> None:
    """A dust grain out of focus: a ring of 1 to 3 per cent less light, in place."""
    ny, nx = flat.shape
    radius, depth = rng.uniform(15.0, 35.0), rng.uniform(0.01, 0.03)
    x0, y0, half = rng.uniform(0, nx), rng.uniform(0, ny), int(1.5 * radius)
    rows, columns = slice(max(0, int(y0) - half), int(y0) + half), slice(max(0, int(x0) - half), int(x0) + half)
    y, x = np.mgrid[rows.start:min(ny, rows.stop), columns.start:min(nx, columns.stop)]
    distance = np.hypot(x - x0, y - y0)
    shade = depth * np.exp(-0.5 * ((distance - 0.6 * radius) / (0.25 * radius)) ** 2)
    flat[rows, columns] *= (1.0 - shade).astype(np.float32)


def _bias_pattern(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Columns that differ, a glow towards the readout corners, a slow wave along the rows: a few ADU."""
    v, u = _grid(shape)
    columns = rng.normal(0.0, 0.6, shape[1])[None, :]
    glow = rng.uniform(1.0, 4.0) * np.exp(-(1.0 - np.abs(u)) / 0.08)
    wave = rng.uniform(0.5, 1.5) * np.sin(2.0 * np.pi * (v * rng.uniform(1.0, 3.0) + rng.uniform()))
    pattern = (columns + glow + wave).astype(np.float32)
    return pattern + np.float32(0.3) * rng.standard_normal(shape, dtype=np.float32)


def _grid(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """v (rows) and u (columns), -1 ... 1, ready to broadcast."""
    return np.linspace(-1.0, 1.0, shape[0])[:, None], np.linspace(-1.0, 1.0, shape[1])[None, :]
