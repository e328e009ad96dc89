"""Places of reference stars at the time of an exposure."""
from __future__ import annotations

import erfa
import numpy as np

from sediff.errors import BadUsage
from sediff.refcat.regions import from_vectors, unit_vectors

MAS = np.pi / 180.0 / 3600.0e3      # radian
TT_MINUS_UTC = 69.184 / 86400.0     # day, since 2017; a second more or less moves the Earth by 2e-7 au


def julian_year(mjd: float) -> float:
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
    ESA SP-1200 vol. 1, eq. 1.2.16, without radial velocity (perspective acceleration is below 0.1 mas for all but a
    few stars). Aberration and light deflection are common to all stars of a CCD and left to the astrometric fit.
    """
    if not np.isfinite(mjd):
        raise BadUsage(f'no such date: MJD {mjd}')
    moved = stars.copy()
    years = julian_year(mjd) - stars['ref_epoch']
    ra, dec = np.radians(stars['ra']), np.radians(stars['dec'])
    east = np.stack([-np.sin(ra), np.cos(ra), np.zeros_like(ra)], axis=-1)
    north = np.stack([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)], axis=-1)
    pm_east, pm_north = (np.nan_to_num(stars[name]) * years * MAS for name in ('pmra', 'pmdec'))
    parallax = np.clip(np.nan_to_num(stars['parallax']), 0.0, None) * MAS
    shift = pm_east[:, None] * east + pm_north[:, None] * north - parallax[:, None] * earth_position(mjd)
    moved['ra'], moved['dec'] = from_vectors(unit_vectors(stars['ra'], stars['dec']) + shift)
    for axis in ('ra', 'dec'):
        motion_error = np.where(np.isfinite(stars['pm' + axis + '_error']), stars['pm' + axis + '_error'], unmeasured_motion)
        moved[axis + '_error'] = np.hypot(np.nan_to_num(stars[axis + '_error']), motion_error * years)
    moved['ref_epoch'] = julian_year(mjd)
    return moved


def earth_position(mjd: float) -> np.ndarray:
    """Barycentric position of the Earth's centre, (3,) au, ICRS, at an MJD (UTC)."""
    _, barycentric = erfa.epv00(2400000.5, mjd + TT_MINUS_UTC)
    return np.asarray(barycentric['p'], float)
