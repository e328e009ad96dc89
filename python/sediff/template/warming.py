"""Compiles the package's kernels."""
from __future__ import annotations

import numpy as np

from sediff.ccdimage import CcdImage
from sediff.template.coadd import MARGIN, Source, rows_of, stack
from sediff.template.homogenise import homogenise, set_of_cells


def warm() -> None:
    """Compile (or load from the cache) every kernel: strips of images whose PSFs are not alike."""
    shape = (4 * MARGIN, 16)
    sources = []
    for level in (0.0, 0.0, 100.0):
        image = np.zeros(shape, np.float32)
        image[8, 8] = level
        sources.append(Source(rows_of(CcdImage(image, np.zeros(shape, np.uint16), np.ones(shape, np.float32))), 4.0, np.inf))
    stack(sources, shape, strip=MARGIN)
    members = np.full((80, 160), 3, np.uint16)
    members[:40, :80] = 1
    offset = np.arange(-10, 11)
    profiles = np.array([np.exp(-0.5 * (offset[:, None] ** 2 + offset ** 2) / width ** 2) for width in (1.6, 2.0)])
    stamps = (profiles / profiles.sum(axis=(1, 2), keepdims=True))[:, None, None]
    correction = homogenise(np.ones(members.shape, np.float32), members, stamps, np.ones(2), members == 0)
    set_of_cells(members, correction.sets.bits.astype(members.dtype))
