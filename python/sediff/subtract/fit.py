"""Kernel fit: star stamps in, solution out."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.errors import BadData
from sediff.subtract.basis import FWHM_PER_SIGMA, KernelBasis
from sediff.subtract.listed import ListedStars
from sediff.subtract.matched_sky import matched_sky
from sediff.subtract.model import KernelModel
from sediff.subtract.moving import moved_stamps
from sediff.subtract.normal import StarEquations, StarSums, slope_coefficients, star_sums
from sediff.subtract.planes import Planes
from sediff.subtract.refracted import ColourShift, fit_colour_shift
from sediff.subtract.registration import LARGEST, Field, fit_field
from sediff.subtract.solve import Freedom, Solution, plain_fit, solve
from sediff.subtract.stamps import Stars, cut

#: Fewest stars that were found. With one or two, a source that changed could be taken for one and subtracted away; of
#: stars that were named one is enough.
LEAST_STARS = 3
#: How well the sky under a star is known from the sky pixels around, in units of the noise of a pixel,
#: where most pixels are sky.
SKY_ERROR = 0.05
#: Model error of the convolved PSF, a share of the pixel value, so that the brightest stars do not rule the fit.
PSF_FLOOR = 0.0005
#: Radius of the fitted disc in FWHM of the broader image, and its least value, px.
RADIUS_PER_FWHM = 3.2
LEAST_RADIUS = 8
#: Pixels closer than this to a bad pixel of the convolved image are left out of the fit.
BAD_REACH = 5


@dataclass(frozen=True)
class Fit:
    """A kernel in its basis, and the field of offsets its stars hint at (None when they show none).

    `listed` are the stars of a catalogue as given, `colour_shift` how their offsets go with colour (None: they do not).
    """

    basis: KernelBasis
    solution: Solution
    field: Field | None
    listed: ListedStars | None = None
    colour_shift: ColourShift | None = None


def fit_kernel(planes: Planes, stars: Stars, basis: KernelBasis, sharp: float, broad: float, scale: float,
               mesh: int, sky_order: int | None = None, order: int | None = None, radius: int | None = None,
               least: int = LEAST_STARS, listed: ListedStars | None = None) -> Fit:
    """Fit the kernel that turns the template's stars into those of the science image.

    Parameters
    ----------
    sharp, broad : float
        FWHM (px) of the convolved image and of the other.
    scale : float
        First guess of the photometric scale, for the weights only.
    mesh, sky_order : int
        Cells (px) and polynomial of the sky of the matched difference.
    order : int, optional
        Spatial order; default: chosen by cross-validation.
    radius : int, optional
        Radius (px) of the fitted discs.
    least : int
        Fewest stars to fit to.
    listed : ListedStars, optional
        Stars that move between the images as known; their stamps are moved before the fit.

    Raises
    ------
    BadData
        Fewer stars than `least` clear of bad pixels.
    """
    radius = radius or int(np.ceil(max(RADIUS_PER_FWHM * broad, LEAST_RADIUS)))
    weight = _weights(planes, stars, scale, np.sqrt(max(broad**2 - sharp**2, 0.0)) / FWHM_PER_SIGMA, radius)
    whole = (weight > 0).sum(axis=(1, 2)) > 0.6 * np.pi * radius**2
    if whole.sum() < least:
        raise BadData(f'no common stars to fit a kernel: {whole.sum()} are unsaturated and clear of masks in both, '
                      f'{least} needed; stars you trust can be named (--stars), and one is enough then')
    x, y = stars.x[whole], stars.y[whole]
    stamps = cut(planes.template, x, y, radius + basis.reach, planes.template_level) - np.float32(planes.template_level)
    stamps[cut(planes.template_bad, x, y, radius + basis.reach, False)] = 0.0
    target = cut(planes.science, x, y, radius) - np.float32(planes.science_level)
    noise = float(np.sqrt(1.0 / np.median(weight[weight > 0])))
    target, weight = np.where(weight[whole] > 0, target, 0), weight[whole]
    shape = planes.science.shape

    def sums_of(shift: np.ndarray) -> StarSums:
        return star_sums(basis, moved_stamps(stamps, shift, sharp), target, weight)

    shift, colour = (np.zeros((len(x), 2)), np.zeros(0)) if listed is None else listed.at(x, y)
    sums = sums_of(shift)
    _, first, _ = plain_fit(basis, sums.equations(), x, y, shape, _moderate(basis, len(x), order))
    sky = matched_sky(planes, KernelModel.from_solution(basis, first, shape), mesh, sky_order)
    known = sky.at(x, y), SKY_ERROR * noise / max(sky.share, 0.01) ** 2
    equations = sums.equations(*known)
    offsets = _left_over(basis, equations, x, y, shape, sharp, order)
    colour_shift = None if listed is None else _colour_shift(offsets, x, y, colour, listed)
    if colour_shift is not None:
        equations = sums_of(shift + colour_shift.at(colour)).equations(*known)
        offsets = _left_over(basis, equations, x, y, shape, sharp, order)
    slopes, used, offset, error = offsets
    field = fit_field(x[used], y[used], offset[used], error[used])
    if field is not None:
        equations = equations.with_free_shift(slopes, field.rms)
    return Fit(basis, solve(basis, equations, x, y, shape, order), field, listed, colour_shift)


def _left_over(basis: KernelBasis, equations: StarEquations, x, y, shape, fwhm: float, order: int | None
               ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Slopes (2, m), stars used (n,), and the offsets (n, 2) and their errors (n,) left by a fit of moderate freedom."""
    freedom = _moderate(basis, len(x), order)
    used, coefficients, terms = plain_fit(basis, equations, x, y, shape, freedom)
    slopes = slope_coefficients(basis, coefficients[:, 0], fwhm)
    return slopes, used, *star_offsets(equations, terms @ coefficients.T, slopes)


