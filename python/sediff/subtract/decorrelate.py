"""White noise in the difference: the correlation that the kernel made is taken out again."""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from sediff.subtract.convolve import BLOCK, block_centres, convolve_part
from sediff.subtract.model import KernelModel
from sediff.subtract.terms import spatial_terms
from sediff.subtract.zones import CELL, NoiseZones

if TYPE_CHECKING:
    pass

#: Half width of the filter and side of the grid its spectrum is computed on, px.
HALF_WIDTH, SIDE = 10, 64
#: The filter is made once for so many blocks of the kernel along rows and columns.
BLOCKS = 4
#: Power of the noise below which it is not raised, relative to that of its lowest frequency.
LEAST_POWER = 1e-3


@dataclass(frozen=True)
class Whitening:
    """Filters that make the noise of a difference white, one for each zone and block of pixels.

    Parameters
    ----------
    kernels : ndarray, (zones, rows, columns, w, w) float32
        Filters of unit sum: fluxes are kept.
    sums, squares : ndarray, (rows, columns) float64
        Square of the matching kernel's sum, and the sum of its squares.
    smoothed : float
        Sum of the squares of what the other image was convolved with, 1 if it was not.
    zones : NoiseZones
    block : (int, int)
        Rows and columns of pixels of a block, multiples of the zones' cells.
    """

    kernels: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    smoothed: float
    zones: NoiseZones
    block: tuple[int, int]

    def at(self, x: float, y: float, zone: int | None = None) -> np.ndarray:
        """Filter (w, w) at a 0-based pixel, of the zone there or of another."""
        if zone is None:
            labels = self.zones.labels
            zone = labels[tuple(int(np.clip(v // CELL, 0, n - 1)) for v, n in zip((y, x), labels.shape))]
        row, column = (int(np.clip(v // b, 0, n - 1)) for v, b, n in zip((y, x), self.block, self.sums.shape))
        return self.kernels[zone, row, column]

    def apply(self, image: np.ndarray) -> None:
        """Filter an image (ny, nx) float32 in place, zero assumed outside."""
        (ny, nx), down, half = image.shape, self.block[0], self.kernels.shape[-1] // 2
        above = np.zeros((half, nx), np.float32)
        for row in range(len(self.sums)):
            start, stop = row * down, min((row + 1) * down, ny)
            strip = np.concatenate([above, image[start:stop + half]])      # as it was: the rows above are filtered already
            above = strip[stop - start:stop - start + half]
            for column in range(self.sums.shape[1]):
                self._apply_block(row, column, strip, image[start:stop])

    def _apply_block(self, row: int, column: int, strip: np.ndarray, out: np.ndarray) -> None:
        """Filter one block, zone by zone, from a strip that begins half a filter above its rows, into these."""
        half, left = self.kernels.shape[-1] // 2, column * self.block[1]
        right = min(left + self.block[1], out.shape[1])
        cells = self.zones.labels[row * self.block[0] // CELL:, left // CELL:-(-right // CELL)][:-(-len(out) // CELL)]
        for zone in np.unique(cells):
            here = cells == zone
            rows, columns = (np.flatnonzero(here.any(axis=axis)) for axis in (1, 0))
            y, x = (slice(first + CELL * int(n[0]), min(last, first + CELL * (int(n[-1]) + 1)))
                    for first, last, n in ((0, len(out), rows), (left, right, columns)))
            found = convolve_part(strip, self.kernels[zone, row, column], (slice(y.start + half, y.stop + half), x))
            inner = here[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
            wanted = np.repeat(np.repeat(inner, CELL, axis=0), CELL, axis=1)[:found.shape[0], :found.shape[1]]
            np.copyto(out[y, x], found, where=True if here.all() else wanted)

    def scale_variance(self, variance: np.ndarray) -> None:
        """Turn the variance of the correlated noise into that of the white noise, in place.

        From s^2 + t^2 sum K^2 it becomes the power at low frequencies, s0^2 + t^2 (sum K)^2, s0^2 that before any smoothing.
        """
        scale_cells(variance, self.zones.ratio, self.sums, self.squares, self.smoothed, *self.block)


@njit(cache=True)
def scale_cells(variance, ratio, sums, squares, smoothed, down, along):
    """Multiply the variance by (1 / smoothed + r sums) / (1 + r squares), r the ratio of each cell."""
    for v in range(ratio.shape[0]):
        for u in range(ratio.shape[1]):
            row, column, r = v * CELL // down, u * CELL // along, ratio[v, u]
            factor = np.float32((1.0 / smoothed + r * sums[row, column]) / (1.0 + r * squares[row, column]))
            variance[v * CELL:(v + 1) * CELL, u * CELL:(u + 1) * CELL] *= factor


def whitening_of(model: KernelModel, zones: NoiseZones, smoothing: np.ndarray | None = None, turned: bool = False
                 ) -> Whitening:
    """Filters that whiten science - K * template, zone by zone.

    Parameters
    ----------
    model : KernelModel
        The matching kernel K.
    zones : NoiseZones
    smoothing : ndarray, (w, w), optional
        Kernel that the image left alone was convolved with already.
    turned : bool
        The kernel convolves the science image: the zones' kernels belong to the image left alone.
    """
    matching = model.on_blocks(step=BLOCKS)
    power = power_on_blocks(model)
    smoothed = 1.0 if smoothing is None else float((smoothing**2).sum())
    kernels = []
    for zone, ratio in enumerate(zones.typical):
        own = None if zones.kernels is None else zones.kernels[zone]
        alone, convolved = (own if turned else smoothing), (None if turned else own)
        kernels.append(whitening_kernels(power, ratio * smoothed, alone, convolved))
    squares = (matching.astype(float) ** 2).sum(axis=(-1, -2))
    return Whitening(np.array(kernels), matching.sum(axis=(-1, -2), dtype=float) ** 2, squares, smoothed, zones,
                     (BLOCKS * BLOCK[0], BLOCKS * BLOCK[1]))


def whitening_kernels(power: np.ndarray, ratio: float, alone: np.ndarray | None = None,
                      convolved: np.ndarray | None = None) -> np.ndarray:
    """Filters (..., 2 HALF_WIDTH + 1, 2 HALF_WIDTH + 1) float32 for kernels of which the power is given.

    Parameters
    ----------
    power : ndarray, (..., SIDE, SIDE // 2 + 1)
        Of matching kernels K (`power_of`).
    ratio : float
        Variance of the white noise of the image that K convolves over that of the other, t^2 / s^2.
    alone, convolved : ndarray, (v, v), optional
        What the noise of the image left alone (A), and of the other (H), was convolved with before.

    Notes
    -----
    Reiss & Lupton 2016 (DMTN-021): psi(k) ~ 1 / sqrt(s^2 |A(k)|^2 + t^2 |H(k)|^2 |K(k)|^2), here of unit sum, so that fluxes
    are kept. The PSF is psi convolved with that of the image left alone.
    """
    whole = ratio * power if convolved is None else ratio * (power * power_of(convolved))
    total = (1.0 if alone is None else power_of(alone)) + whole
    total = np.maximum(total, LEAST_POWER * total[..., :1, :1])
    whitening = middle_of(1.0 / np.sqrt(total))
    return np.ascontiguousarray(whitening / whitening.sum(axis=(-1, -2), keepdims=True), np.float32)


def middle_of(spectra: np.ndarray) -> np.ndarray:
    """The middle (..., 2 HALF_WIDTH + 1, 2 HALF_WIDTH + 1) of what even real spectra (..., SIDE, SIDE // 2 + 1) belong to.

    Two products of cosines less two of sines: of SIDE rows and columns only those wanted are worked out.
    """
    phase = np.outer(np.arange(SIDE), np.arange(-HALF_WIDTH, HALF_WIDTH + 1)) * (2.0 * np.pi / SIDE)
    count = np.where(np.arange(SIDE // 2 + 1) % (SIDE // 2) == 0, 1.0, 2.0)[:, None] / SIDE**2
    along = spectra @ np.hstack([wave(phase[:SIDE // 2 + 1]) * count for wave in (np.cos, np.sin)])
    width = phase.shape[1]
    return np.cos(phase.T) @ along[..., :width] - np.sin(phase.T) @ along[..., width:]


def power_on_blocks(model: KernelModel) -> np.ndarray:
    """`power_of` the matching kernel in the middle of each of its blocks, from the spectra of its polynomials."""
    x, y = block_centres(model.shape, BLOCKS)
    grid_x, grid_y = np.meshgrid(x, y)
    spectra = np.tensordot(spatial_terms(grid_x.ravel(), grid_y.ravel(), model.shape, model.order),
                           np.fft.rfft2(_centred(model.term_images)), 1)
    return (spectra.real ** 2 + spectra.imag ** 2).reshape(len(y), len(x), *spectra.shape[1:])


def power_of(kernels: np.ndarray) -> np.ndarray:
    """|K(k)|^2 of kernels (..., w, w) on the grid of the filter."""
    return np.abs(np.fft.rfft2(_centred(kernels))) ** 2


def _centred(kernels: np.ndarray) -> np.ndarray:
    """Kernels (..., w, w) in the middle of the filter's grid."""
    half, start = kernels.shape[-1] // 2, SIDE // 2 - kernels.shape[-1] // 2
    padded = np.zeros((*kernels.shape[:-2], SIDE, SIDE))
    padded[..., start:start + 2 * half + 1, start:start + 2 * half + 1] = kernels
    return padded
