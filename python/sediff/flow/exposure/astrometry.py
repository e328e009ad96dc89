"""The common astrometric solution of an exposure, for CCDs that their own stars do not solve.

Every CCD is first solved alone. Where some fail in SE07, the others' solutions give one pointing, rotation and scale of the
camera; it is written as `D..._astrometry.json` of the exposure, an input of SE07 for the CCDs that need it, which are then
run once more. A CCD that is solved alone never sees it, so that it does not depend on which other CCDs have run.
"""
from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from astropy.io.fits import Header

from sediff import steps
from sediff.astrometry.common import CommonSolution, fit_common
from sediff.astrometry.head import parse_head
from sediff.engine.pool import Outcome
from sediff.engine.provenance import read_stamp
from sediff.engine.runner import run_steps
from sediff.errors import BadData, BadInput, SediffError
from sediff.flow.exposure.whole import ExposureContext
from sediff.instruments.focalplane import camera_model
from sediff.parameters.model import Parameters
from sediff.repository.names import Exposure
from sediff.repository.products import read_product
from sediff.repository.repository import Repository
from sediff.wcs.tpv import tpv_cards

STEP = 'SE07_scamp'


def common_input(exposure: Exposure) -> list[Path]:
    """The file of the common solution for a CCD that rests on it or was rejected without it; nothing for all others."""
    repository = Repository.of(exposure)
    wanted = repository.exists('common_solution', exposure) and (_rejected(exposure) or _kind(exposure) == 'common')
    return [repository.path('common_solution', exposure)] if wanted else []


def read_common(path: Path) -> CommonSolution:
    """The common solution of a file."""
    return CommonSolution(**read_product(path, 'json'))


def with_too_few_stars(outcomes: Sequence[Outcome]) -> list[int]:
    """CCDs of a run that SE07 rejected for their data, or that rest on the common solution."""
    found = []
    for outcome in outcomes:
        one = outcome.task.exposure
        if (outcome.code == BadData.exit_code and _rejected(one)) or (not outcome.code and _kind(one) == 'common'):
            found.append(one.ccd)
    return found


def write_common(exposure: Exposure, parameters: Parameters) -> Path | None:
    """Fit and write the common solution of the CCDs solved so far; None, and a line on stderr, where they are too few.

    The file is left alone where it would not change, so that nothing below it is done again.
    """
    repository = Repository.of(exposure)
    solved = [one.ccd for one in repository.where('head', exposure) if _kind(one) == 'own']
    try:
        run_steps(steps.COMMON, ExposureContext(exposure, parameters, solved))
    except BadData as error:
        print(f'{exposure.label()}: no common astrometric solution: {error}', file=sys.stderr)
        return None
    return repository.path('common_solution', exposure)


def common_astrometry(context: ExposureContext) -> None:
    """SE14: the common solution of the CCDs that are solved."""
    solved = {}
    for ccd in context.ccds:
        one = context.exposure.with_ccd(ccd)
        try:
            solved[ccd] = parse_head(context.repository.get('head', one))
        except SediffError as error:
            print(f'{one.label()} left out of the common astrometric solution: {error}', file=sys.stderr)
    exposure = context.exposure
    shape = exposure.instrument.detector(exposure.instrument.ccds[0]).shape
    models = {ccd: model for ccd, head in solved.items() if (model := _model(exposure.with_ccd(ccd), head)) is not None}
    metrics = fit_common(solved, models, shape, context.parameter('ASTROM_MIN_CCDS')).metrics()
    if not context.has('common_solution') or context.load('common_solution') != metrics:
        context.save('common_solution', metrics)


def _model(exposure: Exposure, head: Header) -> Header | None:
    """The camera model of a CCD as TPV cards, with its axis where a solution has it; None where there is none."""
    try:
        return tpv_cards(camera_model(exposure.ccd, head['CRVAL1'], head['CRVAL2'], exposure.instrument))
    except BadData:
        return None


def _rejected(exposure: Exposure) -> bool:
    """Whether SE07 found a CCD's data of no use."""
    stamp = read_stamp(Repository.of(exposure).last_stamp(exposure, STEP, 'FAIL'))
    return stamp is not None and stamp.get('exit_code') == BadData.exit_code


def _kind(exposure: Exposure) -> str:
    """'own' or 'common' for a CCD with a solution, '' without."""
    repository = Repository.of(exposure)
    if not repository.exists('astrometry', exposure) or repository.has_stamp(exposure, STEP, 'FAIL'):
        return ''
    try:
        return str(repository.get('astrometry', exposure).get('kind', 'own'))
    except (BadInput, AttributeError):
        return ''
