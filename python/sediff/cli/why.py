"""`sediff why RA DEC`: what happened at a place of the sky in an exposure.

For each detection there: signal-to-noise, kept or rejected, every cut with value and limit, the score, the candidate. Where
there is none: the difference and its noise, the 5-sigma limit, mask bits, coverage. RA and DEC are degrees, or sexagesimal
(hours and degrees: 13:09:48.1 -23:22:53; 13h09m48.1s). Exit 0 when something is told, 2 for bad coordinates, 3 where nothing
was processed.
"""
from __future__ import annotations

from argparse import Namespace

from sediff.cli import arguments
from sediff.cli.selected import run_selected, selection_arguments
from sediff.errors import BadUsage
from sediff.flow.exposure.why import tell
from sediff.parameters.model import Parameters
from sediff.report.why_text import why_json, why_text
from sediff.values import finite_number, sky_position

#: Largest radius, arcsec.
LARGEST = 600.0


def main(stage: str, argv: list[str]) -> int:
    """Tell it of one selected exposure after the other."""
    parser = arguments.Parser(prog=f'sediff {stage}', description=__doc__)
    parser.add_argument('ra', metavar='RA', help='degrees, or hours as 13:09:48.1')
    parser.add_argument('dec', metavar='DEC', help='degrees, or as -23:22:53')
    arguments.exposure_arguments(parser, chosen=True)
    parser.add_argument('-E', dest='expnum', type=arguments.integer('-E'), help='the same as --expnum')
    selection_arguments(parser)
    arguments.version_arguments(parser)
    parser.add_argument('--radius', type=finite_number('--radius'), default=3.0, help='arcsec (default 3)')
    parser.add_argument('--json', action='store_true', help='one JSON object an exposure instead of text')
    parser.set_defaults(ccds='all')
    args = parser.parse_args(arguments.with_coordinates(argv))
    args.ra, args.dec = sky_position(args.ra, args.dec)
    if not 0.0 < args.radius <= LARGEST:
        raise BadUsage(f'--radius must be more than 0 and at most {LARGEST:g} arcsec, not {args.radius:g}')
    parameters = arguments.read_parameters(args)
    return run_selected(args, parameters, lambda one: _tell(one, parameters))


def _tell(args: Namespace, parameters: Parameters) -> int:
    exposure = arguments.exposure_of(args, parameters, args.rnum, args.pnum, make=False)
    told = tell(exposure, args.ra, args.dec, args.radius)
    print(why_json(told) if args.json else why_text(told))
    return 0
