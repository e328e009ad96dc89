"""Name of a pointing."""
from __future__ import annotations

import math

from sediff.errors import BadData


def field_name(ra: float, dec: float) -> str:
    """DES-GW's field name of a pointing: `WS`, ten times RA, and ten times Dec with its sign, both cut to integers.

    Parameters
    ----------
    ra, dec : float
        deg; RA of any turn.

    Returns
    -------
    str
        (197.45, -23.38) gives `WS1974-233`; (12.0, -0.05) gives `WS120-0`.

    Raises
    ------
    BadData
        Not a position.
    """
    if not (math.isfinite(ra) and math.isfinite(dec) and -90.0 <= dec <= 90.0):
        raise BadData(f'RA {ra}, Dec {dec} is not a position in degrees')
    sign = '-' if math.copysign(1.0, dec) < 0 else '+'
    return f'WS{_tenths(ra % 360.0) % 3600}{sign}{_tenths(abs(dec))}'


def _tenths(degrees: float) -> int:
    """Ten times the value, cut to an integer; 1e-6 absorbs the binary rounding of decimal degrees."""
    return math.floor(10.0 * degrees + 1e-6)
