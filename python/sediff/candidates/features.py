"""autoScan features: what a detection and its difference stamp say about being real.

All features are dimensionless and bounded, and those of the difference are those of its negative for a source that faded.
Those after 'neighbour_power' follow Goldstein et al. (2015, AJ 150, 82), table 3, in what they measure (l1, lacosmic,
colmeds, numneg, n2sig, n3sig, mag_ref, a_ref), not in how.
"""
from __future__ import annotations

import numpy as np

from sediff.candidates.stampkernels import STAMP_FEATURES, stamp_features
from sediff.detect.stamps import cut_stamps
from sediff.errors import BadInput

#: Name -> meaning.
FEATURES: dict[str, str] = {
    'log_snr': 'log10 of SNR, clipped to [3, 100]',
    'log_chi2': 'ln of the reduced chi square of the PSF fit, clipped to [0, 4]',
    'misfit': 'sqrt(chi2 - 1) / SNR: residual as a share of the source, clipped to [0, 1]',
    'negative_fraction': 'share of usable pixels below -2 sigma within 7 px, less the 0.0228 of noise, in [0, 0.5]',
    'worst_negative': 'most negative 3 x 3 mean within 9 px over the brightest 3 x 3 mean, in [0, 2]',
    'dipole_ratio': 'opposite peak over peak (significant ones only), in [0, 1.5]',
    'ellipticity': '1 - B/A, times SNR / (SNR + 10) against noise',
    'sharp': 'ln(PSF size / size) where smaller than the PSF, in [0, 2]',
    'broad': 'ln(size / PSF size) where larger than the PSF, in [0, 2]',
    'spread': '|SPREAD_MODEL| less 3 errors, over 0.02, in [0, 3]',
    'aperture_excess': '|FLUX_APER / FLUX_PSF - 1| less 2 errors, less 0.2 for wings, in [0, 2]',
    'peak_share': 'brightest pixel over FLUX_PSF relative to a Gaussian PSF, ln, in [-1, 2]',
    'masked_fraction': 'share of unusable pixels within 2 FWHM',
    'masked_core': '1 where an unusable pixel lies within 2 px',
    'edge': 'share of the stamp outside the image',
    'star_proximity': '1 at a veto star, falling linearly to 0 at its radius',
    'host_excess': 'ln(1 + 0.01 template flux / |FLUX_PSF|) in the same 5 px circle, in [0, 4]',
    'neighbour_power': 'rms of the difference stamp beyond 2.5 FWHM in sigma, less 1, in [0, 2]',
    'size_ratio': 'ln(size / PSF size), in [-1.5, 1.5]',
    'elongation': 'ln(A / B), in [0, 2]',
    'spread_signed': 'SPREAD_MODEL over 0.02, in [-2, 3]',
    'dipole_separation': 'px to the opposite peak over FWHM, -0.5 without one',
    'fit_gain': 'ln(CHI2_PSF / DIPOLE_CHI2): what a second source of the fit explains, in [-1, 3]; 0 without a fit',
    'spike': 'brightest pixel less the mean of its four neighbours, over itself, in [0, 1.5]',
    'asymmetry': 'rms of the stamp less itself turned by 180 deg within 1.5 FWHM, less noise, over its rms, in [0, 1.5]',
    'net_share': 'sum over sum of absolute values within 1.5 FWHM, in [-1, 1]',
    'inner_ring': 'mean from 1 to 1.5 FWHM over the mean within 0.5 FWHM, in [-1, 1]',
    'outer_ring': 'mean from 1.5 to 2.5 FWHM over the mean within 0.5 FWHM, in [-1, 1]',
    'bright_clutter': 'share of pixels above 3 sigma in the 8 px beyond 1.5 FWHM, in [0, 0.5]',
    'dark_clutter': 'share of pixels below -3 sigma there, in [0, 0.5]',
    'line_both': 'brightest line through the detection beyond 1.5 FWHM, its fainter side, over the core, in [0, 1.5]',
    'line_one': 'the same, brighter side',
    'column': 'the same along the column',
    'line_strength': 'ln(1 + significance of the brightest line), in [0, 6]',
    'template_snr': 'ln(1 + S/N of the template in 0.5 FWHM above its ring from 1.5 to 2.5 FWHM), in [0, 8]',
    'template_ratio': 'ln(1 + that light / |FLUX_PSF|), in [0, 6]',
    'template_spread': 'its mean from 0.5 to 1 FWHM over that within 0.5 FWHM, in [0, 1]; -0.2 without light above 5 sigma',
    'template_offset': 'distance of its brightest place within 1.5 FWHM, FWHM; 2 without light above 5 sigma',
    'template_ring': 'its mean from 1.5 to 2.5 FWHM over that within 0.5 FWHM, in [-0.2, 1]; -0.4 without light',
}

