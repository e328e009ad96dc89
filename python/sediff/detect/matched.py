"""The score image: a matched filter of the difference in units of its own noise."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sediff.ccdimage import Plane
from sediff.errors import BadData, BadInput
from sediff.psf.zoned import ZonedPsf

PsfAt = Callable[[float, float, int], np.ndarray]

#: Rows worked on at a time.
ROWS = 32
FWHM_OF_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))


@dataclass(frozen=True)
class ScoreImage:
    """A matched-filter significance map.

    Parameters
    ----------
    score : ndarray, (ny, nx) float32
        Significance of a point source at each pixel, signed; robust sigma 1 in empty sky; 0 where unusable.
    noise_scale : float
        Robust sigma of the score before calibration: how many times larger the noise is than `variance` says.
    median : float
        Median of the calibrated score: 0 when the sky of the difference is well subtracted.
    fwhm : float
        FWHM of a Gaussian with the noise-equivalent area of the PSF at the image's centre, px.
    size : int
        Side of the PSF stamps used, px.
    """

    score: np.ndarray
    noise_scale: float
    median: float
    fwhm: float
    size: int


def with_systematic(variance: np.ndarray, systematic: np.ndarray | None, area: float) -> np.ndarray:
    """Variance of pixels that, summed over the PSF as if independent, gives the error of a source.

    An error of a star's model is one and the same over the star, so its square counts once for every pixel of the
    PSF's noise-equivalent area (px).
    """
    return variance if systematic is None else variance + np.float32(area) * systematic


def add_to_systematic(systematic: np.ndarray, variance: Plane, psf_at: PsfAt) -> None:
    """`with_systematic` in the place of `systematic`, for a score image without another plane."""
    ny, nx = variance.shape
    area = np.float32(noise_area(psf_fwhm(checked_psf(psf_at, nx / 2, ny / 2, 51))))
    for first in range(0, ny, ROWS):
        rows = slice(first, first + ROWS)
        systematic[rows] *= area
        systematic[rows] += variance[rows]


def noise_area(fwhm: float) -> float:
    """Noise-equivalent area (px) of the Gaussian of this FWHM, 4 pi sigma^2."""
    return float(4.0 * np.pi * (fwhm / FWHM_OF_SIGMA) ** 2)


def inverse_variance(difference: np.ndarray, variance: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """1/variance (float32), 0 where a pixel is bad, not finite, or has no positive variance."""
    weight = np.zeros(difference.shape, np.float32)
    np.divide(np.float32(1.0), variance, out=weight, where=usable_pixels(difference, variance, bad))
    return weight


def usable_pixels(difference: np.ndarray, variance: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Pixels that are not bad and have a finite value and a positive, finite variance: bool."""
    usable = np.isfinite(difference)
    usable &= np.isfinite(variance)
    usable &= variance > 0
    usable &= ~bad
    return usable


def psf_fwhm(psf: np.ndarray) -> float:
    """FWHM (px) of the Gaussian with the same noise-equivalent area, 1/sum(p^2) = 4 pi sigma^2."""
    return float(FWHM_OF_SIGMA * np.sqrt(1.0 / (4.0 * np.pi * np.sum(psf.astype(np.float64) ** 2))))


