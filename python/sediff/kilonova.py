"""The light curve of AT2017gfo, moved to another distance."""
from __future__ import annotations

import numpy as np

from sediff.errors import BadUsage

#: Magnitude of a source that does not shine.
DARK = 99.0
#: Its galaxy NGC 4993: absolute r magnitude, half-light radius and projected offset of the kilonova (kpc).
HOST_MAGNITUDE, HOST_RADIUS, HOST_OFFSET = -20.8, 3.3, 2.1


def distance_modulus(megaparsec: float) -> float:
    """5 log10(d / 10 pc)."""
    return 5.0 * np.log10(megaparsec * 1.0e5)


def kilonova_magnitude(curve: np.ndarray, band: str, days: float, megaparsec: float) -> float:
    """Apparent AB magnitude of AT2017gfo at another distance (no K correction: redshift below 0.1 assumed).

    Parameters
    ----------
    curve : structured ndarray
        band, days after the merger, abs_mag.
    band : str
        A band of the table.
    days : float
        Days since the merger; before it the kilonova is dark, after the last point of the table it fades on at the last
        slope, before the first point it has the first point's brightness.

    Raises
    ------
    BadUsage
        The table has no such band.
    """
    rows = np.sort(curve[curve['band'] == band], order='days')
    if rows.size < 2:
        raise BadUsage(f'no light curve of AT2017gfo in band {band}; there are {", ".join(sorted(set(curve["band"])))}; '
                       '--kilonova-distance 0 leaves the kilonova out')
    if days < 0.0:
        return DARK
    late = max(0.0, days - rows['days'][-1])
    slope = (rows['abs_mag'][-1] - rows['abs_mag'][-3]) / (rows['days'][-1] - rows['days'][-3])
    return float(np.interp(days, rows['days'], rows['abs_mag']) + slope * late + distance_modulus(megaparsec))
