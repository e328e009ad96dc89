"""Difference of two aligned images after matching their PSFs."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sediff.errors import BadUsage
from sediff.subtract.apply import Applied, apply_kernel, whitened
from sediff.subtract.background import Sky
from sediff.subtract.basis import make_basis
from sediff.subtract.decorrelate import Whitening
from sediff.subtract.direction import Way, choose_way
from sediff.subtract.fit import LEAST_STARS, Fit, fit_kernel
from sediff.subtract.listed import ListedStars
from sediff.subtract.model import KernelModel
from sediff.subtract.planes import Planes
from sediff.subtract.stamps import choose_evenly, find_stars, typical_fwhm
from sediff.subtract.trust import ModelError, systematic_variance
from sediff.subtract.zones import Zones
from sediff.warp.noise import mesh_of

#: Stars fitted at most.
STAR_COUNT = 220
#: A larger relative error of the photometric scale is said.
LARGEST_SCALE_ERROR = 0.01
#: Rms of the sky over the propagated noise that needs no word.
FINE_NOISE = (0.8, 1.25)
#: Figures that are the parts of `ModelError`, in its order.
MODEL_ERRORS = ('model_error', 'model_shape', 'model_shift', 'model_drift')



@dataclass(frozen=True)
class Difference:
    """A difference image and how it was made.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        Science minus template, science flux units whichever image was convolved, 0 where `mask`.
        Its PSF is that of the image that was not convolved, or of the science image convolved with `smoothing`.
    variance : ndarray, (ny, nx) float32
        Propagated variance of single pixels (neighbours are correlated by the kernel).
    mask : ndarray, (ny, nx) bool
        True where unusable.
    kernel_sum : float
        Photometric scale, science flux / template flux.
    kernel : KernelModel
    direction : str
        'template', 'science' or 'both': what was convolved.
    n_stamps : int
        Stars in the final fit.
    sky : Sky
        Residual sky that was subtracted, and `sky_factor` that puts it into science units (see `background`).
    whitening : Whitening or None
        Filters with which the noise was made white (asked for with `decorrelate`); the PSF is that of the image that was
        not convolved, convolved with them (`sediff.subtract.decorrelate.psf_of_difference`).
    smoothing : ndarray, (w, w) float64, or None
        What the science image was convolved with, where both were.
    figures : dict
        fwhm_science, fwhm_template (px), order, shift_order, functions, stars_found, stamp_chi2, left_out_chi2,
        left_out_error (relative, bright stars), kernel_sum_error (relative, from the stars' scatter),
        registration_rms and registration_length (px, 0 when off),
        model_error, model_shape (relative errors of bright stars' fluxes and widths), model_shift (error of the
        place of light, px), model_drift (the same along one direction, px along x and y), colour_slope (shift of a
        star for a magnitude of colour, px along x and y), moved (listed stars moved before they were subtracted),
        noise_chi (rms of sky pixels over the propagated noise), masked_share.
    places : ndarray, (n, 3) float64
        0-based x, y of stars whose place has another error than model_shift, and that error, px.
    """

    image: np.ndarray
    variance: np.ndarray
    mask: np.ndarray
    kernel_sum: float
    kernel: KernelModel
    direction: str
    n_stamps: int
    sky: Sky
    sky_factor: float = 1.0
    whitening: Whitening | None = None
    smoothing: np.ndarray | None = None
    figures: dict = field(default_factory=dict)
    places: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))

    @property
    def model_error(self) -> ModelError:
        """Errors of the light that was taken away."""
        return ModelError(*(self.figures[name] for name in MODEL_ERRORS))

    def scale_warning(self) -> str | None:
        """What to tell the user where the photometric scale is known to worse than 1 %; None where it is not."""
        error = self.figures['kernel_sum_error']
        if error <= LARGEST_SCALE_ERROR:
            return None
        known = f'is known to {100 * error:.1f} % only' if np.isfinite(error) else 'rests on one star'
        return f'the photometric scale of the template ({self.kernel_sum:.4f}, {self.n_stamps} stars) {known}: what both ' \
               'images show may be left by as much, and fluxes on hosts are off by that share of the host'

    @property
    def background(self) -> np.ndarray:
        """Residual sky subtracted from the difference: (ny, nx) float32."""
        return self.sky.image() * np.float32(self.sky_factor)


def subtract(science: np.ndarray, template: np.ndarray, science_variance: np.ndarray, template_variance: np.ndarray,
             science_bad: np.ndarray, template_bad: np.ndarray, *, fwhm_science: float | None = None,
             fwhm_template: float | None = None, stamps: np.ndarray | None = None, convolve: str = 'auto',
             order: int | None = None, half_width: int | None = None, background_mesh: int | None = None,
             background_order: int | None = None,
             star_count: int = STAR_COUNT, stamp_radius: int | None = None,
             decorrelate: bool = False, template_zones: Zones | None = None, listed: ListedStars | None = None,
             photons: tuple[float, float] = (0.0, 0.0)) -> Difference:
    """Subtract a template from a science image on the same pixel grid.

    Parameters
    ----------
    science, template : ndarray, (ny, nx) float32
        Any linear units, sky subtracted or not. NaN counts as bad.
    science_variance, template_variance : ndarray, (ny, nx) float32
        Pixel variances in the squares of those units.
    science_bad, template_bad : ndarray, (ny, nx) bool
        True for pixels to ignore (saturated, cosmic rays, defects, not covered).
    fwhm_science, fwhm_template : float, optional
        PSF widths, px; measured when not given.
    stamps : ndarray, (n, 2), optional
        0-based x, y of stars to fit, one or more; found when not given.
    convolve : {'auto', 'template', 'science', 'both'}
        Image to convolve; auto takes the sharper one, or both where neither is sharper in every direction.
    order : int, optional
        Spatial order of the kernel; by default what the stars support, up to 3.
    half_width : int, optional
        Half width of the kernel's narrow part, px; 8 or more by default (its wings reach twice as far).
    background_mesh, background_order : int, optional
        Mesh of the residual sky, px, default 128 (64 below 1024 px); or one polynomial of this degree.
    star_count : int
        Stars fitted at most.
    stamp_radius : int, optional
        Radius of the fitted disc around each star, px; default 3.2 FWHM.
    decorrelate : bool
        Make the noise of the difference white (DMTN-021), in each zone of the ratio of the variances.
    template_zones : Zones, optional
        Zones in which the template's noise is of one kind.
    listed : ListedStars, optional
        Stars of a catalogue that are elsewhere in the template, by so much: they are moved before they are subtracted, and
        where offsets go with colour, by that too.
    photons : (float, float)
        Photon variance of a unit of light in science image and template, where their variances are of sky and readout
        alone: it weighs the stars in the fits. The variance of the difference is that of the variances given.

    Raises
    ------
    BadUsage
        Shapes differ, or an option out of range.
    BadData
        Everything masked, or too few common stars.

    Notes
    -----
    Alard & Lupton 1998 (ApJ 503, 325), Alard 2000 (A&AS 144, 363): polynomial coefficients, constant photometric
    scale; Gauss-Hermite functions and, after Bramich 2008 (MNRAS 386, L77), the central pixels themselves.
    """
    _check_options(order, half_width)
    planes = Planes.prepare(science, template, science_variance, template_variance, science_bad, template_bad, photons)
    stars = find_stars(*planes.arrays(), stamps, planes.levels)
    widths = tuple(given or found for given, found in zip((fwhm_science, fwhm_template), typical_fwhm(stars)))
    ratio = float(np.median(stars.ratio))
    chosen = choose_evenly(stars, planes.science.shape, star_count)
    mesh = background_mesh or mesh_of(planes.science.shape)

    least = LEAST_STARS if stamps is None else 1

    def fit(planes: Planes, sharp: float, broad: float, turned: bool) -> Fit:
        scale = 1.0 / ratio if turned else ratio
        basis = make_basis(sharp, broad, half_width)
        return fit_kernel(planes, chosen, basis, sharp, broad, scale, mesh, background_order, order, stamp_radius, least,
                          listed and (listed.turned() if turned else listed))

    way = choose_way(planes, stars, widths, convolve, fit)
    del planes
    model = KernelModel.from_solution(way.fit.basis, way.fit.solution.coefficients, way.planes.science.shape)
    applied = apply_kernel(way.planes, model, way.fit, stars, mesh, background_order)
    if decorrelate:
        applied = whitened(applied, way.planes, model, way.smoothing, template_zones, way.direction == 'science')
    return _difference(applied, model, way, widths, len(stars.x))


def noise_warning(chi: float) -> str | None:
    """What to say of a difference whose sky has `chi` times the propagated noise; None from 0.8 to 1.25."""
    if FINE_NOISE[0] <= chi <= FINE_NOISE[1]:
        return None
    return (f'NOISECHI is {chi:.3g}: the sky of the difference has {chi:.3g} times the noise that the weights, variances or '
            'gains of the images say (0.8 to 1.25 is fine); all significances are wrong by that')


def _difference(applied: Applied, model: KernelModel, way: Way, widths: tuple[float, float], stars_found: int) -> Difference:
    """The result in science units, with its figures."""
    direction, solution = way.direction, way.fit.solution
    scale, factor = model.kernel_sum(), 1.0
    image, variance = applied.image, applied.variance
    if direction == 'science':
        factor = -1.0 / scale
        image *= np.float32(factor)
        variance *= np.float32(factor**2)
        scale = 1.0 / scale
    used, field = solution.used, applied.field
    figures = {'fwhm_science': widths[0], 'fwhm_template': widths[1], 'order': solution.freedom.order,
               'shift_order': solution.freedom.shift_order, 'functions': len(solution.freedom.functions),
               'half_width': model.basis.half_width, 'reach': model.basis.reach,
               'stars_found': stars_found, 'stars_tried': len(used),
               'stamp_chi2': float(np.median(solution.reduced_chi2[used])), 'left_out_chi2': solution.left_out_chi2,
               'left_out_error': solution.left_out_error, 'kernel_sum_error': solution.scale_error,
               'registration_rms': 0.0 if field is None else float(field.rms),
               'registration_length': 0.0 if field is None else float(field.length),
               'model_error': applied.trust.error.flux, 'model_shape': applied.trust.error.shape,
               'model_shift': applied.trust.error.shift, 'moved': applied.moved, 'noise_chi': applied.noise_chi,
               'model_drift': applied.trust.error.drift, 'colour_slope': _colour_slope(way),
               'masked_share': float(applied.mask.mean())}
    return Difference(image, variance, applied.mask, scale, model, direction, int(used.sum()), applied.sky, factor,
                      applied.whitening, way.smoothing, figures, applied.trust.places)


def _colour_slope(way: Way) -> list[float]:
    """Shift from the template's place to the science image's for a magnitude of colour, px along x and y."""
    found = way.fit.colour_shift
    sign = -1.0 if way.direction == 'science' else 1.0
    return [0.0, 0.0] if found is None else [sign * float(value) for value in found.slope]


def _check_options(order: int | None, half_width: int | None) -> None:
    if order is not None and not 0 <= order <= 4:
        raise BadUsage(f'spatial order must be 0 to 4, got {order}')
    if half_width is not None and half_width < 3:
        raise BadUsage(f'kernel half width must be 3 px or more, got {half_width}')


def warm() -> None:
    """Compile the kernels on a small pair of images."""
    y, x = np.mgrid[:96, :96]
    centres = ((24, 24), (24, 72), (72, 24), (72, 72))
    image = sum(np.exp(-0.5 * ((x - u) ** 2 + (y - v) ** 2) / 4.0) for u, v in centres).astype(np.float32) * 1000
    variance, bad = np.ones(image.shape, np.float32), np.zeros(image.shape, bool)
    bad[0, 0] = True
    places = np.array(centres, float)
    listed = ListedStars(*places.T[::-1], np.full((4, 2), 0.1), np.full(4, np.nan))
    result = subtract(image, image, variance, variance, bad, bad, listed=listed)
    systematic_variance(image, result.image, result.mask, result.model_error, 4.0, np.column_stack([places, np.ones(4)]))
