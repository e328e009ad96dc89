"""Weighted least squares: the pointing and linear terms of a solution, and polynomials where they are warranted."""
from __future__ import annotations

import numpy as np
from astropy.io.fits import Header

from sediff.astrometry.tangent import project
from sediff.astrometry.tpv import Tpv
from sediff.errors import BadData
from sediff.sphere import from_vectors, unit_vectors
from sediff.wcs.tpv import tpv_cards

wcs_cards = tpv_cards


def adjust_wcs(cards: Header, x: np.ndarray, y: np.ndarray, ra: np.ndarray, dec: np.ndarray, sigma: np.ndarray,
               linear: bool = True, iterations: int = 4) -> Header:
    """Cards with CRVAL (and CD) changed such that pixels fall on sky positions; the same as `adjust` for a header.

    Raises
    ------
    BadData
        Fewer points than the fit needs, or all on one line.
    """
    return adjust(Tpv.of(cards), x, y, ra, dec, sigma, linear, iterations).header()


def adjust(model: Tpv, x: np.ndarray, y: np.ndarray, ra: np.ndarray, dec: np.ndarray, sigma: np.ndarray,
           linear: bool = True, iterations: int = 4) -> Tpv:
    """A solution with CRVAL (and CD) changed such that pixels fall on sky positions, its distortion kept.

    Parameters
    ----------
    model : Tpv
    x, y : ndarray, (n,) float64, 0-based pixels
    ra, dec : ndarray, (n,) float64, deg
        Where those pixels truly are.
    sigma : ndarray, (n,) float64, arcsec
        Error of each position along one axis.
    linear : bool
        True: six parameters (shift and 2x2 matrix); False: the shift alone.
    iterations : int
        Each one leaves about a hundredth of the offset before it.

    Returns
    -------
    Tpv

    Raises
    ------
    BadData
        Fewer points than the fit needs, or all on one line.
    """
    needed = 4 if linear else 1
    if len(x) < needed:
        raise BadData(f'{len(x)} stars cannot fix {6 if linear else 2} parameters of a WCS; {needed} are needed')
    for _ in range(iterations):
        xi, eta = model.plane(x, y)
        ref_xi, ref_eta = project(ra, dec, *model.crval)
        model = model.moved(*plane_change(xi, eta, ref_xi - xi, ref_eta - eta, sigma, linear))
    return model


def plane_change(xi: np.ndarray, eta: np.ndarray, d_xi: np.ndarray, d_eta: np.ndarray, sigma: np.ndarray,
                 linear: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Shift (arcsec, at the plane's origin) and 2x2 matrix that take up differences in the plane.

    The fit is made about the middle of the points, so that its parameters are almost independent even where the origin lies
    far off the CCD.

    Raises
    ------
    BadData
        Points on one line.
    """
    weight = 1.0 / sigma
    if not linear:
        return np.array([np.average(values, weights=weight ** 2) for values in (d_xi, d_eta)]), np.zeros((2, 2))
    middle = np.array([np.average(xi, weights=weight ** 2), np.average(eta, weights=weight ** 2)])
    arms = np.stack([xi - middle[0], eta - middle[1]])
    size = max(float(np.abs(arms).max()), 1.0)
    design = np.stack([np.ones(len(xi)), *(arms / size)], axis=1) * weight[:, None]
    solution, _, rank, _ = np.linalg.lstsq(design, np.stack([d_xi, d_eta], axis=1) * weight[:, None], rcond=1e-6)
    if rank < 3:
        raise BadData(f'{len(xi)} stars do not fix the 6 parameters of a WCS: they lie on one line')
    matrix = solution[1:].T / size
    return solution[0] - matrix @ middle, matrix


def offsets(cards: Header, x: np.ndarray, y: np.ndarray, ra: np.ndarray,
            dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where pixels fall minus where they should, east and north, arcsec."""
    sky_ra, sky_dec = Tpv.of(cards).sky(x, y)
    origin = from_vectors(unit_vectors(sky_ra, sky_dec).sum(axis=0))
    xi, eta = project(sky_ra, sky_dec, *origin)
    ref_xi, ref_eta = project(ra, dec, *origin)
    return xi - ref_xi, eta - ref_eta
