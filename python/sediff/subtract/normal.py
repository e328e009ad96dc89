"""Normal equations of the kernel fit, one star at a time."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.subtract.basis import KernelBasis

BATCH = 32


@dataclass(frozen=True)
class StarEquations:
    """chi^2(c) = total - 2 right.c + c.matrix.c for each star, the star's own constant background eliminated.

    Parameters
    ----------
    matrix : ndarray, (n, m, m) float64
    right : ndarray, (n, m) float64
    total : ndarray, (n,) float64
    pixels : ndarray, (n,) int64
        Pixels with weight.
    """

    matrix: np.ndarray
    right: np.ndarray
    total: np.ndarray
    pixels: np.ndarray

    def take(self, index: np.ndarray) -> StarEquations:
        """A subset of the stars."""
        return StarEquations(self.matrix[index], self.right[index], self.total[index], self.pixels[index])


def convolve_stamps(basis: KernelBasis, stamps: np.ndarray) -> np.ndarray:
    """Each stamp convolved with each basis function by two matrix products a family.

    Parameters
    ----------
    stamps : ndarray, (n, s, s) float32

    Returns
    -------
    ndarray, (n, m, r, r) float32
        r = s - 2 half_width (the part the kernel reaches whole).
    """
    n, side = stamps.shape[0], stamps.shape[1]
    reach = side - 2 * basis.half_width
    out = np.empty((n, basis.size, reach, reach), np.float32)
    for family, profiles in enumerate(basis.profiles):
        toeplitz = _toeplitz(profiles, side)
        count = len(profiles)
        across = np.matmul(stamps, toeplitz.transpose(2, 0, 1).reshape(side, -1))
        both = np.matmul(toeplitz.reshape(-1, side), across).reshape(n, count, reach, count, reach)
        for k in np.nonzero(basis.members[:, 0] == family)[0]:
            _, i, j = basis.members[k]
            out[:, k] = both[:, j, :, i, :]
    return out


def _toeplitz(profiles: np.ndarray, side: int) -> np.ndarray:
    """Matrices (count, reach, side) that convolve a row of `side` pixels with each profile."""
    count, width = profiles.shape
    reach = side - width + 1
    out = np.zeros((count, reach, side), np.float32)
    for position in range(reach):
        out[:, position, position:position + width] = profiles[:, ::-1]
    return out


def star_equations(basis: KernelBasis, convolved: np.ndarray, target: np.ndarray, weight: np.ndarray) -> StarEquations:
    """Normal equations of every star.

    Parameters
    ----------
    convolved : ndarray, (n, s, s) float32
        Stamps of the image to be convolved, half_width larger on each side than `target`.
    target : ndarray, (n, r, r) float32
        Stamps of the image to be matched.
    weight : ndarray, (n, r, r) float32
        Inverse variance, 0 for pixels to leave out.

    Notes
    -----
    Functions are combined so that all but the first have zero sum (Alard 2000): the first coefficient is the
    photometric scale.
    """
    n, m = len(target), basis.size
    transform = basis.zero_sum_transform()
    matrix, right = np.empty((n, m, m)), np.empty((n, m))
    total, pixels = np.empty(n), (weight > 0).sum(axis=(1, 2))
    for start in range(0, n, BATCH):
        batch = convolve_stamps(basis, convolved[start:start + BATCH])
        for k, functions in enumerate(batch, start):
            use = weight[k].ravel() > 0
            root = np.sqrt(weight[k].ravel()[use].astype(float))
            design = functions.reshape(m, -1)[:, use].astype(float)
            design -= (design @ root**2 / np.sum(root**2))[:, None]
            data = target[k].ravel()[use].astype(float)
            data -= np.sum(data * root**2) / np.sum(root**2)
            design, data = transform.T @ (design * root), data * root
            matrix[k], right[k], total[k] = design @ design.T, design @ data, data @ data
    return StarEquations(matrix, right, total, pixels)
