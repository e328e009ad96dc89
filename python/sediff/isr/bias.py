"""Bias: the fixed pattern that remains when the overscan is subtracted."""
from __future__ import annotations

import numpy as np

from sediff.errors import BadData
from sediff.stats import all_finite


def subtract_bias(image: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Image minus the mean bias frame.

    Parameters
    ----------
    image, bias : ndarray, (ny, nx) float32, ADU

    Returns
    -------
    ndarray, (ny, nx) float32, ADU

    Raises
    ------
    BadData
        The shapes differ, or the bias has values that are not finite.
    """
    if image.shape != bias.shape:
        raise BadData(f'the bias frame has shape {bias.shape}, the image {image.shape}; '
                      'it belongs to another CCD or camera')
    if not all_finite(bias):
        raise BadData('the bias frame has values that are not finite; build it again')
    return np.subtract(image, bias, dtype=np.float32)
