"""Stars that change, and stars brighter than the rest of a simulated sky: the effects 'variables' and 'brightstars'."""
from __future__ import annotations

import numpy as np
from astropy.wcs import WCS

from sediff.refcat.stars import empty_stars
from sediff.sim.options import VARIABLES, NightOptions, generator
from sediff.wcs.read import pixel_to_sky

#: Share of the stars between these magnitudes that change, and by how much (mag).
SHARE, BETWEEN, CHANGE = 0.1, (14.5, 20.5), (0.1, 1.0)
#: Stars a CCD gets besides, and their range of G.
BRIGHT, BRIGHT_RANGE = 6, (7.0, 15.0)


def changes(seed: int, magnitude: np.ndarray, effects: tuple[str, ...]) -> np.ndarray:
    """Magnitudes (n,) to add to stars in the search exposure: zero for most, log-uniform within CHANGE for SHARE of them,
    two of three of which get brighter."""
    rng = generator(seed, VARIABLES)
    chosen = rng.uniform(size=magnitude.size) < SHARE
    low, high = np.log(CHANGE)
    size = np.exp(rng.uniform(low, high, magnitude.size))
    size = np.where(rng.uniform(size=magnitude.size) < 2 / 3, -size, size)
    inside = (magnitude > BETWEEN[0]) & (magnitude < BETWEEN[1])
    return np.where(chosen & inside & ('variables' in effects), size, 0.0)


def with_bright_stars(stars: np.ndarray, options: NightOptions, wcs: dict[int, WCS]) -> np.ndarray:
    """The stars and, with the effect 'brightstars', BRIGHT more on each CCD, evenly spread over BRIGHT_RANGE."""
    if 'brightstars' not in options.effects:
        return stars
    added = empty_stars(BRIGHT * len(wcs))
    for number, (ccd, one) in enumerate(wcs.items()):
        rng, rows = generator(options.seed, VARIABLES, ccd), added[number * BRIGHT:(number + 1) * BRIGHT]
        ny, nx = options.shape_of(ccd)
        x, y = rng.uniform(60, nx - 60, BRIGHT), rng.uniform(60, ny - 60, BRIGHT)
        rows['ra'], rows['dec'] = pixel_to_sky(one, x, y)
        general, colour = np.linspace(*BRIGHT_RANGE, BRIGHT), rng.normal(1.0, 0.2, BRIGHT)
        rows['phot_g_mean_mag'], rows['phot_rp_mean_mag'] = general, general - 0.15 - 0.45 * colour
        rows['phot_bp_mean_mag'] = rows['phot_rp_mean_mag'] + colour
    added['pmra'] = added['pmdec'] = 0.0
    added['parallax'], added['ref_epoch'] = 1.0, 2016.0
    added['source_id'] = stars['source_id'][-1] + 1 + np.arange(added.size)
    return np.concatenate([stars, added])
