"""White noise in the difference: the correlation that the kernel made is taken out again."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sediff.subtract.convolve import BLOCK
from sediff.subtract.model import KernelModel

if TYPE_CHECKING:
    from sediff.psf.model import PsfModel
    from sediff.subtract.subtract import Difference

#: Half width of the filter and side of the grid its spectrum is computed on, px.
HALF_WIDTH, SIDE = 10, 64
#: The filter is made once for so many blocks of the kernel along rows and columns.
BLOCKS = 4
#: Power of the noise below which it is not raised, relative to that of its lowest frequency.
LEAST_POWER = 1e-3
#: Places along each axis at which the PSF of a whitened difference is worked out.
PSF_GRID = 6


@dataclass(frozen=True)
class Whitening:
    """Filters that make the noise of a difference white, one for each block of pixels.

    Parameters
    ----------
    kernels : ndarray, (rows, columns, w, w) float32
        Filters of unit sum: fluxes are kept.
    noise : ndarray, (rows, columns) float64
        What the variance of a pixel is multiplied by.
    block : (int, int)
        Rows and columns of pixels of a block.
    """

    kernels: np.ndarray
    noise: np.ndarray
    block: tuple[int, int]

    def at(self, x: float, y: float) -> np.ndarray:
        """Filter (w, w) at a 0-based pixel."""
        row, column = (int(np.clip(v // b, 0, n - 1)) for v, b, n in zip((y, x), self.block, self.noise.shape))
        return self.kernels[row, column]

    def scale_variance(self, variance: np.ndarray) -> None:
        """Turn the variance of the correlated noise into that of the white noise, in place."""
        down, along = self.block
        for row, line in enumerate(self.noise):
            for column, factor in enumerate(line):
                variance[row * down:(row + 1) * down, column * along:(column + 1) * along] *= np.float32(factor)


def whitening_of(model: KernelModel, science_variance: float, template_variance: float, smoothing: np.ndarray | None = None
                 ) -> Whitening:
    """Filters that whiten science - K * template.

    Parameters
    ----------
    model : KernelModel
        The matching kernel K.
    science_variance, template_variance : float
        Typical variance of a pixel of the image left alone and of the convolved one.
    smoothing : ndarray, (w, w), optional
        Kernel that the former was convolved with already.
    """
    kernels, noise = whitening_kernels(model.on_blocks(step=BLOCKS), science_variance, template_variance, smoothing)
    return Whitening(kernels, noise, (BLOCKS * BLOCK[0], BLOCKS * BLOCK[1]))


def whitening_kernels(kernels: np.ndarray, science_variance: float, template_variance: float,
                      smoothing: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Filters (..., 2 HALF_WIDTH + 1, 2 HALF_WIDTH + 1) float32 for kernels (..., w, w), and their noise factors (...).

    Notes
    -----
    Reiss & Lupton 2016 (DMTN-021): psi(k) ~ 1 / sqrt(s^2 + t^2 |K(k)|^2), here of unit sum, so that fluxes are kept. A
    pixel's variance becomes s^2 + t^2 (sum K)^2 from s^2 + t^2 sum K^2. The PSF is psi convolved with that of the image left
    alone. Where both images were convolved, s^2 stands for s^2 |G(k)|^2.
    """
    power, squares = _power(kernels), (kernels.astype(float) ** 2).sum(axis=(-1, -2))
    science_power, science_squares = 1.0, 1.0
    if smoothing is not None:
        science_power, science_squares = _power(smoothing), float((smoothing**2).sum())
        science_variance /= science_squares
    total = science_variance * science_power + template_variance * power
    total = np.maximum(total, LEAST_POWER * total[..., :1, :1])
    whitening = np.fft.fftshift(np.fft.irfft2(1.0 / np.sqrt(total), (SIDE, SIDE)), axes=(-1, -2))
    part = slice(SIDE // 2 - HALF_WIDTH, SIDE // 2 + HALF_WIDTH + 1)
    whitening = whitening[..., part, part]
    whitening = whitening / whitening.sum(axis=(-1, -2), keepdims=True)
    before = science_variance * science_squares + template_variance * squares
    return np.ascontiguousarray(whitening, np.float32), total[..., 0, 0] / before


def _power(kernels: np.ndarray) -> np.ndarray:
    """|K(k)|^2 of kernels (..., w, w) on the grid of the filter."""
    half, start = kernels.shape[-1] // 2, SIDE // 2 - kernels.shape[-1] // 2
    padded = np.zeros((*kernels.shape[:-2], SIDE, SIDE))
    padded[..., start:start + 2 * half + 1, start:start + 2 * half + 1] = kernels
    return np.abs(np.fft.rfft2(padded)) ** 2


def psf_of_difference(psf: PsfModel, result: Difference) -> PsfModel:
    """PSF model of a difference, from that of the image that was not convolved (of the science image where both were)."""
    if result.whitening is None and result.smoothing is None:
        return psf
    from sediff.psf.shape import stamp_fwhm  # only here: it costs the command its quick start
    shape = result.image.shape
    x, y = (v.ravel() for v in np.meshgrid(*(np.linspace(0, size - 1, PSF_GRID) for size in shape[::-1])))
    planes = [psf.coefficients_image(a, b) for a, b in zip(x, y)]
    if result.smoothing is not None:
        planes = [filtered(plane, result.smoothing, psf.samp) for plane in planes]
    if result.whitening is not None:
        planes = [filtered(plane, result.whitening.at(a, b), psf.samp) for plane, a, b in zip(planes, x, y)]
    flat = np.array(planes).reshape(len(planes), -1)
    mask = np.linalg.lstsq(psf.terms(x, y), flat, rcond=None)[0].reshape(psf.mask.shape)
    found = replace(psf, mask=mask.astype(np.float32))
    middle = found.coefficients_image((shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0)
    found.fwhm = psf.samp * stamp_fwhm(middle)
    return found


def filtered(plane: np.ndarray, kernel: np.ndarray, samp: float = 1.0) -> np.ndarray:
    """A PSF with `samp` image pixels a sample, (n, n), convolved with a filter of image pixels (w, w): (n, n) float64."""
    n, half = plane.shape[0], kernel.shape[0] // 2
    side = n + 2 * int(np.ceil(half / samp))
    offset = np.arange(-half, half + 1)
    down, along = (np.exp(-2j * np.pi * np.outer(f, offset) / samp) for f in (np.fft.fftfreq(side), np.fft.rfftfreq(side)))
    spectrum = np.fft.rfft2(plane, (side, side)) * (down @ kernel @ along.T)
    return np.fft.irfft2(spectrum, (side, side))[:n, :n]
