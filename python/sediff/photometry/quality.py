"""Quality of an exposure: effective exposure time and depth."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sediff.errors import BadData


@dataclass(frozen=True)
class EffectiveTime:
    """t_eff and its factors.

    Parameters
    ----------
    t_eff : float
        f * b * c.
    f, b, c : float
        Seeing, sky brightness and transparency factors.
    cloud : float
        Extinction beyond the clear sky's, mag; 0 where it is not known.
    cloud_known : bool
        False: no zero point, or no reference one for the band; c is then 1.
    """

    t_eff: float
    f: float
    b: float
    c: float
    cloud: float
    cloud_known: bool


def effective_time(band: str, fwhm_arcsec: float, sky: float, exptime: float, airmass: float | None,
                   zero_point: float | None,
                   reference: Mapping[str, Mapping[str, float]], sky_gain: float) -> EffectiveTime:
    """Fraction of the exposure time that an exposure under reference conditions would have needed.

    Parameters
    ----------
    band : str
        One of the table's.
    fwhm_arcsec : float
        Of the PSF, arcsec.
    sky : float
        Sky level of the exposure, electrons per pixel.
    exptime : float
        s.
    airmass : float or None
        1 at the zenith; None: not known, then transparency is not known either, and t_eff holds for a clear sky.
    zero_point : float or None
        mag = -2.5 log10(electrons of the whole exposure) + zero_point; None: not known.
    reference : mapping
        `sediff.refcat.lookup.read_quality_table`.
    sky_gain : float
        Electrons per ADU by which sky in electrons is divided to compare with the reference sky.

    Returns
    -------
    EffectiveTime

    Raises
    ------
    BadData
        The band is not in the table, or a value is not positive.

    Notes
    -----
    t_eff = F B C (Neilsen et al. 2016, FERMILAB-TM-2610-AE-CD), with F = (k / fwhm)^2, B = good sky / sky rate and
    C = 1 for less than 0.2 mag of cloud, 10^(-0.8 (cloud - 0.2)) beyond, as DES-GW's QC has it.
    """
    if band not in reference:
        raise BadData(f'no reference conditions for band {band}; there are {", ".join(reference)}')
    values = {'FWHM': fwhm_arcsec, 'sky': sky, 'EXPTIME': exptime}
    if airmass is not None:
        values['AIRMASS'] = airmass
    wrong = [f'{name} {value}' for name, value in values.items() if not (np.isfinite(value) and value > 0.0)]
    if wrong:
        raise BadData(f't_eff cannot be told: {", ".join(wrong)} must be positive')
    row = reference[band]
    f = (row['fwhm'] / fwhm_arcsec) ** 2
    b = row['sky'] / (sky / sky_gain / exptime)
    known, cloud = False, 0.0
    if zero_point is not None and airmass is not None and np.isfinite(zero_point) and 'zero_point' in row:
        known, cloud = True, extinction_by_cloud(zero_point, exptime, airmass, row)
    c = 1.0 if cloud < 0.2 else float(10.0 ** (-0.8 * (cloud - 0.2)))
    return EffectiveTime(float(f * b * c), float(f), float(b), c, float(cloud), known)


def extinction_by_cloud(zero_point: float, exptime: float, airmass: float, row: Mapping[str, float]) -> float:
    """How much fainter (mag) than under a clear sky; `row` has zero_point (1 e-/s, airmass 1) and extinction."""
    clear = row['zero_point'] - row['extinction'] * (airmass - 1.0)
    return clear - (zero_point - 2.5 * np.log10(exptime))


def effective_pixels(psf: np.ndarray) -> float:
    """Noise-equivalent area (pixels) of a PSF image: (sum p)^2 / sum p^2 (King 1983, PASP 95, 163)."""
    total = float(np.sum(psf))
    if not (np.isfinite(total) and total > 0.0):
        raise BadData('the PSF image has no positive finite sum')
    return total ** 2 / float(np.sum(np.asarray(psf, float) ** 2))


def depth(zero_point: float, noise: float, area: float, snr: float = 5.0) -> float:
    """Magnitude at which a point source on empty sky has a given signal-to-noise in PSF photometry.

    Parameters
    ----------
    zero_point : float
        mag of one electron of the whole exposure.
    noise : float
        Standard deviation of the sky, electrons per pixel.
    area : float
        `effective_pixels`, or 4 pi (fwhm/2.355)^2 for a Gaussian.
    snr : float
        Signal over noise.

    Raises
    ------
    BadData
        Noise, area or signal-to-noise not positive.
    """
    if not (noise > 0.0 and area > 0.0 and snr > 0.0):
        raise BadData(f'no depth from noise {noise} e-/pixel, area {area} pixels, S/N {snr}')
    return float(zero_point - 2.5 * np.log10(snr * noise * np.sqrt(area)))


def gaussian_area(fwhm: float) -> float:
    """Noise-equivalent area (pixels) of a Gaussian PSF of a FWHM in pixels: 4 pi sigma^2."""
    return float(4.0 * np.pi * fwhm ** 2 / (8.0 * np.log(2.0)))


def reference_depth(exptime: float, row: Mapping[str, float], pixel_scale: float, sky_gain: float,
                    profile: float = 1.0) -> float | None:
    """5-sigma depth (mag) of an exposure time (s) at the zenith under a band's reference conditions (`teff.csv`).

    `profile` is the noise-equivalent area of the PSF over that of a Gaussian of the same FWHM (a Moffat profile: about
    1.4); `pixel_scale` arcsec, `sky_gain` as of `effective_time`. None where the band has no published zero point.
    """
    if 'zero_point' not in row:
        return None
    area = profile * gaussian_area(row['fwhm'] / pixel_scale)
    return depth(row['zero_point'] + 2.5 * np.log10(exptime), float(np.sqrt(row['sky'] * sky_gain * exptime)), area)
