"""An exposure from end to end: single epoch, tables of the exposure, verification, star lists, difference imaging."""
from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sediff import steps
from sediff.camera.headers import band_of
from sediff.errors import BadData, BadInput, BadUsage
from sediff.flow.astrometry_exposure import starved, write_common
from sediff.flow.job import Job, archived, run_job
from sediff.flow.sky_files import check_sky
from sediff.flow.tables import write_exposure_tables
from sediff.io.fits import read_header
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


def check_raw(exposure: Exposure) -> None:
    """Compare the raw file with the flags before any worker starts.

    Raises
    ------
    BadInput
        No raw file, or not a DECam exposure.
    BadUsage
        Its band or exposure number is not that of the flags.
    """
    path = raw_path(exposure.root, exposure.nite, exposure.expnum)
    if not path.is_file():
        raise BadInput(f'{exposure.expnum}: no raw file {path}; check -E, -n and ROOT, or copy it there')
    header = read_header(path, 0)
    if not header.get('FILTER'):
        raise BadInput(f'{path}: no FILTER card in its primary header; is it a raw DECam exposure?')
    band = band_of(header)
    if band != exposure.band:
        raise BadUsage(f'-b {exposure.band}: {path} was taken in {band} (FILTER = {header["FILTER"]!r})')
    if int(header.get('EXPNUM', exposure.expnum)) != exposure.expnum:
        raise BadUsage(f'-E {exposure.expnum}: {path} says EXPNUM {header["EXPNUM"]}')


def run_single_epoch(exposure: Exposure, parameters: Parameters, options: Options) -> list[Outcome]:
    """SE of every CCD of the list, then the tables of the exposure.

    Raises
    ------
    BadInput, BadUsage
        As `check_raw`; or SKY_MODEL=components and there are none.
    """
    from_raw = parameters['INPUT'] == 'raw' and not options.calibrate_only
    if from_raw and not all(archived(exposure.with_ccd(ccd)) for ccd in options.ccds):
        check_raw(exposure)
        check_sky(exposure, options.ccds, parameters)
    jobs = [Job(exposure.with_ccd(ccd), 'se', parameters, options.calibrate, options.calibrate_only, options.overwrite,
                options.special_y4) for ccd in options.ccds]
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


def with_field(exposure: Exposure) -> Exposure:
    """The exposure with its WS field name, from the header of the first CCD product or of the raw file."""
    from astropy.coordinates import Angle
    products = sorted(exposure.folder.glob(f'D{exposure.expnum:08d}_*_{exposure.rpnum}_immask.fits.fz'))
    path: Path = products[0] if products else raw_path(exposure.root, exposure.nite, exposure.expnum)
    header = read_header(path, 1 if products else 0)
    ra, dec = Angle(header['TELRA'], 'hourangle').deg, Angle(header['TELDEC'], 'deg').deg
    return replace(exposure, field=field_name(ra, dec))


def ready_for_diffimg(exposure: Exposure, ccds: Sequence[int]) -> list[int]:
    """CCDs whose single-epoch products are all there.

    Raises
    ------
    BadInput
        None is.
    """
    needed = ('immask', 'psf', 'fullcat', 'out', 'zero_point')
    missing = {ccd: [name for name in needed if not product_path(exposure.with_ccd(ccd), name).is_file()] for ccd in ccds}
    ready = [ccd for ccd in ccds if not missing[ccd]]
    for ccd in ccds:
        if missing[ccd]:
            hint = '; run with -C' if missing[ccd] == ['zero_point'] else ''
            print(f'{exposure.with_ccd(ccd).label()}: no {", ".join(missing[ccd])}{hint}', file=sys.stderr)
    if not ready:
        raise BadInput(f'{exposure.expnum}: no CCD of {list(ccds)} is ready for difference imaging in {exposure.folder}')
    return ready


def page_path(exposure: Exposure) -> Path:
    """Where the candidate page goes."""
    return exposure_table(exposure, 'page')
