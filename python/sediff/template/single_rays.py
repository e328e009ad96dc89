"""Cosmic rays of the template where one input alone covers a pixel: light that the search image does not have."""
from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

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
    blind = np.multiply(template.weight <= 0, np.uint16(Bit.BPM), dtype=np.uint16)
    pixels = np.argwhere(find_cosmic_rays(template.image, template.weight, blind, fwhm, LIMIT))
    pixels = pixels[single[tuple(pixels.T)]]
    if not len(pixels):
        return 0
    here, noise = _local_light(template, pixels)
    there, other = _local_light(search, pixels)
    missing = (there < SHARE * here) & (here - there > MISSING * np.hypot(noise, other))
    missing &= search.weight[pixels[:, 0], pixels[:, 1]] > 0
    own = _groups(pixels)
    agree = np.bincount(own, missing) / np.bincount(own)
    rays = _with_neighbours(pixels[agree[own] > 0.5], template.shape)
    rays = rays[single[tuple(rays.T)]]
    template.weight[tuple(rays.T)] = 0.0
    template.mask[tuple(rays.T)] |= np.uint16(Bit.CRAY)
    return len(rays)


def _groups(pixels: np.ndarray) -> np.ndarray:
    """Number of the group that each of the pixels (n, 2) is in, those together that touch with a side or a corner: (n,)."""
    pairs = cKDTree(pixels).query_pairs(1.5, output_type='ndarray')
    graph = coo_matrix((np.ones(len(pairs), np.int8), pairs.T), (len(pixels), len(pixels)))
    return connected_components(graph, directed=False)[1]


def _with_neighbours(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels (n, 2) and those that touch them, on an image of this shape, each once: (m, 2)."""
    around = (pixels[:, None] + np.argwhere(np.ones((3, 3))) - 1).reshape(-1, 2)
    around = around[((around >= 0) & (around < shape)).all(axis=1)]
    return np.unique(around, axis=0)


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