NAMES = tuple(FEATURES)
#: Detections whose stamps are held at a time: 5 MB.
CHUNK = 150


def feature_table(detections: np.ndarray, stamps: list[dict[str, np.ndarray]], sigma_stamps: list[np.ndarray],
                  fwhm: float, star_proximity: np.ndarray | None = None) -> np.ndarray:
    """Features of each detection, from stamps that were cut before.

    Parameters
    ----------
    detections : structured ndarray, (n,)
        Of `sediff.detect.detect`.
    stamps : list of dict, n
        'temp', 'srch', 'diff' stamps, (s, s) float32, NaN outside the image, s odd and at least 21.
    sigma_stamps : list of ndarray, n
        Noise of the difference per pixel, (s, s) float32; not finite or not positive where a pixel is unusable.
    fwhm : float
        FWHM of the noise-equivalent Gaussian of the PSF, px (`ScoreImage.fwhm`, which NMASK_NEAR used).
    star_proximity : ndarray, (n,) float, optional
        1 at a bright star, 0 beyond its radius (see `star_proximity`).

    Returns
    -------
    ndarray, (n, len(FEATURES)) float64

    Raises
    ------
    BadInput
        Lists of different length, or stamps that are too small.
    """
    count = len(detections)
    if len(stamps) != count or len(sigma_stamps) != count:
        raise BadInput(f'{count} detections came with {len(stamps)} stamps and {len(sigma_stamps)} noise stamps')
    if not count:
        return np.zeros((0, len(FEATURES)))
    if {stamp.shape for stamp in sigma_stamps} != {stamp['diff'].shape for stamp in stamps}:
        raise BadInput(f'stamps of the score and of its noise must have the same size; got {stamps[0]["diff"].shape} and '
                       f'{sigma_stamps[0].shape}')
    difference, template, sigma = (np.array(plane, np.float32) for plane in (
        [stamp['diff'] for stamp in stamps], [stamp['temp'] for stamp in stamps], sigma_stamps))
    return _table(detections, difference, template, sigma, fwhm, star_proximity)


def features_at(detections: np.ndarray, template: np.ndarray, difference: np.ndarray, sigma: np.ndarray, fwhm: float,
                star_proximity: np.ndarray | None = None, size: int = 51) -> np.ndarray:
    """Features of each detection, as `feature_table`, from the images themselves: a few stamps are held at a time.

    Parameters
    ----------
    template, difference, sigma : ndarray, (ny, nx) float32
        Images, and the noise of the difference; not finite or not positive where a pixel is unusable.
    size : int
        Side of the stamps, px.
    """
    parts = [np.zeros((0, len(FEATURES)))]
    held = np.empty((3, min(len(detections), CHUNK), size, size), np.float32)
    for start in range(0, len(detections), CHUNK):
        part = detections[start:start + CHUNK]
        x, y = (np.floor(part[name] - 0.5).astype(np.int64) for name in ('X_IMAGE', 'Y_IMAGE'))
        stamps = held[:, :len(part)]
        for plane, stamp in zip((difference, template, sigma), stamps):
            cut_stamps(plane, x, y, size, stamp)
        parts.append(_table(part, stamps[0], stamps[1], stamps[2], fwhm,
                            None if star_proximity is None else star_proximity[start:start + CHUNK]))
    return np.concatenate(parts)


def star_proximity(x: np.ndarray, y: np.ndarray, veto: np.ndarray | None, magnitude: float = 20.0) -> np.ndarray:
    """1 - distance / radius to the veto star that covers a position most, 0 outside all: (n,) float.

    Parameters
    ----------
    x, y : ndarray, (n,) float
        0-based px.
    veto : structured ndarray or None
        Columns x, y (0-based px), mag, optionally radius (px); else 30 - 2 (mag - 15) px.
    magnitude : float
        Fainter stars do not count.
    """
    out = np.zeros(len(x))
    if veto is None:
        return out
    for star in veto[veto['mag'] < magnitude]:
        radius = star['radius'] if 'radius' in (veto.dtype.names or ()) else 30.0 - 2.0 * (star['mag'] - 15.0)
        if radius > 0:
            out = np.maximum(out, 1.0 - np.hypot(x - star['x'], y - star['y']) / radius)
    return np.clip(out, 0.0, 1.0)


