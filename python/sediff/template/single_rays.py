"""Cosmic rays of the template where one input alone covers a pixel: light that the search image does not have."""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from sediff.ccdimage import CcdImage
from sediff.isr.cosmicrays import find_cosmic_rays
from sediff.maskbits import Bit

#: Sigma from which a pixel is looked at; share of the template's light within a pixel of it that the search image shows at
#: most, and sigma by which it shows less.
LIMIT, SHARE, MISSING = 3.5, 0.4, 4.0


def mask_single_rays(template: CcdImage, coverage: np.ndarray, search: CcdImage, fwhm: float) -> int:
    """Mask in the template, in place, cosmic rays at pixels of a single input; returns how many pixels.

    A pixel is one where the light is sharper than the PSF (the tests of `sediff.isr.cosmicrays`, from 3.5 sigma on) and
    the sum of 3 x 3 pixels, its surroundings subtracted, lacks at least 60 % and 4 sigma in the search image. A star that
    has faded is not sharper than its PSF and stays.

    Parameters
    ----------
    template : CcdImage
        In the search image's flux scale; pixels found get weight 0 and CRAY.
    coverage : ndarray, (ny, nx) integer
        Inputs behind each pixel.
    search : CcdImage
        On the same grid.
    fwhm : float, pixels
        Of the template's PSF, the sharpest of its inputs.
    """
    single = (coverage == 1) & (template.weight > 0)
    if not single.any():
        return 0
    sharp = find_cosmic_rays(np.where(template.weight > 0, template.image, np.float32(0.0)), template.weight,
                             np.where(template.weight > 0, 0, int(Bit.BPM)).astype(np.uint16), fwhm, LIMIT)
    sharp &= single
    if not sharp.any():
        return 0
    pixels = np.argwhere(sharp)
    here, noise = _local_light(template, pixels)
    there, other = _local_light(search, pixels)
    missing = (there < SHARE * here) & (here - there > MISSING * np.hypot(noise, other))
    missing &= search.weight[pixels[:, 0], pixels[:, 1]] > 0
    labels, count = ndimage.label(sharp, np.ones((3, 3)))
    own = labels[pixels[:, 0], pixels[:, 1]]
    agree = np.bincount(own, missing, count + 1)[1:] / np.bincount(own, minlength=count + 1)[1:]
    rays = np.isin(labels, 1 + np.flatnonzero(agree > 0.5)) & single
    rays = ndimage.binary_dilation(rays, np.ones((3, 3))) & single
    template.weight[rays] = 0.0
    template.mask[rays] |= np.uint16(Bit.CRAY)
    return int(rays.sum())


def _local_light(image: CcdImage, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum of 3 x 3 pixels above the median of 9 x 9 (bad ones count as 0) around pixels (n, 2), and its noise."""
    reach = np.arange(-4, 5)
    rows = np.clip(pixels[:, 0, None, None] + reach[:, None], 0, image.shape[0] - 1)
    columns = np.clip(pixels[:, 1, None, None] + reach, 0, image.shape[1] - 1)
    weight = image.weight[rows, columns]
    light = np.where(weight > 0, image.image[rows, columns], np.float32(0.0))
    light -= np.median(light, axis=(1, 2), keepdims=True)
    inner = np.s_[:, 3:6, 3:6]
    variance = np.where(weight > 0, 1.0 / np.maximum(weight, 1e-12), 0.0)
    return np.where(weight > 0, light, 0.0)[inner].sum(axis=(1, 2)), np.sqrt(variance[inner].sum(axis=(1, 2)))
