"""What an astrometric solution is, and what is searched and believed on the way to it."""
from __future__ import annotations

from dataclasses import dataclass

from astropy.io.fits import Header


@dataclass(frozen=True)
class AstrometryOptions:
    """What is searched and what is believed.

    Parameters
    ----------
    search_radius : float
        Largest error of the starting pointing along an axis, arcsec.
    max_rotation : float
        Largest error of the starting orientation, degrees.
    max_scale_change : float
        Largest relative change of the pixel scale along any direction.
    brightest : int
        Detections used to find the pattern, and half as many again reference stars; four times as many on a second
        try. The fit uses all.
    min_matched : int
        Fewest matched stars.
    max_rms : float
        Largest rms residual along either axis, mas.
    min_contrast : float
        Smallest ratio of the pattern's votes to those of the next best offset.
    clip : float
        Stars further off than this many standard deviations (or robust scatters, if larger) are left out.
    floor : float
        Added in quadrature to every position error, mas: the atmosphere and what the distortion leaves.
    """

    search_radius: float = 60.0
    max_rotation: float = 0.1
    max_scale_change: float = 0.005
    brightest: int = 800
    min_matched: int = 10
    max_rms: float = 150.0
    min_contrast: float = 2.0
    clip: float = 4.0
    floor: float = 10.0


@dataclass(frozen=True)
class Solution:
    """An accepted WCS.

    Parameters
    ----------
    header : Header
        WCS cards: full CD matrix, the starting header's distortion.
    n_matched : int
        Stars the fit rests on.
    rms_ra, rms_dec : float
        Residuals along east and north, mas.
    chi2 : float
        Chi-square per degree of freedom.
    offset_arcsec : float
        How far the middle of the detections moved on the sky.
    rotation_deg : float
        How far the field turned, degrees, east of north.
    contrast : float
        Votes of the pattern over those of the next best offset.
    """

    header: Header
    n_matched: int
    rms_ra: float
    rms_dec: float
    chi2: float
    offset_arcsec: float
    rotation_deg: float
    contrast: float
