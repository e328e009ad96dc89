"""PSF and depth of a coadd, from those of its inputs."""
from __future__ import annotations

import numpy as np

from sediff.errors import BadUsage
from sediff.psf.model import PsfModel

#: Every how many pixels the weight is looked at.
SAMPLE = 8


def mean_psf(stamps: np.ndarray, weights: np.ndarray, fwhm: np.ndarray) -> PsfModel:
    """The PSF of a weighted mean of images: the weighted mean of their PSFs, constant over the CCD.

    Parameters
    ----------
    stamps : ndarray, (n, m, m) float
        Centred PSFs of unit flux on the coadd's pixels, m odd.
    weights : ndarray, (n,) float
        Of the images in the mean, any scale.
    fwhm : ndarray, (n,) float
        Of the PSFs, px; that of the mean is taken as their weighted mean.

    Raises
    ------
    BadUsage
        No weight.
    """
    weights = np.asarray(weights, float)
    if not weights.sum() > 0:
        raise BadUsage('no input has any weight: its PSF is not defined')
    plane = np.tensordot(weights / weights.sum(), np.asarray(stamps, float), 1)
    return PsfModel((plane / plane.sum())[None], 0, (1.0, 1.0), (1.0, 1.0), 1.0,
                    float(np.average(fwhm, weights=weights)), 0.0, 0, 0)


def noise_area(stamp: np.ndarray) -> float:
    """Noise-equivalent area of a PSF, px: 1 / sum of its squared values at unit flux."""
    flux = float(stamp.sum())
    return flux**2 / float(np.sum(np.square(stamp)))


def depth(weight: np.ndarray, area: float, zero_point: float, snr: float = 5.0) -> float | None:
    """Magnitude of a point source with this S/N where the weight is the median of the covered pixels.

    Parameters
    ----------
    weight : ndarray, (ny, nx) float32
        Inverse variance, of the sky alone.
    area : float
        Noise-equivalent area of the PSF, px.
    zero_point : float
        mag of one unit of flux.

    Returns
    -------
    float or None
        None where nothing is covered.

    Notes
    -----
    sigma_flux = sqrt(area / weight) for PSF fluxes on a known sky (King 1983, PASP 95, 163).
    """
    sample = weight[::SAMPLE, ::SAMPLE]
    sample = sample[sample > 0]
    if not sample.size:
        return None
    return float(zero_point - 2.5 * np.log10(snr * np.sqrt(area / float(np.median(sample)))))
