"""Stars that moved between template and search image: a detection and an opposite one beside it that are one star."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from sediff.detect.table import Flag

#: Radius of the circle whose light is compared, px.
RADIUS = 2


@dataclass(frozen=True)
class MovingLimits:
    """What two places of one star have in common.

    Parameters
    ----------
    reach : float
        How far apart they may be, px: 4 arcsec.
    share, errors : float
        Fluxes of one star differ by no more than this share (kernel, noise of a template with the star at several places)
        and this many errors.
    left : float
        Of the light at a place of one image, no more than this share may be there in the other image.
    """

    reach: float = 16.0
    share: float = 0.3
    errors: float = 3.0
    left: float = 0.5


def moving_stars(detections: np.ndarray, template: np.ndarray, search: np.ndarray, fwhm: float,
                 limits: MovingLimits = MovingLimits()) -> np.ndarray:
    """Whether each positive detection is the new place of a star whose old place is a negative detection.

    Parameters
    ----------
    detections : structured ndarray, (n,)
        Of `sediff.detect.detect`.
    template, search : ndarray, (ny, nx) float32
        Sky subtracted, on one flux scale.
    fwhm : float
        Of the difference's PSF, px.
    limits : MovingLimits

    Returns
    -------
    ndarray, (n,) float64
        Difference of the fluxes of the two places over what is allowed: below 1 of a star that moved, infinite where there
        is no second place.

    Notes
    -----
    A star that moved by less than about a FWHM leaves one dipole: the two sources fitted to it (`sediff.detect.dipole`)
    have a net flux of zero within its error. One that moved farther leaves two sources: the negative ones within `reach`
    (a template of several epochs may have more than one) have the flux of the positive one, alone or together, and each
    image has light only where the star was then.
    """
    positive = detections['SIGN'] > 0
    fluxes, errors = detections['FLUX_PSF'].astype(float), detections['FLUXERR_PSF'].astype(float)
    out = np.where(positive, _near_dipoles(detections, fwhm, limits), np.inf)
    negative = np.flatnonzero(~positive)
    if not negative.size:
        return out
    x, y = detections['X_IMAGE'] - 1.0, detections['Y_IMAGE'] - 1.0
    tree = cKDTree(np.column_stack([x[negative], y[negative]]))
    for k in np.flatnonzero(positive & ~(out < 1.0)):
        beside = negative[tree.query_ball_point((x[k], y[k]), limits.reach)]
        beside = beside[[_only_in(template, search, x[m], y[m], limits.left) for m in beside]] if beside.size else beside
        if beside.size and _only_in(search, template, x[k], y[k], limits.left):
            lost = np.append(-fluxes[beside], -fluxes[beside].sum())
            error = np.hypot(errors[k], np.append(errors[beside], np.sqrt(np.sum(errors[beside] ** 2))))
            out[k] = min(out[k], (np.abs(fluxes[k] - lost) / (limits.share * fluxes[k] + limits.errors * error)).min())
    return out


def _near_dipoles(detections: np.ndarray, fwhm: float, limits: MovingLimits) -> np.ndarray:
    """Net flux over its largest of dipoles whose two sources are less than a FWHM apart: (n,) float64, else infinite."""
    fitted = (detections['FLAGS'] & Flag.DIPOLE > 0) & (detections['DIPOLE_CHI2'] > 0)
    near = np.hypot(detections['DIPOLE_DX'], detections['DIPOLE_DY']) < fwhm
    net = limits.errors * detections['DIPOLE_FLUXERR'] + limits.share * np.abs(detections['FLUX_PSF'])
    out = np.full(len(detections), np.inf)
    np.divide(np.abs(detections['DIPOLE_FLUX']), net, out=out, where=fitted & near & (net > 0.0))
    return out


def _only_in(one: np.ndarray, other: np.ndarray, x: float, y: float, left: float) -> bool:
    """Whether the light at a place of one image is missing in the other."""
    here, there = (_light(image, x, y) for image in (one, other))
    return here > 0 and there < left * here


def _light(image: np.ndarray, x: float, y: float) -> float:
    """Sum of the finite pixels within `RADIUS` of a 0-based place."""
    i, j = round(float(x)), round(float(y))
    rows, columns = (np.arange(max(0, c - RADIUS), min(size, c + RADIUS + 1)) for c, size in zip((j, i), image.shape))
    if not rows.size or not columns.size:
        return 0.0
    inside = (rows[:, None] - y) ** 2 + (columns - x) ** 2 <= (RADIUS + 0.5) ** 2
    return float(np.sum(np.nan_to_num(image[np.ix_(rows, columns)], posinf=0.0, neginf=0.0), where=inside, dtype=float))
