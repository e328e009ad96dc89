"""What `sediff subtract` does: read two images, subtract, write the difference and what is known of it."""
from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace

import numpy as np

from sediff.cli.outputs import check_outputs
from sediff.errors import BadData, BadUsage
from sediff.formats.atomic import write_text
from sediff.formats.image_source import ImageSource, LoadedImage, load_planes
from sediff.formats.planes import write_plane
from sediff.subtract.subtract import Difference, noise_warning, subtract
from sediff.warp.units import restored


@dataclass(frozen=True)
class Request:
    """One subtraction: what to read, how to subtract, what to write."""

    science: ImageSource
    template: ImageSource
    output: str
    noise_output: str | None = None
    mask_output: str | None = None
    json_output: str | None = None
    psfs: tuple[str | None, str | None] = (None, None)
    psf_output: str | None = None
    align: bool = False
    normalize: str = 'science'
    fill: tuple[float, float] | None = None
    options: dict = field(default_factory=dict)

    @property
    def inputs(self) -> list[str | None]:
        """Files to read; None where one is not given."""
        sources = (self.science, self.template)
        return [path for one in sources for path in (one.path, one.weight, one.noise, one.mask)] + list(self.psfs)

    @property
    def outputs(self) -> list[str | None]:
        """Files to write; None where one is not asked for."""
        return [self.output, self.noise_output, self.mask_output, self.json_output, self.psf_output]


def execute(request: Request) -> Difference:
    """Read, subtract, write; the difference image is written last. What is odd about the noise is reported on stderr."""
    check_outputs(request.outputs, request.inputs)
    science, template = load_planes(request.science), _template(request)
    notes = science.notes + template.notes
    if science.image.shape != template.image.shape:
        raise BadUsage(f'{request.science.path} is {science.image.shape}, {request.template.path} is '
                       f'{template.image.shape}: the images must be aligned; give --align to resample the template')
    try:
        result = subtract(science.image, template.image, science.variance, template.variance, science.bad, template.bad,
                          **request.options)
    except BadData as error:
        # the cause of a failure is more often a wrong noise than what it led to
        raise BadData('; '.join([str(error), *notes])) from error
    for note in notes:
        print(note, file=sys.stderr)
    header, exponent = science.header, science.exponent
    result = replace(result, kernel_sum=float(np.ldexp(result.kernel_sum, exponent - template.exponent)))
    warning = noise_warning(result.metrics['noise_chi'])
    if warning:
        print(warning + '. --scale-weights measures the noise', file=sys.stderr)
    if warning := result.scale_warning():
        print(f'{request.science.path}: {warning}', file=sys.stderr)
    cards = describe(result, request)
    if request.psf_output:
        _write_psf(request, request.psf_output, result)
    if request.normalize == 'template':
        factor, exponent = np.float32(np.ldexp(1.0 / result.kernel_sum, exponent - template.exponent)), template.exponent
    else:
        factor = np.float32(1.0)
    del science, template
    if factor != 1:
        np.multiply(result.image, factor, out=result.image)
    if request.mask_output:
        write_plane(request.mask_output, 'MASK', result.mask.view(np.uint8), header, cards)
    if request.noise_output:
        noise = np.sqrt(result.variance, out=result.variance)
        noise = restored(np.multiply(noise, factor, out=noise), exponent)
        write_plane(request.noise_output, 'NOISE', _filled(noise, result.mask, request.fill, 1), header, cards)
    image = _filled(restored(result.image, exponent), result.mask, request.fill, 0)
    write_plane(request.output, 'DIFF', image, header, cards)
    if request.json_output:
        write_text(request.json_output, json.dumps(report(result, request), indent=1) + '\n')
    return result


def _filled(plane: np.ndarray, mask: np.ndarray, fill: tuple[float, float] | None, which: int) -> np.ndarray:
    """The plane with masked pixels at the value that HOTPANTS' -fi (0) or -fin (1) asks for."""
    if fill is not None:
        plane[mask] = fill[which]
    return plane


