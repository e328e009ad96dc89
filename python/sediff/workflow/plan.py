"""The plan of a search exposure: its templates, and the jobs that bring it to candidates."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sediff.errors import BadInput
from sediff.repository.completeness import expected_ccds, format_ccds, missing_ccds, work_left
from sediff.repository.inventory import CALIBRATION_PRODUCTS, SE_PRODUCTS, Inventory
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.template.choose import Choice
from sediff.workflow.overlap_step import Overlaps


@dataclass(frozen=True)
class Rules:
    """What to do about templates whose processing is not complete.

    Parameters
    ----------
    calibrate : bool
        Templates must be calibrated, too.
    skip_incomplete : bool
        Drop them instead of queueing their processing (SKIP_INCOMPLETE_SE).
    queue_calibration : bool
        Queue a template that lacks only calibration (IGNORECALIB, whose name says the opposite); else drop it.
    min_ccd_fraction : float
        Without its raw file, a template must have at least this fraction of its CCDs complete.
    """

    calibrate: bool = True
    skip_incomplete: bool = False
    queue_calibration: bool = True
    min_ccd_fraction: float = 1.0


@dataclass(frozen=True)
class Job:
    """One call of SEdiff.sh."""

    exposure: Exposure
    ccds: tuple[int, ...]
    template: bool
    calibrate_only: bool = False


@dataclass(frozen=True)
class Plan:
    """What to run for a search exposure, and why.

    Parameters
    ----------
    search : Exposure
        With its field name.
    overlaps : Overlaps
    choices : tuple of Choice
        Every overlapping exposure with the last word on it.
    templates : tuple of Exposure
        Those kept, latest first.
    jobs : tuple of Job
        Templates in the order of `templates`, then the search exposure.
    pool : int
        How many exposures passed the cuts before the choice by seeing.
    report : str
        Which calibrations each exposure will use, and what it lacks.
    warnings : tuple of str
        What exposures lack, a line each.
    rejection : str
        Why the search exposure cannot be processed; '' where it can.
    files, exposure_files : mapping
        Name -> text, for the plan's folder and for the search exposure's EXPDIR.
    """

    search: Exposure
    overlaps: Overlaps
    choices: tuple[Choice, ...]
    templates: tuple[Exposure, ...]
    jobs: tuple[Job, ...]
    pool: int = 0
    report: str = ''
    warnings: tuple[str, ...] = ()
    rejection: str = ''
    files: Mapping[str, str] = field(default_factory=dict)
    exposure_files: Mapping[str, str] = field(default_factory=dict)


def make_plan(search: Exposure, overlaps: Overlaps, choices: Iterable[Choice], inventories: Mapping[int, Inventory],
              wanted: tuple[int, ...], rules: Rules) -> Plan:
    """Settle the templates and list the jobs.

    Parameters
    ----------
    choices : iterable of Choice
        From `choose_templates`.
    inventories : mapping
        Exposure number -> what exists of it, for the search exposure and every kept choice.
    wanted : tuple of int
        CCDs asked for.

    Raises
    ------
    BadInput
        The search exposure has neither raw file nor products, or none of the wanted CCDs.
    """
    settled, templates, jobs = [], [], []
    for choice in choices:
        job = None
        if choice.kept:
            choice, job = _settle(choice, inventories[choice.expnum], wanted, rules)
        settled.append(choice)
        if choice.kept:
            templates.append(replace(search, expnum=choice.expnum, nite=choice.nite, field='WS', ccd=0))
        if job:
            jobs.append(job)
    jobs.append(Job(search, _search_ccds(inventories[search.expnum], wanted), template=False))
    return Plan(search, overlaps, tuple(settled), tuple(templates), tuple(jobs))


def _search_ccds(inventory: Inventory, wanted: tuple[int, ...]) -> tuple[int, ...]:
    exposure = inventory.exposure
    raw = Repository.of(exposure).path('raw', exposure)
    complete = expected_ccds(inventory, wanted)
    if not inventory.raw_exists and (not complete or missing_ccds(inventory, complete, SE_PRODUCTS)):
        raise BadInput(f'search exposure {exposure.expnum}: no raw file {raw}; take it in with `sediff '
                       'ingest` (with INPUT=community its ooi, oow and ood files)')
    if not complete:
        raise BadInput(f'search exposure {exposure.expnum}: {raw} has none of the CCDs {format_ccds(wanted)}')
    return complete


def _settle(choice: Choice, inventory: Inventory, wanted: tuple[int, ...], rules: Rules) -> tuple[Choice, Job | None]:
    """The last word on a template that passed the cuts, and the job it still needs."""
    ccds, calibrate_only = work_left(inventory, wanted, rules.calibrate)
    expected = expected_ccds(inventory, wanted)
    if not expected:
        return replace(choice, kept=False, reason=f'has none of the CCDs {format_ccds(wanted)}'), None
    if not ccds:
        return replace(choice, reason=f'{choice.reason}; complete'), None
    lacking = f'CCD {format_ccds(ccds)}'
    if rules.skip_incomplete:
        return replace(choice, kept=False, reason=f'processing of {lacking} missing, SKIP_INCOMPLETE_SE is set'), None
    if calibrate_only and not rules.queue_calibration:
        return replace(choice, kept=False, reason=f'calibration of {lacking} missing, IGNORECALIB is false'), None
    if not calibrate_only and not inventory.raw_exists:
        return _without_raw(choice, inventory, expected, rules), None
    what = 'calibration' if calibrate_only else 'processing'
    job = Job(inventory.exposure, ccds, template=True, calibrate_only=calibrate_only)
    return replace(choice, reason=f'{choice.reason}; {what} of {lacking} queued'), job


def _without_raw(choice: Choice, inventory: Inventory, expected: tuple[int, ...], rules: Rules) -> Choice:
    products = SE_PRODUCTS + (CALIBRATION_PRODUCTS if rules.calibrate else ())
    missing = missing_ccds(inventory, expected, products)
    complete = len(expected) - len(missing)
    if complete and complete >= rules.min_ccd_fraction * len(expected):
        return replace(choice, reason=f'{choice.reason}; {complete} of {len(expected)} CCDs complete, no raw file')
    exposure = inventory.exposure
    raw = Repository.of(exposure).path('raw', exposure)
    return replace(choice, kept=False, reason=f'CCD {format_ccds(missing)} incomplete and no raw file {raw}')
