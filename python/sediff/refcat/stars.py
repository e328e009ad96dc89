"""The table of reference stars (Gaia's names and units)."""
from __future__ import annotations

import numpy as np

#: ra, dec: deg, ICRS at ref_epoch (Julian year); pmra (with cos dec), pmdec: mas/yr; parallax and position errors: mas.
STAR_DTYPE = np.dtype([
    ('source_id', 'i8'), ('ra', 'f8'), ('dec', 'f8'), ('pmra', 'f8'), ('pmdec', 'f8'), ('parallax', 'f8'),
    ('ra_error', 'f8'), ('dec_error', 'f8'), ('pmra_error', 'f8'), ('pmdec_error', 'f8'), ('parallax_error', 'f8'),
    ('phot_g_mean_mag', 'f8'), ('phot_bp_mean_mag', 'f8'), ('phot_rp_mean_mag', 'f8'),
    ('phot_g_mean_mag_error', 'f8'), ('phot_bp_mean_mag_error', 'f8'), ('phot_rp_mean_mag_error', 'f8'),
    ('ref_epoch', 'f8')])
STAR_NAMES = tuple(STAR_DTYPE.names or ())

#: Columns without which a star is of no use; the others become NaN where a file lacks them.
REQUIRED = ('ra', 'dec', 'phot_g_mean_mag', 'ref_epoch')

#: HEALPix resolution of the shards, RING order.
SHARD_NSIDE = 32

#: Rows of a shard are in the order of these smaller NESTED pixels (3.4 arcmin), its cells.
CELL_NSIDE = 1024
CELLS = (CELL_NSIDE // SHARD_NSIDE) ** 2


def shard_name(pixel: int) -> str:
    """File name of the shard of one RING pixel."""
    return f'GAIA_{int(pixel):05d}.fits'


def empty_stars(count: int = 0) -> np.ndarray:
    """A table of `count` stars with every measured quantity NaN and source_id zero."""
    stars = np.zeros(count, STAR_DTYPE)
    for name in STAR_NAMES:
        if STAR_DTYPE[name].kind == 'f':
            stars[name] = np.nan
    return stars
