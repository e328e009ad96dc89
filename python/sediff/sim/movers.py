"""Stars that move fast, half of them in no catalogue."""
from __future__ import annotations

import numpy as np

from sediff.sim.options import SKY

#: Random stream of the choice and the motions.
MOVERS = (SKY, 1)
#: Share of the stars of these G magnitudes that move fast.
SHARE, RANGE = 0.1, (15.5, 21.5)
#: Motions, arcsec a year, and how long such a year is: templates are taken within 40 days of each other, and what stars
#: do between templates of two years these stars do in that time.
MOTION, YEAR = (0.2, 1.0), 40.0 / 365.25


def with_movers(stars: np.ndarray, gaia: np.ndarray, rng: np.random.Generator, year: float) -> tuple[np.ndarray, np.ndarray]:
    """Stars and Gaia's list with fast motions given to some, every other of which is removed from the list.

    Parameters
    ----------
    stars, gaia : ndarray of STAR_DTYPE
        Places at the stars' ref_epoch.
    year : float
        Julian year at which the chosen stars are where they were without the motion.
    """
    stars, gaia = stars.copy(), gaia.copy()
    bright = np.flatnonzero((stars['phot_g_mean_mag'] > RANGE[0]) & (stars['phot_g_mean_mag'] < RANGE[1]))
    chosen = bright[rng.uniform(size=bright.size) < SHARE]
    speed = rng.uniform(*MOTION, chosen.size) / YEAR * 1e3
    angle = rng.uniform(0.0, 2.0 * np.pi, chosen.size)
    change = {'ra': speed * np.sin(angle), 'dec': speed * np.cos(angle)}
    listed = np.isin(gaia['source_id'], stars['source_id'][chosen[::2]])
    gone = np.isin(gaia['source_id'], stars['source_id'][chosen[1::2]])
    moved = {int(source): k for k, source in enumerate(stars['source_id'][chosen])}
    order = [moved[int(source)] for source in gaia['source_id'][listed]]
    for table, rows, motion in ((stars, chosen, slice(None)), (gaia, np.flatnonzero(listed), order)):
        back = (year - table['ref_epoch'][rows]) / 3.6e6
        table['dec'][rows] -= change['dec'][motion] * back
        table['ra'][rows] -= change['ra'][motion] * back / np.cos(np.radians(table['dec'][rows]))
        for name, value in change.items():
            table['pm' + name][rows] += value[motion]
    return stars, gaia[~gone]
