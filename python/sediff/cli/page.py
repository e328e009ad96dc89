"""The stage `page`."""
from __future__ import annotations

from sediff.cli import arguments
from sediff.engine.pool import start_server
from sediff.flow.exposure.run import with_field
from sediff.report import PRELOAD
from sediff.repository.repository import Repository
from sediff.values import TABLE_FORMS

#: So many CCDs are drawn sooner by this process than its workers have started.
FEW = 12


def main(stage: str, argv: list[str]) -> int:
    """Write the candidate pages of an exposure, stamps, charts and the tables beside them anew."""
    parser = arguments.Parser(prog=f'sediff {stage}', description=main.__doc__)
    arguments.exposure_arguments(parser)
    arguments.version_arguments(parser)
    parser.add_argument('--tables', nargs='+', choices=TABLE_FORMS, default=[], metavar='FORM',
                        help=f'forms of the tables, besides those of CANDIDATE_TABLES: {" ".join(TABLE_FORMS)}')
    arguments.workers_argument(parser)
    parser.set_defaults(serial=False)
    args = parser.parse_args(argv)
    parameters = arguments.read_parameters(args)
    parameters.set('CANDIDATE_TABLES', ' '.join([parameters['CANDIDATE_TABLES'], *args.tables]), '--tables')
    exposure = with_field(arguments.exposure_of(args, parameters, args.rnum, args.pnum), parameters)
    many = len(Repository.of(exposure).where('fakematch', exposure)) > FEW
    workers = arguments.workers_of(args, parameters) if many or args.workers else 1
    if many and workers > 1:
        start_server(PRELOAD)
    from sediff.report.exposure_page import write_page
    print(write_page(exposure, parameters, redraw=True, workers=workers))
    return 0
