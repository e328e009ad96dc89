"""The fitted kernel as a function of position."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.subtract.basis import KernelBasis
from sediff.subtract.convolve import block_centres
from sediff.subtract.solve import spatial_terms


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
        return self._kernels(np.array([x], float), np.array([y], float))[0]

    def on_blocks(self) -> np.ndarray:
        """Kernel at the centre of each block of the convolution: (rows, columns, w, w) float32."""
        x, y = block_centres(self.shape)
        grid_x, grid_y = np.meshgrid(x, y)
        kernels = self._kernels(grid_x.ravel(), grid_y.ravel(), np.float32)
        kernels[np.abs(kernels) < 1e-9 * np.abs(kernels).max()] = 0.0
        return kernels.reshape(len(y), len(x), *kernels.shape[1:])

    def kernel_sum(self) -> float:
        """Sum of the kernel at the middle of the image: the photometric scale."""
        return float(self.kernel_at((self.shape[1] - 1) / 2.0, (self.shape[0] - 1) / 2.0).sum())

    def _kernels(self, x: np.ndarray, y: np.ndarray, dtype=np.float64) -> np.ndarray:
        local = (spatial_terms(x, y, self.shape, self.order) @ self.coefficients.T).astype(dtype)
        images = self.basis.images().astype(dtype)
        return (local @ images.reshape(len(images), -1)).reshape(len(x), *images.shape[1:])
