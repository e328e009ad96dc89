"""Dates of exposures, where the telescope stood, and the air it looked through."""
from __future__ import annotations

import math
import re
from datetime import datetime, timedelta

import numpy as np

#: Cerro Tololo: longitude (deg, east) and latitude (deg) of the Blanco telescope.
SITE = (-70.80652778, -30.16966111)
_EPOCH = datetime(1858, 11, 17)
_DATE = re.compile(r'\s*(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}(?:\.\d*)?))?)?Z?\s*')


def mjd_of_date(text: str) -> float:
    """MJD (UTC) of an ISO date and time; the second 60 of a leap second at the end of a day is one.

    Raises
    ------
    ValueError
        The text is no such date.
    """
    match = _DATE.fullmatch(text)
    if not match:
        raise ValueError(f'{text!r} is no date like 2017-08-17T23:59:60.4')
    year, month, day, hour, minute = (int(part or 0) for part in match.groups()[:5])
    second = float(match[6] or 0.0)
    if second >= 61.0 or (second >= 60.0 and (hour, minute) != (23, 59)):
        raise ValueError(f'{text!r} has {second:g} seconds')
    start = datetime(year, month, day, hour, minute)
    return (start - _EPOCH) / timedelta(days=1) + second / 86400.0


def night_of_mjd(mjd: float) -> str:
    """Night YYYYMMDD of a date (MJD, UTC): its day 12 hours before."""
    return f'{_EPOCH + timedelta(days=math.floor(mjd - 0.5)):%Y%m%d}'


def airmass_of_zenith_distance(degrees: float) -> float:
    """Airmass at an apparent zenith distance below 90 deg (Pickering 2002, DIO 12, 1, 20: right down to the horizon)."""
    altitude = 90.0 - degrees
    return max(1.0, float(1.0 / np.sin(np.radians(altitude + 244.0 / (165.0 + 47.0 * altitude ** 1.1)))))


def zenith_distance(ra: float, dec: float, mjd: float) -> float:
    """Zenith distance (deg) at the Blanco telescope of a place (deg, ICRS) at a date (MJD, UTC), to 0.4 deg.

    Mean sidereal time (Meeus 1998, 12.4); precession and refraction are left out.
    """
    sidereal = 280.46061837 + 360.98564736629 * (mjd - 51544.5) + SITE[0]
    hour_angle, declination, latitude = np.radians(sidereal - ra), np.radians(dec), np.radians(SITE[1])
    sine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    return float(np.degrees(np.arccos(np.clip(sine, -1.0, 1.0))))
