"""Means of 4 x 4 pixels, on which the fine structure of the sky is measured: made from pixels, and spread to them again."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.polynomial.legendre import legvander
from scipy import fft, ndimage

#: Pixels along a side of a bin: fringes are wider than five of them.
BIN = 4
#: Rows and columns (pixels) where other amplifiers begin.
Seams = tuple[Sequence[int], Sequence[int]]


@njit(cache=True)
def bin_pixels(image, usable, clip):
    """Means of the usable pixels of each 4 x 4 bin without those further than `clip` from their median (cosmic rays).

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
    usable : ndarray, (ny, nx) bool
    clip : float
        In units of the image; take some sigma of a pixel.

    Returns
    -------
    means : ndarray, (ny // 4, nx // 4) float32
        0 where nothing is usable.
    counts : ndarray, (ny // 4, nx // 4) float32
        Pixels that were averaged.
    """
    ny, nx = image.shape[0] // BIN, image.shape[1] // BIN
    means, counts = np.zeros((ny, nx), np.float32), np.zeros((ny, nx), np.float32)
    values = np.empty(BIN * BIN, np.float32)
    for y in range(ny):
        for x in range(nx):
            count = 0
            for row in range(BIN * y, BIN * (y + 1)):
                for column in range(BIN * x, BIN * (x + 1)):
                    if usable[row, column]:
                        value = image[row, column]
                        place = count
                        while place > 0 and values[place - 1] > value:
                            values[place] = values[place - 1]
                            place -= 1
                        values[place] = value
                        count += 1
            if count == 0:
                continue
            middle = 0.5 * (values[(count - 1) // 2] + values[count // 2])
            total, kept = 0.0, 0
            for place in range(count):
                if abs(values[place] - middle) <= clip:
                    total += values[place]
                    kept += 1
            if kept > 0:
                means[y, x], counts[y, x] = total / kept, kept
    return means, counts


def warm() -> None:
    """Compile the kernel."""
    bin_pixels(np.ones((8, 8), np.float32), np.ones((8, 8), bool), 1.0)


def spread_bins(bins: np.ndarray, seams: Seams = ((), ())) -> np.ndarray:
    """Values at all pixels of an image of which the bins hold the means: (ny, nx) float32.

    A cosine series, of each part alone where there are seams (an amplifier has steps that the other has not), continued to
    the pixels' centres; each term is divided by what the mean over a bin takes of it, (sin x / x) with x = pi k / 2 n, k its
    order of n.

    Parameters
    ----------
    bins : ndarray, (ny // 4, nx // 4)
    seams : (rows, columns)
        Pixel rows and columns where other amplifiers begin.
    """
    rows, columns = ([slice(first // BIN, last // BIN) for first, last in zip((0, *places), (*places, BIN * length))]
                     for places, length in zip(seams, bins.shape))
    return np.concatenate([np.concatenate([_spread(bins[row, column]) for column in columns], axis=1) for row in rows])


def polynomial_terms(shape: tuple[int, int], degree: int) -> np.ndarray:
    """Products of Legendre polynomials of total degree at most `degree` over an image: (terms, ny, nx) float32."""
    rows, columns = (legvander(_places(length), degree) for length in shape)
    return np.stack([np.outer(rows[:, i], columns[:, j]) for i, j in polynomial_orders(degree)]).astype(np.float32)


def polynomial(coefficients: np.ndarray, shape: tuple[int, int], degree: int) -> np.ndarray:
    """The sum of `polynomial_terms` times coefficients, at any number of pixels: (ny, nx) float32."""
    matrix = np.zeros((degree + 1, degree + 1))
    for (i, j), value in zip(polynomial_orders(degree), coefficients):
        matrix[i, j] = value
    rows, columns = (legvander(_places(length), degree) for length in shape)
    return ((rows @ matrix).astype(np.float32) @ columns.T.astype(np.float32))


def standing_out(residual: np.ndarray, weight: np.ndarray, sigma: float, wide: bool = False) -> np.ndarray:
    """Bins of objects: where a smoothed image stands `sigma` of its errors out, and some around.

    5 x 5 bins around the faintest, 9 x 9 and 15 x 15 where it stands 6 and 40 times that out: for the wings.

    Parameters
    ----------
    residual : ndarray, (ny, nx)
        Sky subtracted.
    weight : ndarray, (ny, nx)
        Inverse variances, 0 where nothing is known.
    wide : bool
        Smooth over 9 x 9 bins, for faint wings, in place of a triangle of 3 x 3, which is about a star's profile.
    """
    kernel = np.full(9, 1.0 / 9.0, np.float32) if wide else np.array([0.25, 0.5, 0.25], np.float32)
    total, known = _smooth(residual * weight, kernel), _smooth(weight, kernel ** 2)
    height = total / (sigma * np.sqrt(np.maximum(known, 1e-30)))
    found = np.zeros(residual.shape, bool)
    for times, grow in ((1.0, 5), (6.0, 9), (40.0, 15)):
        found |= ndimage.maximum_filter(height > times, grow, mode='constant')
    return found


def _smooth(plane: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    for axis in (0, 1):
        plane = ndimage.correlate1d(plane, kernel, axis, mode='constant')
    return plane


def polynomial_orders(degree: int) -> list[tuple[int, int]]:
    """Orders along rows and columns of each of `polynomial_terms`."""
    return [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]


def _places(count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) * (2.0 / count) - 1.0


def _spread(half: np.ndarray) -> np.ndarray:
    terms = fft.dctn(half.astype(np.float32), type=2, norm='ortho')
    for axis, count in enumerate(half.shape):
        passed = np.sinc(np.arange(count) / (2.0 * count)).astype(np.float32)
        terms = terms / (passed[:, None] if axis == 0 else passed[None, :])
    wide = np.zeros([BIN * count for count in half.shape], np.float32)
    wide[:half.shape[0], :half.shape[1]] = terms * BIN
    return fft.idctn(wide, type=2, norm='ortho', overwrite_x=True)
