"""An exposure from end to end: single epoch, tables of the exposure, verification, star lists, difference imaging."""
from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sediff import steps
from sediff.camera.rawcards import RawCards, pointing_of, read_cards, require
from sediff.errors import BadData, BadInput, BadUsage
from sediff.flow.astrometry_exposure import starved, write_common
from sediff.flow.job import Job, archived, run_job
from sediff.flow.sky_files import check_sky
from sediff.flow.tables import write_exposure_tables
from sediff.flow.usable import single_epoch_problem, usable
from sediff.io.exposures import read_exposures
from sediff.io.fits import read_header
from sediff.io.raw import read_raw_cards
from sediff.io.raw_scratch import raw_scratch
from sediff.names import Exposure, exposure_table, product_path, raw_path
from sediff.parameters import Parameters
from sediff.pool import Outcome, run_pool
from sediff.progress import Progress
from sediff.workflow.field import field_name


@dataclass(frozen=True)
class Options:
    """What the flags of a driver say, beside the exposure."""

    ccds: Sequence[int]
    workers: int
    calibrate: bool = False
    calibrate_only: bool = False
    overwrite: bool = False
    special_y4: bool = False
    snstar: str | None = None
    snveto: str | None = None


def check_raw(exposure: Exposure, parameters: Parameters) -> RawCards:
    """Look at the raw file's cards before any worker starts; what stands in for missing ones goes to stderr.

    Raises
    ------
    BadInput
        No raw file, no DECam exposure, or cards that nothing stands in for: all are named.
    BadUsage
        Its band or exposure number is not that of the flags.
    """
    path = raw_path(exposure.root, exposure.nite, exposure.expnum)
    if not path.is_file():
        raise BadInput(f'{exposure.expnum}: no raw file {path}; check -E, -n and ROOT, or copy it there')
    cards = read_cards(read_raw_cards(path), exposure.expnum, listed_pointing(exposure, parameters))
    require(cards, f'{path}')
    if cards.band != exposure.band:
        raise BadUsage(f'-b {exposure.band}: {path} was taken in {cards.band} (FILTER)')
    if cards.expnum != exposure.expnum:
        raise BadUsage(f'-E {exposure.expnum}: {path} says EXPNUM {cards.expnum}')
    for note in cards.notes:
        print(f'{exposure.expnum}: {note}', file=sys.stderr)
    return cards


def listed_pointing(exposure: Exposure, parameters: Parameters) -> tuple[float, float] | None:
    """RA and Dec (deg) of an exposure in the list of exposures; None where the list or its line cannot be read."""
    path = exposure.root / parameters['EXPOSURES_LIST']
    try:
        table = read_exposures(path)
    except BadInput:
        return None
    rows = table[table.expnum == exposure.expnum]
    return None if rows.empty else (float(rows.iloc[-1].radeg), float(rows.iloc[-1].decdeg))


def run_single_epoch(exposure: Exposure, parameters: Parameters, options: Options) -> list[Outcome]:
    """SE of every CCD of the list, then the tables of the exposure.

    Raises
    ------
    BadInput, BadUsage
        As `check_raw`; or SKY_MODEL=components and there are none.
    """
    from_raw, pointing = parameters['INPUT'] == 'raw' and not options.calibrate_only, None
    if from_raw and not all(archived(exposure.with_ccd(ccd)) for ccd in options.ccds):
        cards = check_raw(exposure, parameters)
        pointing = (cards.ra, cards.dec)
        check_sky(exposure, options.ccds, parameters)
    jobs = [Job(exposure.with_ccd(ccd), 'se', parameters, options.calibrate, options.calibrate_only, options.overwrite,
                options.special_y4, pointing=pointing) for ccd in options.ccds]
    count = len(steps.SE) * (not options.calibrate_only) + options.calibrate
    if from_raw and options.workers > 1 and len(jobs) > 1:
        with raw_scratch(exposure.folder / 'locks') as scratch:
            jobs = [replace(job, scratch=scratch) for job in jobs]
            outcomes = run_phase('SE', exposure, jobs, count, options.workers)
    else:
        outcomes = run_phase('SE', exposure, jobs, count, options.workers)
    if not options.calibrate_only:
        outcomes = solve_starved(exposure, parameters, options, outcomes, count)
    write_exposure_tables(exposure, [outcome.task.exposure.ccd for outcome in outcomes if not outcome.code], parameters)
    return outcomes


