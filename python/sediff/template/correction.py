"""Small kernels that take the PSF of some inputs of a coadd to that of all."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sediff.template.sets import Sets

#: Least and largest half width of the kernels, side of the grid of their spectra, px.
LEAST_HALF_WIDTH, LARGEST_HALF_WIDTH, SIDE = 8, 16, 64
#: Side of the cells in which a kernel is constant, px.
CELL = 64
#: Gauss-Hermite functions: widths in those of the PSF, highest degree.
WIDTHS, DEGREE = (0.69, 1.38), 4
#: Ridge of the fit, relative to the largest power of a function in the PSF.
RIDGE = 1e-5
#: White noise may grow by this factor (squared kernel) in the sets that matter; else the target is broadened, by so many
#: shares of its squared width one after the other.
LARGEST_NOISE = 2.5
BROADENINGS = (0.0, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0)
#: d_S is of use only in sets in which, on the light of stars, its square is less than this share of d_S.
LARGEST_STEP = 0.5


@dataclass(frozen=True)
class Correction:
    """The common PSF of a coadd and the kernels that lead to it.

    Parameters
    ----------
    sets : Sets
        Sets of inputs with kernels of their own.
    weights : ndarray, (n,) float
        Of the inputs, sum 1.
    target : ndarray, (rows, columns, m, m) float64
        The common PSF at the nodes.
    kernels : ndarray, (sets, rows, columns, w, w) float64
        c_S: what is added to delta to take the set's PSF to the target.
    of_inputs : ndarray, (n, rows, columns, w, w) float64
        d_k: what makes of the target its difference from the input's PSF.
    broadened : float
        Squared width of the Gaussian that the mean PSF was convolved with, px^2.
    """

    sets: Sets
    weights: np.ndarray
    target: np.ndarray
    kernels: np.ndarray
    of_inputs: np.ndarray
    broadened: float

    @classmethod
    def fit(cls, stamps: np.ndarray, weights: np.ndarray, sets: Sets) -> Correction:
        """Kernels for PSFs (n, rows, columns, m, m) and weights (n,).

        Notes
        -----
        Each kernel is the zero-sum combination of Gauss-Hermite functions that fits best, with a ridge (`RIDGE`), so that
        fluxes stay and noise is raised little where the PSF has no power. Where the inputs of a set are much sharper or
        broader than the mean, sharpening would raise the noise: then the target is the mean convolved with the narrowest
        Gaussian of `BROADENINGS` that keeps the noise below `LARGEST_NOISE` in all sets.
        """
        stamps = np.asarray(stamps, float) / np.sum(stamps, axis=(-1, -2), keepdims=True)
        weights = np.asarray(weights, float) / np.sum(weights)
        mean = np.tensordot(weights, stamps, 1)
        middle = tuple(size // 2 for size in mean.shape[:2])
        width2 = squared_width(mean[middle])
        shares = [_share(bits, weights) for bits in sets.bits]
        of_sets = np.stack([np.tensordot(share, stamps, 1) for share in shares])
        for part in BROADENINGS:
            broadened = part * width2
            functions = _functions(width2, broadened)
            found = _fit(of_sets[(slice(None), *middle)], convolved(mean[middle], broadened)[None], functions)
            if max(_noise(kernel) for kernel in found) <= LARGEST_NOISE:
                break
        target = convolved(mean, broadened)
        kernels = _fit(of_sets, target[None], functions)
        of_inputs = _fit(target[None], 2.0 * target[None] - stamps, functions)
        return cls(sets, weights, target, kernels, of_inputs, broadened)

    @property
    def unchanged(self) -> int:
        """Bits of the set that is left as it is: that of all inputs, unless the target is broader."""
        return 0 if self.broadened > 0 else (1 << len(self.weights)) - 1

    @cached_property
    def _places(self) -> dict[int, int]:
        return {int(bits): place for place, bits in enumerate(self.sets.bits)}

    @property
    def half_width(self) -> int:
        """Of the kernels, px."""
        return self.kernels.shape[-1] // 2

    def knows(self, bits: int) -> bool:
        """Whether a set has kernels of its own."""
        return bits in self._places

    def first_kernel(self, bits: int, x: int, y: int, shape: tuple[int, int]) -> np.ndarray:
        """c_S (w, w) float32 near a pixel of an image of this shape; d_S for a set that has no kernels of its own."""
        return self._near(bits, self.knows(bits), x // CELL, y // CELL, shape)

    def second_kernel(self, bits: int, x: int, y: int, shape: tuple[int, int]) -> np.ndarray:
        """d_S (w, w) float32 near a pixel of an image of this shape."""
        return self._near(bits, False, x // CELL, y // CELL, shape)

    def _near(self, bits: int, own: bool, column: int, row: int, shape: tuple[int, int]) -> np.ndarray:
        key = (bits, own, column, row)
        if key not in self._known:
            rows, columns = (self._node_weights(size, count) for size, count in zip(shape, self.target.shape[:2]))
            nodes = self._nodes(bits, own)
            out = np.outer(rows[row], columns[column]).ravel() @ nodes.reshape(-1, nodes.shape[-1] ** 2)
            self._known[key] = out.reshape(nodes.shape[-2:]).astype(np.float32)
        return self._known[key]

    def _nodes(self, bits: int, own: bool) -> np.ndarray:
        """Kernels c_S or d_S of a set at the nodes: (rows, columns, w, w) float64."""
        if (bits, own) not in self._known:
            self._known[bits, own] = self.kernels[self._places[bits]] if own \
                else np.tensordot(_share(bits, self.weights), self.of_inputs, 1)
        return self._known[bits, own]

    def _node_weights(self, size: int, count: int) -> np.ndarray:
        """Weights of the nodes in the middles of the cells along an axis: (cells, nodes) float64."""
        if (size, count) not in self._weights_known:
            self._weights_known[size, count] = np.array([_bilinear((place + 0.5) * CELL, size, count)
                                                         for place in range(-(-size // CELL))])
        return self._weights_known[size, count]

    @cached_property
    def _weights_known(self) -> dict[tuple[int, int], np.ndarray]:
        return {}

    @cached_property
    def _known(self) -> dict[tuple, np.ndarray]:
        return {}

    def converges(self, bits: int) -> bool:
        """Whether d_S is small enough to be of use."""
        if bits not in self._steps:
            kernel = np.tensordot(_share(bits, self.weights), self.of_inputs[:, *self._middle], 1)
            step, light = _spectrum(kernel), _spectrum(self.target[self._middle])
            size = float(np.linalg.norm(step * light))
            self._steps[bits] = float(np.linalg.norm(step**2 * light)) / size if size > 0.0 else 0.0
        return self._steps[bits] < LARGEST_STEP

    @cached_property
    def _steps(self) -> dict[int, float]:
        return {}

    @property
    def _middle(self) -> tuple[int, int]:
        return tuple(size // 2 for size in self.target.shape[:2])

    def noise_kernels(self) -> np.ndarray:
        """delta + c_S in the middle of the CCD, what the noise of each set was convolved with: (sets, w, w) float32."""
        out = self.kernels[:, *self._middle].astype(np.float32)
        if not self.broadened:
            out[self._places[self.unchanged]] = 0.0
        out[:, self.half_width, self.half_width] += 1.0
        return out


def squared_width(stamp: np.ndarray) -> float:
    """Squared sigma (px^2) of the Gaussian with the noise-equivalent area of a PSF of unit flux."""
    return float(1.0 / (4.0 * np.pi * np.sum(np.square(stamp / stamp.sum()))))


def _share(bits: int, weights: np.ndarray) -> np.ndarray:
    """Weights of the inputs in a set, sum 1."""
    used = np.where([bits >> k & 1 for k in range(len(weights))], weights, 0.0)
    return used / used.sum()


def _bilinear(at: float, size: int, count: int) -> np.ndarray:
    """Weights of `count` nodes from edge to edge of `size` pixels."""
    out = np.zeros(count)
    place = np.clip(at / max(size - 1, 1) * (count - 1), 0, count - 1)
    first = min(int(place), max(count - 2, 0))
    out[first] = 1.0 - (place - first)
    if count > 1:
        out[first + 1] = place - first
    return out


def _functions(width2: float, broadened: float) -> np.ndarray:
    """Gauss-Hermite functions, each with as much subtracted from its centre as makes its sum 0: (k, w, w) float64."""
    widths = [width * np.sqrt(width2) for width in WIDTHS]
    half = LEAST_HALF_WIDTH
    if broadened:
        widths += [np.sqrt(broadened), np.sqrt(width2 + broadened)]
        half = min(LARGEST_HALF_WIDTH, half + int(np.ceil(2.0 * np.sqrt(broadened))))
    steps, images = np.arange(-half, half + 1), []
    for width in widths:
        u = steps / width
        lines = [np.exp(-0.5 * u**2) * np.polynomial.hermite_e.hermeval(u, np.eye(DEGREE + 1)[k]) for k in range(DEGREE + 1)]
        images += [np.outer(lines[j], lines[i]) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)]
    out = np.array(images)
    out /= np.sqrt(np.sum(out**2, axis=(1, 2), keepdims=True))
    out[:, half, half] -= out.sum(axis=(1, 2))
    return out


def _spectrum(stamps: np.ndarray) -> np.ndarray:
    """Spectrum (..., SIDE, SIDE // 2 + 1) of centred stamps (..., m, m), cut to the grid."""
    cut = max(0, (stamps.shape[-1] - SIDE + 1) // 2)
    stamps = stamps[..., cut:stamps.shape[-2] - cut, cut:stamps.shape[-1] - cut]
    half = stamps.shape[-1] // 2
    padded = np.zeros((*stamps.shape[:-2], SIDE, SIDE))
    padded[..., :stamps.shape[-2], :stamps.shape[-1]] = stamps
    return np.fft.rfft2(np.roll(padded, (-half, -half), (-2, -1)))


def _fit(given: np.ndarray, wanted: np.ndarray, functions: np.ndarray) -> np.ndarray:
    """Zero-sum kernels c with (1 + c) * given = wanted, of PSFs (n, ..., m, m), those given or wanted once for all n too.

    Returns (n, ..., w, w) float64.
    """
    given, wanted = _spectrum(given), _spectrum(wanted)
    ends = np.full(SIDE // 2 + 1, np.sqrt(2.0))     # half of the plane stands for both
    ends[[0, -1]] = 1.0
    basis = _spectrum(functions) * ends
    out = np.empty((max(len(given), len(wanted)), *given.shape[1:-2], *functions.shape[1:]))
    for place in np.ndindex(given.shape[:-2]):
        chosen = (slice(None) if len(given) == 1 else slice(place[0], place[0] + 1), *place[1:])
        matrix = _reals(basis * given[place])
        normal = matrix @ matrix.T
        normal[np.diag_indices_from(normal)] += RIDGE * normal.diagonal().max()
        goals = wanted[chosen] if len(wanted) > 1 else wanted[:, *place[1:]]
        found = np.linalg.solve(normal, matrix @ _reals((goals - given[place]) * ends).T)
        out[chosen] = np.tensordot(found.T, functions, 1)
    return out


def _reals(spectra: np.ndarray) -> np.ndarray:
    flat = spectra.reshape(len(spectra), -1)
    return np.concatenate([flat.real, flat.imag], axis=1)


def convolved(stamps: np.ndarray, squared: float) -> np.ndarray:
    """PSFs (..., m, m) convolved with a round Gaussian of this squared sigma, px^2; unit flux again."""
    if not squared:
        return stamps
    size = stamps.shape[-1]
    side = 2 * size
    frequency = np.fft.fftfreq(side)[:, None] ** 2 + np.fft.rfftfreq(side)[None] ** 2
    out = np.fft.irfft2(np.fft.rfft2(stamps, (side, side)) * np.exp(-2.0 * np.pi**2 * squared * frequency),
                        (side, side))[..., :size, :size]
    return out / out.sum(axis=(-1, -2), keepdims=True)


def _noise(kernel: np.ndarray) -> float:
    """Factor by which delta + kernel raises the variance of white noise."""
    half = kernel.shape[0] // 2
    return float(np.sum(kernel**2) + 2.0 * kernel[half, half] + 1.0)
