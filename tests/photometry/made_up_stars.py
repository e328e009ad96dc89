"""Made-up reference stars and catalogues for the photometry tests."""
from __future__ import annotations

import numpy as np

from sediff.photometry.tables import CATALOGUE_COLUMNS
from sediff.refcat.stars import empty_stars

INTEGERS = {'NUMBER': 'i4', 'FLAGS': 'i2', 'IMAFLAGS_ISO': 'i4'}
CATALOGUE_DTYPE = np.dtype([(name, INTEGERS.get(name, 'f8' if '2000' in name else 'f4')) for name in CATALOGUE_COLUMNS])


def gaia_stars(n: int = 400, seed: int = 1, ra: float = 0.0, dec: float = -30.0) -> np.ndarray:
    """Stars within 0.15 deg of a place, G 14 to 20, BP-RP 0.5 to 2."""
    rng = np.random.default_rng(seed)
    stars = empty_stars(n)
    stars['source_id'] = np.arange(1, n + 1) * 1000
    stars['ra'] = np.mod(ra + rng.uniform(-0.15, 0.15, n) / np.cos(np.radians(dec)), 360.0)
    stars['dec'] = dec + rng.uniform(-0.15, 0.15, n)
    colour = rng.uniform(0.5, 2.0, n)
    stars['phot_g_mean_mag'] = rng.uniform(14.0, 20.0, n)
    stars['phot_bp_mean_mag'] = stars['phot_g_mean_mag'] + 0.5 * colour
    stars['phot_rp_mean_mag'] = stars['phot_g_mean_mag'] - 0.5 * colour
    stars['phot_g_mean_mag_error'] = 0.003
    return stars


def catalogue_of(ra, dec, mag, zero_point: float, seed: int = 2, sky_noise: float = 300.0) -> np.ndarray:
    """Catalogue of stars: fluxes 10^(-0.4 (mag - zero_point)) with Poisson and sky noise, positions good to 0.05 arcsec."""
    rng = np.random.default_rng(seed)
    table = np.zeros(len(mag), CATALOGUE_DTYPE)
    flux = 10 ** (-0.4 * (np.asarray(mag) - zero_point))
    error = np.sqrt(flux + sky_noise ** 2)
    table['NUMBER'] = np.arange(1, len(mag) + 1)
    table['ALPHAWIN_J2000'] = np.mod(ra + rng.normal(0, 0.05, len(mag)) / 3600 / np.cos(np.radians(dec)), 360.0)
    table['DELTAWIN_J2000'] = dec + rng.normal(0, 0.05, len(mag)) / 3600
    for kind, size in (('PSF', 1.0), ('AUTO', 0.98)):
        table['FLUX_' + kind] = size * flux + error * rng.normal(size=len(mag))
        table['FLUXERR_' + kind] = error
    table['CLASS_STAR'] = 0.98
    return table
