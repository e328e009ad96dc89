"""The one image type that travels through the pipeline: pixels, mask, weight and header of a CCD."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from astropy.io.fits import Header


@dataclass
class CcdImage:
    """A CCD's image with its mask and weight.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        Electrons (ADU before the gain is applied; header card BUNIT says which).
    mask : ndarray, (ny, nx) uint16
        DES bits, see `sediff.camera.maskbits.Bit`.
    weight : ndarray, (ny, nx) float32
        Inverse variance of `image`, 0 where the pixel has no information.
    header : astropy.io.fits.Header
        Cards of the exposure and the CCD, WCS included (1-based, as in FITS).
    """

    image: np.ndarray
    mask: np.ndarray
    weight: np.ndarray
    header: Header = field(default_factory=Header)

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.image.shape
