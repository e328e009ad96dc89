"""Fakes painted into a copy of a difference, as they would be there had they been in the image before it was subtracted."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2

from sediff.detect.matched import PsfAt
from sediff.subtract.convolve import BLOCK, convolve_part, squared_kernels

#: Side of the stamps of PSFs, px, and how far the filters of a difference reach beyond them.
STAMP, REACH = 41, 12
#: Power of the image's PSF, relative to that at zero frequency, below which the filter is not known from the PSFs.
LEAST_POWER = 1e-3


@dataclass(frozen=True)
class Light:
    """How light of one of the two images came into the difference.

    Parameters
    ----------
    psf_at : callable
        ``psf_at(x, y, size)`` gives the image's own unit-flux PSF at 0-based x, y.
    per_unit : float, or callable
        Photon variance of one unit of light, or ``per_unit(x, y)`` of it at a 0-based pixel: 1 for a search image in
        electrons.
    kernels : ndarray, (rows, columns, w, w) float32, optional
        The matching kernel on the convolution's blocks (`sediff.subtract.convolve.BLOCK`), where it convolved this image.
    """

    psf_at: PsfAt
    per_unit: Callable[[int, int], float] | float = 1.0
    kernels: np.ndarray | None = None

    def variance_at(self, x: int, y: int) -> float:
        """`per_unit` at a 0-based pixel."""
        return float(self.per_unit(x, y)) if callable(self.per_unit) else float(self.per_unit)

    def spread(self, stamp: np.ndarray, x: int, y: int) -> np.ndarray:
        """A stamp of photon variance about a 0-based pixel, convolved with the square (of unit sum) of the kernel there."""
        if self.kernels is None:
            return stamp
        row, column = (min(v // b, n - 1) for v, b, n in zip((y, x), BLOCK, self.kernels.shape))
        square = squared_kernels(self.kernels[row, column])
        whole = slice(0, stamp.shape[0]), slice(0, stamp.shape[1])
        return convolve_part(stamp.astype(np.float32), square / square.sum(), whole)


@dataclass(frozen=True)
class Planes:
    """A difference and what goes with it; all (ny, nx).

    Parameters
    ----------
    difference, photons, search : ndarray, float32
        The difference, the photon variance that its weights leave out (`sediff.subtract.photons.photon_variance`), and the
        search image; electrons, electrons squared, electrons.
    bad : ndarray, bool
        Unusable pixels of the difference: they stay as they are.
    """

    difference: np.ndarray
    photons: np.ndarray
    search: np.ndarray
    bad: np.ndarray


def paint(planes: Planes, psf_at: PsfAt, search: Light, template: Light, truth: np.ndarray, rng: np.random.Generator
          ) -> Planes:
    """A copy of the planes with fakes in it.

    Parameters
    ----------
    psf_at : callable
        The PSF of the difference, zone by zone where it has zones.
    search, template : Light
        Of the two images: a fake of positive flux is in the search image, one of negative flux in the template.
    truth : structured ndarray
        X_IMAGE, Y_IMAGE (from 1), FLUX (electrons, signed).

    Notes
    -----
    The difference is psi * (A_S * S - A_T * T) (`photon_variance`), so a source of flux F at r in S adds F P_D(x - r), P_D
    the PSF of the difference at r: P_D = h * P_S with h = psi * A_S. Its photons are Poisson in S, independent pixel by
    pixel, and come into the difference through the same h, which is found from the two PSFs (`carrier`). The plane of photon
    variance gets what it has of any other light: eta F P_S, eta = int |P_D|^2 |h|^2 / int |P_D|^2, spread by A_S^2 where S
    was convolved. Likewise for the template's light.
    """
    out = Planes(planes.difference.copy(), planes.photons.copy(), planes.search.copy(), planes.bad)
    paint_over(out, psf_at, search, template, truth, rng)
    return out


def paint_over(planes: Planes, psf_at: PsfAt, search: Light, template: Light, truth: np.ndarray, rng: np.random.Generator
               ) -> None:
    """As `paint`, into the planes themselves."""
    for row in truth:
        x, y, flux = float(row['X_IMAGE']) - 1.0, float(row['Y_IMAGE']) - 1.0, float(row['FLUX'])
        light = search if flux > 0 else template
        change, variance, drawn = _fake(psf_at, light, x, y, flux, planes.bad.shape, rng)
        add_stamp(planes.difference, change, x, y, planes.bad)
        add_stamp(planes.photons, variance, x, y, planes.bad)
        if flux > 0:
            add_stamp(planes.search, drawn, x, y)


@contextmanager
def borrowed(planes: Planes, truth: np.ndarray) -> Iterator[Planes]:
    """The planes to paint fakes over: afterwards, whatever happens, they are what they were, byte for byte."""
    cuts = [_stamp_cut(float(row['X_IMAGE']) - 1.0, float(row['Y_IMAGE']) - 1.0, planes.bad.shape) for row in truth]
    each = (planes.difference, planes.photons, planes.search)
    kept = [[plane[cut].copy() for plane in each] for cut in cuts]
    try:
        yield planes
    finally:
        for cut, parts in zip(cuts, kept):
            for plane, part in zip(each, parts):
                plane[cut] = part


def _stamp_cut(x: float, y: float, shape: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of an image that the stamp at 0-based x, y covers."""
    rows, columns = (slice(max(first, 0), max(min(first + STAMP, size), 0)) for first, size in
                     ((int(np.floor(v + 0.5)) - STAMP // 2, size) for v, size in zip((y, x), shape)))
    return rows, columns


def _fake(psf_at: PsfAt, light: Light, x: float, y: float, flux: float, shape: tuple[int, int], rng: np.random.Generator
          ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a fake adds to the difference, to the photon variance and to its own image, (STAMP, STAMP) each."""
    i, j = (int(np.clip(np.floor(v + 0.5), 0, n - 1)) for v, n in ((x, shape[1]), (y, shape[0])))
    unit = light.variance_at(i, j)
    # drawn at x, y for the light, and on a pixel's centre for the filter
    mean = abs(flux) * np.maximum(light.psf_at(x, y, STAMP), 0.0)
    photons = rng.poisson(mean / unit) * unit if unit > 0 else mean
    carried = carrier(psf_at(i, j, STAMP), light.psf_at(i, j, STAMP))
    sign = 1.0 if flux > 0 else -1.0
    change = flux * psf_at(x, y, STAMP) + sign * carried.apply(photons - mean)
    return change, unit * carried.eta * light.spread(mean, i, j), photons


@dataclass(frozen=True)
class Carrier:
    """The filter h from an image to the difference, as a spectrum, and its eta (see `paint`)."""

    spectrum: np.ndarray
    side: int
    eta: float

    def apply(self, stamp: np.ndarray) -> np.ndarray:
        """h * stamp, (STAMP, STAMP)."""
        return irfft2(rfft2(stamp, (self.side, self.side)) * self.spectrum, (self.side, self.side))[:STAMP, :STAMP]


def carrier(of_difference: np.ndarray, of_image: np.ndarray) -> Carrier:
    """The filter that makes the PSF of a difference from that of an image.

    Parameters
    ----------
    of_difference, of_image : ndarray, (STAMP, STAMP)
        Unit-flux PSFs on the centre of a pixel.

    Notes
    -----
    h(k) = (P_D P_S^* + e c) / (|P_S|^2 + e): the quotient where the image's PSF has power, and the constant c, its mean
    where that power is about e, where it has none. A whitening filter is flat there, and a matching kernel 0; a source's
    flux, which is weighed with P_D, knows nothing of these frequencies.
    """
    side = next_fast_len(STAMP + 2 * REACH, real=True)
    above, below = rfft2(of_difference, (side, side)), rfft2(of_image, (side, side))
    power = np.abs(below) ** 2
    least = LEAST_POWER * power[0, 0]
    edge = (power > 2.0 * least) & (power < 20.0 * least)
    flat = float(np.mean((above[edge] * below[edge].conj()).real / power[edge])) if edge.any() else 0.0
    spectrum = (above * below.conj() + least * flat) / (power + least)
    spectrum /= spectrum[0, 0].real
    weight = np.abs(above) ** 2
    weight[:, 1:(side + 1) // 2] *= 2.0                   # a real spectrum is half of the whole
    return Carrier(spectrum, side, float((weight * np.abs(spectrum) ** 2).sum() / weight.sum()))


def add_stamp(image: np.ndarray, stamp: np.ndarray, x: float, y: float, bad: np.ndarray | None = None) -> None:
    """Add a stamp about the pixel nearest to 0-based x, y in place; pixels that are bad or off the image stay."""
    half, i, j = stamp.shape[0] // 2, int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
    (ny, nx), top, left = image.shape, j - half, i - half
    rows, columns = (slice(max(first, 0), max(min(first + stamp.shape[0], size), 0))
                     for first, size in ((top, ny), (left, nx)))
    part = image[rows, columns]
    if part.size:
        change = stamp[rows.start - top:rows.stop - top, columns.start - left:columns.stop - left].astype(image.dtype)
        part += change if bad is None else np.where(bad[rows, columns], image.dtype.type(0), change)
