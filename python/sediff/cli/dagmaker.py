"""The `plan` stage behind DAGMaker.sh."""
from __future__ import annotations

import argparse
import math
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd

from sediff.cli.arguments import beside, listed_ccds, rerun_argument, root_of
from sediff.errors import BadData, SediffError
from sediff.flow.exposure.template_rules import cuts_for, rules_for
from sediff.flow.exposure.verify import exposure_quality
from sediff.flow.exposure.withdrawn import check_counts, withdrawn
from sediff.flow.single_epoch.sky_files import fringes_stay
from sediff.instruments.settings import instrument_of
from sediff.parameters.model import Parameters, band_key
from sediff.places import shipped
from sediff.repository.exposures import read_blacklist, read_exposures
from sediff.repository.field import field_name
from sediff.repository.inventory import take_inventory
from sediff.repository.names import Exposure
from sediff.repository.plan import write_plan
from sediff.repository.reruns import open_rerun
from sediff.repository.seeing import seeing_of
from sediff.template.choose import Choice, check_search, choose_templates
from sediff.template.seeing import choose_by_seeing
from sediff.values import LAST_SEARCH, checked_expnum
from sediff.workflow.files import with_files
from sediff.workflow.jobs import job_options
from sediff.workflow.outlook import Look, reject, with_outlook
from sediff.workflow.overlap_step import Overlaps, find_overlaps
from sediff.workflow.plan import Plan, Rules, make_plan

#: Parameters that are looked at again after the templates' processing; of the cuts of t_eff, that of the plan's band, too.
LATE = ('TEMPLATE_MODE', 'TEMPLATE_BEST', 'TEMPLATE_QUANTILE', 'TEMPLATE_MAX_SEEING', 'TEMPLATE_UNKNOWN_SEEING')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Exposures, --rcfile and --ccds; --rc and -P are the caller's."""
    parser.add_argument('exposures', nargs='*', metavar='EXPNUM',
                        help='search exposure; further ones of the same sequence')
    parser.add_argument('--rcfile', type=Path, metavar='FILE', help='use this dagmaker.rc')
    parser.add_argument('--ccds', default='all',
                        help='33 | 1,3,5-12 | all (-c), default %(default)s')
    rerun_argument(parser)


def run(args: argparse.Namespace, parameters: Parameters, look: Look | None = None) -> int:
    """Plan each exposure of the command line; those that cannot be planned are reported together at the end.

    Parameters
    ----------
    look : callable, optional
        Tells what the single epoch of an exposure will find; without it nobody looks.

    Raises
    ------
    BadUsage, BadInput, BadData
        As `plan_exposure`; of several failures, the first one's kind with all messages.
    """
    numbers = [_number(text) for text in args.exposures]
    root = root_of(parameters)
    exposures = read_exposures(beside(root, parameters['EXPOSURES_LIST']), instrument_of(parameters).night_offset)
    blacklist = parameters['BLACKLIST']
    banned = read_blacklist(beside(root, blacklist)) if blacklist else frozenset()
    failures: list[SediffError] = []
    for expnum in dict.fromkeys(numbers):
        try:
            plan = plan_exposure(expnum, numbers, exposures, banned, args, parameters, root, look)
            folder = write_plan(plan, Path.cwd() / f'mytemp_{expnum}', clean=parameters['RM_MYTEMP'])
            _report(plan, folder)
            reject(plan)
            _report_fringes(plan, parameters)
            _reject_without_templates(plan, folder)
        except SediffError as error:
            failures.append(error)
    if failures:
        raise type(failures[0])('\n'.join(str(error) for error in failures))
    return 0


def plan_exposure(expnum: int, others: list[int], exposures: pd.DataFrame, blacklist: frozenset[int],
                  args: argparse.Namespace, parameters: Parameters, root: Path, look: Look | None = None) -> Plan:
    """The plan of one search exposure, with its texts.

    Raises
    ------
    BadInput
        It is not in the list of exposures, or has no raw file.
    BadData
        It is too short, blacklisted or withdrawn.
    BadUsage
        A bad list of CCDs or parameter.
    """
    overlaps = find_overlaps(exposures, expnum, others, blacklist, parameters['OVERLAP_RADIUS'],
                             parameters['TEMPLATE_MIN_DAYS'], parameters['JUNK_WORDS'])
    cuts = cuts_for(parameters, overlaps.search.band, blacklist)
    check_search(overlaps.search, cuts)
    rerun = open_rerun(root, args.rerun)
    search = replace(_search_exposure(overlaps, parameters, root), rerun=rerun)
    check_counts(search)
    choices = choose_templates(overlaps.exposures, cuts, parameters['TEMPLATE_UNKNOWN_TEFF'] == 'wait',
                               lambda number, nite: _measured(replace(search, expnum=number, nite=nite, field='WS')))
    choices = [_unless_withdrawn(choice, search) for choice in choices]
    pool = sum(choice.kept for choice in choices)
    choices = choose_by_seeing(choices, _seeing(choices, search), rules_for(parameters))
    wanted = tuple(listed_ccds(args.ccds, search.nite, search.instrument))
    community = parameters['INPUT'] == 'community'
    inventories = {expnum: take_inventory(search, wanted, community)}
    for choice in choices:
        if choice.kept:
            inventories[choice.expnum] = take_inventory(_template(choice, search), wanted, community)
    options = job_options(parameters, shipped('scripts'), _pass_on(args, parameters, rerun, search.band))
    rules = Rules('-C' in options.search_flags, parameters['SKIP_INCOMPLETE_SE'], parameters['IGNORECALIB'],
                  parameters['TEMPLATE_MIN_CCD_FRACTION'])
    plan = make_plan(search, overlaps, choices, inventories, wanted, rules)
    if look is not None:
        plan = with_outlook(plan, inventories, wanted, look)
    return with_files(replace(plan, pool=pool), options)


