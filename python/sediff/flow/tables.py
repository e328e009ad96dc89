"""SE13: tables of a whole exposure, put together by one process at a time from the files of its CCDs.

Jobs of single CCDs never write the same file at once: whatever is of the exposure, or depends on its other CCDs (the
calibrated catalogues carry flags that compare CCDs), is written here under the exposure's lock.
"""
from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from sediff.errors import BadInput, Temporary
from sediff.flow.quality import write_quality
from sediff.flow.usable import tables_problem, usable
from sediff.io.atomic import write_text
from sediff.io.corners import read_out
from sediff.io.fits import read_header
from sediff.io.locks import lock
from sediff.io.products import read_product
from sediff.io.tables import read_csv, write_csv, write_table
from sediff.names import Exposure, exposure_table, product_path
from sediff.parameters import load
from sediff.photometry.exposure import OutlierOptions, exposure_zero_points
from sediff.photometry.spatial import SpatialTerm
from sediff.photometry.tables import calibrated_table, red_catlist, whole_exposure
from sediff.report.qc import verdict_text

#: Seconds that a job waits for another one's turn at the exposure's tables.
PATIENCE = 600.0


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
        have = sorted(set(ccds) | _ccds_with(exposure, 'out'))
        _join_corners(exposure, have)
        with_zero = [one for one in map(exposure.with_ccd, have) if product_path(one, 'zero').is_file()]
        calibrated = usable(with_zero, tables_problem, 'the tables of the exposure')
        if calibrated:
            _calibrated_tables(exposure, calibrated, load() if parameters is None else parameters)


@contextmanager
def exposure_lock(exposure: Exposure, patience: float) -> Iterator[None]:
    """Hold the exposure's tables; waits for another holder up to `patience` seconds.

    Raises
    ------
    Temporary
        It is still held then.
    """
    path = exposure.folder / 'locks' / f'{exposure.expnum}_tables.lock'
    until = time.monotonic() + patience
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(lock(path, f'{exposure.expnum} (tables of the exposure)'))
                break
            except Temporary:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
        yield


def _ccds_with(exposure: Exposure, name: str) -> set[int]:
    return {ccd for ccd in range(1, 63) if product_path(exposure.with_ccd(ccd), name).is_file()}


def _join_corners(exposure: Exposure, ccds: Sequence[int]) -> None:
    lines = []
    for path in (product_path(exposure.with_ccd(ccd), 'out') for ccd in ccds):
        try:
            if path.is_file() and len(read_out(path)):
                lines.append(path.read_text(encoding='utf-8'))
        except BadInput as error:
            print(f'{exposure.label()}: left out of the corners: {error}', file=sys.stderr)
    if lines:
        write_text(exposure_table(exposure, 'out'), ''.join(lines))


def _calibrated_tables(exposure: Exposure, each: Sequence[Exposure], parameters: Mapping) -> None:
    """STD, OUT, red_catlist, allZP, Merged, Merg_allZP, the CCDs' calibrated catalogues, their sum, and quality."""
    for name, table in (('std', 'STD'), ('match', 'OUT')):
        tables = _readable(read_csv, [product_path(one, name) for one in each])
        if tables:
            write_csv(exposure_table(exposure, table), whole_exposure(tables, name))
    merged = _join_zero_points(exposure, each, parameters)
    tables = _readable(lambda pair: _calibrated(*pair), list(zip(each, merged.itertuples())))
    if not tables:
        raise BadInput(f'{exposure.expnum}: no calibrated catalogue of any CCD could be made in {exposure.folder}')
    write_csv(exposure_table(exposure, 'ZP'), pd.concat(tables, ignore_index=True))
    _warn_of_assumed_errors(exposure, each)
    report = write_quality(exposure, parameters, merged)
    if not report['missing'] and report['verdict'] in ('yellow', 'red'):
        print(verdict_text(exposure.expnum, list(report['figures'].values())))


