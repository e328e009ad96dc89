"""Flat field: the response of each pixel."""
from __future__ import annotations

import numpy as np

from sediff.errors import BadData
from sediff.maskbits import Bit, with_bits
from sediff.stats import all_finite

#: Below this response a pixel tells nothing.
LOWEST_RESPONSE = 0.1


def divide_flat(image: np.ndarray, mask: np.ndarray, flat: np.ndarray,
                lowest: float = LOWEST_RESPONSE) -> tuple[np.ndarray, np.ndarray]:
    """Divide by the flat (Bernstein et al. 2017, 4.4); pixels without response become 0 and BPM.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, electrons
    mask : ndarray, (ny, nx) uint16
    flat : ndarray, (ny, nx) float32
        Response, median 1 over the CCD.
    lowest : float
        Response at or below which a pixel is bad.

    Returns
    -------
    image : ndarray, (ny, nx) float32, electrons
    mask : ndarray, (ny, nx) uint16

    Raises
    ------
    BadData
        The shapes differ, the flat has values that are not finite, or more than half of it has no response.
    """
    if image.shape != flat.shape:
        raise BadData(f'the flat has shape {flat.shape}, the image {image.shape}; it belongs to another CCD or camera')
    if not all_finite(flat):
        odd = flat.size - np.count_nonzero(np.isfinite(flat))
        raise BadData(f'the flat has {odd} values that are not finite; build it again, with 0 where nothing responds')
    good = flat > lowest
    if 2 * np.count_nonzero(good) < good.size:
        raise BadData(f'{np.count_nonzero(~good)} of {good.size} pixels of the flat are at or below {lowest}; '
                      'the flat must have median 1')
    flattened = np.zeros(image.shape, np.float32)
    np.divide(image, flat, out=flattened, where=good, dtype=np.float32)
    return flattened, with_bits(mask, ~good, Bit.BPM)


def has_response(flat: np.ndarray, lowest: float = LOWEST_RESPONSE) -> np.ndarray:
    """True where the flat is finite and above `lowest`: (ny, nx) bool."""
    with np.errstate(invalid='ignore'):
        return (flat > lowest) & np.isfinite(flat)
