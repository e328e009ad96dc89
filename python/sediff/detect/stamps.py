"""Stamps: small cutouts of template, search and difference, and their 8-bit display."""
from __future__ import annotations

import numpy as np
from numba import njit

from sediff.errors import BadUsage
from sediff.stats import robust_sigma

#: The three kinds of stamp, in the order they are shown.
STAMP_KINDS = ('temp', 'srch', 'diff')


def cut_stamp(image: np.ndarray, x: float, y: float, size: int = 51) -> np.ndarray:
    """A (size, size) float32 cutout centred on the pixel nearest to 0-based x, y; NaN outside the image.

    Raises
    ------
    BadUsage
        The size is even or not positive.
    """
    if size < 1 or size % 2 == 0:
        raise BadUsage(f'stamp size {size} px must be odd and positive')
    half, i, j = size // 2, int(np.floor(x + 0.5)), int(np.floor(y + 0.5))
    ny, nx = image.shape
    out = np.full((size, size), np.nan, np.float32)
    y0, y1, x0, x1 = max(j - half, 0), min(j + half + 1, ny), max(i - half, 0), min(i + half + 1, nx)
    if y1 > y0 and x1 > x0:
        out[y0 - j + half:y1 - j + half, x0 - i + half:x1 - i + half] = image[y0:y1, x0:x1]
    return out


def cut_stamps(image: np.ndarray, x: np.ndarray, y: np.ndarray, size: int = 51,
               out: np.ndarray | None = None) -> np.ndarray:
    """Cutouts (n, size, size) float32, into `out` if given, centred on 0-based pixels x, y (n,) int64; NaN outside."""
    if size < 1 or size % 2 == 0:
        raise BadUsage(f'stamp size {size} px must be odd and positive')
    out = np.empty((len(x), size, size), np.float32) if out is None else out
    out.fill(np.nan)
    copy_out(np.asarray(image, np.float32), x, y, out)
    return out


@njit(cache=True)
def copy_out(image, x, y, out):
    """Fill out (n, s, s) with what of the image lies around each pixel."""
    ny, nx = image.shape
    half = out.shape[1] // 2
    for k in range(x.size):
        for j in range(max(y[k] - half, 0), min(y[k] + half + 1, ny)):
            for i in range(max(x[k] - half, 0), min(x[k] + half + 1, nx)):
                out[k, j - y[k] + half, i - x[k] + half] = image[j, i]


def cut_triplet(template: np.ndarray, search: np.ndarray, difference: np.ndarray, x: float, y: float,
                size: int = 51) -> dict[str, np.ndarray]:
    """The stamps of a position as {'temp', 'srch', 'diff'}: see `cut_stamp`."""
    return {kind: cut_stamp(image, x, y, size) for kind, image in zip(STAMP_KINDS, (template, search, difference))}


def display_limits(stamp: np.ndarray) -> tuple[float, float]:
    """Black and white level: sky - 3 sigma to the larger of sky + 10 sigma and the 99.5th percentile.

    Sky and sigma are the median and the scaled median absolute deviation of the finite pixels; 0, 1 without any.
    """
    pixels = stamp[np.isfinite(stamp)]
    if pixels.size == 0:
        return 0.0, 1.0
    sky, sigma = float(np.median(pixels)), _sigma(stamp)
    return sky - 3.0 * sigma, max(sky + 10.0 * sigma, float(np.percentile(pixels, 99.5)))


def display_scale(stamp: np.ndarray, low: float, high: float, stretch: str = 'linear') -> np.ndarray:
    """Scale a stamp to 0..255.

    Parameters
    ----------
    stamp : ndarray, (n, n) float32
    low, high : float
        Levels shown black and white.
    stretch : {'linear', 'asinh'}
        'asinh' keeps faint and bright visible together (softening a tenth of the range).

    Returns
    -------
    ndarray, (n, n) uint8
        Row 0 is the lowest y, as in the stamp; pixels that are not finite are 0.
    """
    if stretch not in ('linear', 'asinh') or not high > low:
        raise BadUsage(f'display scale needs high > low and a stretch linear or asinh; got {low}, {high}, {stretch!r}')
    share = np.clip((np.nan_to_num(stamp, nan=low, posinf=high, neginf=low) - low) / (high - low), 0.0, 1.0)
    if stretch == 'asinh':
        share = np.arcsinh(10.0 * share) / np.arcsinh(10.0)
    return np.round(255.0 * share).astype(np.uint8)


def display_triplet(stamps: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """8-bit images of a triplet: template and search on one asinh scale each, the difference linear and symmetric.

    The difference is grey at zero and spans at least 5 robust sigma to either side.
    """
    out = {}
    for kind in ('temp', 'srch'):
        low, high = display_limits(stamps[kind])
        out[kind] = display_scale(stamps[kind], low, high, 'asinh')
    reach = max(5.0 * _sigma(stamps['diff']), 0.7 * _peak(stamps['diff']))
    out['diff'] = display_scale(stamps['diff'], -reach, reach)
    return out


def _sigma(stamp: np.ndarray) -> float:
    pixels = stamp[np.isfinite(stamp)]
    return robust_sigma(pixels) or 1.0


def _peak(stamp: np.ndarray) -> float:
    """Largest |value| in the central ninth."""
    third = stamp.shape[0] // 3
    centre = stamp[third:-third or None, third:-third or None]
    centre = centre[np.isfinite(centre)]
    return float(np.abs(centre).max()) if centre.size else 0.0
