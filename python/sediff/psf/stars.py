"""Choice of the stars that make the PSF: bright, clean, isolated, and on the size locus."""
from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from sediff.errors import BadData
from sediff.maskbits import UNUSABLE, Bit
from sediff.stats import sigma_about

#: SExtractor flags that exclude a star: all but 1 (neighbours), as PSFEx's SAMPLE_FLAGMASK.
FLAG_MASK = 0xFE
#: Mask bits that exclude a star.
IMAGE_FLAG_MASK = int(UNUSABLE | Bit.INTERP)
NEEDED = ('XWIN_IMAGE', 'YWIN_IMAGE', 'FLUX_AUTO', 'FLUXERR_AUTO', 'FLUX_RADIUS', 'A_IMAGE', 'B_IMAGE', 'FLAGS',
          'IMAFLAGS_ISO')


def select_stars(catalogue: np.ndarray, *, minimum_snr: float = 30.0, size_column: str = 'FLUX_RADIUS',
                 size_tolerance: float = 0.10, maximum_ellipticity: float = 0.3, isolation: float = 15.0,
                 neighbour_ratio: float = 0.05, maximum_stars: int = 400, flag_mask: int = FLAG_MASK,
                 image_flag_mask: int = IMAGE_FLAG_MASK, maximum_peak: float = np.inf) -> np.ndarray:
    """Rows of the catalogue that are good PSF stars.

    Parameters
    ----------
    catalogue : structured ndarray
        Output of `sediff.catalog.measure.measure` (with or without PSF columns); objects whose position, flux or size is
        not finite are left out.
    minimum_snr : float
        Least FLUX_AUTO / FLUXERR_AUTO.
    size_column : str
        FLUX_RADIUS (half-light radius) or FWHM_IMAGE.
    size_tolerance : float
        Greatest |size / locus - 1|; the locus is the mode of the bright objects' sizes.
    maximum_ellipticity : float
        Greatest (A-B)/(A+B), as PSFEx's SAMPLE_MAXELLIP.
    isolation : float, pixels
        No object within this distance may have more than `neighbour_ratio` of the star's flux.
    maximum_stars : int
        At most this many, the brightest of each part of the image first.
    flag_mask, image_flag_mask : int
        Bits of FLAGS and IMAFLAGS_ISO that exclude.
    maximum_peak : float
        Highest pixel (FLUX_MAX) allowed: the brighter-fatter effect widens a star in proportion to its peak; see
        `safe_peak`.

    Returns
    -------
    rows : ndarray of int
        Sorted; empty when nothing fits.

    Raises
    ------
    BadData
        A needed column is missing.
    """
    needed = (*NEEDED, size_column, *(('FLUX_MAX',) if np.isfinite(maximum_peak) else ()))
    missing = [name for name in needed if name not in (catalogue.dtype.names or ())]
    if missing:
        raise BadData(f'the catalogue lacks {missing}; measure the image with sediff.catalog.measure first')
    if np.isfinite(maximum_peak):
        bright = catalogue['FLUX_MAX'] > maximum_peak
    else:
        bright = np.zeros(len(catalogue), bool)
    flux, size = catalogue['FLUX_AUTO'].astype(float), catalogue[size_column].astype(float)
    snr = flux / np.maximum(catalogue['FLUXERR_AUTO'].astype(float), 1e-30)
    a, b = catalogue['A_IMAGE'], catalogue['B_IMAGE']
    good = (snr >= minimum_snr) & np.isfinite(snr) & np.isfinite(size) & (size > 0.5)
    good &= np.isfinite(catalogue['XWIN_IMAGE']) & np.isfinite(catalogue['YWIN_IMAGE']) & np.isfinite(a) & np.isfinite(b)
    good &= ((catalogue['FLAGS'] & flag_mask) == 0) & ((catalogue['IMAFLAGS_ISO'] & image_flag_mask) == 0)
    good &= ((a - b) <= maximum_ellipticity * (a + b)) & ~bright
    rows = np.flatnonzero(good)
    if rows.size:
        centre, width = size_locus(size[rows], snr[rows], size_tolerance)
        rows = rows[np.abs(size[rows] - centre) <= width]
    rows = rows[_isolated(catalogue, flux, rows, isolation, neighbour_ratio)]
    return np.sort(_spread(catalogue, flux, rows, maximum_stars))


def safe_peak(saturation: float, margin: float) -> float:
    """Highest pixel of a star that is `margin` magnitudes fainter than one whose peak just saturates.

    Parameters
    ----------
    saturation : float
        Level of saturation, flux units.
    margin : float, mag
        In thick CCDs a star's width grows in proportion to its peak (brighter-fatter effect; DECam: Gruen et al. 2015,
        JINST 10, C05032), by the order of a per cent at full well; 1.5 mag leave a quarter of that.
    """
    return float(saturation) * 10.0 ** (-0.4 * margin)


def size_locus(size: np.ndarray, snr: np.ndarray, tolerance: float) -> tuple[float, float]:
    """Size of the stars and the half width of their locus (same unit as `size`).

    The mode of the brighter half (at least 30 objects if there are), then a clipped median; the width is 3 sigma, at
    least 3 % and at most `tolerance`.
    """
    brightest = np.argsort(-snr)[:max(30, size.size // 2)]
    centre = half_sample_mode(size[brightest])
    width = tolerance * centre
    for _ in range(5):
        near = size[np.abs(size - centre) <= width]
        if near.size == 0:
            break
        centre = float(np.median(near))
        sigma = sigma_about(near, centre)
        width = float(np.clip(3.0 * sigma, 0.03 * centre, tolerance * centre))
    return centre, width


def half_sample_mode(values: np.ndarray) -> float:
    """Mode of a sample by repeated choice of the shortest half (Bickel & Fruehwirth 2006)."""
    values = np.sort(np.asarray(values, float))
    while values.size > 3:
        count = (values.size + 1) // 2
        start = int(np.argmin(values[count - 1:] - values[:values.size - count + 1]))
        values = values[start:start + count]
    return float(np.mean(values))


def _isolated(catalogue: np.ndarray, flux: np.ndarray, rows: np.ndarray, radius: float, ratio: float) -> np.ndarray:
    """Which of `rows` have no neighbour brighter than `ratio` of themselves within `radius`."""
    if rows.size == 0:
        return np.zeros(0, bool)
    places = np.stack([catalogue['XWIN_IMAGE'], catalogue['YWIN_IMAGE']], axis=1)
    known = np.flatnonzero(np.isfinite(places).all(axis=1))
    neighbours = cKDTree(places[known]).query_ball_point(places[rows], radius)
    return np.array([not np.any(flux[[known[k] for k in near if known[k] != row]] > ratio * flux[row])
                     for row, near in zip(rows, neighbours)], bool)


def _spread(catalogue: np.ndarray, flux: np.ndarray, rows: np.ndarray, maximum: int) -> np.ndarray:
    """At most `maximum` of `rows`: round by round the brightest left in each 512-pixel cell."""
    if rows.size <= maximum:
        return rows
    column, row = ((catalogue[name][rows] // 512).astype(int) for name in ('XWIN_IMAGE', 'YWIN_IMAGE'))
    cell = column * 1000 + row
    order = np.lexsort((-flux[rows], cell))
    start = np.r_[0, np.flatnonzero(np.diff(cell[order])) + 1]
    rank = np.arange(order.size) - np.repeat(start, np.diff(np.r_[start, order.size]))
    return rows[order[np.argsort(rank, kind='stable')[:maximum]]]
