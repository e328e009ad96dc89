"""Which CCDs of an exposure can be used: one whose products are missing, bad or of an earlier run is named and left out."""
from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable

from sediff import steps
from sediff.camera.wcs import read_wcs
from sediff.errors import BadInput, SediffError
from sediff.io.ccdrows import CcdRows
from sediff.io.corners import read_out
from sediff.io.fits import open_fits, read_header
from sediff.io.products import read_product
from sediff.io.provenance import read_stamp
from sediff.names import Exposure, product_path
from sediff.workflow.completeness import format_ccds

#: Figures that a quality file must have.
FIGURES = ('band', 'fwhm_arcsec', 'sky_electrons', 'sky_sigma', 'psf_area', 'exptime', 'airmass')


def failure(exposure: Exposure, table: Iterable[steps.Step]) -> str:
    """Why a CCD's products of these steps are of an earlier run: the step of the last run that failed; '' where none did."""
    for step in table:
        folder = exposure.diffimg_folder if step.id.startswith('RUN') else exposure.se_folder
        stamp = read_stamp(folder / f'{step.label}.FAIL')
        if stamp:
            return f'{step.label} failed ({str(stamp.get("reason", "?"))[:200]}), what it has is of an earlier run'
    return ''


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
    missing = [name for name in names if not product_path(exposure, name).is_file()]
    if missing:
        return f'no {", ".join(missing)}' + ('; run with -C' if missing == ['zero_point'] else '')
    for name in names:
        try:
            _CHECKS[name](exposure)
        except SediffError as error:
            return f'{name}: {error}'
    return ''


def _image(exposure: Exposure) -> None:
    path = product_path(exposure, 'immask')
    CcdRows(path).close()
    read_wcs(read_header(path, 'SCI'))


def _catalogue(exposure: Exposure) -> None:
    path = product_path(exposure, 'fullcat')
    with open_fits(path) as handle:
        if not any(hdu.get_exttype() == 'BINARY_TBL' and 'MAG_PSF' in hdu.get_colnames() for hdu in handle):
            raise BadInput(f'{path} has no table with MAG_PSF; make it again')


def _zero_point(exposure: Exposure) -> None:
    path = product_path(exposure, 'zero_point')
    table = read_product(path, 'csv')
    value = table['NewZP'].iloc[0] if len(table) and 'NewZP' in table else math.nan
    if not (isinstance(value, float) and math.isfinite(value) and value > 0.0):
        raise BadInput(f'{path} has no zero point (NewZP {value})')


def _zero(exposure: Exposure) -> None:
    path = product_path(exposure, 'zero')
    if not len(read_product(path, 'csv')):
        raise BadInput(f'{path} has no row')


def _quality(exposure: Exposure) -> None:
    path = product_path(exposure, 'quality')
    figures = read_product(path, 'json')
    missing = [name for name in FIGURES if name not in figures] if isinstance(figures, dict) else list(FIGURES)
    if missing:
        raise BadInput(f'{path} lacks {", ".join(missing)}; make it again')


_CHECKS: dict[str, Callable[[Exposure], object]] = {
    'immask': _image, 'fullcat': _catalogue, 'psf': lambda exposure: read_product(product_path(exposure, 'psf'), 'psf'),
    'out': lambda exposure: read_out(product_path(exposure, 'out')), 'zero_point': _zero_point, 'zero': _zero,
    'quality': _quality}
