"""Differential chromatic refraction: how far the atmosphere lifts stars of different colour in a band."""
from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sediff.instruments.sky import Air

#: Colours BP - RP within which the temperature of a star follows them.
COLOUR_RANGE = (0.0, 4.0)
_SAMPLES = 61


def refraction(wavelength: npt.ArrayLike, tangent: float | np.ndarray = 1.0, air: Air | None = None) -> np.ndarray:
    """Refraction (arcsec) at wavelengths (micrometres) for the tangent of a zenith distance.

    Notes
    -----
    Refractive index of air of Edlen 1953 in the form of Filippenko 1982 (PASP 94, 715), equations 1 to 3, plane-parallel
    atmosphere (zenith distances up to about 60 deg). 585 mmHg are the 780 mbar of 2200 m above the sea.
    """
    air = air or Air()
    inverse = 1.0 / np.asarray(wavelength, float) ** 2
    sea_level = 64.328 + 29498.1 / (146.0 - inverse) + 255.4 / (41.0 - inverse)
    pressure, warmth = air.pressure, 1.0 + 0.003661 * air.temperature
    dense = pressure * (1.0 + (1.049 - 0.0157 * air.temperature) * 1e-6 * pressure) / (720.883 * warmth)
    vapour = (0.0624 - 0.000680 * inverse) / warmth * air.vapour
    return 206264.806 * 1e-6 * (sea_level * dense - vapour) * tangent


def chromatic_refraction(colour: npt.ArrayLike, edges: tuple[float, float],
                         air: Air | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Mean refraction of a star's light in a band, and the rms of it within the band, where tan z = 1.

    Parameters
    ----------
    colour : ndarray, (n,)
        BP - RP, mag; beyond COLOUR_RANGE that of its ends.
    edges : (float, float)
        Wavelengths (micrometres) between which the band lets light through.
    air : Air

    Returns
    -------
    mean, rms : ndarray, (n,) float64
        arcsec, towards the zenith; the mean relative to that at the middle of the band.

    Notes
    -----
    The spectrum is a black body's of the temperature of Mucciarelli & Bellazzini 2020 (RNAAS 4, 52; dwarfs), photons
    counted, the band a box.
    """
    low, high = edges
    wavelength = np.linspace(low, high, _SAMPLES)
    clipped = np.clip(np.asarray(colour, float), *COLOUR_RANGE)
    temperature = 5040.0 / (0.4929 + 0.5092 * clipped - 0.0353 * clipped**2)
    photons = wavelength**-4 / np.expm1(14387.77 / (wavelength * temperature[..., None]))
    photons /= photons.sum(axis=-1, keepdims=True)
    lift = refraction(wavelength, air=air) - refraction(0.5 * (low + high), air=air)
    mean = photons @ lift
    return mean, np.sqrt(np.maximum(photons @ lift**2 - mean**2, 0.0))


def hour_angle_of(ra: float, mjd: float, longitude: float) -> float:
    """Hour angle (deg, west positive) of a right ascension (deg) at an MJD (UTC) and a longitude (deg, east positive), to a
    few hundredths of a degree."""
    sidereal = 280.46061837 + 360.98564736629 * (mjd - 51544.5) + longitude
    return (sidereal - ra + 180.0) % 360.0 - 180.0


def zenith_vector(hour_angle: float, dec: float, latitude: float) -> np.ndarray:
    """tan z times the direction of the zenith at a place of the sky: (east, north).

    Parameters
    ----------
    hour_angle, dec, latitude : float
        deg, hour angle positive in the west.
    """
    angle, declination, latitude = np.radians([hour_angle, dec, latitude])
    east = np.cos(latitude) * np.sin(angle)
    north = np.sin(latitude) * np.cos(declination) - np.cos(latitude) * np.sin(declination) * np.cos(angle)
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(angle)
    return np.array([east, north]) / height


def colour_slope(hour_angle: float, dec: float, latitude: float, edges: tuple[float, float], air: Air | None = None,
                 colours: tuple[float, float] = (0.7, 2.0)) -> np.ndarray:
    """Shift (east, north; arcsec) of a star by refraction for each magnitude of BP - RP, between two colours."""
    mean, _ = chromatic_refraction(np.array(colours), edges, air)
    return zenith_vector(hour_angle, dec, latitude) * (mean[1] - mean[0]) / (colours[1] - colours[0])
