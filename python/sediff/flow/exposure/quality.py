"""The quality file of an exposure, from what its CCDs left; `sediff.report.quality_picture` draws it."""
from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from sediff import __version__
from sediff.errors import BadInput
from sediff.flow.exposure.whole import PATIENCE, exposure_lock
from sediff.flow.single_epoch.calibrate import with_zero_point
from sediff.instruments.base import table_path
from sediff.photometry.qc import METRICS, exposure_metrics, graded, verdict
from sediff.photometry.quality import gaussian_area, reference_depth
from sediff.refcat.lookup import read_quality_table
from sediff.repository.completeness import expected_ccds, missing_ccds
from sediff.repository.inventory import CALIBRATION_PRODUCTS, SE_PRODUCTS, take_inventory
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository

if TYPE_CHECKING:
    import pandas as pd

PRODUCTS = SE_PRODUCTS + CALIBRATION_PRODUCTS


def limits_of(parameters: Mapping) -> dict[str, tuple[float, float]]:
    """Green and yellow limit of each figure, from the parameters of rc/qc.rc."""
    return {figure.name: (float(parameters[f'QC_{figure.stem}_GREEN']), float(parameters[f'QC_{figure.stem}_YELLOW']))
            for figure in METRICS}


def write_quality(exposure: Exposure, parameters: Mapping, merged: pd.DataFrame) -> dict:
    """Write `qc_*.json`; returns what it holds.

    Parameters
    ----------
    merged : DataFrame
        A row a CCD: CCDNUM, NewZP, NewZPrms, NewZPFlag, NewZPFlag1, NewZPFlag2 (`photometry.exposure`).
    """
    found = take_inventory(exposure)
    expected = expected_ccds(found, exposure.instrument.ccds)
    incomplete = missing_ccds(found, expected, PRODUCTS)
    ccds = {int(row.CCDNUM): _ccd(exposure.with_ccd(int(row.CCDNUM)), row) for row in merged.itertuples()}
    band = read_quality_table(table_path(exposure.instrument, 'teff.csv')).get(exposure.band, {})
    exptime = next(iter(ccds.values()))['exptime']
    scale = exposure.instrument.pixel_scale
    profile = float(np.median([row['psf_area'] / gaussian_area(row['fwhm_arcsec'] / scale) for row in ccds.values()]))
    values = exposure_metrics(ccds, expected, set(expected) - set(incomplete),
                              reference_depth(exptime, band, scale, exposure.instrument.number('sky_gain', 1.0), profile))
    table = graded(values, limits_of(parameters))
    report = {'expnum': exposure.expnum, 'nite': exposure.nite, 'band': exposure.band, 'version': __version__,
              'exptime': exptime, 'airmass': next(iter(ccds.values()))['airmass'], 'verdict': verdict(table),
              'figures': {row['name']: row for row in table},
              't_eff': {name: values[name]
                        for name in ('t_eff', 'seeing_factor', 'sky_factor', 'cloud_factor', 'cloud_mag')},
              'medians': values, 'expected_ccds': list(expected),
              'missing': {str(ccd): [name for name in PRODUCTS if ccd not in found.ccds.get(name, ())]
                          for ccd in incomplete},
              'ccds': {str(ccd): row for ccd, row in ccds.items()}}
    with suppress(BadInput):
        report = _with_overfull(report, read_quality(exposure).get('left_out_detections', {}))
    Repository.of(exposure).put('qc', exposure, report)
    return report


def read_quality(exposure: Exposure) -> dict:
    """The quality file of an exposure; empty where there is none."""
    repository = Repository.of(exposure)
    if not repository.exists('qc', exposure):
        return {}
    report = repository.get('qc', exposure)
    if not (isinstance(report, dict) and isinstance(report.get('medians'), dict) and 'figures' in report):
        raise BadInput(f'{repository.path("qc", exposure)} is not a quality file; remove it and calibrate the exposure '
                       'again')
    return report


def mark_overfull(exposure: Exposure, left_out: Mapping[int, int]) -> None:
    """Turn the verdict of the quality file red where CCDs of the difference had more peaks than MAX_DETECTIONS, and back to
    that of its metrics where none has any more.

    Parameters
    ----------
    left_out : mapping
        CCD -> peaks that were not measured.
    """
    with exposure_lock(exposure, PATIENCE):
        report = read_quality(exposure)
        marked = _with_overfull(report, left_out) if report else report
        if marked != report:
            Repository.of(exposure).put('qc', exposure, marked)


def _with_overfull(report: dict, left_out: Mapping) -> dict:
    """A report with the peaks of each CCD that were not measured, and the verdict that goes with them."""
    rest = {name: value for name, value in report.items() if name != 'left_out_detections'}
    if left_out:
        counts = {str(ccd): count for ccd, count in sorted(left_out.items(), key=lambda item: int(item[0]))}
        return rest | {'verdict': 'red', 'left_out_detections': counts}
    return report if rest == report else rest | {'verdict': verdict(report['figures'].values())}


def _ccd(exposure: Exposure, row) -> dict:
    """A CCD's metrics with the zero point that is used for it."""
    metrics = Repository.of(exposure).get('quality', exposure)
    zero_point = float(row.NewZP)
    return metrics | with_zero_point(metrics, zero_point, exposure.instrument) | {
        'zero_point': zero_point, 'zero_point_rms': float(row.NewZPrms), 'flag': int(row.NewZPFlag),
        'lent': bool(row.NewZPFlag1), 'outlier': bool(row.NewZPFlag2)}
