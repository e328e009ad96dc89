"""The table of detections: its columns, its flags, and its sky positions."""
from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib import recfunctions

from sediff.wcs.read import pixel_to_sky

if TYPE_CHECKING:
    from astropy.wcs import WCS

#: Columns of a detection; names as SExtractor's, pixel positions 1-based, fluxes in the units of the image.
DETECTION_DTYPE = np.dtype([
    ('NUMBER', 'i4'),            # 1, 2, ... in order of falling significance
    ('X_IMAGE', 'f8'), ('Y_IMAGE', 'f8'),            # PSF-fit centroid, px, 1-based
    ('ERRX_IMAGE', 'f4'), ('ERRY_IMAGE', 'f4'),      # its error, px
    ('XPEAK_IMAGE', 'i4'), ('YPEAK_IMAGE', 'i4'),    # peak of the score, px, 1-based
    ('SCORE', 'f4'),             # calibrated matched-filter significance at the peak, signed
    ('FLUX_PSF', 'f4'), ('FLUXERR_PSF', 'f4'),       # signed
    ('SNR', 'f4'),               # |FLUX_PSF| / FLUXERR_PSF
    ('SIGN', 'i2'),              # +1 brighter than the template, -1 fainter
    ('CHI2_PSF', 'f4'),          # reduced chi square of the PSF fit
    ('FLUX_APER', 'f4'), ('FLUXERR_APER', 'f4'),     # circle of 5 px radius
    ('A_IMAGE', 'f4'), ('B_IMAGE', 'f4'), ('THETA_IMAGE', 'f4'),   # window-corrected second moments: px, px, deg
    ('FWHM_IMAGE', 'f4'),        # px, of a Gaussian with these moments
    ('APSF_IMAGE', 'f4'),        # A_IMAGE of the PSF itself measured the same way, px
    ('SPREAD_MODEL', 'f4'), ('SPREADERR_MODEL', 'f4'),
    ('DIPOLE_SEP', 'f4'),        # px to the strongest opposite peak within reach, -1 when there is none
    ('DIPOLE_RATIO', 'f4'),      # |score| of that peak / |SCORE|, 0 when there is none
    ('DIPOLE_DX', 'f4'), ('DIPOLE_DY', 'f4'),        # fit of two sources: px from the fainter to the brighter side
    ('DIPOLE_FLUX', 'f4'), ('DIPOLE_FLUXERR', 'f4'), # its net flux: what is left besides a shift
    ('DIPOLE_CHI2', 'f4'),       # its reduced chi square, 0 without a fit
    ('NMASK_CORE', 'i2'), ('NMASK_NEAR', 'i2'),      # unusable pixels within 2 px and within 2 FWHM
    ('FLAGS', 'i2'),             # Flag bits
    ('IMAFLAGS_ISO', 'i4'),      # OR of the mask plane within 1 FWHM
])


class Flag(IntFlag):
    """Bits of the FLAGS column."""

    EDGE = 1             # the PSF stamp reaches over the image's edge
    MASKED_CORE = 2      # an unusable pixel within 2 px
    CENTROID = 4         # centroid fit did not converge: the peak's position is given
    DIPOLE = 8           # significant opposite peak within reach
    SHAPE = 16           # second moments could not be measured: the PSF's are given


def with_sky(detections: np.ndarray, wcs: WCS) -> np.ndarray:
    """The table with ALPHAWIN_J2000, DELTAWIN_J2000 (deg, ICRS) appended.

    Parameters
    ----------
    detections : structured ndarray, (n,)
        Needs X_IMAGE, Y_IMAGE (px, 1-based).
    wcs : astropy.wcs.WCS
        Celestial WCS of the image.
    """
    if len(detections):
        ra, dec = pixel_to_sky(wcs, detections['X_IMAGE'] - 1.0, detections['Y_IMAGE'] - 1.0)
    else:
        ra = dec = np.zeros(0)
    return recfunctions.append_fields(detections, ('ALPHAWIN_J2000', 'DELTAWIN_J2000'), (ra, dec), usemask=False)
