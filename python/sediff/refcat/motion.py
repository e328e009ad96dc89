"""Places of reference stars at the time of an exposure."""
from __future__ import annotations

from typing import overload

import erfa
import numpy as np

from sediff.errors import BadUsage

MAS = np.pi / 180.0 / 3600.0e3      # radian
TT_MINUS_UTC = 69.184 / 86400.0     # day, since 2017; a second more or less moves the Earth by 2e-7 au


@overload
def julian_year(mjd: float) -> float: ...


@overload
def julian_year(mjd: np.ndarray) -> np.ndarray: ...


def julian_year(mjd: float | np.ndarray) -> float | np.ndarray:
    """Julian year (J2000 = 2000.0) of a Modified Julian Date."""
    return 2000.0 + (mjd - 51544.5) / 365.25


def at_epoch(stars: np.ndarray, mjd: float, unmeasured_motion: float = 10.0) -> np.ndarray:
    """Stars with ra, dec moved from their ref_epoch to `mjd` by proper motion and annual parallax.

    Parameters
    ----------
    stars : ndarray, (n,) of STAR_DTYPE
        NaN motions count as zero, NaN or negative parallaxes as zero.
    mjd : float
        Time of the exposure, MJD (UTC).
    unmeasured_motion : float
        Error (mas/yr) given to the motion of a star that has none measured.

    Returns
    -------
    ndarray, (n,) of STAR_DTYPE
        A copy: ra, dec as seen from the Earth's centre, ra_error and dec_error with the motion's error added in
        quadrature, ref_epoch the Julian year of `mjd`.

    Raises
    ------
    BadUsage
        `mjd` is not a finite number.

    Notes
    -----
    The star moves along a straight line in the tangent plane of its catalogue place: r + t (pmra p + pmdec q) - parallax b,
    with p, q the local east and north and b the Earth's barycentric place in au (ERFA epv00), then normalised:
    the model of ESA SP-1200 vol. 1, section 1.2 (definition of the astrometric parameters), without radial velocity
    (perspective acceleration is below 0.1 mas for all but a few stars). Aberration and light deflection are common to all
    stars of a CCD and left to the astrometric fit.
    """
    if not np.isfinite(mjd):
        raise BadUsage(f'no such date: MJD {mjd}')
    years = julian_year(mjd) - np.asarray(stars['ref_epoch'], float)
    east, north, parallax = (_known(stars[name]) * MAS for name in ('pmra', 'pmdec', 'parallax'))
    moved = stars.copy()
    moved['ra'], moved['dec'] = _shifted(stars['ra'], stars['dec'], east * years, north * years,
                                         np.clip(parallax, 0.0, None), earth_position(mjd))
    for axis in ('ra', 'dec'):
        motion_error = np.asarray(stars['pm' + axis + '_error'], float)
        motion_error = np.where(np.isfinite(motion_error), motion_error, unmeasured_motion) * years
        moved[axis + '_error'] = np.sqrt(_known(stars[axis + '_error']) ** 2 + motion_error ** 2)
    moved['ref_epoch'] = julian_year(mjd)
    return moved


def motion_between(stars: np.ndarray, mjd_from: float, mjd_to: float) -> tuple[np.ndarray, np.ndarray]:
    """How far stars move from one time to another by proper motion and annual parallax.

    Parameters
    ----------
    stars : ndarray, (n,) of STAR_DTYPE
    mjd_from, mjd_to : float
        MJD (UTC).

    Returns
    -------
    east, north : ndarray, (n,) float64
        mas; NaN for stars without a proper motion. NaN or negative parallaxes count as zero.
    """
    years = (mjd_to - mjd_from) / 365.25
    x, y, z = earth_position(mjd_to) - earth_position(mjd_from)
    ra, dec = np.radians(stars['ra']), np.radians(stars['dec'])
    parallax = np.clip(_known(stars['parallax']), 0.0, None)
    east = -np.sin(ra) * x + np.cos(ra) * y
    north = -np.sin(dec) * (np.cos(ra) * x + np.sin(ra) * y) + np.cos(dec) * z
    return stars['pmra'] * years - parallax * east, stars['pmdec'] * years - parallax * north


def _known(values: np.ndarray) -> np.ndarray:
    """A copy with 0 for what is not finite."""
    values = np.array(values, float)
    values[~np.isfinite(values)] = 0.0
    return values


def _shifted(ra, dec, east, north, parallax, earth) -> tuple[np.ndarray, np.ndarray]:
    """RA and Dec (deg) of places moved by `east`, `north` and the parallax (all radian) in their tangent planes."""
    ra, dec = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
    sin_ra, cos_ra, sin_dec, cos_dec = np.sin(ra), np.cos(ra), np.sin(dec), np.cos(dec)
    outward = cos_dec - sin_dec * north
    x = outward * cos_ra - sin_ra * east - parallax * earth[0]
    y = outward * sin_ra + cos_ra * east - parallax * earth[1]
    z = sin_dec + cos_dec * north - parallax * earth[2]
    return np.mod(np.degrees(np.arctan2(y, x)), 360.0), np.degrees(np.arctan2(z, np.sqrt(x * x + y * y)))


def earth_position(mjd: float) -> np.ndarray:
    """Barycentric position of the Earth's centre, (3,) au, ICRS, at an MJD (UTC)."""
    _, barycentric = erfa.epv00(2400000.5, mjd + TT_MINUS_UTC)
    return np.asarray(barycentric['p'], float)
