"""The PSF of a difference: smoothed and whitened as the image was."""
from __future__ import annotations

from dataclasses import replace

import numpy as np

from sediff.errors import BadUsage
from sediff.psf.model import PsfModel
from sediff.psf.shape import stamp_fwhm
from sediff.psf.zoned import ZonedPsf, zoned
from sediff.subtract.subtract import Difference
from sediff.subtract.zones import CELL

#: Places along each axis at which the PSF of a whitened difference is worked out.
PSF_GRID = 6


def psf_of_difference(psf: PsfModel | ZonedPsf, result: Difference) -> PsfModel | ZonedPsf:
    """PSF model of a difference, from that of the image that was not convolved (of the science image where both were).

    One for each zone where the noise was made white zone by zone.

    Raises
    ------
    BadUsage
        The model is zone by zone itself, and would have to be changed.
    """
    if result.whitening is None and result.smoothing is None:
        return psf
    if isinstance(psf, ZonedPsf):
        raise BadUsage('it is the PSF of a difference, zone by zone; that of an image is needed')
    if result.whitening is None:
        return _changed(psf, result, None)
    zones = result.whitening.zones
    return zoned([_changed(psf, result, zone) for zone in range(len(zones.typical))], zones.labels, CELL)


def _changed(psf: PsfModel, result: Difference, zone: int | None) -> PsfModel:
    """The PSF smoothed as the science image was, and whitened as a zone was."""
    shape = result.image.shape
    x, y = (v.ravel() for v in np.meshgrid(*(np.linspace(0, size - 1, PSF_GRID) for size in shape[::-1])))
    planes = np.tensordot(psf.terms(x, y), psf.mask.astype(float), 1)
    if result.smoothing is not None:
        planes = filtered(planes, result.smoothing, psf.samp)
    if zone is not None and result.whitening is not None:
        planes = filtered(planes, np.array([result.whitening.at(a, b, zone) for a, b in zip(x, y)]), psf.samp)
    mask = np.linalg.lstsq(psf.terms(x, y), planes.reshape(len(planes), -1), rcond=None)[0].reshape(psf.mask.shape)
    found = replace(psf, mask=mask.astype(np.float32))
    middle = found.coefficients_image((shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0)
    found.fwhm = psf.samp * stamp_fwhm(middle)
    return found


def filtered(plane: np.ndarray, kernel: np.ndarray, samp: float = 1.0) -> np.ndarray:
    """PSFs with `samp` image pixels a sample, (..., n, n), convolved with filters of image pixels (..., w, w): float64."""
    n, half = plane.shape[-1], kernel.shape[-1] // 2
    side = n + 2 * int(np.ceil(half / samp))
    offset = np.arange(-half, half + 1)
    down, along = (np.exp(-2j * np.pi * np.outer(f, offset) / samp) for f in (np.fft.fftfreq(side), np.fft.rfftfreq(side)))
    spectrum = np.fft.rfft2(plane, (side, side)) * (down @ (kernel @ along.T))
    return np.fft.irfft2(spectrum, (side, side))[..., :n, :n]
