"""Differential chromatic refraction: how far the atmosphere lifts stars of different colour in a band."""
from __future__ import annotations

import numpy as np

#: The Blanco telescope, deg; pressure (mmHg), temperature (deg C) and water vapour (mmHg) of a usual night.
LONGITUDE, LATITUDE = -70.81489, -30.16606
PRESSURE, TEMPERATURE, VAPOUR = 585.0, 10.0, 4.0
#: Wavelengths (micrometres) between which DECam's bands let light through.
BAND_EDGES = {'u': (0.34, 0.405), 'g': (0.400, 0.550), 'r': (0.560, 0.715), 'i': (0.700, 0.855), 'z': (0.850, 1.000),
              'Y': (0.950, 1.065), 'VR': (0.490, 0.760)}
#: Colours BP - RP within which the temperature of a star follows them.
COLOUR_RANGE = (0.0, 4.0)
_SAMPLES = 61


def refraction(wavelength: np.ndarray, tangent: float | np.ndarray = 1.0) -> np.ndarray:
    """Refraction (arcsec) at wavelengths (micrometres) for the tangent of a zenith distance.

    Notes
    -----
    Refractive index of air of Edlen 1953 in the form of Filippenko 1982 (PASP 94, 715), equations 1 to 3, plane-parallel
    atmosphere (zenith distances up to about 60 deg). 585 mmHg are the 780 mbar of 2200 m above the sea.
    """
    inverse = 1.0 / np.asarray(wavelength, float) ** 2
    sea_level = 64.328 + 29498.1 / (146.0 - inverse) + 255.4 / (41.0 - inverse)
    dense = PRESSURE * (1.0 + (1.049 - 0.0157 * TEMPERATURE) * 1e-6 * PRESSURE) / (720.883 * (1.0 + 0.003661 * TEMPERATURE))
    vapour = (0.0624 - 0.000680 * inverse) / (1.0 + 0.003661 * TEMPERATURE) * VAPOUR
    return 206264.806 * 1e-6 * (sea_level * dense - vapour) * tangent


def chromatic_refraction(colour: np.ndarray, band: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean refraction of a star's light in a band, and the rms of it within the band, where tan z = 1.

    Parameters
    ----------
    colour : ndarray, (n,)
        BP - RP, mag; beyond COLOUR_RANGE that of its ends.
    band : str
        Of BAND_EDGES.

    Returns
    -------
    mean, rms : ndarray, (n,) float64
        arcsec, towards the zenith; the mean relative to that at the middle of the band.

    Notes
    -----
    The spectrum is a black body's of the temperature of Mucciarelli & Bellazzini 2020 (RNAAS 4, 52; dwarfs), photons
    counted, the band a box.
    """
    low, high = BAND_EDGES[band]
    wavelength = np.linspace(low, high, _SAMPLES)
    colour = np.clip(np.asarray(colour, float), *COLOUR_RANGE)
    temperature = 5040.0 / (0.4929 + 0.5092 * colour - 0.0353 * colour**2)
    photons = wavelength**-4 / np.expm1(14387.77 / (wavelength * temperature[..., None]))
    photons /= photons.sum(axis=-1, keepdims=True)
    lift = refraction(wavelength) - refraction(0.5 * (low + high))
    mean = photons @ lift
    return mean, np.sqrt(np.maximum(photons @ lift**2 - mean**2, 0.0))


def hour_angle_of(ra: float, mjd: float) -> float:
    """Hour angle (deg, west positive) of a right ascension (deg) at an MJD (UTC), to a few hundredths of a degree."""
    sidereal = 280.46061837 + 360.98564736629 * (mjd - 51544.5) + LONGITUDE
    return (sidereal - ra + 180.0) % 360.0 - 180.0


def zenith_vector(hour_angle: float, dec: float) -> np.ndarray:
    """tan z times the direction of the zenith at a place of the sky: (east, north).

    Parameters
    ----------
    hour_angle, dec : float
        deg, hour angle positive in the west.
    """
    angle, declination, latitude = np.radians([hour_angle, dec, LATITUDE])
    east = np.cos(latitude) * np.sin(angle)
    north = np.sin(latitude) * np.cos(declination) - np.cos(latitude) * np.sin(declination) * np.cos(angle)
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(angle)
    return np.array([east, north]) / height


def colour_slope(hour_angle: float, dec: float, band: str, colours: tuple[float, float] = (0.7, 2.0)) -> np.ndarray:
    """Shift (east, north; arcsec) of a star by refraction for each magnitude of BP - RP, between two colours."""
    mean, _ = chromatic_refraction(np.array(colours), band)
    return zenith_vector(hour_angle, dec) * (mean[1] - mean[0]) / (colours[1] - colours[0])
