"""The stage behind DAGMaker.sh: parameters from ./dagmaker.rc, then the plan."""
from __future__ import annotations

from sediff.flow.arguments import Parser, parameter_arguments
from sediff.flow.outlook import outlook
from sediff.parameters import load
from sediff.workflow import command


def main(stage: str, argv: list[str]) -> int:
    """Plan search exposures."""
    parser = Parser(prog='DAGMaker.sh', description=command.__doc__)
    command.add_arguments(parser)
    parameter_arguments(parser)
    args = parser.parse_args(argv)
    parameters = load(args.rc, args.overrides, args.rcfile)
    return command.run(args, parameters, lambda exposure, ccds, place: outlook(exposure, ccds, place, parameters))
