"""Compiles the package's kernels."""
from __future__ import annotations

import numpy as np
from astropy.io.fits import Header

from sediff.ccdimage import CcdImage
from sediff.template.assemble import Prepared, assemble, owners, tiles_needed
from sediff.template.coadd import MARGIN, Source, rows_of, stack
from sediff.template.homogenise import homogenise, set_of_cells
from sediff.template.tiling import grid_header
from sediff.warp.grid import pixel_map
from sediff.wcs.read import read_wcs

#: World coordinates of a small image.
HEADER = Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRPIX1': 8.0, 'CRPIX2': 8.0, 'CRVAL1': 10.0, 'CRVAL2': 0.0,
                 'CD1_1': -7e-5, 'CD1_2': 0.0, 'CD2_1': 0.0, 'CD2_2': 7e-5})


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
    positions = pixel_map(*(read_wcs(grid_header(HEADER)), members.shape) * 2)
    ready = [Prepared(lambda first, last: (np.ones((last - first, 160), np.float32), members[first:last] * 0,
                                             np.ones((last - first, 160), np.float32), members[first:last]), positions, 1.0)]
    owner = owners([positions], members.shape)
    tiles_needed(owner, 0, positions, (np.array([0, 80]), np.array([0, 160])))
    assemble(ready, owner, 2)
