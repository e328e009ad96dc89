"""Pixel variance of an image that comes without one."""
from __future__ import annotations

import numpy as np

from sediff.errors import BadUsage


def mesh_of(shape: tuple[int, int]) -> int:
    """Default mesh of a background, px: 128 for a whole CCD, 64 for small images."""
    return 128 if min(shape) >= 1024 else 64


def measured_variance(image: np.ndarray, bad: np.ndarray, gain: float) -> np.ndarray:
    """Variance from the measured noise of the sky and the photon noise of the sources.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        Sky subtracted or not; its pixels must be independent (not resampled).
    bad : ndarray, (ny, nx) bool
    gain : float
        Electrons per unit of the image.

    Returns
    -------
    ndarray, (ny, nx) float32
    """
    import sep  # only where no noise is given: it costs a command its quick start
    check_gain(gain)
    mesh = mesh_of(image.shape)
    finite = np.where(bad, np.float32(0.0), image).astype(np.float32)
    sky = sep.Background(finite, mask=bad, bw=mesh, bh=mesh, fw=3, fh=3)
    variance = sky.rms() ** 2
    variance += np.maximum(finite - sky.back(), 0.0) / np.float32(gain)
    return variance


def counted_variance(image: np.ndarray, gain: float, read_noise: float) -> np.ndarray:
    """Variance of photon counting and read-out, for images that include their sky.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
    gain : float
        Electrons per unit of the image.
    read_noise : float
        Electrons.
    """
    check_gain(gain)
    counts = np.maximum(np.nan_to_num(image, nan=0.0, posinf=0.0, neginf=0.0), 0.0)
    return (counts / gain + (read_noise / gain) ** 2).astype(np.float32)


def check_gain(gain: float) -> None:
    """Raise BadUsage unless the gain is positive."""
    if not gain > 0:
        raise BadUsage(f'gain must be positive, got {gain}')