def _table(detections: np.ndarray, difference: np.ndarray, template: np.ndarray, sigma: np.ndarray, fwhm: float,
           proximity: np.ndarray | None) -> np.ndarray:
    """Features (n, len(FEATURES)) of detections with their stamps, each (n, s, s) float32."""
    if difference.shape[1] < 21 or sigma.shape != difference.shape:
        raise BadInput(f'stamps of the score must be at least 21 px wide with noise of the same size; got '
                       f'{difference.shape[1:]} and {sigma.shape[1:]}')
    count = len(detections)
    metrics = np.empty((count, len(STAMP_FEATURES)))
    stamp_features(difference, template, sigma, detections['SIGN'].astype(np.float64),
                  np.maximum(np.abs(detections['FLUX_PSF'].astype(np.float64)), 1e-6), float(fwhm), metrics)
    values = {**_from_rows(detections, fwhm), **dict(zip(STAMP_FEATURES, metrics.T)),
              'star_proximity': np.zeros(count) if proximity is None else np.asarray(proximity, float)}
    return np.column_stack([values[name] for name in NAMES]).astype(float)


def _from_rows(rows: np.ndarray, fwhm: float) -> dict[str, np.ndarray]:
    """The features that the detection table alone gives, each (n,)."""
    column = {name: rows[name].astype(np.float64) for name in
              ('SNR', 'CHI2_PSF', 'A_IMAGE', 'B_IMAGE', 'APSF_IMAGE', 'FLUX_APER', 'FLUX_PSF', 'FLUXERR_APER',
               'SPREAD_MODEL', 'SPREADERR_MODEL', 'DIPOLE_RATIO', 'DIPOLE_SEP', 'DIPOLE_CHI2', 'NMASK_NEAR', 'NMASK_CORE')}
    snr, chi2 = np.maximum(column['SNR'], 1.0), np.maximum(column['CHI2_PSF'], 0.0)
    size = np.maximum(np.sqrt(column['A_IMAGE'] * column['B_IMAGE']), 0.05)
    log_size, slack = np.log(size / np.maximum(column['APSF_IMAGE'], 0.05)), 1.5 / snr
    with np.errstate(divide='ignore', invalid='ignore'):
        excess = np.abs(column['FLUX_APER'] / column['FLUX_PSF'] - 1.0) - 0.2 \
            - 2.0 * column['FLUXERR_APER'] / np.abs(column['FLUX_PSF'])
    spread = (np.abs(column['SPREAD_MODEL']) - 3.0 * column['SPREADERR_MODEL']) / 0.02
    return {
        'log_snr': np.log10(np.clip(snr, 3.0, 100.0)),
        'log_chi2': np.clip(np.log(np.maximum(chi2, 1e-3)), 0.0, 4.0),
        'misfit': np.clip(np.sqrt(np.maximum(chi2 - 1.0, 0.0)) / snr, 0.0, 1.0),
        'dipole_ratio': np.clip(column['DIPOLE_RATIO'], 0.0, 1.5),
        'ellipticity': (1.0 - column['B_IMAGE'] / np.maximum(column['A_IMAGE'], 1e-3)) * snr / (snr + 10.0),
        'sharp': np.clip(-log_size - slack, 0.0, 2.0),
        'broad': np.clip(log_size - slack, 0.0, 2.0),
        'spread': np.clip(spread, 0.0, 3.0),
        'aperture_excess': np.clip(excess, 0.0, 2.0),
        'masked_fraction': np.clip(column['NMASK_NEAR'] / (np.pi * (2.0 * fwhm) ** 2), 0.0, 1.0),
        'masked_core': (column['NMASK_CORE'] > 0).astype(float),
        'size_ratio': np.clip(log_size, -1.5, 1.5),
        'elongation': np.clip(np.log(column['A_IMAGE'] / np.maximum(column['B_IMAGE'], 1e-3)), 0.0, 2.0),
        'spread_signed': np.clip(column['SPREAD_MODEL'] / 0.02, -2.0, 3.0),
        'dipole_separation': np.where(column['DIPOLE_SEP'] > 0, np.minimum(column['DIPOLE_SEP'] / fwhm, 3.0), -0.5),
        'fit_gain': np.where(column['DIPOLE_CHI2'] > 0, np.clip(np.log(
            np.maximum(chi2, 1e-3) / np.maximum(column['DIPOLE_CHI2'], 1e-3)), -1.0, 3.0), 0.0),
    }
