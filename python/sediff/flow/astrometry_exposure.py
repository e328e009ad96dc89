"""The common astrometric solution of an exposure, for CCDs that their own stars do not solve.

Every CCD is first solved alone. Where some fail in SE07, the others' solutions give one pointing, rotation and scale of the
camera; it is written as `D..._astrometry.json` of the exposure, an input of SE07 for the CCDs that need it, which are then
run once more. A CCD that is solved alone never sees it, so that it does not depend on which other CCDs have run.
"""
from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from sediff.astrometry.common import CommonSolution, fit_common
from sediff.astrometry.head import parse_head
from sediff.camera.ccds import FIRST_CCD, LAST_CCD
from sediff.camera.focalplane import camera_model
from sediff.errors import BadData, BadInput, SediffError
from sediff.io.products import read_product, write_json
from sediff.io.provenance import read_stamp
from sediff.names import Exposure, exposure_table, product_path
from sediff.parameters import Parameters
from sediff.pool import Outcome

STEP = 'SE07_scamp'


def common_input(exposure: Exposure) -> list[Path]:
    """The file of the common solution for a CCD that rests on it or was refused without it; nothing for all others."""
    path = exposure_table(exposure, 'astrometry')
    return [path] if path.is_file() and (_refused(exposure) or _kind(exposure) == 'common') else []


def read_common(path: Path) -> CommonSolution:
    """The common solution of a file."""
    return CommonSolution(**read_product(path, 'json'))


def starved(exposure: Exposure, outcomes: Sequence[Outcome]) -> list[int]:
    """CCDs of a run that SE07 refused for their data, or that rest on the common solution."""
    found = []
    for outcome in outcomes:
        one = outcome.task.exposure
        if (outcome.code == BadData.exit_code and _refused(one)) or (not outcome.code and _kind(one) == 'common'):
            found.append(one.ccd)
    return found


def write_common(exposure: Exposure, parameters: Parameters) -> Path | None:
    """Fit and write the common solution of the CCDs solved so far; None, and a line on stderr, where they are too few.

    The file is left alone where it would not change, so that nothing below it is done again.
    """
    path, solved = exposure_table(exposure, 'astrometry'), {}
    for ccd in range(FIRST_CCD, LAST_CCD + 1):
        one = exposure.with_ccd(ccd)
        if _kind(one) == 'own' and product_path(one, 'head').is_file():
            try:
                solved[ccd] = parse_head(read_product(product_path(one, 'head'), 'text'))
            except SediffError as error:
                print(f'{one.label()} left out of the common astrometric solution: {error}', file=sys.stderr)
    models = {ccd: camera_model(ccd, head['CRVAL1'], head['CRVAL2']) for ccd, head in solved.items() if _has_model(ccd)}
    try:
        common = fit_common(solved, models, parameters['ASTROM_MIN_CCDS'])
    except BadData as error:
        print(f'{exposure.label()}: no common astrometric solution: {error}', file=sys.stderr)
        return None
    figures = common.figures()
    if not path.is_file() or read_product(path, 'json') != figures:
        write_json(path, figures)
    return path


def _has_model(ccd: int) -> bool:
    try:
        camera_model(ccd)
    except BadData:
        return False
    return True


def _refused(exposure: Exposure) -> bool:
    """Whether SE07 found a CCD's data of no use."""
    stamp = read_stamp(exposure.se_folder / f'{STEP}.FAIL')
    return stamp is not None and stamp.get('exit_code') == BadData.exit_code


def _kind(exposure: Exposure) -> str:
    """'own' or 'common' for a CCD with a solution, '' without."""
    path = product_path(exposure, 'astrometry')
    if not path.is_file() or (exposure.se_folder / f'{STEP}.FAIL').is_file():
        return ''
    try:
        return str(read_product(path, 'json').get('kind', 'own'))
    except (BadInput, AttributeError):
        return ''