def _readable(read, things: Sequence) -> list:
    """What `read` makes of each; those that cannot be read are named on stderr."""
    found = []
    for thing in things:
        try:
            if not isinstance(thing, Path) or thing.is_file():
                found.append(read(thing))
        except BadInput as error:
            print(f'left out: {error}', file=sys.stderr)
    return found


def _warn_of_assumed_errors(exposure: Exposure, each: Sequence[Exposure]) -> None:
    """A line on stderr where reference stars came without errors of their magnitudes."""
    shares = [read_product(path, 'json').get('reference_errors_assumed', 0.0) for one in each
              if (path := product_path(one, 'quality')).is_file()]
    if any(shares):
        print(f'{exposure.expnum}: the reference catalogue gives no errors of magnitudes for {max(shares):.0%} of its stars '
              f'({sum(share > 0.0 for share in shares)} of {len(each)} CCDs): those that the survey has published are taken',
              file=sys.stderr)


def _join_zero_points(exposure: Exposure, each: Sequence[Exposure], parameters: Mapping) -> pd.DataFrame:
    headers = [read_header(product_path(one, 'immask'), 'SCI') for one in each]
    cat_list = red_catlist(headers, [product_path(one, 'fullcat').name for one in each], (4096, 2048))
    write_csv(exposure_table(exposure, 'red_catlist'), cat_list)
    rows = pd.concat([read_csv(product_path(one, 'zero')) for one in each], ignore_index=True)
    options = OutlierOptions(parameters['ZP_MIN_STARS'], parameters['ZP_MAX_RMS'], parameters['ZP_OUTLIER'])
    tables = exposure_zero_points(cat_list, rows, exposure.rnum, exposure.pnum, options)
    write_csv(exposure_table(exposure, 'allZP'), tables['allZP'])
    for one in each:
        for name in ('Merged', 'Merg_allZP'):
            mine = tables[name][tables[name]['CCDNUM'] == one.ccd]
            _write_if_new(exposure_table(one, name), mine)
    return tables['Merged']


def _write_if_new(path, table: pd.DataFrame) -> None:
    """Leave a file alone that already says this: difference imaging is redone when a zero point changes."""
    text = table.to_csv(index=False)
    if not (path.is_file() and path.read_text(encoding='utf-8') == text):
        write_text(path, text)


def _calibrated(exposure: Exposure, row) -> pd.DataFrame:
    """The calibrated catalogue of a CCD; written anew where its file is older than its inputs or says another zero point."""
    path = product_path(exposure, 'zp')
    if not _is_current(exposure, row):
        quality = read_product(product_path(exposure, 'quality'), 'json')
        spatial = None if row.NewZPFlag1 else SpatialTerm.from_record(quality.get('spatial'))
        table = calibrated_table(read_product(product_path(exposure, 'fullcat'), 'ldac'), exposure.expnum, exposure.ccd,
                                 row.NewZP, row.NewZPrms, row.NewZPFlag, spatial)
        write_table(product_path(exposure, 'zp_fits'), table)
        write_csv(path, table)
    return read_csv(path)


def _is_current(exposure: Exposure, row) -> bool:
    made = [product_path(exposure, name) for name in ('zp', 'zp_fits')]
    if not all(path.is_file() for path in made):
        return False
    newest = max(product_path(exposure, name).stat().st_mtime_ns for name in ('fullcat', 'zero', 'quality'))
    if min(path.stat().st_mtime_ns for path in made) < newest:
        return False
    try:
        first = pd.read_csv(made[0], nrows=1)
    except (OSError, ValueError):
        return False
    says = {'ZeroPoint_FLAGS': row.NewZPFlag, 'ZeroPoint_rms': row.NewZPrms} | (
        {'ZeroPoint': row.NewZP} if row.NewZPFlag1 else {})
    return all(np.allclose(first[name], value, rtol=0.0, atol=1e-9) for name, value in says.items())
