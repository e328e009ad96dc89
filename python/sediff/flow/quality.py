"""The quality file and picture of an exposure, from what its CCDs left."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from sediff import __version__
from sediff.camera.catalogs import catalog_path
from sediff.camera.ccds import ccd_table
from sediff.errors import BadInput
from sediff.flow.calibrate import with_zero_point
from sediff.io.atomic import atomic_path
from sediff.io.inventory import CALIBRATION_PRODUCTS, SE_PRODUCTS, take_inventory
from sediff.io.products import read_product, write_json
from sediff.io.refcat import read_quality_table
from sediff.names import Exposure, exposure_table, product_path
from sediff.photometry.quality import PIXEL_SCALE, gaussian_area, reference_depth
from sediff.report.qc import exposure_figures, graded, limits_of, verdict
from sediff.workflow.completeness import expected_ccds, format_ccds, missing_ccds

PRODUCTS = SE_PRODUCTS + CALIBRATION_PRODUCTS


def write_quality(exposure: Exposure, parameters: Mapping, merged: pd.DataFrame) -> dict:
    """Write `qc_*.json` and `qc_*.png`; returns what the JSON holds.

    Parameters
    ----------
    merged : DataFrame
        A row a CCD: CCDNUM, NewZP, NewZPrms, NewZPFlag, NewZPFlag1, NewZPFlag2 (`photometry.exposure`).
    """
    found = take_inventory(exposure)
    expected = expected_ccds(found, range(1, 63))
    incomplete = missing_ccds(found, expected, PRODUCTS)
    ccds = {int(row.CCDNUM): _ccd(exposure.with_ccd(int(row.CCDNUM)), row) for row in merged.itertuples()}
    band = read_quality_table(catalog_path('teff.csv')).get(exposure.band, {})
    exptime = next(iter(ccds.values()))['exptime']
    profile = float(np.median([row['psf_area'] / gaussian_area(row['fwhm_arcsec'] / PIXEL_SCALE) for row in ccds.values()]))
    values = exposure_figures(ccds, expected, set(expected) - set(incomplete),
                              reference_depth(exptime, band, profile))
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
    before, png = _text(exposure_table(exposure, 'qc')), exposure_table(exposure, 'qc_png')
    write_json(exposure_table(exposure, 'qc'), report)
    if not png.is_file() or _text(exposure_table(exposure, 'qc')) != before:
        with atomic_path(png) as temporary:
            temporary.write_bytes(picture(report))
    return report


def _text(path: Path) -> str:
    return path.read_text(encoding='utf-8') if path.is_file() else ''


def read_quality(exposure: Exposure) -> dict:
    """The quality file of an exposure; empty where there is none."""
    path = exposure_table(exposure, 'qc')
    if not path.is_file():
        return {}
    report = read_product(path, 'json')
    if not (isinstance(report, dict) and isinstance(report.get('medians'), dict) and 'figures' in report):
        raise BadInput(f'{path} is no quality file; remove it and calibrate the exposure again')
    return report


def mark_overfull(exposure: Exposure, left_out: Mapping[int, int]) -> None:
    """Turn the verdict of the quality file red where CCDs of the difference had more peaks than MAX_DETECTIONS.

    Parameters
    ----------
    left_out : mapping
        CCD -> peaks that were not measured; the file stays as it is without any.
    """
    report = read_quality(exposure)
    if report and left_out:
        write_json(exposure_table(exposure, 'qc'), report | {
            'verdict': 'red', 'left_out_detections': {str(ccd): count for ccd, count in sorted(left_out.items())}})


def _ccd(exposure: Exposure, row) -> dict:
    """A CCD's figures with the zero point that is used for it."""
    figures = read_product(product_path(exposure, 'quality'), 'json')
    zero_point = float(row.NewZP)
    return figures | with_zero_point(figures, zero_point) | {
        'zero_point': zero_point, 'zero_point_rms': float(row.NewZPrms), 'flag': int(row.NewZPFlag),
        'lent': bool(row.NewZPFlag1), 'outlier': bool(row.NewZPFlag2)}


def picture(report: Mapping) -> bytes:
    """PNG of a quality report."""
    from sediff.report.focal_plane import Panel, focal_plane_png
    rows = {int(ccd): row for ccd, row in report['ccds'].items()}

    def values(name: str) -> dict[int, float]:
        return {ccd: row[name] for ccd, row in rows.items() if row.get(name) is not None}

    panels = [Panel('Seeing [arcsec]', values('fwhm_arcsec'), False, 2),
              Panel('Zero point [mag of 1 e$^-$]', values('zero_point'), True, 3),
              Panel('Depth, 5$\\sigma$ point source [mag]', values('depth_5sigma'), True, 2)]
    marked = {ccd: ' lent' if row['lent'] else ' outlier' if row['outlier'] else ''
              for ccd, row in rows.items()}
    airmass = 'unknown' if report['airmass'] is None else f'{report["airmass"]:.2f}'
    title = (f'{report["expnum"]}   night {report["nite"]}   {report["band"]}   {report["exptime"]:g} s   '
             f'airmass {airmass}   verdict: {report["verdict"]}')
    return focal_plane_png(ccd_table(), panels, title, list(report['figures'].values()), _notes(report), marked,
                           report['expected_ccds'])


def _notes(report: Mapping) -> str:
    factors = report['t_eff']
    parts = [f't_eff {_number(factors["t_eff"])} = seeing {_number(factors["seeing_factor"])} x sky '
             f'{_number(factors["sky_factor"])} x transparency {_number(factors["cloud_factor"])}'
             + ('' if factors['cloud_mag'] is not None else ' (not known for this band)')]
    if report['missing']:
        parts.append(f'not complete: CCD {format_ccds(int(ccd) for ccd in report["missing"])}')
    lent = [int(ccd) for ccd, row in report['ccds'].items() if row['lent']]
    if lent:
        parts.append(f'zero point of the exposure lent to CCD {format_ccds(lent)}')
    fringed = [int(ccd) for ccd, row in report['ccds'].items() if row.get('fringes_left')]
    if fringed:
        parts.append(f'fringes left in (no components: calib build-skypca): CCD {format_ccds(fringed)}')
    flagged = [int(ccd) for ccd, row in report['ccds'].items() if row['outlier']]
    if flagged:
        parts.append(f'zero point stands out: CCD {format_ccds(flagged)}')
    return '     '.join(parts)


def _number(value) -> str:
    return '-' if value is None else f'{value:.3f}'
