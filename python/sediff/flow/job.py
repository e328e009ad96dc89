"""The work of one CCD, as a worker process runs it."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sediff import steps
from sediff.context import Context
from sediff.flow.inputs import diffimg_inputs, reference_inputs, single_epoch_inputs
from sediff.flow.starcat import list_digest
from sediff.io.atomic import remove_leftovers
from sediff.io.locks import lock
from sediff.io.raw import read_raw_shared
from sediff.io.raw_scratch import RawScratch
from sediff.names import Exposure, product_path
from sediff.parameters import Parameters
from sediff.runner import run_steps

#: Products that make a CCD's single-epoch processing complete.
SE_COMPLETE = ('immask', 'psf', 'fullcat', 'out')


@dataclass(frozen=True)
class Job:
    """One CCD of one phase.

    Parameters
    ----------
    phase : str
        'se' or 'diffimg'.
    calibrate, calibrate_only : bool
        -C and -j.
    templates : list of Exposure
        Template exposures (difference imaging).
    scratch : Path or None
        Where the workers of an exposure share the CCDs that they read.
    pointing : (float, float) or None
        RA and Dec (deg) for headers that have none.
    """

    exposure: Exposure
    phase: str
    parameters: Parameters
    calibrate: bool = False
    calibrate_only: bool = False
    overwrite: bool = False
    special_y4: bool = False
    templates: list[Exposure] = field(default_factory=list)
    snstar: str | None = None
    snveto: str | None = None
    scratch: Path | None = None
    pointing: tuple[float, float] | None = None


def run_job(job: Job, send: Callable[[tuple], None]) -> int:
    """Run a CCD's steps under its lock; returns how many ran."""
    exposure = job.exposure
    with lock(_lock_path(exposure), exposure.label()):
        chosen, external = _single_epoch(job) if job.phase == 'se' else _diffimg(job)
        context = Context(exposure, job.parameters, external)
        context.pairs, context.reasons = external.pop('pairs', []), external.pop('reasons', [])
        context.pointing = job.pointing
        context.digests = {name: list_digest(path, exposure) for name in ('snstar', 'snveto')
                           for path in context.external.get(name, ())}
        if job.scratch is not None:
            context.raw_reader = RawScratch(job.scratch, context.log)
        for name in {name for step in chosen for name in step.makes}:
            remove_leftovers(context.path(name))
        return run_steps(chosen, context, job.overwrite, lambda *event: send(event))


def _lock_path(exposure: Exposure) -> Path:
    return exposure.folder / 'locks' / f'{exposure.expnum}_{exposure.ccd:02d}.lock'


def _single_epoch(job: Job) -> tuple[tuple, dict]:
    calibration = steps.CALIBRATION if job.calibrate or job.calibrate_only else ()
    if job.calibrate_only or (not job.overwrite and archived(job.exposure)):
        external = reference_inputs(job.exposure.root, job.parameters) if calibration else {}
        return calibration, external
    first = (*steps.COMMUNITY, *steps.SE[5:]) if job.parameters['INPUT'] == 'community' else steps.SE
    return (*first, *calibration), single_epoch_inputs(job.exposure, job.parameters, job.special_y4)


def _diffimg(job: Job) -> tuple[tuple, dict]:
    read_raw_shared.keep_only(())
    return steps.DIFFIMG, diffimg_inputs(job.exposure, job.parameters, job.templates, job.snstar, job.snveto)


def archived(exposure: Exposure) -> bool:
    """Whether a CCD's products were brought here complete, without the stamps of their making."""
    complete = all(product_path(exposure, name).is_file() for name in SE_COMPLETE)
    return complete and not any(exposure.se_folder.glob('SE*.DONE'))
