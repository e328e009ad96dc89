"""Maps of the PSF over a CCD: FWHM and ellipticity of the model on a grid."""
from __future__ import annotations

import numpy as np
from numba import njit

from sediff.errors import BadData
from sediff.psf.model import PsfModel
from sediff.psf.shape import stamp_fwhm

COLUMNS = np.dtype([('x', 'f8'), ('y', 'f8'), ('fwhm', 'f4'), ('e1', 'f4'), ('e2', 'f4')])
#: Rounds of the adaptive moments at most, and the change of an axis (pixels) that ends them.
ROUNDS, CHANGE = 100, 1e-5


def psf_map(model: PsfModel, shape: tuple[int, int], rows: int = 8, columns: int = 4) -> np.ndarray:
    """FWHM and ellipticity of a PSF model at the centres of a grid of cells.

    Parameters
    ----------
    model : PsfModel
    shape : tuple of int
        (ny, nx) of the image, pixels.
    rows, columns : int
        Cells along y and x.

    Returns
    -------
    table : structured ndarray, (rows * columns,)
        x, y (0-based pixels), fwhm (pixels), e1 and e2: the components along x and along the diagonal of an ellipticity of
        modulus (a - b)/(a + b).

    Raises
    ------
    BadData
        The model holds no star somewhere, or the grid is empty.
    """
    if rows < 1 or columns < 1:
        raise BadData(f'a PSF map needs at least one cell, got {rows} x {columns}')
    table = np.zeros(rows * columns, COLUMNS)
    line_x = (np.arange(columns) + 0.5) * shape[1] / columns - 0.5
    line_y = (np.arange(rows) + 0.5) * shape[0] / rows - 0.5
    table['x'], table['y'] = (a.ravel() for a in np.meshgrid(line_x, line_y))
    for row in table:
        stamp = model.coefficients_image(row['x'], row['y'])
        width = stamp_fwhm(stamp)
        row['fwhm'] = model.samp * width
        row['e1'], row['e2'] = ellipticity(adaptive_moments(stamp, width / 2.3548))
    return table


def adaptive_moments(stamp: np.ndarray, sigma: float) -> np.ndarray:
    """Second moments of a centred star, weighted with the Gaussian that matches them.

    Parameters
    ----------
    stamp : ndarray, (n, n) float64
        Star on the central pixel.
    sigma : float, pixels
        First guess of its width.

    Returns
    -------
    moments : ndarray, (2, 2) float64, pixels^2
        xx, xy; xy, yy.

    Raises
    ------
    BadData
        No star: the moments do not converge.

    Notes
    -----
    Bernstein & Jarvis 2002 (AJ 123, 583), section 3: the weight's covariance is twice the moments that it measures.
    """
    moments, stamp = np.array([sigma ** 2, 0.0, sigma ** 2]), np.ascontiguousarray(stamp, float)
    for _ in range(ROUNDS):
        measured = 2.0 * np.array(weighted_moments(stamp, *moments))
        if not (measured[0] > 0 and measured[0] * measured[2] > measured[1] ** 2):
            break
        done = np.abs(measured - moments).max() < CHANGE
        moments = measured
        if done:
            return np.array([[moments[0], moments[1]], [moments[1], moments[2]]])
    raise BadData('the PSF has no shape: its moments do not converge')


@njit(cache=True)
def weighted_moments(stamp: np.ndarray, xx: float, xy: float, yy: float) -> tuple[float, float, float]:
    """Second moments (xx, xy, yy) of a stamp about its central pixel under a Gaussian of the covariance given; -1, 0, -1
    where there is no light."""
    half, determinant = stamp.shape[0] // 2, xx * yy - xy * xy
    total, sum_xx, sum_xy, sum_yy = 0.0, 0.0, 0.0, 0.0
    for j in range(stamp.shape[0]):
        dy = j - half
        for i in range(stamp.shape[1]):
            dx = i - half
            value = stamp[j, i] * np.exp(-0.5 * (yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy) / determinant)
            total += value
            sum_xx += value * dx * dx
            sum_xy += value * dx * dy
            sum_yy += value * dy * dy
    if not total > 0.0:
        return -1.0, 0.0, -1.0
    return sum_xx / total, sum_xy / total, sum_yy / total


def ellipticity(moments: np.ndarray) -> tuple[float, float]:
    """Components of the ellipticity, of modulus (a - b)/(a + b), of second moments."""
    size = moments[0, 0] + moments[1, 1] + 2.0 * np.sqrt(np.linalg.det(moments))
    return (moments[0, 0] - moments[1, 1]) / size, 2.0 * moments[0, 1] / size
