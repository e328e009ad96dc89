"""The PSF model: polynomial planes as in a PSFEx file, and how they are drawn on an image's pixels."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sediff.errors import BadData
from sediff.psf.render import draw_planes, fill_terms


@dataclass
class PsfModel:
    """Position-dependent PSF with the content of a PSFEx file (Bertin 2011, ASPC 442, 435).

    Parameters
    ----------
    mask : ndarray, (ncoeff, n, n) float32
        PSF_MASK: one plane a polynomial term, in the order 1, x, x^2, ..., y, xy, ..., y^2, ... (x fastest).
    degree : int
        POLDEG1; ncoeff = (degree+1)(degree+2)/2.
    pol_zero, pol_scale : tuple of two floats, pixels
        POLZERO1/2 and POLSCAL1/2, 1-based as in the file: a term's variable is (x_1based - zero)/scale.
    samp : float
        PSF_SAMP: image pixels per sample of the planes.
    fwhm : float, image pixels
        PSF_FWHM.
    chi2 : float
        Reduced chi2 of the fit.
    n_loaded, n_accepted : int
        Stars given and stars kept.

    Raises
    ------
    BadData
        Planes and degree disagree, or a value is not finite.
    """

    mask: np.ndarray
    degree: int
    pol_zero: tuple[float, float]
    pol_scale: tuple[float, float]
    samp: float = 1.0
    fwhm: float = 0.0
    chi2: float = 0.0
    n_loaded: int = 0
    n_accepted: int = 0

    def __post_init__(self) -> None:
        self.mask = np.ascontiguousarray(self.mask, np.float32)
        expected = (self.degree + 1) * (self.degree + 2) // 2
        if self.mask.ndim != 3 or self.mask.shape[0] != expected or self.mask.shape[1] != self.mask.shape[2]:
            raise BadData(f'a PSF of degree {self.degree} needs ({expected}, n, n) planes, got {self.mask.shape}')
        if self.mask.shape[1] % 2 == 0:
            raise BadData(f'PSF planes must have an odd side, got {self.mask.shape[1]}')
        if not (np.isfinite(self.mask).all() and self.samp > 0 and min(self.pol_scale) > 0):
            raise BadData('PSF planes must be finite and the sampling and scales positive')

    def terms(self, x: npt.ArrayLike, y: npt.ArrayLike) -> np.ndarray:
        """Polynomial terms, (m, ncoeff) float64, at 0-based pixel positions."""
        u = (np.atleast_1d(np.asarray(x, float)) + 1.0 - self.pol_zero[0]) / self.pol_scale[0]
        v = (np.atleast_1d(np.asarray(y, float)) + 1.0 - self.pol_zero[1]) / self.pol_scale[1]
        if u.ndim > 1 or u.shape != v.shape:
            return polynomial_terms(u, v, self.degree)
        out = np.empty((u.size, self.mask.shape[0]))
        fill_terms(u, v, self.degree, out)
        return out

    def coefficients_image(self, x: float, y: float) -> np.ndarray:
        """The planes summed at a 0-based position: (n, n) float64 on the model's own sampling, not normalised."""
        return np.tensordot(self.terms(x, y)[0], self.mask.astype(float), 1)

    def default_size(self) -> int:
        """Largest odd stamp (image pixels) that the planes cover."""
        half = int(self.samp * (self.mask.shape[1] - 1) / 2 + 1e-6)
        return 2 * half + 1

    def image(self, x: float, y: float, size: int | None = None, dx: float = 0.0, dy: float = 0.0) -> np.ndarray:
        """PSF of unit flux of a star at (x + dx, y + dy), drawn with the planes of (x, y).

        The stamp's central pixel [size//2, size//2] is the image pixel nearest to (x, y), i.e.
        (floor(x + 0.5), floor(y + 0.5)); the star's centre lies (x - that + dx, y - that + dy) from it.

        Parameters
        ----------
        x, y : float
            0-based pixel position.
        size : int, optional
            Odd side of the stamp; default `default_size()`.
        dx, dy : float, pixels
            Further shift of the star.

        Returns
        -------
        stamp : ndarray, (size, size) float64
            Flux per image pixel. The sum over all that the planes hold is 1, the flux outside them is taken as zero.
        """
        return self.images(np.array([x], float), np.array([y], float), size, dx, dy)[0]

    def images(self, x: np.ndarray, y: np.ndarray, size: int | None = None, dx: np.ndarray | float = 0.0,
               dy: np.ndarray | float = 0.0) -> np.ndarray:
        """`image` for many positions at once.

        Returns
        -------
        stamps : ndarray, (m, size, size) float64

        Raises
        ------
        BadData
            `size` is even.
        """
        size = self.default_size() if size is None else int(size)
        if size % 2 == 0:
            raise BadData(f'a PSF stamp needs an odd side, got {size}')
        x, y = np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float))
        out = np.empty((x.size, size, size))
        draw_planes(self.mask, self.terms(x, y), x - np.floor(x + 0.5) + dx, y - np.floor(y + 0.5) + dy,
                    float(self.samp), out)
        return out


def polynomial_terms(u: np.ndarray, v: np.ndarray, degree: int) -> np.ndarray:
    """Terms u^i v^j, i + j <= degree, in PSFEx's order: (m, ncoeff) float64."""
    columns = [u ** i * v ** j for j in range(degree + 1) for i in range(degree + 1 - j)]
    return np.stack(columns, axis=-1)
