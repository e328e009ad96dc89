"""The point-spread function across a CCD: a Moffat profile whose width and ellipticity vary smoothly."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PsfField:
    """PSF of one exposure and CCD.

    Parameters
    ----------
    fwhm : ndarray, (6,) float
        Pixels; coefficients of 1, u, v, u^2, u v, v^2 with u, v = -1 ... 1 across the CCD.
    shear1, shear2 : ndarray, (3,) float
        Reduced shear along x and along the diagonal; coefficients of 1, u, v.
    shape : (int, int)
        Rows and columns of the CCD.

    Notes
    -----
    The profile is the effective PSF: what a pixel at a given offset from the star collects. It is evaluated at pixel
    centres and not integrated over them again; its integral is 1.
    """

    fwhm: np.ndarray
    shear1: np.ndarray
    shear2: np.ndarray
    shape: tuple[int, int]

    def at(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """FWHM (pixels) and the two shears at 0-based pixel positions."""
        u = 2.0 * np.asarray(x, float) / (self.shape[1] - 1) - 1.0
        v = 2.0 * np.asarray(y, float) / (self.shape[0] - 1) - 1.0
        linear = np.stack([np.ones_like(u), u, v])
        quadratic = np.concatenate([linear, np.stack([u * u, u * v, v * v])])
        return self.fwhm @ quadratic, self.shear1 @ linear, self.shear2 @ linear


def draw_psf(rng: np.random.Generator, seeing: float, shape: tuple[int, int], pixel_scale: float) -> PsfField:
    """A PSF for a seeing (FWHM, arcsec): varies by a few per cent across the CCD, ellipticity of a few per cent."""
    relative = np.concatenate([[1.0], rng.normal(0.0, 0.015, 2), rng.normal(0.0, 0.01, 3)])
    shear = rng.normal(0.0, [0.02, 0.01, 0.01], (2, 3))
    return PsfField(seeing / pixel_scale * relative, shear[0], shear[1], shape)


def shear_matrix(shear1: float, shear2: float) -> np.ndarray:
    """Area-preserving matrix that makes the PSF round: (2, 2)."""
    return np.array([[1.0 - shear1, -shear2], [-shear2, 1.0 + shear1]]) / np.sqrt(1.0 - shear1 ** 2 - shear2 ** 2)
