"""`python -m sediff subtract`: the difference of two aligned images, with our flags or HOTPANTS'."""
from __future__ import annotations

import argparse
from dataclasses import dataclass, field

import numpy as np
from astropy.io.fits import Header

from sediff.ccdimage import CcdImage
from sediff.errors import BadUsage
from sediff.io.fits import write_images
from sediff.subtract.subtract import Difference, subtract
from sediff.warp.inputs import ImageSource, load
from sediff.warp.resample import warp


@dataclass(frozen=True)
class Request:
    """One subtraction: what to read, how to subtract, what to write."""

    science: ImageSource
    template: ImageSource
    output: str
    noise_output: str | None = None
    mask_output: str | None = None
    align: bool = False
    normalize: str = 'science'
    options: dict = field(default_factory=dict)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the subcommand."""
    parser.add_argument('science', help='FITS image: one plane, or image, mask and weight')
    parser.add_argument('template', help='FITS image on the same pixel grid (see --align)')
    parser.add_argument('-o', '--output', required=True, help='difference image to write')
    parser.add_argument('--noise', help='also write the propagated sigma of each pixel')
    parser.add_argument('--mask', help='also write the mask (1 = unusable)')
    for name in ('science', 'template'):
        parser.add_argument(f'--{name}-weight', help=f'inverse variance of the {name} image')
        parser.add_argument(f'--{name}-mask', help=f'mask of the {name} image, not 0 = bad')
    parser.add_argument('--gain', type=float, help='electrons per unit, both images (default: header GAIN, GAINA/B)')
    parser.add_argument('--template-gain', type=float, help='of the template, where it differs')
    parser.add_argument('--saturate', type=float, help='saturation level, both images (default: header SATURATE)')
    parser.add_argument('--template-saturate', type=float, help='of the template, where it differs')
    parser.add_argument('--align', action='store_true', help='resample the template onto the science grid by their WCS')
    parser.add_argument('--convolve', choices=('auto', 'template', 'science'), default='auto',
                        help='image to convolve (default: the sharper)')
    parser.add_argument('--order', type=int, help='spatial order of the kernel (default: what the stars support)')
    parser.add_argument('--half-width', type=int, help='kernel half width, px (default: 18 or more)')
    parser.add_argument('--background-mesh', type=int,
                        help='mesh of the residual sky, px (default: 128; small images 64)')
    parser.add_argument('--normalize', choices=('science', 'template'), default='science',
                        help='flux units of the difference')


def run(args: argparse.Namespace) -> int:
    """Subtract as the parsed flags say; 0 when done."""
    science = ImageSource(args.science, args.science_weight, None, args.science_mask, args.gain, None, args.saturate)
    template = ImageSource(args.template, args.template_weight, None, args.template_mask,
                           args.gain if args.template_gain is None else args.template_gain, None,
                           args.saturate if args.template_saturate is None else args.template_saturate)
    options = {'convolve': args.convolve, 'order': args.order, 'half_width': args.half_width,
               'background_mesh': args.background_mesh}
    execute(Request(science, template, args.output, args.noise, args.mask, args.align, args.normalize, options))
    return 0


def run_argv(argv: list[str]) -> int:
    """Parse either set of flags and subtract; HOTPANTS' are known by -inim."""
    from sediff.subtract.hotpants import is_hotpants, parse
    if is_hotpants(argv):
        execute(parse(argv))
        return 0
    parser = argparse.ArgumentParser('python -m sediff subtract', description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args(argv))


def execute(request: Request) -> Difference:
    """Read, subtract, write; the difference image is written last."""
    science, template = load(request.science), load(request.template)
    if request.align:
        template = warp(template, science.header, science.shape)
    elif science.shape != template.shape:
        raise BadUsage(f'{request.science.path} is {science.shape}, {request.template.path} is {template.shape}: '
                       'the images must be aligned; give --align to resample the template')
    result = subtract(science.image, template.image, variance_of(science), variance_of(template), science.weight <= 0,
                      template.weight <= 0, **request.options)
    factor = np.float32(1.0 / result.kernel_sum if request.normalize == 'template' else 1.0)
    header = describe(science.header, result, request)
    if request.noise_output:
        write_images(request.noise_output, [('NOISE', factor * np.sqrt(result.variance), header)])
    if request.mask_output:
        write_images(request.mask_output, [('MASK', result.mask.astype(np.uint8), header)])
    write_images(request.output, [('DIFF', factor * result.image, header)])
    return result


def variance_of(ccd: CcdImage) -> np.ndarray:
    """Variance plane, 1 where the weight is 0 (those pixels are bad)."""
    return np.where(ccd.weight > 0, np.float32(1.0) / np.maximum(ccd.weight, np.float32(1e-30)), np.float32(1.0))


def describe(header: Header, result: Difference, request: Request) -> Header:
    """The science header with the choices of the subtraction."""
    out = header.copy()
    figures = result.figures
    cards = {'KERNSUM': (result.kernel_sum, 'photometric scale, science / template'),
             'KERNDIR': (result.direction, 'image that was convolved'),
             'NORMDIR': (request.normalize, 'image whose flux units these are'),
             'NSTAMPS': (result.n_stamps, 'stars in the kernel fit'),
             'KERNORD': (figures['order'], 'spatial order of the kernel'),
             'SHIFTORD': (figures['shift_order'], 'spatial order of the registration'),
             'KERNFUNC': (figures['functions'], 'functions in the kernel'),
             'KERNHALF': (figures['half_width'], '[pix] kernel half width'),
             'FWHMSCI': (figures['fwhm_science'], '[pix] FWHM of the science stars'),
             'FWHMTMPL': (figures['fwhm_template'], '[pix] FWHM of the template stars'),
             'STAMPCHI': (figures['stamp_chi2'], 'median chi2 a pixel of the stars'),
             'NOISECHI': (figures['noise_chi'], 'rms of the sky / propagated noise')}
    for keyword, (value, comment) in cards.items():
        out[keyword] = (round(value, 6) if isinstance(value, float) else value, comment)
    for keyword, path in (('SCIFILE', request.science.path), ('TMPLFILE', request.template.path)):
        out[keyword] = str(path).rsplit('/', 1)[-1][-60:]
    return out
