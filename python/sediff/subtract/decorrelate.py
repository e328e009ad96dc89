"""White noise in the difference: the correlation that the kernel made is taken out again."""
from __future__ import annotations

import numpy as np

#: Half width of the filter and side of the grid its spectrum is computed on, px.
HALF_WIDTH, SIDE = 10, 64


def whitening_kernels(kernels: np.ndarray, science_variance: float, template_variance: float) -> np.ndarray:
    """Filters that whiten science - K * template.

    Parameters
    ----------
    kernels : ndarray, (rows, columns, w, w) float32
        The matching kernel K of each block.
    science_variance, template_variance : float
        Typical variance of a pixel of the image left alone and of the convolved one.

    Returns
    -------
    ndarray, (rows, columns, 2 HALF_WIDTH + 1, 2 HALF_WIDTH + 1) float32

    Notes
    -----
    Reiss & Lupton 2016 (DMTN-021): psi(k) = sqrt((s^2 + t^2 sum K^2) / (s^2 + |K(k)|^2 t^2)). It keeps the variance of
    a pixel, so that the propagated variance is true of the white noise. The PSF of the result is psi convolved with
    that of the image left alone; its flux is multiplied by the sum of psi.
    """
    shape = (*kernels.shape[:2], SIDE, SIDE)
    half = kernels.shape[-1] // 2
    padded = np.zeros(shape, np.float32)
    start = SIDE // 2 - half
    padded[..., start:start + kernels.shape[-1], start:start + kernels.shape[-1]] = kernels
    power = np.abs(np.fft.rfft2(padded)) ** 2
    total = (padded.astype(float) ** 2).sum(axis=(-1, -2))[..., None, None]
    spectrum = np.sqrt((science_variance + template_variance * total) / (science_variance + template_variance * power))
    whitening = np.fft.fftshift(np.fft.irfft2(spectrum, (SIDE, SIDE)), axes=(-1, -2))
    part = slice(SIDE // 2 - HALF_WIDTH, SIDE // 2 + HALF_WIDTH + 1)
    return np.ascontiguousarray(whitening[..., part, part], np.float32)


def whitened_psf(psf: np.ndarray, whitening: np.ndarray) -> np.ndarray:
    """PSF of a whitened difference: that of the image left alone convolved with the filter of its place.

    Parameters
    ----------
    psf : ndarray, (n, n) float
        Of the image that was not convolved.
    whitening : ndarray, (w, w) float
        Of `whitening_kernels`.
    """
    n, w = psf.shape[0], whitening.shape[0]
    side = n + w
    spectrum = np.fft.rfft2(psf, (side, side)) * np.fft.rfft2(whitening, (side, side))
    whole = np.fft.irfft2(spectrum, (side, side))
    return whole[w // 2:w // 2 + n, w // 2:w // 2 + n]
