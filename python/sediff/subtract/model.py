"""The fitted kernel as a function of position."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.fft import rfft2

from sediff.subtract.basis import KernelBasis
from sediff.subtract.convolve import block_centres
from sediff.subtract.terms import spatial_terms


@dataclass(frozen=True)
class KernelModel:
    """Spatially varying kernel K(u, v; x, y) = sum c_kt P_t(x, y) phi_k(u, v).

    Parameters
    ----------
    basis : KernelBasis
    coefficients : ndarray, (m, terms) float64
        Of the functions as they are (not of the zero-sum combinations).
    shape : (ny, nx)
        Image the polynomials span.
    order : int
        Highest degree of the polynomials.
    """

    basis: KernelBasis
    coefficients: np.ndarray
    shape: tuple[int, int]
    order: int

    @classmethod
    def from_solution(cls, basis: KernelBasis, coefficients: np.ndarray, shape: tuple[int, int]) -> KernelModel:
        """Model from coefficients of the zero-sum functions."""
        order = next(k for k in range(100) if (k + 1) * (k + 2) // 2 == coefficients.shape[1])
        return cls(basis, basis.zero_sum_transform() @ coefficients, shape, order)

    def kernel_at(self, x: float, y: float) -> np.ndarray:
        """Kernel (w, w) float64 at a 0-based pixel: axes (y, x), centre at w // 2."""
        return self.kernels_at([x], [y])[0]

    def kernels_at(self, x: npt.ArrayLike, y: npt.ArrayLike) -> np.ndarray:
        """Kernels (n, w, w) float64 at 0-based pixels."""
        return np.tensordot(spatial_terms(x, y, self.shape, self.order), self.term_images, 1)

    @cached_property
    def term_images(self) -> np.ndarray:
        """What each polynomial multiplies: (terms, w, w) float64."""
        return np.tensordot(self.coefficients.T, self.basis.images(), 1)

    def spectra_at(self, x: npt.ArrayLike, y: npt.ArrayLike, shape: tuple[int, int]) -> np.ndarray:
        """Half the Fourier transform of the kernels at 0-based pixels on a grid: (n, shape[0], shape[1] // 2 + 1) complex64.

        The grid's first pixel is the kernels' first.
        """
        spectra = rfft2(self.term_images.astype(np.float32), shape)
        terms = spatial_terms(x, y, self.shape, self.order).astype(np.float32)
        found = terms @ spectra.reshape(len(spectra), -1).view(np.float32)
        return found.view(np.complex64).reshape(len(terms), *spectra.shape[1:])

    def on_blocks(self, narrow: bool = False, step: int = 1) -> np.ndarray:
        """Kernel, or its narrow part, at the centres of the convolution's blocks: (rows, columns, w, w) float32.

        With `step`, once for so many blocks along rows and columns, at their common centre.
        """
        used = slice(self.basis.narrow_count) if narrow else slice(None)
        images = (self.basis.narrow_images() if narrow else self.basis.images()).astype(np.float32)
        local = self.coefficients_on_blocks(step)[:, :, used]
        kernels = local.reshape(-1, local.shape[2]) @ images.reshape(len(images), -1)
        return kernels.reshape(*local.shape[:2], *images.shape[1:])

    def coefficients_on_blocks(self, step: int = 1) -> np.ndarray:
        """Coefficients of the functions at the centre of each block: (rows, columns, m) float32."""
        x, y = block_centres(self.shape, step)
        grid_x, grid_y = np.meshgrid(x, y)
        local = spatial_terms(grid_x.ravel(), grid_y.ravel(), self.shape, self.order) @ self.coefficients.T
        return local.astype(np.float32).reshape(len(y), len(x), -1)

    def kernel_sum(self) -> float:
        """Sum of the kernel at the middle of the image: the photometric scale."""
        return float(self.kernel_at((self.shape[1] - 1) / 2.0, (self.shape[0] - 1) / 2.0).sum())
