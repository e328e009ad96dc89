"""The sky that is left in a difference image, measured on sky pixels."""
from __future__ import annotations

import numpy as np
import sep
from numpy.polynomial.legendre import legvander

from sediff.errors import BadData
from sediff.subtract.solve import spatial_terms, term_count, term_degrees


def sky_level(image: np.ndarray, bad: np.ndarray) -> tuple[float, float]:
    """Median and robust sigma of the good pixels, sources clipped from a sample of about 200 000.

    Raises
    ------
    BadData
        Every pixel is masked.
    """
    step = max(1, int(np.sqrt(image.size / 200_000)))
    sample = image[::step, ::step][~bad[::step, ::step]]
    if sample.size == 0:
        sample = image[~bad]
    if sample.size == 0:
        raise BadData('all pixels are masked; check the mask, the weight and the saturation limits')
    sample = sample.astype(np.float64)
    for _ in range(5):
        middle = np.median(sample)
        sigma = 1.4826 * np.median(np.abs(sample - middle))
        kept = sample[np.abs(sample - middle) <= 3.0 * sigma]
        if kept.size == sample.size:
            break
        sample = kept
    return float(middle), float(sigma)


def residual_background(difference: np.ndarray, model: np.ndarray, bad: np.ndarray, mesh: int,
                        order: int | None = None) -> np.ndarray:
    """Smooth sky of a difference image.

    Parameters
    ----------
    difference, model : ndarray, (ny, nx) float32
        Difference, and the convolved image subtracted to make it: pixels off its sky by more than
        3 sigma either way are left out.
    bad : ndarray, (ny, nx) bool
    mesh : int
        Size of the cells whose clipped medians are taken, px.
    order : int, optional
        Fit one polynomial of this degree to the cells; default: a bicubic spline through them.

    Returns
    -------
    ndarray, (ny, nx) float32
    """
    level, sigma = sky_level(model, bad)
    source = bad | (np.abs(model - np.float32(level)) > np.float32(3.0 * max(sigma, 1e-30)))
    if source.mean() > 0.98:
        source = bad
    if order is not None:
        return _polynomial(difference, source, mesh, order)
    return sep.Background(np.ascontiguousarray(difference), mask=source, bw=mesh, bh=mesh, fw=3, fh=3).back()


def _polynomial(image: np.ndarray, source: np.ndarray, mesh: int, order: int) -> np.ndarray:
    """Polynomial of total degree `order` through the clipped medians of the cells, weighted by their pixels."""
    cells = []
    for y in range(0, image.shape[0], mesh):
        for x in range(0, image.shape[1], mesh):
            hidden = source[y:y + mesh, x:x + mesh]
            if (~hidden).sum() >= 50:
                level, _ = sky_level(image[y:y + mesh, x:x + mesh], hidden)
                cells.append((x + (hidden.shape[1] - 1) / 2, y + (hidden.shape[0] - 1) / 2, level, (~hidden).sum()))
    if not cells:
        raise BadData('no sky pixel is left to measure the residual background on; check the masks')
    x, y, value, count = np.array(cells, float).T
    order = min(order, max(k for k in range(order + 1) if term_count(k) <= len(cells)))
    root = np.sqrt(count)
    terms = spatial_terms(x, y, image.shape, order)
    coefficients = np.linalg.lstsq(terms * root[:, None], value * root, rcond=None)[0]
    across = legvander(2.0 * np.arange(image.shape[1]) / max(image.shape[1] - 1, 1) - 1.0, order)
    along = legvander(2.0 * np.arange(image.shape[0]) / max(image.shape[0] - 1, 1) - 1.0, order)
    grid = np.zeros((order + 1, order + 1))
    for (i, j), coefficient in zip(term_degrees(order), coefficients):
        grid[j, i] = coefficient
    return (along @ grid @ across.T).astype(np.float32)
