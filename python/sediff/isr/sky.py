"""Sky: its smooth brightness under the stars."""
from __future__ import annotations

import numpy as np
import sep
from numba import njit
from scipy import ndimage

from sediff.errors import BadData
from sediff.maskbits import UNUSABLE

#: Size (px) of the blocks on which objects are looked for.
BIN = 4


def fit_sky(image: np.ndarray, mask: np.ndarray, block: int = 128, object_sigma: float = 1.5,
            passes: int = 2) -> tuple[np.ndarray, float, float]:
    """Sky map by clipped modes of blocks, with objects masked, joined by bicubic splines.

    Each pass masks blocks of 4 x 4 pixels whose mean stands `object_sigma` times the noise (of a single pixel) above the sky
    of the pass before, and 8 pixels around them, then measures the blocks again (SExtractor's mode, 2.5 median - 1.5
    mean of the clipped pixels) and takes the median of 3 x 3 blocks.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, electrons
    mask : ndarray, (ny, nx) uint16
        Unusable pixels are left out.
    block : int
        Size (px) of the blocks.
    object_sigma : float
        Threshold of the object mask in units of the pixel noise.
    passes : int
        How often objects are masked.

    Returns
    -------
    background : ndarray, (ny, nx) float32, electrons
    sky_brightness : float, electrons
        Median of the map.
    sky_sigma : float, electrons
        Robust standard deviation of the pixels about the map.

    Raises
    ------
    BadData
        Less than 2 % of the pixels are usable, or the image has values that are not finite where it should be usable.
    """
    unusable = (mask & np.uint16(UNUSABLE)) != 0
    if np.count_nonzero(~unusable) < 0.02 * mask.size:
        raise BadData(f'{np.count_nonzero(~unusable)} of {mask.size} pixels are usable; the sky cannot be measured')
    image = np.ascontiguousarray(image, np.float32)
    if not np.isfinite(image[::7, ::5][~unusable[::7, ::5]]).all():
        raise BadData('usable pixels of the image are not finite; correct the pixels again')
    background = sep.Background(image, mask=unusable, bw=block, bh=block, fw=3, fh=3)
    for _ in range(passes):
        objects = _object_mask(image, background, unusable, object_sigma)
        background = sep.Background(image, mask=objects, bw=block, bh=block, fw=3, fh=3)
    sky = background.back(dtype=np.float32)
    return sky, float(np.median(sky[::8, ::8])), float(background.globalrms)


def warm() -> None:
    """Compile the kernel."""
    plane = np.zeros((5, 6), np.float32)
    _excess(plane, plane, np.zeros(plane.shape, np.bool_))


def _object_mask(image: np.ndarray, background: sep.Background, unusable: np.ndarray, sigma: float) -> np.ndarray:
    """Unusable pixels and objects, found on means of 4 x 4 pixels."""
    means = _excess(image, background.back(dtype=np.float32), unusable)
    objects = ndimage.maximum_filter(means > sigma * background.globalrms, size=5, mode='constant')
    wide = objects.repeat(BIN, axis=1)[:, :image.shape[1]]
    masked = unusable.copy()
    for row in range(BIN):
        part = masked[row::BIN]
        part |= wide[:len(part)]
    return masked


@njit(cache=True)
def _excess(image, sky, unusable):
    """Means of image - sky over 4 x 4 pixels, unusable ones and those beyond the border counted as 0."""
    ny, nx = image.shape
    rows, columns = (ny + BIN - 1) // BIN, (nx + BIN - 1) // BIN
    means = np.empty((rows, columns), np.float32)
    for row in range(rows):
        line = np.zeros(columns * BIN, np.float32)
        for y in range(row * BIN, min((row + 1) * BIN, ny)):
            for x in range(nx):
                line[x] += np.float32(0.0) if unusable[y, x] else image[y, x] - sky[y, x]
        for column in range(columns):
            total = np.float32(0.0)
            for x in range(column * BIN, (column + 1) * BIN):
                total += line[x]
            means[row, column] = total / np.float32(BIN * BIN)
    return means