def solve_starved(exposure: Exposure, parameters: Parameters, options: Options, outcomes: list[Outcome],
                  count: int) -> list[Outcome]:
    """Run CCDs that their own stars do not solve once more, with the exposure's common astrometric solution.

    They go on from the image that the first run has left of them, which is removed afterwards.
    """
    ccds = starved(exposure, outcomes)
    try:
        if not ccds or write_common(exposure, parameters) is None:
            return outcomes
        jobs = [replace(outcome.task, overwrite=False, scratch=None) for outcome in outcomes
                if outcome.task.exposure.ccd in ccds]
        again = run_phase('SE, common astrometry', exposure, jobs, count, options.workers)
    finally:
        for ccd in () if parameters['KEEP_INTERMEDIATE'] else ccds:
            product_path(exposure.with_ccd(ccd), 'crmasked').unlink(missing_ok=True)
    by_ccd = {outcome.task.exposure.ccd: outcome for outcome in again}
    return [by_ccd.get(outcome.task.exposure.ccd, outcome) for outcome in outcomes]


def run_diffimg(exposure: Exposure, parameters: Parameters, options: Options, templates: list[Exposure]) -> list[Outcome]:
    """Difference imaging of every CCD of the list."""
    if not templates:
        raise BadData(f'{exposure.expnum}: no overlapping template is left of WS_diff.list in {exposure.folder}; '
                      'the reasons are above; widen the choice in rc/dagmaker.rc and run DAGMaker.sh again')
    jobs = [Job(exposure.with_ccd(ccd), 'diffimg', parameters, overwrite=options.overwrite, templates=templates,
                snstar=options.snstar, snveto=options.snveto) for ccd in options.ccds]
    return run_phase('diffimg', exposure, jobs, len(steps.DIFFIMG), options.workers)


def run_phase(phase: str, exposure: Exposure, jobs: list[Job], count: int, workers: int) -> list[Outcome]:
    """Run jobs in the pool under a progress bar; failures are listed at the end."""
    progress = Progress(f'{exposure.expnum} {phase}', len(jobs), count)
    try:
        outcomes = run_pool(run_job, jobs, workers,
                            lambda job, event: progress.event(job.exposure.label(), event))
    finally:
        progress.close()
    for outcome in outcomes:
        if outcome.code:
            print(f'{outcome.task.exposure.label()} {phase}: exit {outcome.code}: {outcome.message}', file=sys.stderr)
    return outcomes


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 when all went well; the code they share when all failures agree; else 1."""
    codes = {outcome.code for outcome in outcomes if outcome.code}
    return 0 if not codes else codes.pop() if len(codes) == 1 else 1


def with_field(exposure: Exposure, parameters: Parameters) -> Exposure:
    """The exposure with its WS field name: from the pointing of the first CCD product that has one, of the raw file, or of
    the list of exposures.

    Raises
    ------
    BadInput
        None says where it looked.
    """
    products = sorted(exposure.folder.glob(f'D{exposure.expnum:08d}_*_{exposure.rpnum}_immask.fits.fz'))
    raw = raw_path(exposure.root, exposure.nite, exposure.expnum)
    for path in [*products, *([raw] if raw.is_file() else [])]:
        try:
            pointing = pointing_of(read_raw_cards(path) if path == raw else read_header(path, 1))
        except BadInput:
            continue
        if pointing:
            return replace(exposure, field=field_name(*pointing))
    listed = listed_pointing(exposure, parameters)
    if listed is None:
        raise BadInput(f'{exposure.expnum}: no pointing: neither the {len(products)} images in {exposure.folder} nor {raw} '
                       f'nor {exposure.root / parameters["EXPOSURES_LIST"]} tells one')
    return replace(exposure, field=field_name(*listed))


def ready_for_diffimg(exposure: Exposure, ccds: Sequence[int]) -> list[int]:
    """CCDs whose single-epoch products are all there, can be read and are of the last run; the others are named.

    Raises
    ------
    BadInput
        None is.
    """
    each = [exposure.with_ccd(ccd) for ccd in ccds]
    ready = [one.ccd for one in usable(each, single_epoch_problem, 'difference imaging')]
    if not ready:
        raise BadInput(f'{exposure.expnum}: no CCD of {list(ccds)} is ready for difference imaging in {exposure.folder}')
    return ready


def page_path(exposure: Exposure) -> Path:
    """Where the candidate page goes."""
    return exposure_table(exposure, 'page')
