"""Templates of a CCD's sky: the smooth components, detail and fringes, with what they were made from; and their use."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sediff.isr.sky_bins import Seams, bin_pixels, polynomial, spread_bins
from sediff.isr.sky_detail import DEGREE, Left, build_detail, build_pattern, fit_left, fixed_objects
from sediff.maskbits import UNUSABLE


@dataclass(frozen=True)
class SkyTemplates:
    """What multiplies the coefficients of `fit_exposure` on a CCD, in means of 4 x 4 pixels.

    Parameters
    ----------
    planes : ndarray, (n, ny // 4, nx // 4) float32
    fringe : ndarray, (ny // 4, nx // 4) float32, or None
        rms 1.
    expnums : tuple of int
        Exposures that they were made from.
    noises, strengths : tuple of float, electrons
        Noise of a pixel and rms of the fringes of each.
    """

    planes: np.ndarray
    fringe: np.ndarray | None = None
    expnums: tuple[int, ...] = ()
    noises: tuple[float, ...] = ()
    strengths: tuple[float, ...] = ()


def build_sky_templates(bins: Sequence[np.ndarray], weights: Sequence[np.ndarray], levels: np.ndarray, smooth: np.ndarray,
                        fringing: bool, expnums: Sequence[int] = ()) -> SkyTemplates:
    """Templates from exposures of which the smooth components are subtracted.

    What the exposures share with a strength of its own in each comes first: once known, it is not taken for objects. In
    bands that fringe it is the fringes, and detail is what is left and in proportion to the sky; in others all is detail.

    Parameters
    ----------
    bins : sequence of ndarray, (ny // 4, nx // 4) float32, electrons
        An exposure each, from `bin_pixels`.
    weights : sequence of ndarray, electrons^-2
        Inverse variances.
    levels : ndarray, (exposures,), electrons
        Sky of each.
    smooth : ndarray, (n, ny // 4, nx // 4) float32
        The smooth components.
    fringing : bool
        Whether the band has fringes.
    """
    weights = [np.array(weight, np.float32) for weight in weights]
    pattern, fits = build_pattern(bins, weights, levels)
    objects = fixed_objects(bins, weights, fits, pattern)
    if objects.any():
        weights = [np.where(objects, np.float32(0), weight) for weight in weights]
        pattern, fits = build_pattern(bins, weights, levels, (pattern, fits), passes=1)
    fringes = pattern if fringing else None
    planes = smooth.astype(np.float32, copy=True)
    planes[0] += build_detail(bins, weights, levels, fits, fringes)
    noises = [float(np.sqrt(16.0 / np.median(weight[weight > 0]))) for weight in weights]
    strengths = [fit.strength if fringing else 0.0 for fit in fits]
    return SkyTemplates(planes, fringes, tuple(expnums), tuple(noises), tuple(strengths))


def fit_templates(image: np.ndarray, mask: np.ndarray, templates: SkyTemplates,
                  coefficients: np.ndarray, variance: float,
                  seams: Seams = ((), ())) -> tuple[np.ndarray, np.ndarray | None, Left]:
    """The sky of a CCD by its templates, with the polynomial and the strength of the fringes that this image has.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, electrons
        Sky in.
    mask : ndarray, (ny, nx) uint16
    coefficients : ndarray, (n,) electrons
        From `fit_exposure`.
    variance : float, electrons^2
        Of a pixel of the sky.
    seams : (rows, columns)
        Where other amplifiers begin (`sediff.instruments.amplifiers.seams_of`).

    Returns
    -------
    sky : ndarray, (ny, nx) float32, electrons
        Without the fringes.
    fringes : ndarray, (ny, nx) float32, electrons, or None
    left : Left
    """
    planes = np.tensordot(coefficients.astype(np.float32), templates.planes, axes=1)
    means, counts = bin_pixels(image, (mask & np.uint16(UNUSABLE)) == 0, 5.0 * np.sqrt(variance))
    left = fit_left(np.where(counts > 0, means - planes, np.float32(0)), counts / np.float32(variance), templates.fringe)
    sky = spread_bins(planes, seams) + polynomial(left.polynomial, image.shape, DEGREE)
    fringes = None if templates.fringe is None else np.float32(left.strength) * spread_bins(templates.fringe)
    return sky, fringes, left
