"""Least-squares adjustment of a header's CRVAL and CD matrix, its distortion kept."""
from __future__ import annotations

import re
from copy import copy

import numpy as np
from astropy.io.fits import Header
from astropy.wcs import WCS

from sediff.astrometry.tangent import deproject, project
from sediff.camera.wcs import WCS_PREFIXES, pixel_to_sky, read_wcs
from sediff.errors import BadData
from sediff.refcat.regions import from_vectors, unit_vectors

CD = ('CD1_1', 'CD1_2', 'CD2_1', 'CD2_2')
_STEP = 1e-5     # relative change of the CD matrix for the numeric derivative; also degrees for CRVAL


def wcs_cards(header: Header) -> Header:
    """The WCS cards of a header with a full CD matrix, TAN written as TPV (PV1_1 = PV2_1 = 1 where it has no PV).

    Raises
    ------
    BadData
        The header has no celestial WCS, or not along RA and Dec in this order.
    """
    linear = read_wcs(header).pixel_scale_matrix
    if 'CD1_1' not in header:
        raise BadData('the header has no CD matrix (CD1_1 ...); write the WCS with one')
    cards = Header([copy(card) for card in header.cards if card.keyword.startswith(WCS_PREFIXES)])
    kinds = [str(cards.get(f'CTYPE{axis}', '')) for axis in (1, 2)]
    if not (kinds[0].startswith('RA--') and kinds[1].startswith('DEC-')):
        raise BadData(f'CTYPE1, CTYPE2 are {kinds}; RA and DEC in this order are needed')
    if all(kind.endswith('-TAN') for kind in kinds):
        if not any(re.match(r'PV[12]_', keyword) for keyword in cards):
            cards['PV1_1'] = cards['PV2_1'] = 1.0
        cards['CTYPE1'], cards['CTYPE2'] = 'RA---TPV', 'DEC--TPV'
    for keyword, value in zip(CD, linear.ravel()):
        cards[keyword] = float(value)
    return cards


def adjust_wcs(cards: Header, x: np.ndarray, y: np.ndarray, ra: np.ndarray, dec: np.ndarray, sigma: np.ndarray,
               linear: bool = True, iterations: int = 3) -> Header:
    """Cards with CRVAL (and CD) changed such that pixels fall on sky positions, by weighted Gauss-Newton steps.

    Parameters
    ----------
    cards : Header
        From `wcs_cards`.
    x, y : ndarray, (n,) float64, 0-based pixels
    ra, dec : ndarray, (n,) float64, deg
        Where those pixels truly are.
    sigma : ndarray, (n,) float64, arcsec
        Error of each position along one axis.
    linear : bool
        True: six parameters (shift and 2x2 matrix); False: the shift alone.
    iterations : int
        Gauss-Newton steps; the problem is almost linear and two are enough.

    Returns
    -------
    Header
        A changed copy.

    Raises
    ------
    BadData
        Fewer points than the fit needs, or all on one line.
    """
    needed = 4 if linear else 1
    if len(x) < needed:
        raise BadData(f'{len(x)} stars cannot fix {6 if linear else 2} parameters of a WCS; {needed} are needed')
    wcs, size = read_wcs(cards), 6 if linear else 2
    arm = np.array([np.mean(x) + 1.0 - float(cards['CRPIX1']), np.mean(y) + 1.0 - float(cards['CRPIX2'])])
    crval, matrix = wcs.wcs.crval.copy(), wcs.wcs.cd.copy()

    def residuals(parameters: np.ndarray) -> np.ndarray:
        wcs.wcs.crval, wcs.wcs.cd = _moved(crval, matrix, parameters, arm)
        wcs.wcs.set()
        east, north = _offsets(wcs, x, y, ra, dec)
        return np.concatenate([east / sigma, north / sigma])

    for _ in range(iterations):
        base = residuals(np.zeros(6))
        slopes = np.stack([(residuals(step) - base) / _STEP for step in _STEP * np.eye(6)[:size]], axis=1)
        scale = np.linalg.norm(slopes, axis=0)
        solution, _, rank, _ = np.linalg.lstsq(slopes / scale, -base, rcond=1e-6)
        if rank < size:
            raise BadData(f'{len(x)} stars do not fix the {size} parameters of a WCS: they lie on one line')
        crval, matrix = _moved(crval, matrix, np.append(solution / scale, np.zeros(6 - size)), arm)
    return _with_linear(cards, crval, matrix)


def offsets(cards: Header, x: np.ndarray, y: np.ndarray, ra: np.ndarray,
            dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where pixels fall minus where they should, east and north, arcsec."""
    return _offsets(read_wcs(cards), x, y, ra, dec)


def _offsets(wcs: WCS, x, y, ra, dec) -> tuple[np.ndarray, np.ndarray]:
    sky_ra, sky_dec = pixel_to_sky(wcs, x, y)
    origin = from_vectors(unit_vectors(sky_ra, sky_dec).sum(axis=0))
    xi, eta = project(sky_ra, sky_dec, *origin)
    ref_xi, ref_eta = project(ra, dec, *origin)
    return xi - ref_xi, eta - ref_eta


def _moved(crval: np.ndarray, matrix: np.ndarray, parameters: np.ndarray, arm: np.ndarray) -> tuple:
    """CRVAL shifted (deg on the sky) and the CD matrix multiplied by 1 + a small matrix.

    `arm` leads from CRPIX to the middle of the stars (pixels). CRVAL takes up what the change of the matrix does there,
    so that the parameters are almost independent even where the reference pixel lies far off the CCD.
    """
    change = parameters[2:].reshape(2, 2) @ matrix
    east, north = parameters[:2] - change @ arm
    return np.array(deproject(3600.0 * east, 3600.0 * north, *crval)), matrix + change


def _with_linear(cards: Header, crval: np.ndarray, matrix: np.ndarray) -> Header:
    out = cards.copy()
    for keyword, value in zip(('CRVAL1', 'CRVAL2', *CD), (*crval, *matrix.ravel())):
        out[keyword] = float(value)
    return out
