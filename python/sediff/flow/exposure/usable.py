"""Which CCDs of an exposure can be used: one whose products are missing, bad or of an earlier run is named and left out."""
from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable

from sediff import steps
from sediff.engine.provenance import matches, read_stamp
from sediff.errors import BadData, BadInput, SediffError
from sediff.formats.ccdrows import CcdRows
from sediff.formats.corners import read_out
from sediff.formats.fits import open_fits, read_header
from sediff.repository.completeness import format_ccds
from sediff.repository.names import PRODUCTS, Exposure
from sediff.repository.products import UNSIGNED
from sediff.repository.repository import Repository
from sediff.repository.table_sums import check_table
from sediff.wcs.read import read_wcs

#: Metrics that a quality file must have.
METRICS = ('band', 'fwhm_arcsec', 'sky_electrons', 'sky_sigma', 'psf_area', 'exptime', 'airmass')


def failure(exposure: Exposure, table: Iterable[steps.Step]) -> str:
    """Why a CCD's products of these steps are of an earlier run: the step of the last run that failed; '' where none did."""
    for path in Repository.of(exposure).last_stamps(exposure, [step.label for step in table], 'FAIL'):
        stamp = read_stamp(path)
        if stamp:
            return f'{path.stem} failed ({str(stamp.get("reason", "?"))[:200]}), what it has is of an earlier run'
    return ''


def held_back(exposure: Exposure) -> dict[int, str]:
    """CCDs whose detections RUN25 does not let into the database, each with the reason."""
    step = next(step for step in steps.DIFFIMG if step.id == 'RUN25')
    repository, found = Repository.of(exposure), {}
    for ccd in exposure.instrument.ccds:
        stamp = read_stamp(repository.last_stamp(exposure.with_ccd(ccd), step.label, 'FAIL'))
        if stamp and stamp.get('exit_code') == BadData.exit_code:
            found[ccd] = str(stamp.get('reason', '?'))
    return found


def single_epoch_problem(exposure: Exposure, calibrated: bool = True) -> str:
    """Why a CCD cannot go into difference imaging; '' where it can."""
    found = failure(exposure, (*steps.SE, *(steps.CALIBRATION if calibrated else ())))
    names = ('immask', 'psf', 'fullcat', 'out', *(('zero_point',) if calibrated else ()))
    return found or _first_problem(exposure, names)


def tables_problem(exposure: Exposure) -> str:
    """Why a CCD cannot go into the tables of its exposure; '' where it can."""
    found = failure(exposure, (*steps.SE, *steps.CALIBRATION))
    return found or _first_problem(exposure, ('immask', 'fullcat', 'zero', 'quality'))


def template_problem(exposure: Exposure) -> str:
    """Why a CCD cannot be a template; '' where it can."""
    return _first_problem(exposure, ('immask', 'fullcat', 'psf', 'zero_point'))


def usable(exposures: Iterable[Exposure], problem: Callable[[Exposure], str], what: str) -> list[Exposure]:
    """Those without a problem; the others are named on stderr."""
    good: list[Exposure] = []
    reasons: dict[tuple[int, str], list[Exposure]] = {}
    for exposure in exposures:
        reason = problem(exposure)
        if reason:
            reasons.setdefault((exposure.expnum, reason), []).append(exposure)
        else:
            good.append(exposure)
    for (expnum, reason), bad in reasons.items():
        label = bad[0].label() if len(bad) == 1 else f'{expnum} CCD {format_ccds(one.ccd for one in bad)}'
        print(f'{label} left out of {what}: {reason}', file=sys.stderr)
    return good


def _first_problem(exposure: Exposure, names: Iterable[str]) -> str:
    missing = [name for name in names if not Repository.of(exposure).exists(name, exposure)]
    if missing:
        return f'no {", ".join(missing)}' + ('; run with -C' if missing == ['zero_point'] else '')
    for name in names:
        try:
            _CHECKS[name](exposure)
            _check_unaltered(exposure, name)
        except SediffError as error:
            return f'{name}: {error}'
    return ''


def _check_unaltered(exposure: Exposure, name: str) -> None:
    """BadInput where a text has other bytes than its step wrote, by that step's stamp, where there is one."""
    if PRODUCTS[name].kind not in UNSIGNED:
        return
    repository = Repository.of(exposure)
    path = check_table(exposure, repository.path(name, exposure))
    for step in steps.SE + steps.CALIBRATION:
        stamp = read_stamp(repository.last_stamp(exposure, step.label, 'DONE')) if name in step.makes else None
        record = stamp.get('products', {}).get(name) if stamp else None
        if isinstance(record, dict) and not matches(path, record, repository.shelf):
            raise BadInput(f'{path} was altered since it was written; start single epoch again')


def _image(exposure: Exposure) -> None:
    path = Repository.of(exposure).path('immask', exposure)
    CcdRows(path).close()
    read_wcs(read_header(path, 'SCI'))


def _catalogue(exposure: Exposure) -> None:
    path = Repository.of(exposure).path('fullcat', exposure)
    with open_fits(path) as handle:
        if not any(hdu.get_exttype() == 'BINARY_TBL' and 'MAG_PSF' in hdu.get_colnames() for hdu in handle):
            raise BadInput(f'{path} has no table with MAG_PSF; make it again')


def _zero_point(exposure: Exposure) -> None:
    repository = Repository.of(exposure)
    table = repository.get('zero_point', exposure)
    value = table['NewZP'].iloc[0] if len(table) and 'NewZP' in table else math.nan
    if not (isinstance(value, float) and math.isfinite(value) and value > 0.0):
        raise BadInput(f'{repository.path("zero_point", exposure)} has no zero point (NewZP {value})')


def _zero(exposure: Exposure) -> None:
    repository = Repository.of(exposure)
    if not len(repository.get('zero', exposure)):
        raise BadInput(f'{repository.path("zero", exposure)} has no row')


def _quality(exposure: Exposure) -> None:
    repository = Repository.of(exposure)
    metrics = repository.get('quality', exposure)
    missing = [name for name in METRICS if name not in metrics] if isinstance(metrics, dict) else list(METRICS)
    if missing:
        raise BadInput(f'{repository.path("quality", exposure)} lacks {", ".join(missing)}; make it again')


_CHECKS: dict[str, Callable[[Exposure], object]] = {
    'immask': _image, 'fullcat': _catalogue, 'zero_point': _zero_point, 'zero': _zero, 'quality': _quality,
    'psf': lambda exposure: Repository.of(exposure).get('psf', exposure),
    'out': lambda exposure: read_out(Repository.of(exposure).path('out', exposure), exposure.instrument.ccds)}
