"""Stars of G = 7 to 12 near the readout edges, whose charge runs into the serial register."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from astropy.wcs import WCS

from sediff.sim.options import EDGE_STARS, NightOptions, generator
from sediff.wcs.read import pixel_to_sky

#: Gaia G of the brightest and the faintest, and how far (rows) from the first or last row they may lie.
MAGNITUDES, REACH = (7.0, 12.0), 600.0


def with_edge_stars(options: NightOptions, wcs: Mapping[int, WCS], stars: np.ndarray) -> np.ndarray:
    """Stars of which `options.edge_stars` a CCD were made bright and put near an edge of it: STAR_DTYPE, a copy.

    Parameters
    ----------
    wcs : mapping of CCD number to WCS
        Of the search exposure.
    """
    stars = stars.copy()
    rng = generator(options.seed, EDGE_STARS)
    chosen = iter(rng.choice(len(stars), min(options.edge_stars * len(options.ccds), len(stars)), replace=False))
    for ccd in options.ccds:
        ny, nx = options.shape_of(ccd)
        for _, number in zip(range(options.edge_stars), chosen):
            x, y = rng.uniform(30.0, nx - 30.0), rng.uniform(10.0, REACH)
            y = y if rng.uniform() < 0.5 else ny - 1 - y
            ra, dec = pixel_to_sky(wcs[ccd], [x], [y])
            stars['ra'][number], stars['dec'][number] = ra[0], dec[0]
            fainter = rng.uniform(*MAGNITUDES) - stars['phot_g_mean_mag'][number]
            for band in ('g', 'bp', 'rp'):
                stars[f'phot_{band}_mean_mag'][number] += fainter
            stars['pmra'][number] = stars['pmdec'][number] = 0.0
    return stars
