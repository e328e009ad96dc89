"""The `corners` stage behind getcorners.sh: EXPNUM.out from the headers of an exposure's images."""
from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np

from sediff.errors import BadInput, BadUsage
from sediff.formats.corners import OUT_DTYPE, write_out
from sediff.formats.fits import open_fits, read_header
from sediff.instruments.ccds import parse_ccd_list
from sediff.instruments.settings import instrument_of, load_parameters
from sediff.wcs.read import out_corners, read_wcs

_IMMASK = re.compile(r'D(\d{8,})_([A-Za-z0-9]+)_(\d{2,})_r\w+p\w+_immask\.fits(\.fz)?')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The four arguments of getcorners.sh."""
    parser.add_argument('expnum', metavar='EXPNUM')
    parser.add_argument('data_folder', metavar='DATADIR', type=Path)
    parser.add_argument('corner_folder', metavar='CORNERDIR', type=Path)
    parser.add_argument('ccd', metavar='CCD', nargs='?')


def run(args: argparse.Namespace) -> int:
    """Write the `.out` file.

    Raises
    ------
    BadUsage
        Exposure or CCD is not a number.
    BadInput
        No image of the exposure (and CCD) in the folder, or one cannot be read.
    """
    if not (args.expnum.isascii() and args.expnum.isdigit()):
        raise BadUsage(f'EXPNUM must be an integer, not {args.expnum!r}')
    expnum = int(args.expnum)
    instrument = instrument_of(load_parameters())
    wanted = set(parse_ccd_list(args.ccd, None, instrument)) if args.ccd else None
    images = {ccd: found for ccd, found in find_images(args.data_folder, expnum).items() if not wanted or ccd in wanted}
    if not images:
        which = f'CCD {args.ccd} of exposure {expnum}' if args.ccd else f'exposure {expnum}'
        raise BadInput(f'no immask file of {which} in {args.data_folder}')
    rows = [(expnum, band, ccd, out_corners(read_wcs(_image_header(path))))
            for ccd, (path, band) in sorted(images.items())]
    name = f'{expnum}_{int(args.ccd)}.out' if args.ccd else f'{expnum}.out'
    write_out(args.corner_folder / name, np.array(rows, dtype=OUT_DTYPE))
    print(f'{args.corner_folder / name}: {len(rows)} CCDs')
    return 0


def find_images(folder: Path, expnum: int) -> dict[int, tuple[Path, str]]:
    """CCD -> (path, band) of an exposure's immask files; the compressed one where there are two."""
    found = {}
    for path in sorted(folder.glob(f'D{expnum:08d}_*_immask.fits*')):
        match = _IMMASK.fullmatch(path.name)
        if match:
            found[int(match[3])] = (path, match[2])
    return found


def _image_header(path: Path):
    """Header of the first HDU that has pixels."""
    with open_fits(path) as handle:
        extension = next((number for number, hdu in enumerate(handle) if hdu.has_data()), 0)
    return read_header(path, extension)
