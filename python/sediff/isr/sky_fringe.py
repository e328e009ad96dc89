"""Fringes of z and Y: night-sky lines interfering in the silicon, a fixed pattern of varying strength."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from sediff.camera.maskbits import UNUSABLE, Bit
from sediff.ccdimage import CcdImage
from sediff.errors import BadData
from sediff.isr.history import once, record

#: Bands in which DECam fringes.
BANDS = ('z', 'Y')


def build_fringe(residuals: Sequence[np.ndarray], usable: np.ndarray, levels: np.ndarray, clip: float = 3.0,
                 smooth: float = 3.0) -> np.ndarray:
    """Fringe pattern of a CCD from sky-subtracted exposures, by alternating amplitudes and pattern.

    Parameters
    ----------
    residuals : sequence of ndarray, (ny, nx) float32, electrons
        Sky (its smooth part) subtracted.
    usable : ndarray, (ny, nx) bool
    levels : ndarray, (exposures,), electrons
        Sky of each: the first guess of the fringes' strength.
    smooth : float, pixels
        Sigma of a Gaussian that takes noise out of the pattern; fringes are much wider.

    Returns
    -------
    ndarray, (ny, nx) float32
        rms 1; pixels that no exposure shows are 0.

    Raises
    ------
    BadData
        Fewer than 5 exposures.
    """
    if len(residuals) < 5:
        raise BadData(f'{len(residuals)} exposures for a fringe pattern; take at least 5')
    sigma = [1.4826 * float(np.median(np.abs(residual[::7, ::7]))) for residual in residuals]
    strength, mask = levels / np.median(levels), np.where(usable, 0, int(Bit.BPM)).astype(np.uint16)
    for _ in range(4):
        total, norm = (np.zeros(usable.shape, np.float32) for _ in range(2))
        for residual, amplitude, noise in zip(residuals, strength, sigma):
            good = usable & (np.abs(residual) <= clip * noise)
            total += np.where(good, np.float32(amplitude / noise ** 2) * residual, np.float32(0))
            norm += good * np.float32(amplitude ** 2 / noise ** 2)
        pattern = np.where(norm > 0, total / np.maximum(norm, np.float32(1e-30)), np.float32(0))
        pattern = ndimage.gaussian_filter(pattern, smooth)
        pattern -= np.median(pattern)
        pattern /= max(float(np.sqrt(np.mean(pattern.astype(float) ** 2))), 1e-30)
        strength = np.array([fit_fringe(residual, mask, pattern)[0] for residual in residuals])
    return pattern.astype(np.float32)


def fit_fringe(image: np.ndarray, mask: np.ndarray, pattern: np.ndarray, clip: float = 2.5) -> tuple[float, float]:
    """Strength (e-) of the pattern in a sky-subtracted image, and its error; objects are clipped.

    Of an image of more than a million pixels every second row and column is used.
    """
    if pattern.shape != image.shape:
        raise BadData(f'fringe pattern of {pattern.shape} pixels for an image of {image.shape}')
    step = 2 if image.size > 1_000_000 else 1
    image, mask, pattern = (plane[::step, ::step] for plane in (image, mask, pattern))
    usable = ((mask & np.uint16(UNUSABLE)) == 0) & np.isfinite(image)
    values, shape = image[usable].astype(float), pattern[usable].astype(float)
    strength = offset = sigma = 0.0
    for _ in range(6):
        residual = values - strength * shape - offset
        sigma = 1.4826 * float(np.median(np.abs(residual[::16] - np.median(residual[::16]))))
        kept = np.abs(residual) <= clip * sigma
        centred = shape[kept] - shape[kept].mean()
        strength = float((values[kept] * centred).sum() / max((centred ** 2).sum(), 1e-30))
        offset = float(np.mean(values[kept] - strength * shape[kept]))
    return strength, float(sigma / np.sqrt(max((centred ** 2).sum(), 1e-30)))


def subtract_fringe(ccd: CcdImage, pattern: np.ndarray, name: str, checksum: str = '') -> CcdImage:
    """Subtract the fringes as strong as they are measured; FRINGEA is their rms (e-), FRINGFIL the file."""
    once(ccd.header, 'FRINGFIL', 'the fringe correction')
    strength, error = fit_fringe(ccd.image, ccd.mask, pattern)
    header = ccd.header.copy()
    record(header, 'FRINGFIL', name, 'Fringes subtracted', checksum)
    header['FRINGEA'], header['FRINGEE'] = (strength, '[e-] rms of the fringes'), (error, '[e-] its error')
    return CcdImage((ccd.image - strength * pattern).astype(np.float32), ccd.mask, ccd.weight, header)
