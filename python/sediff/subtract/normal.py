"""Normal equations of the kernel fit, one star at a time."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from sediff.subtract.basis import FWHM_PER_SIGMA, KernelBasis

BATCH = 16


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

    def with_free_shift(self, slopes: np.ndarray, prior: float) -> StarEquations:
        """The same with each star's own offset in x and y left free within a normal prior, and eliminated.

        Parameters
        ----------
        slopes : ndarray, (2, m) float64
            Coefficients that make the derivative of a star along x and y.
        prior : float
            Standard deviation of the offsets, px; 0 changes nothing.
        """
        if not prior > 0:
            return self
        cross = slopes @ self.matrix
        gain = np.linalg.inv(cross @ slopes.T + np.eye(2) / prior**2)
        offset = self.right @ slopes.T
        matrix = self.matrix - np.einsum('nak,nab,nbl->nkl', cross, gain, cross, optimize=True)
        right = self.right - np.einsum('nak,nab,nb->nk', cross, gain, offset, optimize=True)
        total = self.total - np.einsum('na,nab,nb->n', offset, gain, offset)
        return StarEquations(matrix, right, total, self.pixels)


@dataclass(frozen=True)
class StarSums:
    """Weighted products of each star's pixels: functions, sky and data against each other.

    Parameters
    ----------
    basis : KernelBasis
    gram : ndarray, (n, m + 2, m + 2) float64
        Of the m basis functions, the constant, and the data.
    pixels : ndarray, (n,) int64
        Pixels with weight.
    """

    basis: KernelBasis
    gram: np.ndarray
    pixels: np.ndarray

    def equations(self, sky: np.ndarray | float = 0.0, sky_error: float = np.inf) -> StarEquations:
        """Normal equations with each star's own constant eliminated: a normal law of mean `sky` (n,) and this sigma.

        Functions are combined so that all but the first have zero sum (Alard 2000): the first coefficient is the
        photometric scale.
        """
        m, gram = self.basis.size, self.gram.copy()
        sky = np.broadcast_to(np.asarray(sky, float), len(gram))[:, None]
        gram[:, m + 1] -= sky * gram[:, m]
        gram[:, :, m + 1] -= sky * gram[:, :, m]
        constant = gram[:, m].copy()
        known = np.maximum(constant[:, m] + sky_error**-2, 1e-300)[:, None, None]
        gram -= constant[:, :, None] * constant[:, None, :] / known
        transform = self.basis.zero_sum_transform()
        matrix = np.matmul(np.matmul(transform.T, gram[:, :m, :m]), transform)
        return StarEquations(matrix, gram[:, :m, m + 1] @ transform, gram[:, m + 1, m + 1].copy(), self.pixels)


def _family_products(basis: KernelBasis, stamps: np.ndarray):
    """For each family, all products of its profiles by two matrix products: (n, count, r, count, r) float32."""
    n, side = stamps.shape[0], stamps.shape[1]
    reach = side - 2 * basis.reach
    for profiles in basis.profiles:
        edge = basis.reach - profiles.shape[1] // 2
        part = np.ascontiguousarray(stamps[:, edge:side - edge, edge:side - edge])
        toeplitz, count = _toeplitz(profiles, side - 2 * edge), len(profiles)
        across = part.reshape(-1, side - 2 * edge) @ toeplitz.transpose(2, 0, 1).reshape(side - 2 * edge, -1)
        across = across.reshape(n, side - 2 * edge, -1)
        yield np.matmul(toeplitz.reshape(-1, side - 2 * edge), across).reshape(n, count, reach, count, reach)


def _toeplitz(profiles: np.ndarray, side: int) -> np.ndarray:
    """Matrices (count, reach, side) that convolve a row of `side` pixels with each profile."""
    count, width = profiles.shape
    reach = side - width + 1
    out = np.zeros((count, reach, side), np.float32)
    for position in range(reach):
        out[:, position, position:position + width] = profiles[:, ::-1]
    return out


@njit(cache=True)
def gather(products, members, family, rows, columns, root, out):
    """Rows of the design matrix that belong to one family: out[k, p] = function k at pixel p times root[p]."""
    for k in range(members.shape[0]):
        if members[k, 0] == family:
            i, j = members[k, 1], members[k, 2]
            for p in range(rows.size):
                out[k, p] = products[j, rows[p], i, columns[p]] * root[p]


def star_sums(basis: KernelBasis, convolved: np.ndarray, target: np.ndarray, weight: np.ndarray) -> StarSums:
    """Weighted products of every star's pixels.

    Parameters
    ----------
    convolved : ndarray, (n, s, s) float32
        Stamps of the image to be convolved, larger than `target` by the reach of the kernel on each side.
    target : ndarray, (n, r, r) float32
        Stamps of the image to be matched.
    weight : ndarray, (n, r, r) float32
        Inverse variance, 0 for pixels to leave out.
    """
    n, m = len(target), basis.size
    rows, columns = np.nonzero((weight > 0).any(axis=0))
    root, data = np.sqrt(weight[:, rows, columns].astype(float)), target[:, rows, columns].astype(float)
    gram = np.empty((n, m + 2, m + 2))
    design = np.empty((m + 2, rows.size))
    for start in range(0, n, BATCH):
        families = list(_family_products(basis, convolved[start:start + BATCH]))
        for k in range(min(BATCH, n - start)):
            for family, products in enumerate(families):
                gather(products[k], basis.members, family, rows, columns, root[start + k], design)
            design[m], design[m + 1] = root[start + k], root[start + k] * data[start + k]
            np.matmul(design, design.T, out=gram[start + k])
    return StarSums(basis, gram, (root > 0).sum(axis=1))


def slope_coefficients(basis: KernelBasis, coefficients: np.ndarray, fwhm: float) -> np.ndarray:
    """Zero-sum coefficients (2, m) that move what a kernel makes of a star by one pixel along x and y.

    Parameters
    ----------
    coefficients : ndarray, (m,) float64
        Of the zero-sum functions.
    fwhm : float
        FWHM of the stars of the image to be convolved, px.

    Notes
    -----
    A star offset by (dx, dy) differs by dx and dy times the negative derivatives of its image. They are projected on
    the basis as convolved with a Gaussian star.
    """
    images = np.tensordot(basis.zero_sum_transform().T, basis.images(), 1)
    frequency = 2.0 * np.pi * np.fft.fftfreq(images.shape[-1])
    star = np.exp(-0.5 * (frequency * fwhm / FWHM_PER_SIGMA) ** 2)
    power = np.fft.fft2(images) * star[:, None] * star
    kernel = np.tensordot(coefficients, power, 1)
    design = np.fft.ifft2(power).real.reshape(len(images), -1)
    normal = design @ design.T
    normal[np.diag_indices(len(normal))] *= 1.0 + 1e-8
    slopes = [np.fft.ifft2(kernel * ramp).real.ravel() for ramp in (1j * frequency, 1j * frequency[:, None])]
    return np.array([np.linalg.solve(normal, design @ -slope) for slope in slopes])
