"""Gnomonic projection about a point: degrees on the sky to and from arcsec in the plane."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sediff.sphere import from_vectors, unit_vectors

ARCSEC = 180.0 * 3600.0 / np.pi


def project(ra: npt.ArrayLike, dec: npt.ArrayLike, ra_center: float | np.ndarray,
            dec_center: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tangent-plane coordinates east and north (arcsec) of positions (deg); NaN for the far half of the sky."""
    origin, east, north = _axes(ra_center, dec_center)
    vectors = unit_vectors(ra, dec)
    depth = vectors @ origin
    depth = np.where(depth > 0.0, depth, np.nan)
    return ARCSEC * (vectors @ east) / depth, ARCSEC * (vectors @ north) / depth


def deproject(xi: npt.ArrayLike, eta: npt.ArrayLike, ra_center: float | np.ndarray,
              dec_center: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """RA in [0, 360) and Dec (deg) of tangent-plane coordinates (arcsec)."""
    origin, east, north = _axes(ra_center, dec_center)
    xi, eta = np.asarray(xi, float)[..., None] / ARCSEC, np.asarray(eta, float)[..., None] / ARCSEC
    return from_vectors(origin + xi * east + eta * north)


def _axes(ra: float | np.ndarray, dec: float | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    origin = unit_vectors(ra, dec)
    ra, dec = np.radians(ra), np.radians(dec)
    east = np.array([-np.sin(ra), np.cos(ra), 0.0])
    north = np.array([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)])
    return origin, east, north
