"""Tables of a whole exposure, put together by one process from the files of its CCDs."""
from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sediff.io.atomic import write_text
from sediff.io.fits import read_header
from sediff.io.tables import read_csv, write_csv
from sediff.names import Exposure, exposure_table, product_path
from sediff.photometry.exposure import exposure_zero_points
from sediff.photometry.tables import red_catlist


def write_exposure_tables(exposure: Exposure, ccds: Sequence[int]) -> None:
    """Join what all CCDs of the exposure have by now: corners, calibrated catalogues, zero points.

    CCDs of earlier runs count too, so that the tables grow with every CCD and are the same in whatever order they ran.
    """
    have = sorted(set(ccds) | _ccds_with(exposure, 'out'))
    _join_corners(exposure, have)
    calibrated = [ccd for ccd in have if product_path(exposure.with_ccd(ccd), 'zero').is_file()]
    if calibrated:
        _join_catalogues(exposure, calibrated)
        _join_zero_points(exposure, calibrated)


def _ccds_with(exposure: Exposure, name: str) -> set[int]:
    return {ccd for ccd in range(1, 63) if product_path(exposure.with_ccd(ccd), name).is_file()}


def _join_corners(exposure: Exposure, ccds: Sequence[int]) -> None:
    lines = [path.read_text() for ccd in ccds if (path := product_path(exposure.with_ccd(ccd), 'out')).is_file()]
    if lines:
        write_text(exposure_table(exposure, 'out'), ''.join(lines))


def _join_catalogues(exposure: Exposure, ccds: Sequence[int]) -> None:
    tables = [read_csv(product_path(exposure.with_ccd(ccd), 'zp')) for ccd in ccds]
    write_csv(exposure_table(exposure, 'ZP'), pd.concat(tables, ignore_index=True))


def _join_zero_points(exposure: Exposure, ccds: Sequence[int]) -> None:
    images = [product_path(exposure.with_ccd(ccd), 'immask') for ccd in ccds]
    catalogues = [product_path(exposure.with_ccd(ccd), 'fullcat').name for ccd in ccds]
    cat_list = red_catlist([read_header(path, 'SCI') for path in images], catalogues, (4096, 2048))
    rows = pd.concat([read_csv(product_path(exposure.with_ccd(ccd), 'zero')) for ccd in ccds], ignore_index=True)
    tables = exposure_zero_points(cat_list, rows, exposure.rnum, exposure.pnum)
    write_csv(exposure_table(exposure, 'red_catlist'), cat_list)
    write_csv(exposure_table(exposure, 'allZP'), tables['allZP'])
    for name in ('Merged', 'Merg_allZP'):
        for ccd in ccds:
            mine = tables[name][tables[name]['CCDNUM'] == ccd]
            write_csv(exposure_table(exposure.with_ccd(ccd), name), mine)
