"""What an astrometric solution is, and what is searched and accepted on the way to it."""
from __future__ import annotations

from dataclasses import dataclass

from astropy.io.fits import Header


@dataclass(frozen=True)
class AstrometryOptions:
    """What is searched and what is accepted.

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
        Stars further off than this many standard deviations (or robust scatters, if larger) are rejected.
    floor : float
        Added in quadrature to every position error, mas: the atmosphere.
    max_order : int
        Highest degree (1 to 3) of the polynomial that corrects the distortion; taken where held-out stars warrant it.
    """

    search_radius: float = 60.0
    max_rotation: float = 0.1
    max_scale_change: float = 0.005
    brightest: int = 800
    min_matched: int = 10
    max_rms: float = 150.0
    min_contrast: float = 2.0
    clip: float = 4.0
    floor: float = 8.0
    max_order: int = 3


@dataclass(frozen=True)
class Solution:
    """An accepted WCS.

    Parameters
    ----------
    header : Header
        TPV cards with a full CD matrix; the starting distortion, corrected where `order` is above 1.
    n_matched : int
        Stars the fit rests on.
    rms_ra, rms_dec : float
        Residuals along east and north, mas.
    chi2 : float
        Chi-square per degree of freedom; 0 where no star was matched (`kind` 'common').
    offset_arcsec : float
        How far the middle of the detections moved on the sky.
    rotation_deg : float
        How far the field turned, degrees, east of north.
    contrast : float
        Votes of the pattern over those of the next best offset; 0 for 'common'.
    order : int
        Degree of the correction: 1 (pointing and linear terms), 2 or 3; 0: a shift at most.
    kind : str
        'own': from this CCD's stars; 'common': from the other CCDs of the exposure.
    held_out : float
        rms error of stars held out of the fit, mas along one axis: what a star that is in no catalogue may expect.
    """

    header: Header
    n_matched: int
    rms_ra: float
    rms_dec: float
    chi2: float
    offset_arcsec: float
    rotation_deg: float
    contrast: float
    order: int = 1
    kind: str = 'own'
    held_out: float = 0.0

    def metrics(self) -> dict:
        """What is kept of it in `..._astrometry.json`."""
        return {'kind': self.kind, 'matched': self.n_matched, 'rms_ra_mas': self.rms_ra, 'rms_dec_mas': self.rms_dec,
                'chi2': self.chi2, 'order': self.order, 'left_out_mas': self.held_out, 'offset_arcsec': self.offset_arcsec,
                'rotation_deg': self.rotation_deg, 'contrast': self.contrast}
