"""`python -m sediff subtract`: the difference of two aligned images, with our flags or HOTPANTS'."""
from __future__ import annotations

import argparse
import gc
import json
import sys
from dataclasses import dataclass, field, replace
from importlib import import_module

import numpy as np

from sediff.errors import BadData, BadUsage
from sediff.io.atomic import write_text
from sediff.io.planes import write_plane
from sediff.subtract.direction import DIRECTIONS
from sediff.subtract.subtract import Difference, noise_warning, subtract
from sediff.warp.inputs import ImageSource, LoadedImage, load_planes
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the subcommand."""
    parser.add_argument('science', help='FITS image, perhaps with planes named mask and noise; file.fits[SCI] chooses')
    parser.add_argument('template', help='FITS image on the same pixel grid (see --align)')
    parser.add_argument('-o', '--output', required=True, help='difference image to write')
    parser.add_argument('--noise', help='also write the propagated sigma of each pixel')
    parser.add_argument('--mask', help='also write the mask (1 = unusable)')
    parser.add_argument('--json', help='also write every choice and its figure')
    for name in ('science', 'template'):
        parser.add_argument(f'--{name}-weight', help=f'inverse variance of the {name} image')
        parser.add_argument(f'--{name}-mask', help=f'mask of the {name} image, not 0 = bad')
    parser.add_argument('--ext', help='number or name of the extension to read, both images (default: by the names)')
    parser.add_argument('--template-ext', help='of the template, where it differs')
    parser.add_argument('--scale-weights', action='store_true',
                        help='bring weights (and gains) that the noise of the images contradicts to it')
    parser.add_argument('--gain', type=float, help='electrons per unit, both images (default: header GAIN, GAINA/B)')
    parser.add_argument('--template-gain', type=float, help='of the template, where it differs')
    parser.add_argument('--saturate', type=float, help='saturation level, both images (default: header SATURATE)')
    parser.add_argument('--template-saturate', type=float, help='of the template, where it differs')
    parser.add_argument('--align', action='store_true', help='resample the template onto the science grid by their WCS')
    parser.add_argument('--convolve', choices=('auto', *DIRECTIONS), default='auto',
                        help='image to convolve (default: the sharper, where that is clear)')
    parser.add_argument('--order', type=int, help='spatial order of the kernel (default: what the stars support)')
    parser.add_argument('--stars', nargs='+', metavar='X,Y', help='1-based pixels of the stars to match, one or more '
                        '(default: three or more are found)')
    parser.add_argument('--half-width', type=int, help='half width of the narrow kernel, px (default: 8 or more)')
    parser.add_argument('--background-mesh', type=int,
                        help='mesh of the residual sky, px (default: 128; small images 64)')
    parser.add_argument('--decorrelate', action='store_true', help='make the noise of the difference white')
    parser.add_argument('--science-psf', help='PSF model of the science image (PSFEx file), for --psf-output')
    parser.add_argument('--template-psf', help='the same of the template, used where the science image is convolved')
    parser.add_argument('--psf-output', help='also write the PSF model of the difference')
    parser.add_argument('--normalize', choices=('science', 'template'), default='science',
                        help='flux units of the difference')


def run(args: argparse.Namespace) -> int:
    """Subtract as the parsed flags say; 0 when done."""
    science = ImageSource(args.science, args.science_weight, None, args.science_mask, args.gain, None, args.saturate,
                          ext=args.ext, scale_weights=args.scale_weights)
    template = ImageSource(args.template, args.template_weight, None, args.template_mask,
                           args.gain if args.template_gain is None else args.template_gain, None,
                           args.saturate if args.template_saturate is None else args.template_saturate,
                           ext=args.ext if args.template_ext is None else args.template_ext,
                           scale_weights=args.scale_weights)
    options = {'convolve': args.convolve, 'order': args.order, 'half_width': args.half_width,
               'background_mesh': args.background_mesh, 'decorrelate': args.decorrelate, 'stamps': _positions(args.stars)}
    execute(Request(science, template, args.output, args.noise, args.mask, args.json, (args.science_psf, args.template_psf),
                    args.psf_output, args.align, args.normalize, None, options))
    return 0


def _positions(texts: list[str] | None) -> np.ndarray | None:
    """0-based x, y (n, 2) of positions written as X,Y."""
    try:
        pairs = None if texts is None else [[float(v) - 1.0 for v in text.split(',')] for text in texts]
        return None if pairs is None else np.array(pairs).reshape(-1, 2)
    except ValueError as error:
        raise BadUsage(f'--stars needs positions like 512.3,1020.8, got {" ".join(texts)}') from error


def run_argv(argv: list[str]) -> int:
    """Parse either set of flags and subtract; HOTPANTS' are known by -inim."""
    gc.disable()  # loading compiled kernels makes many objects that live on: 0.15 s less without looking through them
    _spare_blas()
    try:
        return _run_argv(argv)
    finally:
        gc.enable()


def _spare_blas() -> None:
    """Load numba's array functions without SciPy's linear algebra.

    They look for its BLAS when first loaded, which takes as long as a fifth of the command; no kernel here calls it.
    """
    if 'scipy.linalg' in sys.modules:
        return
    sys.modules['scipy.linalg'] = None
    try:
        import_module('numba.np.arraymath')
    finally:
        del sys.modules['scipy.linalg']