def _write_psf(request: Request, output: str, result: Difference) -> None:
    """The PSF of the difference: that of the image that was not convolved, whitened where the noise was."""
    from sediff.formats.psfex import read_psf, write_psf
    from sediff.subtract.difference_psf import psf_of_difference
    name = 'template' if result.direction == 'science' else 'science'
    path = request.psfs[name == 'template']
    if path is None:
        convolved = {'template': 'the template was', 'science': 'the science image was', 'both': 'both images were'}
        raise BadUsage(f'{convolved[result.direction]} convolved: --psf-output needs --{name}-psf')
    try:
        write_psf(output, psf_of_difference(read_psf(path), result))
    except BadUsage as error:
        raise BadUsage(f'--{name}-psf {path}: {error}') from error


def _template(request: Request) -> LoadedImage:
    """The template, on the science image's pixels when it is to be aligned."""
    loaded = load_planes(request.template)
    if not request.align:
        return loaded
    from sediff.cli.warp import onto
    from sediff.formats.fits import read_grid
    from sediff.formats.image_source import as_ccd
    science = request.science
    shape, header = read_grid(science.path, science.ext)
    aligned = onto(as_ccd(request.template, loaded), header, shape, request.template.path, science.path)
    return replace(loaded, image=aligned.image, variance=variance_of(aligned), bad=aligned.weight <= 0, mask=aligned.mask)


def variance_of(ccd) -> np.ndarray:
    """Variance plane of a `CcdImage`, 1 where the weight is 0 (those pixels are bad)."""
    return np.where(ccd.weight > 0, np.float32(1.0) / np.maximum(ccd.weight, np.float32(1e-30)), np.float32(1.0))


def report(result: Difference, request: Request) -> dict:
    """Every choice of the subtraction and its metrics."""
    metrics = {name: None if isinstance(value, float) and not np.isfinite(value) else value
               for name, value in result.metrics.items()}
    return {'science': request.science.path, 'template': request.template.path, 'convolved': result.direction,
            'normalized_to': request.normalize, 'kernel_sum': result.kernel_sum, 'stars_used': result.n_stamps, **metrics}


def describe(result: Difference, request: Request) -> dict[str, tuple]:
    """Header cards of the choices of the subtraction."""
    metrics = result.metrics
    cards = {'KERNSUM': (result.kernel_sum, 'photometric scale, science / template'),
             'KSUMERR': (metrics['kernel_sum_error'], 'relative error of it'),
             'KERNDIR': (result.direction, 'image that was convolved'),
             'NORMDIR': (request.normalize, 'image whose flux units these are'),
             'NSTAMPS': (result.n_stamps, 'stars in the kernel fit'),
             'KERNORD': (metrics['order'], 'spatial order of the kernel'),
             'SHIFTORD': (metrics['shift_order'], 'spatial order of the registration'),
             'KERNFUNC': (metrics['functions'], 'functions in the kernel'),
             'KERNHALF': (metrics['half_width'], '[pix] half width of the narrow kernel'),
             'REGRMS': (metrics['registration_rms'], '[pix] rms of the registration field, 0 = off'),
             'REGSCALE': (metrics['registration_length'], '[pix] its correlation length'),
             'FWHMSCI': (metrics['fwhm_science'], '[pix] FWHM of the science stars'),
             'FWHMTMPL': (metrics['fwhm_template'], '[pix] FWHM of the template stars'),
             'STAMPCHI': (metrics['stamp_chi2'], 'median chi2 a pixel of the stars'),
             'LEFTCHI': (metrics['left_out_chi2'], 'the same of stars left out of the fit'),
             'LEFTERR': (metrics['left_out_error'], 'relative error of bright ones of them'),
             'MODELERR': (metrics['model_error'], "relative error of bright stars' fluxes"),
             'MODELSHP': (metrics['model_shape'], 'the same of their widths'),
             'MODELSFT': (metrics['model_shift'], '[pix] error of the place of light'),
             'WHITENED': (result.whitening is not None, 'noise made white'),
             'NOISECHI': (metrics['noise_chi'], 'rms of the sky / propagated noise')}
    cards = {keyword: (_card_value(value), comment) for keyword, (value, comment) in cards.items()}
    for keyword, path in (('SCIFILE', request.science.path), ('TMPLFILE', request.template.path)):
        cards[keyword] = str(path).rsplit('/', 1)[-1][-60:], ''
    return cards


def _card_value(value):
    """Floats rounded; what is not finite as text, for FITS has no number for it."""
    if not isinstance(value, float):
        return value
    return (round(value, 6) if abs(value) > 1e-3 else float(f'{value:.7g}')) if np.isfinite(value) else 'none'
