"""`python -m sediff warp`: an image on the pixel grid of another."""
from __future__ import annotations

import argparse

from sediff.io.fits import read_grid, write_ccd
from sediff.warp.inputs import ImageSource, load
from sediff.warp.resample import warp


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the subcommand."""
    parser.add_argument('image', help='FITS image: one plane, or image, mask and weight')
    parser.add_argument('-o', '--output', required=True, help='file to write: image, mask and weight')
    parser.add_argument('--like', required=True, help='FITS image whose grid to use')
    parser.add_argument('--flux-scale', type=float, default=1.0, help='factor on the pixel values')
    parser.add_argument('--weight', help='inverse variance of the image, when it has one plane')
    parser.add_argument('--mask', help='mask of the image, not 0 = bad')
    parser.add_argument('--gain', type=float, help='electrons per unit (default: header), when there is no weight')
    parser.add_argument('--saturate', type=float, help='saturation level (default: header SATURATE)')


def run(args: argparse.Namespace) -> int:
    """Warp as the parsed flags say; 0 when done."""
    shape, header = read_grid(args.like)
    source = ImageSource(args.image, args.weight, None, args.mask, args.gain, None, args.saturate)
    write_ccd(args.output, warp(load(source), header, shape, args.flux_scale))
    return 0


def run_argv(argv: list[str]) -> int:
    """Parse the flags and warp."""
    parser = argparse.ArgumentParser('python -m sediff warp', description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args(argv))