def _run_argv(argv: list[str]) -> int:
    from sediff.subtract.hotpants import is_hotpants, parse
    if is_hotpants(argv):
        execute(parse(argv))
        return 0
    parser = argparse.ArgumentParser('python -m sediff subtract', description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args(argv))


def execute(request: Request) -> Difference:
    """Read, subtract, write; the difference image is written last. What is odd about the noise is said on stderr."""
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
    warning = noise_warning(result.figures['noise_chi'])
    if warning:
        print(warning + '. --scale-weights measures the noise', file=sys.stderr)
    if warning := result.scale_warning():
        print(f'{request.science.path}: {warning}', file=sys.stderr)
    cards = describe(result, request)
    if request.psf_output:
        _write_psf(request, result)
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


def _write_psf(request: Request, result: Difference) -> None:
    """The PSF of the difference: that of the image that was not convolved, whitened where the noise was."""
    from sediff.io.psfex import read_psf, write_psf
    from sediff.subtract.decorrelate import psf_of_difference
    name = 'template' if result.direction == 'science' else 'science'
    path = request.psfs[name == 'template']
    if path is None:
        convolved = {'template': 'the template was', 'science': 'the science image was', 'both': 'both images were'}
        raise BadUsage(f'{convolved[result.direction]} convolved: --psf-output needs --{name}-psf')
    write_psf(request.psf_output, psf_of_difference(read_psf(path), result))


def _template(request: Request) -> LoadedImage:
    """The template, on the science image's pixels when it is to be aligned."""
    loaded = load_planes(request.template)
    if not request.align:
        return loaded
    from sediff.io.fits import read_grid
    from sediff.warp.command import onto
    from sediff.warp.inputs import as_ccd
    science = request.science
    shape, header = read_grid(science.path, science.ext)
    aligned = onto(as_ccd(request.template, loaded), header, shape, request.template.path, science.path)
    return replace(loaded, image=aligned.image, variance=variance_of(aligned), bad=aligned.weight <= 0, mask=aligned.mask)


def variance_of(ccd) -> np.ndarray:
    """Variance plane of a `CcdImage`, 1 where the weight is 0 (those pixels are bad)."""
    return np.where(ccd.weight > 0, np.float32(1.0) / np.maximum(ccd.weight, np.float32(1e-30)), np.float32(1.0))


def report(result: Difference, request: Request) -> dict:
    """Every choice of the subtraction and its figure."""
    figures = {name: None if isinstance(value, float) and not np.isfinite(value) else value
               for name, value in result.figures.items()}
    return {'science': request.science.path, 'template': request.template.path, 'convolved': result.direction,
            'normalized_to': request.normalize, 'kernel_sum': result.kernel_sum, 'stars_used': result.n_stamps, **figures}


def describe(result: Difference, request: Request) -> dict[str, tuple]:
    """Header cards of the choices of the subtraction."""
    figures = result.figures
    cards = {'KERNSUM': (result.kernel_sum, 'photometric scale, science / template'),
             'KSUMERR': (figures['kernel_sum_error'], 'relative error of it'),
             'KERNDIR': (result.direction, 'image that was convolved'),
             'NORMDIR': (request.normalize, 'image whose flux units these are'),
             'NSTAMPS': (result.n_stamps, 'stars in the kernel fit'),
             'KERNORD': (figures['order'], 'spatial order of the kernel'),
             'SHIFTORD': (figures['shift_order'], 'spatial order of the registration'),
             'KERNFUNC': (figures['functions'], 'functions in the kernel'),
             'KERNHALF': (figures['half_width'], '[pix] half width of the narrow kernel'),
             'REGRMS': (figures['registration_rms'], '[pix] rms of the registration field, 0 = off'),
             'REGSCALE': (figures['registration_length'], '[pix] its correlation length'),
             'FWHMSCI': (figures['fwhm_science'], '[pix] FWHM of the science stars'),
             'FWHMTMPL': (figures['fwhm_template'], '[pix] FWHM of the template stars'),
             'STAMPCHI': (figures['stamp_chi2'], 'median chi2 a pixel of the stars'),
             'LEFTCHI': (figures['left_out_chi2'], 'the same of stars left out of the fit'),
             'LEFTERR': (figures['left_out_error'], 'relative error of bright ones of them'),
             'MODELERR': (figures['model_error'], "relative error of bright stars' fluxes"),
             'MODELSHP': (figures['model_shape'], 'the same of their widths'),
             'MODELSFT': (figures['model_shift'], '[pix] error of the place of light'),
             'WHITENED': (result.whitening is not None, 'noise made white'),
             'NOISECHI': (figures['noise_chi'], 'rms of the sky / propagated noise')}
    cards = {keyword: (_card_value(value), comment) for keyword, (value, comment) in cards.items()}
    for keyword, path in (('SCIFILE', request.science.path), ('TMPLFILE', request.template.path)):
        cards[keyword] = str(path).rsplit('/', 1)[-1][-60:], ''
    return cards


def _card_value(value):
    """Floats rounded; what is not finite as text, for FITS has no number for it."""
    if not isinstance(value, float):
        return value
    return (round(value, 6) if abs(value) > 1e-3 else float(f'{value:.7g}')) if np.isfinite(value) else 'none'
