"""SE13: tables of a whole exposure, put together by one process at a time from the files of its CCDs.

Jobs of single CCDs never write the same file at once: whatever is of the exposure, or depends on its other CCDs (the
calibrated catalogues carry flags that compare CCDs), is written here under the exposure's lock.
"""
from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sediff import steps
from sediff.engine.provenance import digest
from sediff.engine.runner import run_steps
from sediff.errors import BadInput
from sediff.flow.exposure.quality import read_quality, write_quality
from sediff.flow.exposure.usable import tables_problem, usable
from sediff.flow.exposure.whole import PATIENCE, ExposureContext, exposure_lock
from sediff.formats.corners import read_out
from sediff.formats.fits import read_header
from sediff.formats.tables import read_csv
from sediff.instruments.settings import load_parameters
from sediff.photometry.exposure import OutlierOptions, exposure_zero_points
from sediff.photometry.qc import verdict_text
from sediff.photometry.spatial import SpatialTerm
from sediff.photometry.tables import calibrated_table, red_catlist, whole_exposure
from sediff.repository.completeness import format_ccds
from sediff.repository.inventory import take_inventory
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.repository.table_sums import check_table, record_sums

if TYPE_CHECKING:
    import pandas as pd


def write_exposure_tables(exposure: Exposure, ccds: Sequence[int], parameters: Mapping | None = None) -> None:
    """Join what all CCDs of the exposure have by now: corners, zero points, calibrated catalogues, quality.

    A CCD whose products are missing, bad or of an earlier run than its last is named and left out. CCDs of earlier runs
    count too, so that the tables grow with every CCD and are the same in whatever order they ran. A
    CCD with too few stars gets the zero point of the exposure, with flag 1, as soon as one CCD has its own.

    Parameters
    ----------
    ccds : sequence of int
        CCDs that have just been processed.
    parameters : mapping, optional
        Default: those of the rc files.

    Raises
    ------
    BadData
        No CCD has a zero point (the other tables are written).
    Temporary
        Another process has held the exposure's tables for too long.
    """
    with exposure_lock(exposure, PATIENCE):
        repository = Repository.of(exposure)
        _drop_altered_corners(exposure)
        have = sorted(set(ccds) | {one.ccd for one in repository.where('out', exposure)})
        with_zero = [one for one in map(exposure.with_ccd, have) if repository.exists('zero', one)]
        calibrated = usable(with_zero, tables_problem, 'the tables of the exposure')
        if not calibrated:
            _join_corners(exposure, have)
            return
        parameters = load_parameters() if parameters is None else parameters
        run_steps(steps.EXPOSURE, tables_context(exposure, parameters, calibrated, have))
        _warn_of_assumed_errors(exposure, calibrated)
        report = read_quality(exposure)
        if report and not report['missing'] and report['verdict'] in ('yellow', 'red'):
            print(verdict_text(exposure.expnum, list(report['figures'].values())))


def tables_context(exposure: Exposure, parameters: Mapping, calibrated: Sequence[Exposure],
                   with_corners: Sequence[int]) -> ExposureContext:
    """What SE13 sees: the CCDs that are calibrated, and those that have corners."""
    context = ExposureContext(exposure, parameters, [one.ccd for one in calibrated])
    corners = [(ccd, context.fingerprint(context.repository.path('out', exposure.with_ccd(ccd)))) for ccd in with_corners]
    found = take_inventory(exposure, joined=False)          # the table of corners is made here
    images = {name: sorted(ccds) for name, ccds in found.ccds.items() if name != 'zp'}
    context.digests = {'out': digest([corners, images, sorted(found.raw_ccds or ())])}
    context.with_corners = tuple(with_corners)
    context.makes = {name: (name, exposure) for name in ('all_zp', 'exposure_zp', 'red_catlist', 'qc')}
    context.makes |= {f'{name}_{one.ccd:02d}': (name, one) for one in calibrated for name in ('zp', 'zp_fits', 'zero_point')}
    if any(context.repository.exists('out', one) for one in calibrated):
        context.makes['exposure_out'] = 'exposure_out', exposure
    context.unsettled = {'qc'}
    return context


def exposure_tables(context: ExposureContext) -> None:
    """SE13: corners, zero points, calibrated catalogues, quality."""
    exposure = context.exposure
    context.log(f'CCDs with corners: {format_ccds(context.with_corners)}; calibrated: {format_ccds(context.ccds)}')
    _join_corners(exposure, context.with_corners)
    _calibrated_tables(exposure, [exposure.with_ccd(ccd) for ccd in context.ccds], context.parameters)


def _drop_altered_corners(exposure: Exposure) -> None:
    """Remove the joined corners where they have other bytes than were written: they are joined again."""
    repository = Repository.of(exposure)
    try:
        if repository.exists('exposure_out', exposure):
            check_table(exposure, repository.path('exposure_out', exposure))
    except BadInput as error:
        print(f'{exposure.label()}: {error}: it is made again', file=sys.stderr)
        repository.remove('exposure_out', exposure)


