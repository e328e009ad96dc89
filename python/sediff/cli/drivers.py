"""The stages behind SEdiff.sh, SE_job_mod.sh, verifySE.sh and RUN_DIFFIMG_PIPELINE.sh."""
from __future__ import annotations

import argparse
import re
import sys
from dataclasses import replace

from sediff import report
from sediff.cli import arguments
from sediff.cli.selected import run_selected, selection_arguments
from sediff.engine.pool import start_server
from sediff.errors import BadUsage
from sediff.flow import PRELOAD
from sediff.flow.exposure import run as exposure
from sediff.flow.exposure.database import check_database
from sediff.flow.exposure.run import Options
from sediff.flow.exposure.starcat import write_star_lists, written_lists
from sediff.flow.exposure.usable import held_back
from sediff.flow.exposure.verify import templates_of_ccds, verified_templates
from sediff.flow.exposure.withdrawn import check_counts
from sediff.instruments.settings import instrument_of
from sediff.parameters.model import Parameters
from sediff.report.candidate_tables import table_forms
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.values import LAST_SEARCH, checked_expnum


def main(stage: str, argv: list[str]) -> int:
    """Run a driver stage for one exposure after the other; returns its exit code."""
    args = _parser(stage).parse_args(argv)
    parameters = arguments.read_parameters(args)
    driver = {'sediff': _sediff, 'se': _single_epoch, 'verify': _verify, 'diffimg': _diffimg}[stage]
    return run_selected(args, parameters, lambda one: driver(one, parameters))


def _parser(stage: str) -> argparse.ArgumentParser:
    parser = arguments.Parser(prog=f'sediff {stage}', description=__doc__)
    arguments.exposure_arguments(parser, 'wsdiff' if stage in ('verify', 'diffimg') else 'gw', chosen=True)
    selection_arguments(parser)
    arguments.run_arguments(parser)
    if stage == 'diffimg':
        parser.add_argument('--rpnum', required=True, help='processing version, r4p7 (-r)')
    else:
        parser.add_argument('--rnum', required=True, help='processing version, first part (-r)')
        parser.add_argument('--pnum', required=True, help='processing version, second part (-p)')
    parser.add_argument('--diffimg-version', default='gw8', help='version tag, recorded only (-v)')
    parser.add_argument('--full-copy', action='store_true', help='keep every intermediate image (-F)')
    for flag, meaning in (('--template-only', 'stop after single epoch (-t)'),
                          ('--calibrate', 'photometric calibration (-C)'),
                          ('--calibrate-only', 'calibrate existing products, no SE (-j)'),
                          ('--special-y4', 'calibration images of epoch Y4E1 (-Y)')):
        parser.add_argument(flag, action='store_true', help=meaning)
    return parser


def _exposure(args: argparse.Namespace, parameters: Parameters) -> Exposure:
    if hasattr(args, 'rpnum'):
        match = re.fullmatch(r'r([0-9A-Za-z]+?)p([0-9A-Za-z]+)', args.rpnum)
        if not match:
            raise BadUsage(f'--rpnum (-r) must look like r4p7, not {args.rpnum!r}')
        return arguments.exposure_of(args, parameters, match[1], match[2])
    return arguments.exposure_of(args, parameters, args.rnum, args.pnum)


def _options(args: argparse.Namespace, parameters: Parameters) -> Options:
    if args.full_copy:
        parameters.set('KEEP_INTERMEDIATE', 'true', '-F')
    ccds, workers = arguments.ccds_of(args, instrument_of(parameters)), arguments.workers_of(args, parameters)
    if workers > 1 and len(ccds) > 1:
        start_server((*PRELOAD, *report.PRELOAD))
    return Options(ccds, workers, args.calibrate, args.calibrate_only,
                   args.overwrite, args.special_y4, args.snstar, args.snveto, args.verbose)


def _sediff(args: argparse.Namespace, parameters: Parameters) -> int:
    target, options = _exposure(args, parameters), _options(args, parameters)
    if not args.template_only:
        checked_expnum(target.expnum, '-E of a search exposure', LAST_SEARCH)
        check_counts(target)
        check_database(target, parameters)
        table_forms(target, parameters)
    outcomes = exposure.run_single_epoch(target, parameters, options)
    _draw_quality(target)
    code = exposure.exit_code(outcomes)
    if args.template_only or all(outcome.code for outcome in outcomes):
        return code
    well = [outcome.task.exposure.ccd for outcome in outcomes if not outcome.code]
    return _difference(target, parameters, replace(options, ccds=well)) or code


def _draw_quality(target: Exposure) -> None:
    """The exposure's picture of quality; what draws is imported when there is something to draw."""
    from sediff.report.quality_picture import draw_quality
    draw_quality(target)


def _single_epoch(args: argparse.Namespace, parameters: Parameters) -> int:
    target, options = _exposure(args, parameters), _options(args, parameters)
    code = exposure.exit_code(exposure.run_single_epoch(target, parameters, options))
    _draw_quality(target)
    if not args.template_only and not code:
        verified_templates(target, parameters, options.ccds, calibrated=args.calibrate, rewrite=False)
    return code


def _verify(args: argparse.Namespace, parameters: Parameters) -> int:
    target, options = _exposure(args, parameters), _options(args, parameters)
    templates = verified_templates(target, parameters, options.ccds, calibrated=args.calibrate)
    write_star_lists(target, parameters, templates, options.snstar, options.snveto)
    return 0 if templates else 4


def _diffimg(args: argparse.Namespace, parameters: Parameters) -> int:
    target, options = _exposure(args, parameters), _options(args, parameters)
    lists = written_lists(target)
    return _difference(target, parameters, replace(options, snstar=lists.get('snstar', options.snstar),
                                                   snveto=lists.get('snveto', options.snveto)))


def _difference(target: Exposure, parameters: Parameters, options: Options) -> int:
    """Verification, star lists, difference imaging, page."""
    check_database(target, parameters)
    table_forms(target, parameters)
    checked_expnum(target.expnum, '-E of a search exposure', LAST_SEARCH)
    check_counts(target)
    ready = exposure.ready_for_diffimg(target, options.ccds)
    target, repository = exposure.with_field(target, parameters), Repository.of(target)
    templates, listed = templates_of_ccds(target, parameters, ready)
    write_star_lists(target, parameters, listed, options.snstar, options.snveto)
    outcomes = exposure.run_diffimg(target, parameters, replace(options, ccds=ready), templates)
    if any(not outcome.code for outcome in outcomes) or held_back(target):
        from sediff.report.exposure_page import write_page  # with the database and what draws
        print(f'candidates: {write_page(target, parameters, workers=options.workers)}')
    elif repository.exists('page', target):
        print(f'{repository.path("page", target)} is of an earlier run', file=sys.stderr)
    short = len(ready) < len(options.ccds)
    return exposure.exit_code(outcomes) or (3 if short else 0)