def score_image(difference: np.ndarray, variance: np.ndarray, bad: np.ndarray, psf_at: PsfAt,
                tile: int = 512, size: int | None = None, systematic: np.ndarray | None = None,
                zones: ZonedPsf | None = None) -> ScoreImage:
    """Significance of a point source at every pixel.

    Parameters
    ----------
    difference, variance : ndarray, (ny, nx) float32
        Difference image and its variance per pixel (same units, squared); noise taken as uncorrelated.
    bad : ndarray, (ny, nx) bool
        True where a pixel must not be used.
    psf_at : callable
        ``psf_at(x, y, size)`` gives the (size, size) PSF of unit flux at 0-based x, y.
    tile : int
        Side of the squares in which the PSF is held constant, px.
    size : int, optional
        Odd side of the PSF stamps, px; default five times the FWHM.
    systematic : ndarray, (ny, nx) float32, optional
        Square of the error that bright stars' models may have (see `with_systematic`): it keeps their residuals
        quiet.
    zones : ZonedPsf, optional
        The PSFs of zones with noise of their own: each is filtered with its own PSF.

    Raises
    ------
    BadInput
        The planes differ in shape or the PSF stamp is not usable.
    BadData
        Not one usable pixel.

    Notes
    -----
    score = sum(d p / v) / sqrt(sum(p^2 / v)), the maximum-likelihood flux over its error (e.g. Zackay, Ofek &
    Gal-Yam 2016, ApJ 830, 27), divided by its own robust sigma in the image. Sums run as FFT correlations in tiles.
    """
    check_planes(difference, variance, bad)
    ny, nx = difference.shape
    fwhm = psf_fwhm(checked_psf(psf_at, nx / 2, ny / 2, 51))
    size = size or 2 * min(25, max(7, int(np.ceil(2.5 * fwhm)))) + 1
    score, usable = np.zeros((ny, nx), np.float32), False
    for core, window in _tiles(ny, nx, tile, size // 2):
        y, x = (round(0.5 * (s.start + s.stop - 1)) for s in core)
        weighted, weight = _weights(difference, variance, bad, systematic, fwhm, window)
        usable |= bool(weight.any())
        for image, box, here in [(psf_at, None, True)] if zones is None else _zones_of(zones, core):
            wide = np.s_[:, :] if box is None else tuple(slice(s.start, s.stop + size - 1) for s in box)
            part = _score_part(weighted[wide], weight[wide], checked_psf(image, x, y, size), weight.max())
            np.copyto(score[core] if box is None else score[core][box], part, where=here)
    if not usable:
        raise BadData('the difference image has no usable pixel (all masked or without variance); look at its mask')
    scale, median = _calibration(score)
    score /= np.float32(scale)
    return ScoreImage(score, scale, median / scale, fwhm, size)


def _weights(difference: np.ndarray, variance: np.ndarray, bad: np.ndarray, systematic: np.ndarray | None, fwhm: float,
             window: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels times weight, and weight, of a window of the planes; zero outside them."""
    (ny, nx), (y0, y1, x0, x1) = difference.shape, window
    cut = slice(max(y0, 0), min(y1, ny)), slice(max(x0, 0), min(x1, nx))
    inside, own = difference[cut], None if systematic is None else systematic[cut]
    weight = inverse_variance(inside, with_systematic(variance[cut], own, noise_area(fwhm)), bad[cut])
    weighted = np.where(weight > 0, inside, 0).astype(np.float32, copy=False) * weight
    shape, place = (y1 - y0, x1 - x0), (cut[0].start - y0, cut[1].start - x0)
    return _padded(weighted, shape, place), _padded(weight, shape, place)


def check_planes(difference: np.ndarray, *others: Plane) -> None:
    """Raise BadInput unless all planes are two-dimensional and of one shape."""
    shapes = {plane.shape for plane in (difference, *others)}
    if len(shapes) != 1 or difference.ndim != 2:
        raise BadInput(f'difference, variance and mask must be images of one shape; they are {sorted(shapes)}')


def checked_psf(psf_at: PsfAt, x: float, y: float, size: int) -> np.ndarray:
    """The PSF at a position as float32, or BadInput when it is not a positive finite stamp of that size."""
    psf = np.asarray(psf_at(x, y, size), np.float32)
    if psf.shape != (size, size) or not np.isfinite(psf).all() or not psf.sum() > 0:
        raise BadInput(f'the PSF at x={x:.1f} y={y:.1f} is not a finite ({size}, {size}) image of positive flux; '
                       'look at the PSF model of this CCD')
    return psf


def _tiles(ny: int, nx: int, tile: int, halo: int) -> Iterator[tuple[tuple[slice, slice], tuple[int, int, int, int]]]:
    for y0 in range(0, ny, tile):
        for x0 in range(0, nx, tile):
            y1, x1 = min(y0 + tile, ny), min(x0 + tile, nx)
            yield (slice(y0, y1), slice(x0, x1)), (y0 - halo, y1 + halo, x0 - halo, x1 + halo)


def _padded(image: np.ndarray, shape: tuple[int, int], place: tuple[int, int]) -> np.ndarray:
    """The image from row, column `place` on in a plane of this shape, zero elsewhere."""
    out = np.zeros(shape, image.dtype)
    out[place[0]:place[0] + image.shape[0], place[1]:place[1] + image.shape[1]] = image
    return out


def _zones_of(zones: ZonedPsf, core: tuple[slice, slice]) -> list[tuple[PsfAt, tuple[slice, ...], np.ndarray]]:
    """PSF of each zone in a tile, the rows and columns of the tile that hold it, and which of their pixels are its own."""
    rows, columns = (np.arange(s.start, s.stop) // zones.cell for s in core)
    labels, found = zones.labels[np.ix_(rows, columns)], []
    for k in np.unique(zones.labels[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]):
        here = labels == k
        held = (np.flatnonzero(here.any(axis=axis)) for axis in (1, 0))
        box = tuple(slice(int(n[0]), int(n[-1]) + 1) for n in held)
        found.append((zones.models[k].image, box, here[box]))
    return found


def _score_part(weighted: np.ndarray, weight: np.ndarray, psf: np.ndarray, largest: float) -> np.ndarray:
    """Score of a part of a tile, which the planes overlap by half a stamp, with a PSF; `largest` is the tile's weight."""
    from scipy.fft import fft, irfft2, next_fast_len, rfft, rfft2
    shape = tuple(next_fast_len(n, real=True) for n in weighted.shape)
    keep = tuple(slice(psf.shape[0] - 1, n) for n in weighted.shape)
    turned = psf[::-1, ::-1]
    numerator, squared = (irfft2(rfft2(plane, shape) * fft(rfft(filtering, shape[1]), shape[0], axis=0), shape)[keep]
                          for plane, filtering in ((weighted, turned), (weight, turned ** 2)))  # few rows, then columns
    floor = np.float32(1e-5 * largest * np.sum(psf ** 2))
    score = np.zeros_like(numerator)
    np.divide(numerator, np.sqrt(np.maximum(squared, floor)), out=score, where=squared > max(floor, 0))
    return score


def _calibration(score: np.ndarray) -> tuple[float, float]:
    """Robust sigma and median of the score on a third of the rows and columns.

    From the quartiles, twice more without what lies beyond 2.5 sigma (sources); the quartiles of a normal law cut
    there are at 0.66482 sigma instead of 0.67449.
    """
    sample = score[::3, ::3]
    sample = sample[sample != 0]
    if sample.size < 16:
        sample = score[score != 0]
    sample.sort()
    low, median, high = _quartiles(sample)
    sigma = (high - low) / (2 * 0.67449)
    for _ in range(2):
        inner = sample[np.searchsorted(sample, median - 2.5 * sigma, 'right'):np.searchsorted(sample, median + 2.5 * sigma)]
        if inner.size:
            low, median, high = _quartiles(inner)
            sigma = (high - low) / (2 * 0.66482)
    if not sigma > 0:
        raise BadData('the difference image has no noise (its score is constant); look at the subtraction')
    return sigma, median


def _quartiles(ordered: np.ndarray) -> tuple[float, float, float]:
    """Quartiles of sorted values, linear between them; 0 of nothing."""
    if not ordered.size:
        return 0.0, 0.0, 0.0
    place = np.array((0.25, 0.5, 0.75)) * (ordered.size - 1)
    below = place.astype(int)
    low, high = ordered[below].astype(float), ordered[np.minimum(below + 1, ordered.size - 1)].astype(float)
    first, middle, last = (low + (place - below) * (high - low)).tolist()
    return first, middle, last
