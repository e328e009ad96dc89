"""The stage behind makestarcat.py."""
from __future__ import annotations

import argparse
from pathlib import Path

from sediff.cli.arguments import Parser, exposure_of, integer, parameter_arguments, read_parameters, rerun_argument
from sediff.flow.exposure.starcat import usual_names, write_star_lists
from sediff.flow.exposure.verify import planned_templates


def main(stage: str, argv: list[str]) -> int:
    """Write SNSTAR and SNVETO lists of a search exposure from its templates' calibrated catalogues."""
    args = _parser(stage).parse_args(argv)
    parameters = read_parameters(args)
    search = exposure_of(args, parameters, args.rnum, args.pnum)
    usual = usual_names(search)
    paths = write_star_lists(search, parameters, planned_templates(search), args.snstar or usual['snstar'],
                             args.snveto or usual['snveto'], args.outdir)
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
    rerun_argument(parser)
    parameter_arguments(parser)
    return parser