def _join_corners(exposure: Exposure, ccds: Sequence[int]) -> None:
    repository, lines = Repository.of(exposure), []
    for one in map(exposure.with_ccd, ccds):
        try:
            if repository.exists('out', one) and len(read_out(repository.path('out', one), exposure.instrument.ccds)):
                lines.append(repository.get('out', one))
        except BadInput as error:
            print(f'{exposure.label()}: left out of the corners: {error}', file=sys.stderr)
    if lines:
        record_sums(exposure, [repository.put('exposure_out', exposure, ''.join(lines))])


def _calibrated_tables(exposure: Exposure, each: Sequence[Exposure], parameters: Mapping) -> None:
    """STD, OUT, red_catlist, allZP, Merged, Merg_allZP, the CCDs' calibrated catalogues, their sum, and quality."""
    import pandas as pd
    repository = Repository.of(exposure)
    for name in ('std', 'match'):
        tables = _readable(read_csv, [repository.path(name, one) for one in each if repository.exists(name, one)])
        if tables:
            repository.put(f'exposure_{name}', exposure, whole_exposure(tables, name))
    merged = _join_zero_points(exposure, each, parameters)
    record_sums(exposure, [repository.path('zero_point', one) for one in each])
    tables = _readable(lambda pair: _calibrated(*pair), list(zip(each, merged.itertuples())))
    if not tables:
        raise BadInput(f'{exposure.expnum}: no calibrated catalogue of any CCD could be made in '
                       f'{repository.folder(exposure)}')
    record_sums(exposure, [repository.put('exposure_zp', exposure, pd.concat(tables, ignore_index=True))])
    write_quality(exposure, parameters, merged)


def _readable(read, things: Sequence) -> list:
    """What `read` makes of each; those that cannot be read are named on stderr."""
    found = []
    for thing in things:
        try:
            found.append(read(thing))
        except BadInput as error:
            print(f'left out: {error}', file=sys.stderr)
    return found


def _warn_of_assumed_errors(exposure: Exposure, each: Sequence[Exposure]) -> None:
    """A line on stderr where reference stars came without errors of their magnitudes."""
    repository = Repository.of(exposure)
    shares = [repository.get('quality', one).get('reference_errors_assumed', 0.0) for one in each
              if repository.exists('quality', one)]
    if any(shares):
        print(f'{exposure.expnum}: the reference catalogue gives no errors of magnitudes for {max(shares):.0%} of its stars '
              f'({sum(share > 0.0 for share in shares)} of {len(each)} CCDs): those that the survey has published are taken',
              file=sys.stderr)


def _join_zero_points(exposure: Exposure, each: Sequence[Exposure], parameters: Mapping) -> pd.DataFrame:
    import pandas as pd
    repository = Repository.of(exposure)
    headers = [read_header(repository.path('immask', one), 'SCI') for one in each]
    cat_list = red_catlist(headers, [repository.path('fullcat', one).name for one in each],
                           [one.detector.shape for one in each])
    repository.put('red_catlist', exposure, cat_list)
    rows = pd.concat([read_csv(repository.path('zero', one)) for one in each], ignore_index=True)
    options = OutlierOptions(parameters['ZP_MIN_STARS'], parameters['ZP_MAX_RMS'], parameters['ZP_OUTLIER'])
    tables = exposure_zero_points(cat_list, rows, exposure.rnum, exposure.pnum, options)
    repository.put('all_zp', exposure, tables['allZP'])
    for one in each:
        for product, name in (('merged', 'Merged'), ('zero_point', 'Merg_allZP')):
            _put_if_new(product, one, tables[name][tables[name]['CCDNUM'] == one.ccd])
    return tables['Merged']


def _put_if_new(product: str, exposure: Exposure, table: pd.DataFrame) -> None:
    """Leave a file alone that already says this: difference imaging is redone when a zero point changes."""
    repository = Repository.of(exposure)
    if repository.text(product, exposure) != table.to_csv(index=False):
        repository.put(product, exposure, table)


def _calibrated(exposure: Exposure, row) -> pd.DataFrame:
    """The calibrated catalogue of a CCD; written anew where its file is older than its inputs or says another zero point."""
    repository = Repository.of(exposure)
    if not _is_current(exposure, row):
        quality = repository.get('quality', exposure)
        spatial = None if row.NewZPFlag1 else SpatialTerm.from_record(quality.get('spatial'))
        table = calibrated_table(repository.get('fullcat', exposure), exposure.expnum, exposure.ccd, row.NewZP, row.NewZPrms,
                                 row.NewZPFlag, spatial)
        repository.put('zp_fits', exposure, table)
        repository.put('zp', exposure, table)
    return read_csv(repository.path('zp', exposure))


def _is_current(exposure: Exposure, row) -> bool:
    import pandas as pd
    repository, made = Repository.of(exposure), ('zp', 'zp_fits')
    if not all(repository.exists(name, exposure) for name in made):
        return False
    newest = max(repository.changed(name, exposure) for name in ('fullcat', 'zero', 'quality'))
    if min(repository.changed(name, exposure) for name in made) < newest:
        return False
    try:
        first = pd.read_csv(repository.path('zp', exposure), nrows=1)
    except (OSError, ValueError):
        return False
    says = {'ZeroPoint_FLAGS': row.NewZPFlag, 'ZeroPoint_rms': row.NewZPrms} | (
        {'ZeroPoint': row.NewZP} if row.NewZPFlag1 else {})
    return all(np.allclose(first[name], value, rtol=0.0, atol=1e-9) for name, value in says.items())
