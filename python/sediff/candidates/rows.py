"""Detections as rows of the database: electrons to nJy, pixel errors to degrees, flags to booleans."""
from __future__ import annotations

import numpy as np
from astropy.time import Time

from sediff.detect.table import Flag
from sediff.errors import BadInput

#: AB magnitude of 1 nJy.
ZERO_POINT_NJY = 31.4


def njy_per_electron(zero_point: float) -> float:
    """nJy of one electron for mag = zero_point - 2.5 log10(electrons)."""
    return float(10.0 ** (0.4 * (ZERO_POINT_NJY - zero_point)))


def midpoint_mjd_tai(mjd_utc: float, exposure_time: float) -> float:
    """MJD (TAI) of the middle of an exposure from its start (MJD, UTC) and length (s)."""
    return float(Time(mjd_utc, format='mjd', scale='utc').tai.mjd + 0.5 * exposure_time / 86400.0)


def detection_rows(detections: np.ndarray, reject: np.ndarray, score: np.ndarray, zero_point: float,
                   pixel_scale: float, band: str, nite: int, mjd: float, fake_id: np.ndarray | None = None,
                   classes: np.ndarray | None = None) -> list[dict]:
    """Rows for `sediff.candidates.database.replace_detections`.

    Parameters
    ----------
    detections : structured ndarray, (n,)
        With sky positions (`sediff.detect.with_sky`); fluxes in electrons.
    reject : ndarray, (n,) int
        Codes of the cuts, 0 = kept.
    score : ndarray, (n,) float
        autoScan score; not finite = none was computed, stored as NULL.
    zero_point : float
        AB mag of one electron in the whole exposure.
    pixel_scale : float
        arcsec.
    band : str
    nite : int
        YYYYMMDD.
    mjd : float
        Mid-exposure, TAI.
    fake_id : ndarray, (n,) int, optional
        Id of the injected source each one is, 0 for none.
    classes : ndarray, (n,) str, optional
        Class of each one (`sediff.candidates.cuts.VARIABLE_STAR`), '' for none.

    Raises
    ------
    BadInput
        No sky positions, or a zero point that is not finite.
    """
    if 'ALPHAWIN_J2000' not in (detections.dtype.names or ()) or not np.isfinite(zero_point):
        raise BadInput(f'detections need sky positions and a finite zero point (it is {zero_point}); calibrate first')
    njy, degree = njy_per_electron(zero_point), pixel_scale / 3600.0
    fakes = np.zeros(len(detections), int) if fake_id is None else fake_id
    kinds = np.full(len(detections), '') if classes is None else classes
    rows = []
    for d, code, value, fake, kind in zip(detections, reject, score, fakes, kinds):
        rows.append({
            'number': int(d['NUMBER']), 'band': band, 'nite': int(nite), 'midpointMjdTai': float(mjd),
            'ra': float(d['ALPHAWIN_J2000']), 'dec': float(d['DELTAWIN_J2000']),
            'raErr': float(d['ERRX_IMAGE']) * degree, 'decErr': float(d['ERRY_IMAGE']) * degree,
            'x': float(d['X_IMAGE']) - 1.0, 'y': float(d['Y_IMAGE']) - 1.0, 'xErr': float(d['ERRX_IMAGE']),
            'yErr': float(d['ERRY_IMAGE']), 'psfFlux': njy * float(d['FLUX_PSF']),
            'psfFluxErr': njy * float(d['FLUXERR_PSF']), 'psfChi2': float(d['CHI2_PSF']),
            'apFlux': njy * float(d['FLUX_APER']), 'apFluxErr': njy * float(d['FLUXERR_APER']), 'snr': float(d['SNR']),
            'isNegative': bool(d['SIGN'] < 0), 'isDipole': bool(d['FLAGS'] & Flag.DIPOLE),
            'reliability': float(value) if np.isfinite(value) else None, 'pixelFlags': int(d['IMAFLAGS_ISO']),
            'pixelFlags_bad': bool(d['NMASK_CORE'] > 0), 'pixelFlags_edge': bool(d['FLAGS'] & Flag.EDGE),
            'reject': int(code), 'fakeId': int(fake), 'sourceClass': str(kind) or None})
    return rows
