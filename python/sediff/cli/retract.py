"""The stage `retract`: a bad exposure is withdrawn, as a source of candidates and as a template."""
from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sediff.candidates.withdraw import Change
from sediff.cli.arguments import Parser, integer, parameter_arguments, read_parameters, rerun_argument, root_of
from sediff.errors import BadUsage, SediffError
from sediff.flow.exposure.retract import Retracted, places_of, retract
from sediff.flow.exposure.run import with_field
from sediff.flow.exposure.withdrawn import checked_reason
from sediff.instruments.settings import instrument_of
from sediff.parameters.model import Parameters
from sediff.report.exposure_page import write_page
from sediff.repository.completeness import format_ccds
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.repository.reruns import open_rerun


def main(stage: str, argv: list[str]) -> int:
    """Withdraw an exposure: its rows stay in the database, marked, but candidates, scores, light curves and pages leave it
    out, and it is no template any more. What was made with it as a template is listed, and redone by the next run."""
    parser = Parser(prog=f'sediff {stage}', description=main.__doc__)
    parser.add_argument('expnum', type=integer('EXPNUM'), metavar='EXPNUM', help='exposure number')
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--why', metavar='TEXT', help='the reason, which pages and messages give')
    what.add_argument('--undo', action='store_true', help='take it back')
    rerun_argument(parser)
    parameter_arguments(parser)
    args = parser.parse_args(argv)
    why = '' if args.undo else checked_reason(args.why)
    parameters = read_parameters(args)
    root = root_of(parameters)
    if not args.expnum:
        raise BadUsage('EXPNUM must be the number of an exposure')
    places = places_of(root, args.expnum, instrument_of(parameters), open_rerun(root, args.rerun, False))
    done = retract(places, parameters, why)
    print(f'{args.expnum}: ' + (f'withdrawn: {why}' if why else 'counts again'))
    for line in (*_said_of_rows(done, bool(why)), *_said_of_templates(done.made_with, bool(why))):
        print(line)
    return _rewrite_pages(done, parameters)


def _said_of_rows(done: Retracted, away: bool) -> Iterator[str]:
    for exposure, change in done.seasons:
        yield (f'{exposure.season}: {change.detections} detections of {change.ccds} CCDs '
               f'{"marked" if away else "count again"}; {change.candidates} candidates brought up to date, '
               f'{change.removed} of them removed')
        if change.moved:
            yield (f'{exposure.season}: other candidates than before on CCD {format_ccds(change.moved)}; run its difference '
                   'imaging again')


def _said_of_templates(made_with: Iterable[Exposure], away: bool) -> Iterator[str]:
    """A line for each exposure and season whose differences were made with it."""
    ccds: dict[Exposure, list[int]] = {}
    for one in made_with:
        ccds.setdefault(replace(one, ccd=0), []).append(one.ccd)
    for one, mine in ccds.items():
        command = (f'RUN_DIFFIMG_PIPELINE.sh -r {one.rpnum} -E {one.expnum} -b {one.band} -n {one.nite} -d {one.cache} '
                   f'-m {one.schema} -c {",".join(map(str, mine))} -p {one.season}')
        yield (f'a template of {one.expnum}, {one.nite} {one.band} {one.season} CCD {format_ccds(mine)}: '
               f'{"without it" if away else "with it"} from the next run on: {command}'
               + (f' --rerun {one.rerun}' if one.rerun else ''))


def _rewrite_pages(done: Retracted, parameters: Parameters) -> int:
    """Write the pages of the exposure and of those that share candidates with it anew, where they exist; 1: one failed."""
    code = 0
    for exposure, change in done.seasons:
        for one in (exposure, *_others(exposure, change)):
            if not Repository.of(one).exists('page', one):
                continue
            try:
                print(f'page: {write_page(with_field(one, parameters), parameters)}')
            except SediffError as error:
                print(f'{one.expnum}: its page is of an earlier run: {error}', file=sys.stderr)
                code = 1
    return code


def _others(exposure: Exposure, change: Change) -> Iterator[Exposure]:
    for visit, nite, band in change.visits:
        yield replace(exposure, expnum=visit, nite=str(nite), band=str(band), field=Exposure.field)
