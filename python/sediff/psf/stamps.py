"""Star stamps cut from an image, with what the PSF fit needs to know of each."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.errors import BadData
from sediff.maskbits import UNUSABLE

#: Pixels cut beyond the PSF's size, for the interpolation.
MARGIN = 4


@dataclass
class StarStamps:
    """Stamps of m stars of side s.

    Parameters
    ----------
    data : ndarray, (m, s, s) float64, flux units
        0 at unusable pixels.
    weight : ndarray, (m, s, s) float64
        Inverse variance, 0 at unusable pixels.
    x, y : ndarray, (m,) float64
        0-based positions in the image.
    flux : ndarray, (m,) float64
    index : ndarray, (m,) int64
        Row of the star in the caller's arrays.
    near_x, near_y : ndarray, (m,) float64
        Image pixel at the centre of the stamp.
    """

    data: np.ndarray
    weight: np.ndarray
    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray
    index: np.ndarray
    near_x: np.ndarray
    near_y: np.ndarray

    @property
    def shift_x(self) -> np.ndarray:
        """Star's centre relative to its stamp's central pixel, (m,) float64 pixels."""
        return self.x - self.near_x

    @property
    def shift_y(self) -> np.ndarray:
        """As `shift_x`, along y."""
        return self.y - self.near_y


def cut_stamps(image: np.ndarray, weight: np.ndarray, mask: np.ndarray, x: np.ndarray, y: np.ndarray,
               flux: np.ndarray, size: int, segmentation: np.ndarray | None = None) -> StarStamps:
    """Stamps of the stars whose `size` x `size` box lies inside the image and whose core is usable.

    Parameters
    ----------
    image, weight : ndarray, (ny, nx) float32
        Sky-subtracted flux and inverse variance.
    mask : ndarray, (ny, nx) uint16
        DES bits; pixels of `UNUSABLE` are left out.
    x, y, flux : ndarray, (m,) float
        0-based positions and first guesses of the flux.
    segmentation : ndarray, (ny, nx) int, optional
        Object numbers; the pixels of other objects are left out.

    Raises
    ------
    BadData
        Shapes disagree.
    """
    if image.ndim != 2 or image.shape != weight.shape or image.shape != mask.shape:
        raise BadData(f'image {image.shape}, weight {weight.shape} and mask {mask.shape} differ in shape')
    x, y, flux = (np.atleast_1d(np.asarray(a, float)) for a in (x, y, flux))
    half = size // 2
    ny, nx = image.shape
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(flux) & (flux > 0)
    near_x, near_y = (np.floor(np.where(known, a, -1e6) + 0.5).astype(int) for a in (x, y))
    inside = (near_x >= half) & (near_y >= half) & (near_x < nx - half) & (near_y < ny - half)
    index = np.flatnonzero(known & inside)
    side = size + 2 * MARGIN
    data, weights = np.zeros((index.size, side, side)), np.zeros((index.size, side, side))
    for k, star in enumerate(index):
        _cut_one(image, weight, mask, segmentation, near_x[star], near_y[star], data[k], weights[k])
    core = weights[:, side // 2 - 1:side // 2 + 2, side // 2 - 1:side // 2 + 2]
    kept = (core > 0).all(axis=(1, 2))
    index = index[kept]
    return StarStamps(data[kept], weights[kept], x[index], y[index], flux[index], index,
                      near_x[index].astype(float), near_y[index].astype(float))


def _cut_one(image, weight, mask, segmentation, x: int, y: int, data: np.ndarray, weights: np.ndarray) -> None:
    """Fill one stamp in place."""
    ny, nx = image.shape
    half = data.shape[0] // 2
    top, left = max(y - half, 0), max(x - half, 0)
    box = slice(top, min(y + half + 1, ny)), slice(left, min(x + half + 1, nx))
    place = tuple(slice(b.start - o, b.stop - o) for b, o in zip(box, (y - half, x - half)))
    pixels, inverse = image[box], weight[box]
    good = ((mask[box] & int(UNUSABLE)) == 0) & np.isfinite(pixels) & np.isfinite(inverse) & (inverse > 0)
    if segmentation is not None:
        owner = segmentation[box]
        good &= (owner == 0) | (owner == segmentation[y, x])
    data[place] = np.where(good, pixels, 0.0)
    weights[place] = np.where(good, inverse, 0.0)
