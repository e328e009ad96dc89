"""The one image type that travels through the pipeline: pixels, mask, weight and header of a CCD."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from astropy.io.fits import Header

from sediff.maskbits import Bit

#: What an amplifier's cards (GAINA, SATURATA) can end with: its name.
AMPLIFIERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
#: Rows of a plane that are worked on together, so that they stay in the cache.
ROWS = 32


@dataclass
class CcdImage:
    """A CCD's image with its mask and weight.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        Electrons (ADU before the gain is applied; header card BUNIT says which).
    mask : ndarray, (ny, nx) uint16
        DES bits, see `sediff.maskbits.Bit`.
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


def uncovered(shape: tuple[int, int]) -> CcdImage:
    """An image (ny, nx) that nothing reaches: 0, weight 0 and EDGE everywhere. Empty header."""
    return CcdImage(np.zeros(shape, np.float32), np.full(shape, Bit.EDGE, np.uint16), np.zeros(shape, np.float32))


class Plane(Protocol):
    """What is read of a plane of pixels: an array, or one that is worked out where it is read (`Derived`)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(ny, nx)."""

    @property
    def dtype(self) -> np.dtype:
        """Of its pixels."""

    def __getitem__(self, cut: Any, /) -> np.ndarray:
        """Pixels of some rows and columns."""


@dataclass(frozen=True)
class Derived:
    """A float32 plane of which only the parts are worked out that are read: `at` gives those of an index."""

    shape: tuple[int, ...]
    at: Callable[[Any], np.ndarray]

    @property
    def dtype(self) -> np.dtype:
        """float32."""
        return np.dtype(np.float32)

    def __getitem__(self, cut: Any, /) -> np.ndarray:
        return self.at(cut)

    def whole(self) -> np.ndarray:
        """The plane (ny, nx) float32, worked out strip by strip."""
        out = np.empty(self.shape, self.dtype)
        for first in range(0, len(out), ROWS):
            rows = slice(first, first + ROWS)
            out[rows] = self.at(rows)
        return out


def variance_from_weight(weight: np.ndarray) -> np.ndarray:
    """Variance of pixels from their weight, 0 where that is not positive: (ny, nx) float32."""
    out = np.empty(weight.shape, np.float32)
    with np.errstate(divide='ignore', over='ignore'):
        for first in range(0, len(out), ROWS):
            rows = slice(first, first + ROWS)
            np.divide(np.float32(1.0), weight[rows], out=out[rows])
            np.copyto(out[rows], np.float32(0.0), where=~(weight[rows] > 0))
    return out


def sigma_from_weight(weight: np.ndarray, noise_scale: float, photons: np.ndarray | None = None) -> np.ndarray:
    """Noise of pixels that is `noise_scale` times what their weight says: (ny, nx) float32, infinite without weight.

    Parameters
    ----------
    photons : ndarray, (ny, nx) float32, optional
        Variance to add where it is positive: that of sources and hosts.
    """
    out = np.empty(weight.shape, np.float32)
    for first in range(0, len(out), ROWS):
        rows = slice(first, first + ROWS)
        part = np.maximum(weight[rows], np.float32(1e-30), out=out[rows])
        np.divide(np.float32(noise_scale ** 2), part, out=part)
        if photons is not None:
            part += np.maximum(photons[rows], np.float32(0))
        np.sqrt(part, out=part)
        np.copyto(part, np.float32(np.inf), where=weight[rows] <= 0)
    return out


def sigma_planes(weight: np.ndarray, noise_scale: float, photons: np.ndarray) -> tuple[Derived, Derived]:
    """`sigma_from_weight` without photons, and with them, worked out where they are read."""
    return (Derived(weight.shape, lambda cut: sigma_from_weight(weight[cut], noise_scale)),
            Derived(weight.shape, lambda cut: sigma_from_weight(weight[cut], noise_scale, photons[cut])))
