"""SNSTAR and SNVETO lists of a search exposure; the stage behind makestarcat.py."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from sediff.errors import BadInput
from sediff.flow.arguments import Parser, exposure_of, integer, parameter_arguments, read_parameters
from sediff.flow.stars import read_assoc
from sediff.flow.verify import check_name, planned_templates
from sediff.io.atomic import write_text
from sediff.io.corners import read_out
from sediff.io.provenance import digest
from sediff.io.tables import read_csv
from sediff.names import Exposure, exposure_table, product_path, star_list_path
from sediff.parameters import Parameters
from sediff.photometry.starcat import StarListOptions, build_star_lists
from sediff.refcat.regions import enclosing_box, inside_box


def write_star_lists(search: Exposure, parameters: Parameters, templates: list[Exposure], snstar: str | None,
                     snveto: str | None, folder: Path | None = None) -> list[Path]:
    """Write the lists that are named (-T, -V); without a name nothing is written, as in DES-GW."""
    names = [(check_name('-T', snstar) if snstar else None), (check_name('-V', snveto) if snveto else None)]
    if not any(names):
        return []
    tables = _tables(templates)
    corners = widened(read_out(exposure_table(search, 'out'))['corners'])
    options = StarListOptions(magnitude_range=(parameters['STAR_MAG_MIN'], parameters['STAR_MAG_MAX']),
                              max_error=parameters['STAR_MAX_MAGERR'], radius_zero=parameters['VETO_RADIUS'],
                              radius_slope=parameters['VETO_RADIUS_SLOPE'],
                              radius_magnitude=parameters['VETO_RADIUS_MAG'])
    texts = build_star_lists(tables, corners, search.band, search.rnum, search.pnum, options)
    paths = []
    for name, text in zip(names, texts):
        if name:
            paths.append(folder / name if folder else star_list_path(search, name))
            write_text(paths[-1], text)
    return paths


def _tables(templates: list[Exposure]) -> list:
    """Calibrated catalogues of the templates; one that cannot be read is named and left out.

    Raises
    ------
    BadInput
        There are templates and none can be read.
    """
    tables, errors = [], []
    for template in templates:
        try:
            tables.append(read_csv(exposure_table(template, 'ZP')))
        except BadInput as error:
            errors.append(error)
            print(f'template {template.expnum} left out of the star lists: {error}', file=sys.stderr)
    if errors and not tables:
        raise errors[0]
    return tables


def widened(corners: np.ndarray) -> np.ndarray:
    """Corners (n, 4, 2) of CCDs, deg, moved out by a tenth of the way from the middle: the stars near a CCD are then the
    same whatever other CCDs there are."""
    offset = corners - corners[:, :1]
    offset[..., 0] = (offset[..., 0] + 180.0) % 360.0 - 180.0
    wide = corners + 0.1 * (offset - offset.mean(axis=1, keepdims=True))
    return np.stack([wide[..., 0] % 360.0, np.clip(wide[..., 1], -90.0, 90.0)], axis=-1)


def list_digest(path: Path, search: Exposure) -> str:
    """Hash of what a star list says about the surroundings of one CCD: steps of it need not run again for stars elsewhere.

    Raises
    ------
    BadInput
        The list or the CCD's corners cannot be read.
    """
    corners = read_out(product_path(search, 'out'))['corners']
    stars = read_assoc(path)
    box = enclosing_box(*widened(corners).reshape(-1, 2).T)
    near = inside_box(stars['RA'].to_numpy(), stars['DEC'].to_numpy(), box)
    return digest(stars[near].drop(columns='OBJID', errors='ignore').to_numpy(float).tolist())


def main(stage: str, argv: list[str]) -> int:
    """Write SNSTAR and SNVETO lists of a search exposure from its templates' calibrated catalogues."""
    args = _parser(stage).parse_args(argv)
    parameters = read_parameters(args)
    search = exposure_of(args, parameters, args.rnum, args.pnum)
    version = f'{args.expnum}_{search.rpnum}.LIST'
    paths = write_star_lists(search, parameters, planned_templates(search), args.snstar or f'SNSTAR_{version}',
                             args.snveto or f'SNVETO_{version}', args.outdir)
    print('\n'.join(str(path) for path in paths))
    return 0


def _parser(stage: str) -> argparse.ArgumentParser:
    parser = Parser(prog='makestarcat.py', description=main.__doc__)
    parser.add_argument('-e', dest='expnum', required=True, type=integer('-e'), help='search exposure')
    parser.add_argument('-n', dest='nite', required=True, help='night, YYYYMMDD')
    parser.add_argument('-r', dest='rnum', required=True, help='RNUM')
    parser.add_argument('-p', dest='pnum', required=True, help='PNUM')
    parser.add_argument('-b', dest='band', required=True, help='band')
    parser.add_argument('-s', dest='season', required=True, type=lambda text: f'dp{integer("-s")(text)}', help='season')
    parser.add_argument('--ccd', type=integer('--ccd'), default=0, help='accepted; a list is of the whole exposure')
    parser.add_argument('-outdir', type=Path, default=None, help='folder of the lists; default the exposure folder')
    parser.add_argument('-rootdir', default=None, help='accepted for compatibility; ROOT comes from rc/site/local.rc')
    parser.add_argument('-snstar', default=None, help='name of the SNSTAR list')
    parser.add_argument('-snveto', default=None, help='name of the SNVETO list')
    parser.add_argument('--cache', default='persistent')
    parser.add_argument('--schema', default='gw')
    parameter_arguments(parser)
    return parser
