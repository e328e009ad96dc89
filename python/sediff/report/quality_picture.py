"""The picture of an exposure's quality file, `qc_*.png`."""
from __future__ import annotations

from collections.abc import Mapping

from sediff.flow.exposure.quality import read_quality
from sediff.flow.exposure.whole import PATIENCE, exposure_lock
from sediff.formats.atomic import atomic_path
from sediff.instruments.base import Instrument
from sediff.instruments.ccds import ccd_table
from sediff.instruments.load import default_instrument
from sediff.report.focal_plane import Panel, focal_plane_png
from sediff.repository.completeness import format_ccds
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository


def draw_quality(exposure: Exposure) -> None:
    """Draw the picture of an exposure where it has a quality file that is newer than its picture.

    Raises
    ------
    BadInput
        The quality file cannot be read.
    Temporary
        Another process has held the exposure's tables for too long.
    """
    repository = Repository.of(exposure)
    if not repository.exists('qc', exposure):
        return
    with exposure_lock(exposure, PATIENCE):
        if repository.exists('qc_png', exposure) and \
                repository.changed('qc_png', exposure) >= repository.changed('qc', exposure):
            return
        with atomic_path(repository.target('qc_png', exposure)) as temporary:
            temporary.write_bytes(picture(read_quality(exposure), exposure.instrument))


def picture(report: Mapping, instrument: Instrument | None = None) -> bytes:
    """PNG of a quality report."""
    rows = {int(ccd): row for ccd, row in report['ccds'].items()}

    def values(name: str) -> dict[int, float]:
        return {ccd: row[name] for ccd, row in rows.items() if row.get(name) is not None}

    panels = [Panel('Seeing [arcsec]', values('fwhm_arcsec'), False, 2),
              Panel('Zero point [mag of 1 e\N{SUPERSCRIPT MINUS}]', values('zero_point'), True, 3),
              Panel('Depth, 5\N{GREEK SMALL LETTER SIGMA} point source [mag]', values('depth_5sigma'), True, 2)]
    marked = {ccd: ' fallback' if row['lent'] else ' outlier' if row['outlier'] else ''
              for ccd, row in rows.items()}
    airmass = 'unknown' if report['airmass'] is None else f'{report["airmass"]:.2f}'
    title = (f'{report["expnum"]}   night {report["nite"]}   {report["band"]}   {report["exptime"]:g} s   '
             f'airmass {airmass}   verdict: {report["verdict"]}')
    instrument = instrument or default_instrument()
    size = instrument.number('plane_width', 0.0), instrument.number('plane_height', 0.0)
    return focal_plane_png(ccd_table(instrument), panels, title, list(report['figures'].values()), _notes(report), marked,
                           report['expected_ccds'], size if all(size) else None)


def _notes(report: Mapping) -> str:
    factors = report['t_eff']
    parts = [f't_eff {_number(factors["t_eff"])} = seeing {_number(factors["seeing_factor"])} x sky '
             f'{_number(factors["sky_factor"])} x transparency {_number(factors["cloud_factor"])}'
             + ('' if factors['cloud_mag'] is not None else ' (not known for this band)')]
    if report['missing']:
        parts.append(f'not complete: CCD {format_ccds(int(ccd) for ccd in report["missing"])}')
    fallback = [int(ccd) for ccd, row in report['ccds'].items() if row['lent']]
    if fallback:
        parts.append(f"fallback zero point (the exposure's): CCD {format_ccds(fallback)}")
    if report.get('left_out_detections'):
        parts.append('more detections than MAX_DETECTIONS: CCD '
                     f'{format_ccds(int(ccd) for ccd in report["left_out_detections"])}')
    fringed = [int(ccd) for ccd, row in report['ccds'].items() if row.get('fringes_left')]
    if fringed:
        parts.append(f'fringes left in (no components: calib build-skypca): CCD {format_ccds(fringed)}')
    flagged = [int(ccd) for ccd, row in report['ccds'].items() if row['outlier']]
    if flagged:
        parts.append(f'outlying zero point: CCD {format_ccds(flagged)}')
    return '     '.join(parts)


def _number(value) -> str:
    return '-' if value is None else f'{value:.3f}'
