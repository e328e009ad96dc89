"""autoScan features: what a detection and its difference stamp say about being real.

All features are dimensionless and bounded, so that a linear score stays tame.
"""
from __future__ import annotations

import numpy as np

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
    'peak_share': 'brightest pixel over FLUX_PSF relative to a Gaussian PSF, ln, where sharper, in [0, 2]',
    'masked_fraction': 'share of unusable pixels within 2 FWHM',
    'masked_core': '1 where an unusable pixel lies within 2 px',
    'edge': 'share of the stamp outside the image',
    'star_proximity': '1 at a veto star, falling linearly to 0 at its radius',
    'host_excess': 'ln(1 + 0.01 template flux / |FLUX_PSF|) in the same 5 px circle, in [0, 4]',
    'neighbour_power': 'rms of the difference stamp beyond 2.5 FWHM in sigma, less 1, in [0, 2]',
}

NAMES = tuple(FEATURES)


def feature_table(detections: np.ndarray, stamps: list[dict[str, np.ndarray]], sigma_stamps: list[np.ndarray],
                  fwhm: float, star_proximity: np.ndarray | None = None) -> np.ndarray:
    """Features of each detection.

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
    near = np.zeros(count) if star_proximity is None else np.asarray(star_proximity, float)
    rows = [_features(row, stamp, sigma, fwhm, proximity)
            for row, stamp, sigma, proximity in zip(detections, stamps, sigma_stamps, near)]
    return np.array(rows, float).reshape(count, len(FEATURES))


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
    for star in () if veto is None else veto[veto['mag'] < magnitude]:
        radius = star['radius'] if 'radius' in veto.dtype.names else 30.0 - 2.0 * (star['mag'] - 15.0)
        if radius > 0:
            out = np.maximum(out, 1.0 - np.hypot(x - star['x'], y - star['y']) / radius)
    return np.clip(out, 0.0, 1.0)


def _features(row: np.void, stamps: dict[str, np.ndarray], sigma: np.ndarray, fwhm: float, proximity: float
              ) -> list[float]:
    values = {**_from_row(row, fwhm), **_from_stamps(row, stamps, sigma, fwhm), 'star_proximity': proximity}
    return [float(values[name]) for name in NAMES]


def _from_row(row: np.void, fwhm: float) -> dict[str, float]:
    snr = max(float(row['SNR']), 1.0)
    chi2 = max(float(row['CHI2_PSF']), 0.0)
    size = max(float(np.sqrt(row['A_IMAGE'] * row['B_IMAGE'])), 0.05)
    log_size = np.log(size / max(float(row['APSF_IMAGE']), 0.05))
    slack = 1.5 / snr
    ratio = abs(float(row['FLUX_APER'] / row['FLUX_PSF']) - 1.0) - 2.0 * float(row['FLUXERR_APER']) / abs(
        float(row['FLUX_PSF'])) - 0.2
    spread = (abs(float(row['SPREAD_MODEL'])) - 3.0 * float(row['SPREADERR_MODEL'])) / 0.02
    return {
        'log_snr': np.log10(np.clip(snr, 3.0, 100.0)),
        'log_chi2': np.clip(np.log(max(chi2, 1e-3)), 0.0, 4.0),
        'misfit': np.clip(np.sqrt(max(chi2 - 1.0, 0.0)) / snr, 0.0, 1.0),
        'dipole_ratio': np.clip(float(row['DIPOLE_RATIO']), 0.0, 1.5),
        'ellipticity': (1.0 - float(row['B_IMAGE']) / max(float(row['A_IMAGE']), 1e-3)) * snr / (snr + 10.0),
        'sharp': np.clip(-log_size - slack, 0.0, 2.0),
        'broad': np.clip(log_size - slack, 0.0, 2.0),
        'spread': np.clip(spread, 0.0, 3.0),
        'aperture_excess': np.clip(ratio, 0.0, 2.0),
        'masked_fraction': np.clip(float(row['NMASK_NEAR']) / (np.pi * (2.0 * fwhm) ** 2), 0.0, 1.0),
        'masked_core': float(row['NMASK_CORE'] > 0),
    }


def _from_stamps(row: np.void, stamps: dict[str, np.ndarray], sigma: np.ndarray, fwhm: float) -> dict[str, float]:
    side = stamps['diff'].shape[0]
    if side < 21 or sigma.shape != stamps['diff'].shape:
        raise BadInput(f'stamps of the score must be at least 21 px wide with noise of the same size; got {side} '
                       f'and {sigma.shape}')
    difference = float(row['SIGN']) * stamps['diff'].astype(float)
    usable = np.isfinite(difference) & np.isfinite(sigma) & (sigma > 0)
    grid = np.arange(side) - side // 2
    radius = np.hypot(grid[:, None], grid[None, :])
    chi = np.where(usable, difference, 0.0) / np.where(usable, sigma, 1.0)
    near, far = usable & (radius <= 7.0), usable & (radius > 2.5 * fwhm)
    negative = np.mean(chi[near] < -2.0) - 0.0228 if near.any() else 0.0
    rms = np.sqrt(np.mean(np.clip(chi[far], -20, 20) ** 2)) if far.any() else 1.0
    peak = float(np.where(usable & (radius <= 2.5), difference, 0.0).max())
    flux = max(abs(float(row['FLUX_PSF'])), 1e-6)
    gaussian_peak = 1.0 / (2.0 * np.pi * (fwhm / 2.3548) ** 2)
    noise = float(np.median(sigma[usable])) if usable.any() else 0.0
    template = stamps['temp'][(radius <= 5.0) & np.isfinite(stamps['temp'])]
    host = max(float(template.sum(dtype=float)), 0.0) if template.size else 0.0
    return {
        'negative_fraction': np.clip(negative, 0.0, 0.5),
        'worst_negative': _worst_negative(chi, usable, radius),
        'peak_share': np.clip(np.log(max(peak - 2.0 * noise, 1e-6) / flux / gaussian_peak), 0.0, 2.0),
        'edge': 1.0 - np.isfinite(stamps['diff']).mean(),
        'host_excess': np.clip(np.log1p(0.01 * host / flux), 0.0, 4.0),
        'neighbour_power': np.clip(rms - 1.0, 0.0, 2.0),
    }


def _worst_negative(chi: np.ndarray, usable: np.ndarray, radius: np.ndarray) -> float:
    """Most negative 3 x 3 sum within 9 px beyond what noise gives (3 sigma), over the brightest such sum."""
    padded = np.pad(np.where(usable, chi, 0.0), 1)
    side = chi.shape[0]
    sums = sum(padded[j:j + side, i:i + side] for j in range(3) for i in range(3)) / 3.0
    brightest = float(sums[radius <= 3.0].max())
    worst = -float(sums[radius <= 9.0].min()) - 3.0
    return float(np.clip(worst / max(brightest, 1.0), 0.0, 2.0))
