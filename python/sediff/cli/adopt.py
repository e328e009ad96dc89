"""`sediff adopt ROOT`: take over the products of a season that an earlier version has made.

A step whose products, parameters and inputs are as its stamp says gets a new stamp; others are named and will run again.
Nothing but stamps (and marks in the database) is written. Do it while no CCD of the season runs.
"""
from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sediff.cli.arguments import Parser, integer, parameter_arguments
from sediff.flow.exposure.adopt import Adopted, adopt_exposure, check_root, exposures_of
from sediff.instruments.settings import instrument_of, load_parameters


def report(adopted: Iterable[Adopted], verbose: bool = False) -> int:
    """Print a line a CCD and phase, and what was not taken over; returns how many steps were not."""
    left = 0
    for each in adopted:
        left += len(each.left)
        print(f'{each.exposure.label()} {each.phase}: {len(each.taken)} steps adopted' +
              (f', {len(each.left)} not' if each.left else ''), flush=True)
        own = {label: reason for label, reason in each.left.items() if verbose or not reason.startswith('it rests on')}
        for label, reason in own.items():
            print(f'  {label}: {reason}')
        if len(own) < len(each.left):
            print(f'  and {len(each.left) - len(own)} that rest on them')
    return left


def main(stage: str, argv: list[str]) -> int:
    """Adopt a season's products; 1 where some steps were not adopted."""
    parser = Parser(prog=f'sediff {stage}', description=__doc__)
    parser.add_argument('root', type=Path, help='ROOT of the season')
    parser.add_argument('--expnum', type=integer('--expnum'), help='this exposure alone')
    parser.add_argument('--dry-run', action='store_true', help='look and tell, write nothing')
    parser.add_argument('--verbose', action='store_true', help='also name the steps that rest on others')
    parameter_arguments(parser)
    args = parser.parse_args(argv)
    root = check_root(args.root)
    parameters = load_parameters(args.rc, [*args.overrides, f'ROOT={root}'])
    left = 0
    for exposure in exposures_of(root, instrument_of(parameters), args.expnum):
        left += report(adopt_exposure(exposure, parameters, args.dry_run), args.verbose)
    return int(left > 0)
