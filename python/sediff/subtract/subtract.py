"""Difference of two aligned images after matching their PSFs.

Alard & Lupton 1998 (ApJ 503, 325), Alard 2000 (A&AS 144, 363): polynomial coefficients, constant photometric scale;
Gauss-Hermite functions and, after Bramich 2008 (MNRAS 386, L77), the central pixels themselves.
"""
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
from sediff.subtract.stamps import Stars, choose_evenly, find_stars, typical_fwhm
from sediff.subtract.trust import ModelError, systematic_variance
from sediff.subtract.zones import Zones
from sediff.warp.noise import mesh_of

#: Stars fitted at most.
STAR_COUNT = 220
#: A larger relative error of the photometric scale is reported.
LARGEST_SCALE_ERROR = 0.01
#: Rms of the sky over the propagated noise that needs no word.
FINE_NOISE = (0.8, 1.25)
#: Metrics that are the parts of `ModelError`, in its order.
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
        not convolved, convolved with them (`sediff.subtract.difference_psf.psf_of_difference`).
    smoothing : ndarray, (w, w) float64, or None
        What the science image was convolved with, where both were.
    metrics : dict
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
    metrics: dict = field(default_factory=dict)
    places: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))

    @property
    def model_error(self) -> ModelError:
        """Errors of the light that was subtracted."""
        return ModelError(*(self.metrics[name] for name in MODEL_ERRORS))

    def scale_warning(self) -> str | None:
        """What to tell the user where the photometric scale is known to worse than 1 %; None where it is not."""
        error = self.metrics['kernel_sum_error']
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
             background_order: int | None = None, star_count: int = STAR_COUNT, stamp_radius: int | None = None,
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
    order, half_width : int, optional
        Spatial order of the kernel, by default what the stars support, up to 3; half width of its narrow part, px, by
        default 8 or more (its wings reach twice as far).
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
        alone: it weighs the stars in the fits, and does not enter the variance of the difference.

    Raises
    ------
    BadUsage
        Shapes differ, or an option out of range.
    BadData
        Everything masked, or too few common stars.
    """
    _check_options(order, half_width)
    planes = Planes.prepare(science, template, science_variance, template_variance, science_bad, template_bad, photons)
    stars = find_stars(*planes.arrays(), stamps, planes.levels)
    found, mesh = typical_fwhm(stars), background_mesh or mesh_of(planes.science.shape)
    widths = fwhm_science or found[0], fwhm_template or found[1]
    fit = _Fitter(choose_evenly(stars, planes.science.shape, star_count), float(np.median(stars.ratio)), half_width, mesh,
                  background_order, order, stamp_radius, LEAST_STARS if stamps is None else 1, listed)
    way = choose_way(planes, stars, widths, convolve, fit)
    del planes
    return _finished(way, stars, widths, mesh, background_order, decorrelate, template_zones)


@dataclass(frozen=True)
class _Fitter:
    """Fits the kernel that makes the image of the broad PSF from that of the sharp one, either way round.

    Parameters
    ----------
    ratio : float
        Light of the stars, science over template.
    half_width, mesh, background_order, order, stamp_radius, listed
        As in `subtract`.
    least : int
        Fewest stars.
    """

    chosen: Stars
    ratio: float
    half_width: int | None
    mesh: int
    background_order: int | None
    order: int | None
    stamp_radius: int | None
    least: int
    listed: ListedStars | None

    def __call__(self, planes: Planes, sharp: float, broad: float, turned: bool) -> Fit:
        scale = 1.0 / self.ratio if turned else self.ratio
        basis = make_basis(sharp, broad, self.half_width)
        listed = self.listed and (self.listed.turned() if turned else self.listed)
        return fit_kernel(planes, self.chosen, basis, sharp, broad, scale, self.mesh, self.background_order, self.order,
                          self.stamp_radius, self.least, listed)


def noise_warning(chi: float) -> str | None:
    """What to say of a difference whose sky has `chi` times the propagated noise; None from 0.8 to 1.25."""
    if FINE_NOISE[0] <= chi <= FINE_NOISE[1]:
        return None
    return (f'NOISECHI is {chi:.3g}: the sky of the difference has {chi:.3g} times the noise that the weights, variances or '
            'gains of the images say (0.8 to 1.25 is fine); all significances are wrong by that')


def _finished(way: Way, stars: Stars, widths: tuple[float, float], mesh: int, background_order: int | None,
              decorrelate: bool, template_zones: Zones | None) -> Difference:
    """The difference that a fit makes."""
    model = KernelModel.from_solution(way.fit.basis, way.fit.solution.coefficients, way.planes.science.shape)
    applied = apply_kernel(way.planes, model, way.fit, stars, mesh, background_order)
    if decorrelate:
        applied = whitened(applied, way.planes, model, way.smoothing, template_zones, way.direction == 'science')
    return _difference(applied, model, way, widths, len(stars.x))


def _difference(applied: Applied, model: KernelModel, way: Way, widths: tuple[float, float], stars_found: int) -> Difference:
    """The result in science units, with its metrics."""
    direction, solution = way.direction, way.fit.solution
    scale, factor = model.kernel_sum(), 1.0
    image, variance = applied.image, applied.variance
    if direction == 'science':
        factor = -1.0 / scale
        image *= np.float32(factor)
        variance *= np.float32(factor**2)
        scale = 1.0 / scale
    used, field = solution.used, applied.field
    metrics = {'fwhm_science': widths[0], 'fwhm_template': widths[1], 'order': solution.freedom.order,
               'shift_order': solution.freedom.shift_order, 'functions': len(solution.freedom.functions),
               'half_width': model.basis.half_width, 'reach': model.basis.reach,
               'stars_found': stars_found, 'stars_tried': len(used),
               'stamp_chi2': float(np.median(solution.reduced_chi2[used])), 'left_out_chi2': solution.held_out_chi2,
               'left_out_error': solution.held_out_error, 'kernel_sum_error': solution.scale_error,
               'registration_rms': 0.0 if field is None else float(field.rms),
               'registration_length': 0.0 if field is None else float(field.length),
               'model_error': applied.trust.error.flux, 'model_shape': applied.trust.error.shape,
               'model_shift': applied.trust.error.shift, 'moved': applied.moved, 'noise_chi': applied.noise_chi,
               'model_drift': applied.trust.error.drift, 'colour_slope': _colour_slope(way),
               'masked_share': float(applied.mask.mean())}
    return Difference(image, variance, applied.mask, scale, model, direction, int(used.sum()), applied.sky, factor,
                      applied.whitening, way.smoothing, metrics, applied.trust.places)


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
    """Compile the kernels on a small pair of images: stars that are off their places, a saturated one, a pixel unknown."""
    y, x = np.mgrid[:320, :320].astype(np.float32)
    places = np.array([(u, v) for u in range(25, 320, 45) for v in range(25, 320, 45)], float)
    shift = np.column_stack([0.3 * np.sin(places[:, 1] / 150.0), 0.3 * np.cos(places[:, 0] / 150.0)])
    noise = np.random.default_rng(1).normal(0.0, 1.0, (2, 320, 320)).astype(np.float32)

    def draw(centres: np.ndarray, width2: float) -> np.ndarray:
        """Stars of 1000 at their peaks, the first fifty times as bright."""
        return sum((50000 if k == 0 else 1000) * np.exp(-0.5 * ((x - u) ** 2 + (y - v) ** 2) / np.float32(width2))
                   for k, (u, v) in enumerate(centres))
    science, template = draw(places + shift, 5.0) + noise[0], draw(places, 4.0) + noise[1]
    science[160, 160] = np.nan
    variance, bad = np.ones(science.shape, np.float32), (science > 20000) | (template > 20000)
    x, y = places.T
    listed = ListedStars(x, y, np.full(places.shape, 0.1), np.full(len(places), np.nan))
    for stars in (None, listed):
        result = subtract(science, template, variance, variance, bad, bad, listed=stars, decorrelate=stars is None)
    systematic_variance(science, result.image, result.mask, result.model_error, 4.0,
                        np.column_stack([places, np.ones(len(places))]))
