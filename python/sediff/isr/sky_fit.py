"""The sky of one exposure as a sum of components, and its subtraction (Bernstein et al. 2017, arXiv:1706.09928, 6)."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.ccdimage import CcdImage
from sediff.errors import BadData
from sediff.isr.focal_plane import BinnedSky
from sediff.isr.history import once, record
from sediff.isr.sky_bins import BIN, polynomial, polynomial_orders, polynomial_terms
from sediff.isr.sky_detail import DEGREE
from sediff.isr.sky_pca import SkyComponents
from sediff.isr.weight import follow_sky
from sediff.maskbits import UNUSABLE
from sediff.stats import clipped, robust_sigma, sigma_about


@dataclass(frozen=True)
class SkyFit:
    """Coefficients (n,) of the components in electrons, rms of the blocks over the sky, and the fraction of blocks used."""

    coefficients: np.ndarray
    rms: float
    used: float


def fit_exposure(binned: BinnedSky, components: SkyComponents, clip: float = 3.5, passes: int = 20) -> SkyFit:
    """Fit the components to a binned exposure; blocks further than `clip` robust deviations are rejected.

    Parameters
    ----------
    binned : BinnedSky
        May lack CCDs; directions that the CCDs it has do not determine stay 0.

    Raises
    ------
    BadData
        Another band or block size, or too few blocks in common.
    """
    if (binned.band, binned.block) != (components.band, components.block):
        raise BadData(f'sky of band {binned.band} in blocks of {binned.block} px, components of band {components.band} in '
                      f'blocks of {components.block} px; give those of the same band')
    shared = [ccd for ccd in binned.ccds if ccd in components.ccds]
    n = len(components.values)
    data = np.concatenate([binned.values[binned.ccds.index(ccd)].ravel() for ccd in shared] or [np.zeros(0)])
    design = np.concatenate([components.values[:, components.ccds.index(ccd)].reshape(n, -1).T for ccd in shared]
                            or [np.zeros((0, n))])
    good = np.isfinite(data) & np.isfinite(design).all(axis=1)
    data, design = data[good].astype(float), design[good].astype(float)
    if len(data) < 10 * n:
        raise BadData(f'{len(data)} blocks of the exposure have sky components; {10 * n} are needed')
    coefficients = np.concatenate([[np.median(data / design[:, 0])], np.zeros(n - 1)])
    kept = np.zeros(len(data), bool)
    for _ in range(passes):
        residual = data - design @ coefficients
        sigma = robust_sigma(residual)
        before, kept = kept, np.abs(residual - np.median(residual)) <= clip * max(sigma, 1e-6 * abs(coefficients[0]))
        coefficients = np.linalg.lstsq(design[kept], data[kept], rcond=1e-3)[0]
        if (kept == before).all():
            break
    rms = float(np.sqrt(np.mean((data - design @ coefficients)[kept] ** 2)) / max(coefficients[0], 1e-9))
    return SkyFit(coefficients, rms, float(kept.mean()))


def smooth_components(components: SkyComponents, ccd: int, shape: tuple[int, int], degree: int = 4) -> np.ndarray:
    """The components of a CCD without the noise of their blocks: polynomials, in means of 4 x 4 pixels.

    Blocks of few exposures are good to some 1e-4 of the sky each, as much as the noise of the pixels in them; a polynomial
    through 512 of them is better by the square root of that number over that of its 15 terms. Terms beyond the cubic, which
    every image fits by itself (`sky_detail`), must stand 4 of their errors out. What a polynomial cannot follow (steps,
    sharp ghosts) is left to the detail of the templates.

    Returns
    -------
    ndarray, (n, ny // 4, nx // 4) float32

    Raises
    ------
    BadData
        The components have no such CCD.
    """
    if ccd not in components.ccds:
        raise BadData(f'the sky components have no CCD {ccd}; build them with exposures that have it')
    bins = shape[0] // BIN, shape[1] // BIN
    return np.stack([_smooth(blocks, bins, degree) for blocks in components.values[:, components.ccds.index(ccd)]])


def _smooth(blocks: np.ndarray, shape: tuple[int, int], degree: int) -> np.ndarray:
    """Polynomial through blocks, those further than 4 robust deviations rejected."""
    design, values = polynomial_terms(blocks.shape, degree).reshape(-1, blocks.size).T.astype(float), blocks.ravel()
    kept = np.isfinite(values)
    for _ in range(5):
        terms = np.linalg.lstsq(design[kept], values[kept], rcond=1e-6)[0]
        residual = np.where(np.isfinite(values), values - design @ terms, np.inf)
        spread = sigma_about(residual[kept])
        kept = np.abs(residual) <= 4.0 * max(spread, 1e-7)
    high = np.array([i + j > DEGREE for i, j in polynomial_orders(degree)])
    errors = spread * np.sqrt(np.diag(np.linalg.pinv(design[kept].T @ design[kept])))
    return polynomial(np.where(high & (np.abs(terms) < 4.0 * errors), 0.0, terms), shape, degree)


def subtract_focal_plane_sky(ccd: CcdImage, sky: np.ndarray, fit: SkyFit, name: str, checksum: str = '',
                             full_resolution: bool = True) -> CcdImage:
    """Subtract a fitted sky; weights follow it, as in the local subtraction.

    SKYMODEL becomes 'pca' (or 'pca-binned' without full-resolution templates), SKYFIL names the components, SKYRMS is
    the relative rms of the fit, SKYRES the median of what is left (e-), SKYPC0, SKYPC1 ... the coefficients.

    Raises
    ------
    BadData
        Done before, or no pixel is usable.
    """
    once(ccd.header, 'SKYMODEL', 'the sky subtraction')
    header = ccd.header.copy()
    image = ccd.image - sky
    left, sigma = _residual(image, ccd.mask)
    brightness = float(np.median(sky[::8, ::8]))
    weight = follow_sky(ccd.weight, sky, float(header.get('SKYBRITE', brightness)), float(header.get('RDNOISE', 6.0)))
    record(header, 'SKYMODEL', 'pca' if full_resolution else 'pca-binned', 'Sky subtracted')
    record(header, 'SKYFIL', name, 'Sky components', checksum)
    for keyword, value, comment in (('SKYRMS', fit.rms, 'rms of the fit over the sky'), ('SKYUSED', fit.used, 'blocks used'),
                                    ('SKYRES', left, '[e-] sky left'), ('SKYBRITE', brightness, '[e-] Sky'),
                                    ('SKYSIGMA', sigma, '[e-] Noise of the sky')):
        header[keyword] = (float(value), comment)
    for number, value in enumerate(fit.coefficients[:10]):
        header[f'SKYPC{number}'] = (float(value), '[e-] coefficient')
    return CcdImage(image, ccd.mask, weight, header)


def _residual(image: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Median and robust standard deviation of every 32nd usable pixel, objects clipped."""
    values = image[::8, ::4][(mask[::8, ::4] & np.uint16(UNUSABLE)) == 0]
    if not len(values):
        raise BadData('no pixel of the CCD is usable: all amplifiers are dead or masked; leave this CCD out')
    values = clipped(values, 2.5, 5)
    middle = float(np.median(values))
    return middle, sigma_about(values[values < middle], middle)
