"""The work of one CCD, as a worker process runs it."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sediff import steps
from sediff.engine.context import Context
from sediff.engine.provenance import digest
from sediff.engine.runner import run_phases
from sediff.engine.step import Step
from sediff.flow.exposure.database import SeasonLedger
from sediff.flow.exposure.inputs import diffimg_inputs, reference_inputs, single_epoch_inputs
from sediff.flow.exposure.shards import shard_digest
from sediff.flow.exposure.starcat import list_digest
from sediff.flow.single_epoch.sky import binned_sky, binned_sky_key
from sediff.flow.single_epoch.stars import zero_point_of
from sediff.formats.atomic import remove_leftovers
from sediff.formats.locks import lock
from sediff.formats.raw import read_raw_shared
from sediff.formats.raw_scratch import RawScratch
from sediff.formats.tables import read_csv
from sediff.parameters.model import Parameters
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository

Phases = tuple[tuple[Step, ...], ...]

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
    exposure, repository = job.exposure, Repository.of(job.exposure)
    with lock(lock_path(exposure), exposure.label()):
        phases, context = prepare(job)
        if job.scratch is not None:
            context.raw_reader = RawScratch(job.scratch, context.log)
        for name in {name for phase in phases for step in phase for name in step.makes}:
            remove_leftovers(repository.target(name, exposure))
        try:
            ran = run_phases(phases, context, job.overwrite, lambda *event: send(event))
        finally:
            context.close()
    if context.pinned:
        send(('pinned', '', {'steps': sorted(context.pinned)}))
    return ran


def prepare(job: Job) -> tuple[Phases, Context]:
    """The steps of a job, in phases that are planned one after the other, and what they see."""
    phases, external = _single_epoch(job) if job.phase == 'se' else _diffimg(job)
    context = Context(job.exposure, job.parameters, external)
    context.pairs, context.reasons = external.pop('pairs', []), external.pop('reasons', [])
    context.pointing = job.pointing
    context.digests = dict(_digests(context))
    context.digests['refcat'] = partial(shard_digest, context)
    if context.files('skypca') and job.parameters['SKY_MODEL'] != 'local':
        context.digests['binned_sky'] = lambda step: binned_sky_key(job.exposure, job.parameters)
        context.providers['binned_sky'] = partial(binned_sky, job.exposure, job.parameters)
    else:
        context.digests['binned_sky'] = 'none'
    if job.phase == 'diffimg':
        context.digests['prepared'] = 'none'
        if job.parameters['TEMPLATE_CACHE_GB']:
            _open_bank(job, context)
        context.ledger = SeasonLedger(job.exposure, job.parameters)
    return phases, context


def _open_bank(job: Job, context: Context) -> None:
    """Give the CCD prepared templates."""
    from sediff.flow.exposure.bank import bank_digest, template_bank  # with what makes them
    bank = template_bank(job.exposure, job.parameters, job.templates)
    context.digests['prepared'] = bank_digest(bank)
    context.providers['prepared'] = lambda log: bank


def _digests(context: Context) -> dict[str, str]:
    """Hashes of what this CCD's steps see of inputs that also tell of other CCDs: those may fail or come later.

    Of star lists that is what is near the CCD; of zero-point tables the zero point, not the flags that compare CCDs.
    """
    found = {name: list_digest(path, context.exposure) for name in ('snstar', 'snveto')
             for path in context.external.get(name, ())}
    if context.pairs:
        found['zero_point'] = digest(_zero_point(context.path('zero_point')))
        found['templates'] = digest([[context.fingerprint(pair.path(name)) for name in ('immask', 'fullcat', 'psf')]
                                     + [_zero_point(pair.path('zero_point'))] for pair in context.pairs])
    return found


def _zero_point(path: Path) -> float:
    return zero_point_of(read_csv(path))


def lock_path(exposure: Exposure) -> Path:
    """The lock of a CCD."""
    return Repository.of(exposure).target('ccd_lock', exposure)


def _single_epoch(job: Job) -> tuple[Phases, dict]:
    calibration = (steps.CALIBRATION,) if job.calibrate or job.calibrate_only else ()
    if job.calibrate_only or (not job.overwrite and archived(job.exposure)):
        external = reference_inputs(job.exposure, job.parameters) if calibration else {}
        return calibration, external
    first = (*steps.COMMUNITY, *steps.SE[5:]) if job.parameters['INPUT'] == 'community' else steps.SE
    return (first, *calibration), single_epoch_inputs(job.exposure, job.parameters, job.special_y4)


def _diffimg(job: Job) -> tuple[Phases, dict]:
    read_raw_shared.keep_only(())
    return (steps.DIFFIMG,), diffimg_inputs(job.exposure, job.parameters, job.templates, job.snstar, job.snveto)


def archived(exposure: Exposure) -> bool:
    """Whether a CCD's products were brought here complete, without the stamps of their making."""
    repository = Repository.of(exposure)
    return all(repository.exists(name, exposure) for name in SE_COMPLETE) and not repository.was_processed(exposure)
