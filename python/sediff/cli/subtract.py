"""`sediff subtract`: the difference of two aligned images, with our flags or HOTPANTS'."""
from __future__ import annotations

import argparse

import numpy as np

from sediff.cli.hotpants import is_hotpants, parse
from sediff.cli.subtraction import Request, execute
from sediff.errors import BadUsage
from sediff.formats.image_source import ImageSource
from sediff.subtract.direction import DIRECTIONS
from sediff.values import finite_number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the subcommand."""
    parser.add_argument('science', help='FITS image, perhaps with planes named mask and noise; file.fits[SCI] chooses')
    parser.add_argument('template', help='FITS image on the same pixel grid (see --align)')
    parser.add_argument('-o', '--output', required=True, help='difference image to write')
    parser.add_argument('--noise', help='also write the propagated sigma of each pixel')
    parser.add_argument('--mask', help='also write the mask (1 = unusable)')
    parser.add_argument('--json', help='also write every choice and its metrics')
    for name in ('science', 'template'):
        parser.add_argument(f'--{name}-weight', help=f'inverse variance of the {name} image')
        parser.add_argument(f'--{name}-mask', help=f'mask of the {name} image, not 0 = bad')
    parser.add_argument('--ext', help='number or name of the extension to read, both images (default: by the names)')
    parser.add_argument('--template-ext', help='of the template, where it differs')
    parser.add_argument('--scale-weights', action='store_true',
                        help='bring weights (and gains) that the noise of the images contradicts to it')
    parser.add_argument('--gain', type=float, help='electrons per unit, both images (default: header GAIN, GAINA/B)')
    parser.add_argument('--template-gain', type=float, help='of the template, where it differs')
    parser.add_argument('--saturate', type=finite_number('--saturate'),
                        help='saturation level, both images (default: header SATURATE)')
    parser.add_argument('--template-saturate', type=finite_number('--template-saturate'),
                        help='of the template, where it differs')
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
    if texts is None:
        return None
    try:
        return np.array([[float(v) - 1.0 for v in text.split(',')] for text in texts]).reshape(-1, 2)
    except ValueError as error:
        raise BadUsage(f'--stars needs positions like 512.3,1020.8, got {" ".join(texts)}') from error


def run_argv(argv: list[str]) -> int:
    """Parse either set of flags and subtract; HOTPANTS' are known by -inim."""
    if is_hotpants(argv):
        execute(parse(argv))
        return 0
    parser = argparse.ArgumentParser('sediff subtract', description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args(argv))
