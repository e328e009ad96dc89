"""The stage behind DAGMaker.sh: parameters from ./dagmaker.rc, then the plan."""
from __future__ import annotations

import re

from sediff.cli import dagmaker as command
from sediff.cli.arguments import Parser, parameter_arguments
from sediff.cli.selected import selection_arguments, targets_of
from sediff.errors import BadUsage
from sediff.flow.exposure.outlook import outlook
from sediff.instruments.settings import load_parameters

#: How --id and --where name CCDs; otherwise a plan wants those of --ccds, of templates, too.
_CCDS_NAMED = re.compile(r'\b(ccdnum|ccd|detector)\b', re.IGNORECASE)


def main(stage: str, argv: list[str]) -> int:
    """Plan search exposures."""
    parser = Parser(prog='DAGMaker.sh', description=command.__doc__)
    command.add_arguments(parser)
    parameter_arguments(parser)
    selection_arguments(parser)
    parser.set_defaults(expnum=None, nite=None, band=None)
    args = parser.parse_args(argv)
    parameters = load_parameters(args.rc, args.overrides, args.rcfile)
    if args.show and args.exposures:
        args.ids = [*args.ids, [f'visit={"^".join(args.exposures)}']]
    if args.ids or args.where is not None or args.show:
        targets = targets_of(args, parameters)
        if not targets:
            return 0
        args.exposures = list(dict.fromkeys([*args.exposures, *(str(one.expnum) for one in targets)]))
        if _CCDS_NAMED.search(' '.join([*(word for words in args.ids for word in words), args.where or ''])):
            args.ccds = ','.join(one.ccds for one in targets)
    if not args.exposures:
        raise BadUsage('an exposure number must be given, or --id or --where')
    return command.run(args, parameters, lambda exposure, ccds, place: outlook(exposure, ccds, place, parameters))
