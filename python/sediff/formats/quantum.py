"""The step at which floats are quantised: a fraction of the noise, so that what is lost does not matter."""
from __future__ import annotations

import numpy as np

#: Where in the numbers of the dither the first row of a plane begins, 1 to 10,000 (ZDITHER0).
SEED = 1


def quantum(pixels: np.ndarray, name: str) -> float | None:
    """Step of a plane: a sixteenth of the noise, of a weight (WGT) a 2000th of what is typical.

    Parameters
    ----------
    pixels : ndarray, (ny, nx)
    name : str
        EXTNAME of the plane.

    Returns
    -------
    float or None
        In the unit of the pixels, 0 where no noise is seen; None for integers.
    """
    if pixels.dtype.kind != 'f':
        return None
    if name == 'WGT':
        sample = pixels[::16, ::16]
        return float(np.median(sample[sample > 0])) / 2000.0 if (sample > 0).any() else 1.0 / 2000.0
    return quiet_noise(pixels) / 16.0


def quiet_noise(pixels: np.ndarray, step: int = 16) -> float:
    """Noise of the quieter rows of an image: the lower quartile of what the differences of neighbours tell of each.

    Parameters
    ----------
    pixels : ndarray, (ny, nx) float32
        NaN, and neighbours that are equal (areas without data), do not count.
    step : int
        Every so many rows are looked at.

    Returns
    -------
    float
        In the unit of the pixels; 0 where no row tells.
    """
    differences = np.abs(np.diff(pixels[::step], axis=1))
    differences[~(differences > 0)] = np.inf
    differences.sort(axis=1)
    counts = np.count_nonzero(differences < np.inf, axis=1)
    differences, counts = differences[counts >= 20], counts[counts >= 20]
    rows = np.arange(len(counts))
    medians = (differences[rows, (counts - 1) // 2] + differences[rows, counts // 2]) / 2
    return float(np.percentile(medians, 25)) * 1.4826 / np.sqrt(2.0) if len(medians) else 0.0
