"""Stars that moved between template and search image: a detection and an opposite one beside it that are one star."""
from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from sediff.detect.table import Flag

#: How far apart the two places may be, px: 4 arcsec.
REACH = 16.0
#: Fluxes of one star differ by no more than this share (kernel, noise of a template with the star at several places) and
#: this many errors.
SHARE, ERRORS = 0.3, 3.0
#: Of the light at a place of one image, no more than this share may be there in the other image.
LEFT = 0.5
#: Radius of the circle whose light is compared, px.
RADIUS = 2


def moving_stars(detections: np.ndarray, template: np.ndarray, search: np.ndarray, fwhm: float) -> np.ndarray:
    """Which positive detections are the new place of a star whose old place is a negative detection.

    Parameters
    ----------
    detections : structured ndarray, (n,)
        Of `sediff.detect.detect`.
    template, search : ndarray, (ny, nx) float32
        Sky subtracted, on one flux scale.
    fwhm : float
        Of the difference's PSF, px.

    Returns
    -------
    ndarray, (n,) bool

    Notes
    -----
    A star that moved by less than about a FWHM leaves one dipole: the two sources fitted to it (`sediff.detect.dipole`)
    have a net flux of zero within its error. One that moved farther leaves two sources: the negative ones within `REACH`
    (a template of several epochs may have more than one) have the flux of the positive one, alone or together, and each
    image has light only where the star was then.
    """
    positive = detections['SIGN'] > 0
    fluxes, errors = detections['FLUX_PSF'].astype(float), detections['FLUXERR_PSF'].astype(float)
    out = positive & _near_dipoles(detections, fwhm)
    negative = np.flatnonzero(~positive)
    if not negative.size:
        return out
    x, y = detections['X_IMAGE'] - 1.0, detections['Y_IMAGE'] - 1.0
    tree = cKDTree(np.column_stack([x[negative], y[negative]]))
    for k in np.flatnonzero(positive & ~out):
        beside = negative[tree.query_ball_point((x[k], y[k]), REACH)]
        beside = beside[[_only_in(template, search, x[m], y[m]) for m in beside]] if beside.size else beside
        if beside.size and _only_in(search, template, x[k], y[k]):
            lost = np.append(-fluxes[beside], -fluxes[beside].sum())
            error = np.hypot(errors[k], np.append(errors[beside], np.sqrt(np.sum(errors[beside] ** 2))))
            out[k] = bool((np.abs(fluxes[k] - lost) < SHARE * fluxes[k] + ERRORS * error).any())
    return out


def _near_dipoles(detections: np.ndarray, fwhm: float) -> np.ndarray:
    """Dipoles whose two sources are less than a FWHM apart and have no net flux: (n,) bool."""
    fitted = (detections['FLAGS'] & Flag.DIPOLE > 0) & (detections['DIPOLE_CHI2'] > 0)
    near = np.hypot(detections['DIPOLE_DX'], detections['DIPOLE_DY']) < fwhm
    net = ERRORS * detections['DIPOLE_FLUXERR'] + SHARE * np.abs(detections['FLUX_PSF'])
    return fitted & near & (np.abs(detections['DIPOLE_FLUX']) < net)


def _only_in(one: np.ndarray, other: np.ndarray, x: float, y: float) -> bool:
    """Whether the light at a place of one image is missing in the other."""
    here, there = (_light(image, x, y) for image in (one, other))
    return here > 0 and there < LEFT * here


def _light(image: np.ndarray, x: float, y: float) -> float:
    """Sum of the finite pixels within `RADIUS` of a 0-based place."""
    i, j = round(float(x)), round(float(y))
    rows, columns = (np.arange(max(0, c - RADIUS), min(size, c + RADIUS + 1)) for c, size in zip((j, i), image.shape))
    if not rows.size or not columns.size:
        return 0.0
    inside = (rows[:, None] - y) ** 2 + (columns - x) ** 2 <= (RADIUS + 0.5) ** 2
    return float(np.sum(np.nan_to_num(image[np.ix_(rows, columns)], posinf=0.0, neginf=0.0), where=inside, dtype=float))