def _colour_shift(offsets, x, y, colour: np.ndarray, listed: ListedStars) -> ColourShift | None:
    """How the stars' offsets go with colour, the field of the others taken into account."""
    _, _, offset, error = offsets
    near = np.abs(offset).max(axis=1) < LARGEST
    columns = colour[near], x[near], y[near], offset[near], error[near]
    prior = (listed.slope, listed.slope_error), listed.usual
    found = fit_colour_shift(*columns, *prior)
    if found is None:
        return None
    field = fit_field(x[near], y[near], offset[near] - found.at(colour[near]), error[near])
    return fit_colour_shift(*columns, *prior, None if field is None else (field.length, field.rms))


def _moderate(basis: KernelBasis, stars: int, order: int | None) -> Freedom:
    return Freedom.whole(basis, min(2 if stars >= 60 else 1 if stars >= 30 else 0, 2 if order is None else order))


def star_offsets(equations: StarEquations, local: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (n, 2) of each star from its fit and their error (n,), px.

    Parameters
    ----------
    local : ndarray, (n, m) float64
        Kernel coefficients at each star.
    slopes : ndarray, (2, m) float64
        See `sediff.subtract.normal.slope_coefficients`.
    """
    right = (equations.right - np.einsum('nkl,nl->nk', equations.matrix, local)) @ slopes.T
    inverse = np.linalg.pinv(slopes @ equations.matrix @ slopes.T)
    return np.einsum('nab,nb->na', inverse, right), np.sqrt(0.5 * np.trace(inverse, axis1=1, axis2=2))


def _weights(planes: Planes, stars: Stars, scale: float, kernel_sigma: float, radius: int) -> np.ndarray:
    """Inverse variance of the stamps of the difference (n, r, r) float32, 0 for bad pixels and off the disc.

    The convolved template's variance is taken as that of a Gaussian kernel of this width.
    """
    shrink = scale**2 / (4.0 * np.pi * max(kernel_sigma, 0.282) ** 2)
    noise = cut(planes.science_variance, stars.x, stars.y, radius)
    noise += np.float32(shrink) * cut(planes.template_variance, stars.x, stars.y, radius)
    signal = cut(planes.science, stars.x, stars.y, radius) - np.float32(planes.science_level)
    noise += np.float32(planes.photons[0] + shrink * planes.photons[1] / scale) * np.maximum(signal, np.float32(0.0))
    noise += (np.float32(PSF_FLOOR) * signal) ** 2
    good = ~cut(planes.science_bad, stars.x, stars.y, radius, True)
    good &= ~_grown(cut(planes.template_bad, stars.x, stars.y, radius + BAD_REACH, True), BAD_REACH)
    good &= np.hypot(*np.mgrid[-radius:radius + 1, -radius:radius + 1]) <= radius + 0.5
    return np.where(good, 1.0 / np.maximum(noise, 1e-30), 0.0).astype(np.float32)


def _grown(bad: np.ndarray, radius: int) -> np.ndarray:
    """Stamps of bad pixels grown by a square of this radius and cut by as much."""
    if not bad.any():
        return bad[:, radius:-radius, radius:-radius]
    side = bad.shape[1] - 2 * radius
    rows = np.logical_or.reduce([bad[:, k:k + side] for k in range(2 * radius + 1)])
    return np.logical_or.reduce([rows[:, :, k:k + side] for k in range(2 * radius + 1)])
