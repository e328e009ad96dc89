"""Compiles the kernels of this package on tiny inputs."""
from __future__ import annotations

import numpy as np

from sediff.detect.finder import detect


def warm() -> None:
    """Compile (or load from the cache) every kernel with the types of real use."""
    y, x = np.mgrid[-30:31, -30:31]
    blob = (np.exp(-0.5 * (x ** 2 + y ** 2) / 2.9) / (2 * np.pi * 2.9)).astype(np.float32)

    def psf_at(_x: float, _y: float, size: int) -> np.ndarray:
        cut = slice(30 - size // 2, 31 + size // 2)
        return np.ascontiguousarray(blob[cut, cut])

    noise = np.random.default_rng(0).normal(0, 1, (61, 61)).astype(np.float32)
    detect(100 * blob + noise, np.ones((61, 61), np.float32), np.zeros((61, 61), bool), psf_at)
    empty = np.zeros((61, 61), bool)
    detect(np.roll(100 * blob, 8, axis=1) + 100 * blob + noise, np.ones((61, 61), np.float32), empty, psf_at)
