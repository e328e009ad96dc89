"""Maps of the PSF over a CCD: FWHM and ellipticity of the model on a grid."""
from __future__ import annotations

import numpy as np

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
    dy, dx = np.indices(stamp.shape) - stamp.shape[0] // 2
    moments = np.eye(2) * sigma ** 2
    for _ in range(ROUNDS):
        inverse = np.linalg.inv(moments)
        weighted = stamp * np.exp(-0.5 * (inverse[0, 0] * dx ** 2 + 2 * inverse[0, 1] * dx * dy + inverse[1, 1] * dy ** 2))
        total = weighted.sum()
        xy = (weighted * dx * dy).sum()
        measured = 2.0 * np.array([[(weighted * dx ** 2).sum(), xy], [xy, (weighted * dy ** 2).sum()]]) / total
        if not (total > 0 and np.linalg.det(measured) > 0 and measured[0, 0] > 0):
            break
        done = np.abs(measured - moments).max() < CHANGE
        moments = measured
        if done:
            return moments
    raise BadData('the PSF has no shape: its moments do not converge')


def ellipticity(moments: np.ndarray) -> tuple[float, float]:
    """Components of the ellipticity, of modulus (a - b)/(a + b), of second moments."""
    size = moments[0, 0] + moments[1, 1] + 2.0 * np.sqrt(np.linalg.det(moments))
    return (moments[0, 0] - moments[1, 1]) / size, 2.0 * moments[0, 1] / size