def _measured(exposure: Exposure) -> float | None:
    """t_eff of an exposure that is processed and calibrated, NaN where it could not be told; None of another."""
    metrics = exposure_quality(exposure)
    return float(metrics.get('t_eff') or math.nan) if metrics else None


def _template(choice: Choice, search: Exposure) -> Exposure:
    return replace(search, expnum=choice.expnum, nite=choice.nite, field='WS')


def _unless_withdrawn(choice: Choice, search: Exposure) -> Choice:
    reason = withdrawn(_template(choice, search)) if choice.kept else ''
    return replace(choice, kept=False, reason=reason) if reason else choice


def _seeing(choices: list[Choice], search: Exposure) -> dict[int, float]:
    """Seeing (arcsec) of those kept choices that are processed and have quality metrics."""
    found = {choice.expnum: seeing_of(_template(choice, search)) for choice in choices if choice.kept}
    return {expnum: value for expnum, value in found.items() if value}


def _search_exposure(overlaps: Overlaps, parameters: Parameters, root: Path) -> Exposure:
    row = overlaps.search
    season = str(parameters['SEASON']).removeprefix('dp')
    return Exposure(root, int(row.expnum), row.nite, row.band, str(parameters['RNUM']), str(parameters['PNUM']),
                    f'dp{season}', parameters['DESTCACHE'], parameters['SCHEMA'],
                    field=field_name(row.radeg, row.decdeg), instrument=instrument_of(parameters))


def _number(text: str) -> int:
    return checked_expnum(text, 'EXPNUM', LAST_SEARCH)


def _pass_on(args: argparse.Namespace, parameters: Parameters, rerun: str, band: str) -> tuple[str, ...]:
    """-R and -P of this command line, for the jobs, which do not read ./dagmaker.rc; so what the late choice by t_eff and
    seeing needs goes along. Its rerun, too."""
    words: list[str] = ['--rerun', rerun] if rerun else []
    if getattr(args, 'rc', None):
        words += ['-R', str(Path(args.rc).absolute())]
    for override in getattr(args, 'overrides', None) or ():
        words += ['-P', override]
    for name in (*LATE, band_key('TEFF_CUT_{band}', band)):
        given = any(word.upper().startswith(f'{name}=') for word in words)
        if parameters[name] != parameters.table[name].default and not given:
            words += ['-P', f'{name}={parameters[name]}']
    return tuple(words)


def _report(plan: Plan, folder: Path) -> None:
    search, queued = plan.search, sum(job.template for job in plan.jobs)
    print(f'{search.expnum} {search.band} {search.nite} {search.field}: {len(plan.templates)} templates of '
          f'{len(plan.choices)} overlapping exposures, {queued} still to process; reasons in '
          f'{folder / f"choices_{search.expnum}.list"}')
    for warning in plan.warnings:
        print(warning, file=sys.stderr)
    script = folder / f'desgw_pipeline_{search.expnum}.sh'
    print(f'run: nohup bash {shlex.quote(str(script))} > {shlex.quote(str(script.with_suffix(".log")))} 2>&1 &')


def _report_fringes(plan: Plan, parameters: Parameters) -> None:
    """A line about each exposure to be processed whose fringes would stay in."""
    for job in plan.jobs:
        from_raw = parameters['INPUT'] == 'raw' and not job.calibrate_only
        if from_raw and (reason := fringes_stay(job.exposure, job.ccds, parameters)):
            print(f'WARNING {reason}', file=sys.stderr)


def _reject_without_templates(plan: Plan, folder: Path) -> None:
    if not plan.templates:
        lost = [line for line in plan.warnings if line.startswith('template')]
        hint = (f'{len(lost)} of them cannot be processed ({lost[0]})' if lost
                else 'Loosen the cuts of rc/dagmaker.rc to get a difference')
        raise BadData(f'{plan.search.expnum}: no template among {len(plan.choices)} overlapping exposures, see '
                      f'{folder / f"choices_{plan.search.expnum}.list"}; the plan stops after single epoch. {hint}')
