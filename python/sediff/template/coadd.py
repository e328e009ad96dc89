"""Weighted mean of resampled images, with outliers against their median left out."""
from __future__ import annotations

import numpy as np
from astropy.io.fits import Header
from numba import njit

from sediff.camera.maskbits import UNUSABLE, Bit
from sediff.ccdimage import CcdImage
from sediff.errors import BadData, BadUsage

#: Rows combined at a time.
BAND = 128


def coadd(images: list[CcdImage], *, clip_sigma: float = 4.0, flux_fraction: float = 0.3,
          gradient_fraction: float = 1.0) -> tuple[CcdImage, np.ndarray]:
    """Inverse-variance weighted mean of images on one grid and flux scale.

    Parameters
    ----------
    images : list of CcdImage
        Pixels with weight 0 or an UNUSABLE bit are left out.
    clip_sigma : float
        A value is left out when it is further from the median of its pixel than this many sigma plus the two
        terms below; needs at least three good values.
    flux_fraction, gradient_fraction : float
        Shares of the median's absolute value and of its range over the 3 x 3 pixels around, added to the
        limit: they keep star cores that differ by seeing.

    Returns
    -------
    CcdImage
        Mean and inverse variance; where no input is good, weight 0 and the bits of the inputs there
        (EDGE where they have none). Header of the first image with NCOMBINE and the exposure numbers.
    ndarray, (ny, nx) int16
        Inputs used at each pixel.

    Raises
    ------
    BadUsage
        No image, or shapes differ.
    BadData
        No pixel is covered.

    Notes
    -----
    The limit follows the derivative term of Fruchter & Hook 2002 (PASP 114, 144, section 4).
    """
    _check(images)
    shape = images[0].shape
    out = CcdImage(np.zeros(shape, np.float32), np.zeros(shape, np.uint16), np.zeros(shape, np.float32),
                   _header(images))
    coverage = np.zeros(shape, np.int16)
    limits = np.float32(clip_sigma), np.float32(flux_fraction), np.float32(gradient_fraction)
    for start in range(0, shape[0], BAND):
        low, high = max(0, start - 1), min(shape[0], start + BAND + 1)
        values = np.stack([image.image[low:high] for image in images]).astype(np.float32)
        masks = np.stack([image.mask[low:high] for image in images]).astype(np.uint16)
        weights = _good_weights(values, masks, np.stack([image.weight[low:high] for image in images]))
        median = medians(values, weights)
        rows = slice(start, min(shape[0], start + BAND))
        combine(values, masks, weights, median, start - low, *limits, np.uint16(Bit.EDGE), out.image[rows],
                out.mask[rows], out.weight[rows], coverage[rows])
    if not coverage.any():
        raise BadData(f'none of the {len(images)} images has a good pixel on this grid; check their overlap and masks')
    return out, coverage


def _check(images: list[CcdImage]) -> None:
    if not images:
        raise BadUsage('no image to combine')
    shapes = {plane.shape for image in images for plane in (image.image, image.mask, image.weight)}
    if len(shapes) > 1:
        raise BadUsage(f'images to combine differ in shape: {sorted(shapes)}; warp them onto one grid')


def _good_weights(values: np.ndarray, masks: np.ndarray, weights: np.ndarray) -> np.ndarray:
    good = (weights > 0) & np.isfinite(weights) & np.isfinite(values) & ((masks & np.uint16(UNUSABLE)) == 0)
    return np.where(good, weights, 0.0).astype(np.float32)


def _header(images: list[CcdImage]) -> Header:
    header = images[0].header.copy()
    header['NCOMBINE'] = (len(images), 'images combined')
    levels = [image.header['SATURATE'] for image in images if isinstance(image.header.get('SATURATE'), (int, float))]
    if levels:
        header['SATURATE'] = min(levels)
    for number, image in enumerate(images, 1):
        if 'EXPNUM' in image.header:
            header[f'CEXP{number:04d}'] = (image.header['EXPNUM'], 'exposure combined')
    return header


@njit(cache=True)
def medians(values, weights):
    """Median of the good values of each pixel, 0 where there is none: (ny, nx) float32."""
    count, ny, nx = values.shape
    out = np.zeros((ny, nx), np.float32)
    good = np.empty(count, np.float32)
    for y in range(ny):
        for x in range(nx):
            n = 0
            for k in range(count):
                if weights[k, y, x] > 0:
                    value = values[k, y, x]
                    j = n
                    while j > 0 and good[j - 1] > value:
                        good[j] = good[j - 1]
                        j -= 1
                    good[j] = value
                    n += 1
            if n > 0:
                out[y, x] = np.float32(0.5) * (good[(n - 1) // 2] + good[n // 2])
    return out


@njit(cache=True)
def local_range(median, y, x):
    """Largest minus smallest of the 3 x 3 pixels around."""
    ny, nx = median.shape
    low = high = median[y, x]
    for j in range(max(0, y - 1), min(ny, y + 2)):
        for i in range(max(0, x - 1), min(nx, x + 2)):
            low, high = min(low, median[j, i]), max(high, median[j, i])
    return high - low


@njit(cache=True)
def combine(values, masks, weights, median, skip, clip_sigma, flux_fraction, gradient_fraction, edge, out_image,
            out_mask, out_weight, coverage):
    """Clip and average each pixel; rows of the inputs start `skip` rows above those of the outputs."""
    count = values.shape[0]
    for v in range(out_image.shape[0]):
        y = v + skip
        for x in range(out_image.shape[1]):
            n, total = 0, np.float32(0.0)
            for k in range(count):
                if weights[k, y, x] > 0:
                    n += 1
                    total += weights[k, y, x]
            if n == 0:
                bits = np.uint16(0)
                for k in range(count):
                    bits |= masks[k, y, x]
                out_mask[v, x] = bits if bits else edge
                continue
            middle = median[y, x]
            slack = flux_fraction * abs(middle) + gradient_fraction * local_range(median, y, x) if n > 2 else 0.0
            for clip in (n > 2, False):
                mean, weight, used = 0.0, 0.0, 0
                for k in range(count):
                    w = weights[k, y, x]
                    if w > 0:
                        limit = clip_sigma * np.sqrt(1.0 / w + 1.57 / total) + slack
                        if not clip or abs(values[k, y, x] - middle) <= limit:
                            mean += w * values[k, y, x]
                            weight += w
                            used += 1
                if used > 0:
                    break
            out_image[v, x] = mean / weight
            out_weight[v, x] = weight
            coverage[v, x] = used


def warm() -> None:
    """Compile the kernels on small images."""
    shape = (4, 4)
    image = CcdImage(np.ones(shape, np.float32), np.zeros(shape, np.uint16), np.ones(shape, np.float32))
    coadd([image, image, image])
