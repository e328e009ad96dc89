"""The stage `postproc`: light curves of all candidates of a season."""
from __future__ import annotations

import sys
from pathlib import Path

from sediff.cli.arguments import Parser, integer, read_parameters, root_of, workers_of
from sediff.cli.force import season_arguments, season_of
from sediff.errors import BadUsage
from sediff.flow.forced.season import Report, season_curves
from sediff.instruments.settings import instrument_of
from sediff.repository.repository import Repository


def main(stage: str, argv: list[str]) -> int:
    """Forced photometry of all candidates of a season in every staged difference of their places: a light curve each."""
    parser = Parser(prog=f'sediff {stage}', description=main.__doc__)
    season_arguments(parser)
    parser.add_argument('--expnums', help='only these exposures: 668443,668444')
    parser.add_argument('--outputdir', type=Path, metavar='DIR', help='folder of the light curves (default: '
                        'ROOT/CACHE/SCHEMA/forcephoto/output/dpNN)')
    parser.add_argument('--format', choices=('dat', 'csv', 'fits'), default='dat', help='dat: SNANA')
    parser.add_argument('--numepochs-min', type=integer('--numepochs-min'), default=1, metavar='N',
                        help='candidates with fewer measurements get no file')
    parser.add_argument('--writedb', action='store_true', help='write the measurements into the database of the season, too')
    parser.add_argument('-s', '--serial', action='store_true', help='one image after the other in this process')
    parser.add_argument('-w', '--workers', type=integer('-w'), default=None, help='worker processes, default: cores')
    args = parser.parse_args(argv)
    parameters = read_parameters(args)
    season = season_of(args, root_of(parameters), instrument_of(parameters))
    report = season_curves(season, parameters, args.outputdir, args.format, workers_of(args, parameters),
                           _exposures(args.expnums), args.numepochs_min, args.writedb)
    return _say(report, args.outputdir or Repository.of(season).folder(season, 'light_curves'))


def _exposures(text: str | None) -> frozenset[int] | None:
    """The numbers of --expnums; None: all."""
    if text is None:
        return None
    words = [word for word in text.replace(',', ' ').split() if word]
    if not words:
        raise BadUsage('--expnums must be exposure numbers, as 668443,668444')
    return frozenset(integer('--expnums')(word) for word in words)


def _say(report: Report, folder: Path) -> int:
    """Print what was done; returns the exit code."""
    gaps = ', '.join(f'{count} {reason}' for reason, count in report.gaps.most_common())
    print(f'{report.candidates} candidates, {report.files} light curves in {folder}; {report.epochs} measurements'
          + (f', {sum(report.gaps.values())} epochs without one ({gaps})' if gaps else ''))
    for outcome in report.failed:
        print(f'{outcome.task[0].exposure.label()}: {outcome.message}', file=sys.stderr)
    return report.failed[0].code if report.failed else 0
