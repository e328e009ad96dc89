"""`sediff warp`: an image on the pixel grid of another."""
from __future__ import annotations

import argparse
import sys

from astropy.io.fits import Header

from sediff.ccdimage import CcdImage
from sediff.cli.outputs import check_outputs
from sediff.errors import BadData
from sediff.formats.fits import read_grid, write_ccd
from sediff.formats.image_source import ImageSource, as_ccd, load_planes
from sediff.values import finite_number
from sediff.warp.resample import warp
from sediff.warp.units import restored
from sediff.wcs.read import pixel_to_sky, read_wcs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the subcommand."""
    parser.add_argument('image', help='FITS image, perhaps with planes named mask and noise; file.fits[SCI] chooses')
    parser.add_argument('-o', '--output', required=True, help='file to write: image, mask and weight')
    parser.add_argument('--like', required=True, help='FITS image whose grid to use')
    parser.add_argument('--ext', help='number or name of the extension to read (default: by the names)')
    parser.add_argument('--flux-scale', type=float, default=1.0, help='factor on the pixel values')
    parser.add_argument('--weight', help='inverse variance of the image, when it has one plane')
    parser.add_argument('--mask', help='mask of the image, not 0 = bad')
    parser.add_argument('--gain', type=float, help='electrons per unit (default: header), when there is no weight')
    parser.add_argument('--saturate', type=finite_number('--saturate'), help='saturation level (default: header SATURATE)')
    parser.add_argument('--scale-weights', action='store_true',
                        help='bring weights (and a gain) that the noise of the image contradicts to it')


def run(args: argparse.Namespace) -> int:
    """Warp as the parsed flags say; 0 when done."""
    check_outputs([args.output], [args.image, args.like, args.weight, args.mask])
    shape, header = read_grid(args.like)
    source = ImageSource(args.image, args.weight, None, args.mask, args.gain, None, args.saturate, ext=args.ext,
                         scale_weights=args.scale_weights)
    loaded = load_planes(source)
    for note in loaded.notes:
        print(note, file=sys.stderr)
    out = onto(as_ccd(source, loaded), header, shape, args.image, args.like, args.flux_scale)
    out.image, out.weight = restored(out.image, loaded.exponent), restored(out.weight, -2 * loaded.exponent)
    write_ccd(args.output, out, source=loaded.header)
    return 0


def onto(ccd: CcdImage, header: Header, shape: tuple[int, int], path: str, like: str, flux_scale: float = 1.0) -> CcdImage:
    """`warp`, with a message where the image does not reach the grid.

    Raises
    ------
    BadData
        No pixel of the grid gets a value; or as `warp`.
    """
    out = warp(ccd, header, shape, flux_scale)
    if not (out.weight > 0).any():
        places = [pixel_to_sky(read_wcs(each), (size[1] - 1) / 2.0, (size[0] - 1) / 2.0)
                  for each, size in ((ccd.header, ccd.shape), (header, shape))]
        where = ', '.join(f'{name} is centred on RA {float(ra):.5f}, Dec {float(dec):+.5f}'
                          for name, (ra, dec) in zip((path, like), places))
        raise BadData(f'no good pixel of {path} falls on {like} ({where}, ICRS deg): check the world coordinates of both')
    return out


def run_argv(argv: list[str]) -> int:
    """Parse the flags and warp."""
    parser = argparse.ArgumentParser('sediff warp', description=__doc__)
    add_arguments(parser)
    return run(parser.parse_args(argv))
