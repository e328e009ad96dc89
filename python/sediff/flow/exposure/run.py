"""An exposure from end to end: single epoch, tables of the exposure, verification, star lists, difference imaging."""
from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sediff import steps
from sediff.engine.pool import Outcome, run_pool
from sediff.engine.progress import Progress
from sediff.errors import BadData, BadInput, BadUsage
from sediff.flow import PRELOAD
from sediff.flow.exposure.astrometry import with_too_few_stars, write_common
from sediff.flow.exposure.job import Job, archived, run_job
from sediff.flow.exposure.tables import write_exposure_tables
from sediff.flow.exposure.usable import held_back, single_epoch_problem, usable
from sediff.flow.single_epoch.sky_files import check_sky
from sediff.formats.atomic import remove_dead
from sediff.formats.fits import read_header
from sediff.formats.raw import read_raw_cards
from sediff.formats.raw_scratch import raw_scratch
from sediff.instruments.rawcards import RawCards, pointing_of, read_cards, require
from sediff.parameters.model import Parameters
from sediff.repository.exposures import read_exposures
from sediff.repository.field import field_name
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository

#: What RUN25 leaves of a CCD that it holds back, for the steps after it.
LEFT_BEHIND = ('diff', 'photons', 'template', 'combined')


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
    verbose: bool = False


def check_raw(exposure: Exposure, parameters: Parameters) -> RawCards:
    """Look at the raw file's cards before any worker starts; what stands in for missing ones goes to stderr.

    Raises
    ------
    BadInput
        No raw file, no exposure of the instrument, or cards that nothing stands in for: all are named.
    BadUsage
        Its band or exposure number is not that of the flags.
    """
    repository = Repository.of(exposure)
    path = repository.path('raw', exposure)
    if not repository.exists('raw', exposure):
        raise BadInput(f'{exposure.expnum}: no raw file {path}; check -E, -n and ROOT, or copy it there')
    cards = read_cards(read_raw_cards(path, exposure.instrument), exposure.expnum, listed_pointing(exposure, parameters),
                       exposure.instrument)
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
    path = Repository.of(exposure).own_path(parameters['EXPOSURES_LIST'])
    try:
        table = read_exposures(path, exposure.instrument.night_offset)
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
    remove_dead(Repository.of(exposure).written_folders(exposure))
    from_raw, pointing = parameters['INPUT'] == 'raw' and not options.calibrate_only, None
    if from_raw and not all(archived(exposure.with_ccd(ccd)) for ccd in options.ccds):
        cards = check_raw(exposure, parameters)
        pointing = None if cards.ra is None or cards.dec is None else (cards.ra, cards.dec)
        check_sky(exposure, options.ccds, parameters)
    jobs = [Job(exposure.with_ccd(ccd), 'se', parameters, options.calibrate, options.calibrate_only, options.overwrite,
                options.special_y4, pointing=pointing) for ccd in options.ccds]
    count = len(steps.SE) * (not options.calibrate_only) + options.calibrate
    if from_raw and options.workers > 1 and len(jobs) > 1:
        with raw_scratch(parameters['SCRATCH'] or None) as scratch:
            jobs = [replace(job, scratch=scratch) for job in jobs]
            outcomes = run_phase('SE', exposure, jobs, count, options)
    else:
        outcomes = run_phase('SE', exposure, jobs, count, options)
    if not options.calibrate_only:
        outcomes = solve_from_the_others(exposure, parameters, options, outcomes, count)
    write_exposure_tables(exposure, [outcome.task.exposure.ccd for outcome in outcomes if not outcome.code], parameters)
    return outcomes


def solve_from_the_others(exposure: Exposure, parameters: Parameters, options: Options, outcomes: list[Outcome],
                  count: int) -> list[Outcome]:
    """Run CCDs that their own stars do not solve once more, with the exposure's common astrometric solution.

    They resume from the image that the first run has left of them, which is removed afterwards.
    """
    ccds = with_too_few_stars(outcomes)
    try:
        if not ccds or write_common(exposure, parameters) is None:
            return outcomes
        jobs = [replace(outcome.task, overwrite=False, scratch=None) for outcome in outcomes
                if outcome.task.exposure.ccd in ccds]
        again = run_phase('SE, common astrometry', exposure, jobs, count, options)
    finally:
        for ccd in () if parameters['KEEP_INTERMEDIATE'] else ccds:
            Repository.of(exposure).remove('crmasked', exposure.with_ccd(ccd))
    by_ccd = {outcome.task.exposure.ccd: outcome for outcome in again}
    return [by_ccd.get(outcome.task.exposure.ccd, outcome) for outcome in outcomes]


def run_diffimg(exposure: Exposure, parameters: Parameters, options: Options,
                templates: Mapping[int, list[Exposure]]) -> list[Outcome]:
    """Difference imaging of every CCD of the list, each with its templates.

    What RUN25 has left of a CCD that it held back (`held_back`) is removed when a later run ends well.
    """
    remove_dead(Repository.of(exposure).written_folders(exposure))
    if not any(templates.values()):
        raise BadData(f'{exposure.expnum}: no overlapping template is left of WS_diff.list in '
                      f'{Repository.of(exposure).folder(exposure)}; '
                      'the reasons are above; widen the choice in rc/dagmaker.rc and run DAGMaker.sh again')
    jobs = [Job(exposure.with_ccd(ccd), 'diffimg', parameters, overwrite=options.overwrite, templates=templates[ccd],
                snstar=options.snstar, snveto=options.snveto) for ccd in options.ccds]
    repository = Repository.of(exposure)
    before = held_back(exposure)
    outcomes = run_phase('diffimg', exposure, jobs, len(steps.DIFFIMG), options)
    for one in [outcome.task.exposure for outcome in outcomes if not outcome.code and outcome.task.exposure.ccd in before]:
        for name in () if parameters['KEEP_INTERMEDIATE'] else LEFT_BEHIND:
            repository.remove(name, one)
    return outcomes


def run_phase(phase: str, exposure: Exposure, jobs: list[Job], count: int, options: Options) -> list[Outcome]:
    """Run jobs in the pool under a progress bar, or with a line a CCD; failures are listed at the end."""
    progress = Progress(f'{exposure.expnum} {phase}', len(jobs), count, verbose=options.verbose)
    try:
        outcomes = run_pool(run_job, jobs, options.workers,
                            lambda job, event: progress.event(job.exposure.label(), event), PRELOAD,
                            lambda job: len(job.templates))
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
    repository = Repository.of(exposure)
    products, raw = repository.where('immask', exposure), repository.path('raw', exposure)
    paths = [repository.path('immask', one) for one in products]
    for path in [*paths, *([raw] if repository.exists('raw', exposure) else [])]:
        try:
            pointing = pointing_of(read_raw_cards(path, exposure.instrument) if path == raw else read_header(path, 1))
        except BadInput:
            continue
        if pointing:
            return replace(exposure, field=field_name(*pointing))
    listed = listed_pointing(exposure, parameters)
    if listed is None:
        raise BadInput(f'{exposure.expnum}: no pointing: neither the {len(products)} images in '
                       f'{repository.folder(exposure)} nor {raw} nor '
                       f'{repository.own_path(parameters["EXPOSURES_LIST"])} tells one')
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
        raise BadInput(f'{exposure.expnum}: no CCD of {list(ccds)} is ready for difference imaging in '
                       f'{Repository.of(exposure).folder(exposure)}')
    return ready
