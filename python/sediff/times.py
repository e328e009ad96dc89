"""Dates of exposures, and the air that a telescope looked through."""
from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from functools import lru_cache

import erfa
import numpy as np

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
        raise ValueError(f'{text!r} is not a date like 2017-08-17T23:59:60.4')
    year, month, day, hour, minute = (int(part or 0) for part in match.groups()[:5])
    second = float(match[6] or 0.0)
    if second >= 61.0 or (second >= 60.0 and (hour, minute) != (23, 59)):
        raise ValueError(f'{text!r} has {second:g} seconds')
    start = datetime(year, month, day, hour, minute)
    return (start - _EPOCH) / timedelta(days=1) + second / 86400.0


def night_of_mjd(mjd: float, offset: float = 12.0) -> str:
    """Night YYYYMMDD of a date (MJD, UTC): its day `offset` hours before."""
    return f'{_EPOCH + timedelta(days=math.floor(mjd - offset / 24.0)):%Y%m%d}'


def date_of_mjd(mjd: float) -> str:
    """UTC date YYYY-MM-DD of an MJD (UTC)."""
    return f'{_EPOCH + timedelta(days=math.floor(mjd)):%Y-%m-%d}'


def tai_text(mjd: float) -> str:
    """ISO date and time (TAI, to the millisecond) of an MJD (UTC)."""
    day = _EPOCH + timedelta(days=math.floor(mjd))
    return (_EPOCH + timedelta(days=mjd, seconds=_tai_ahead(day))).isoformat(timespec='milliseconds')


def mjd_utc(mjd_tai: float) -> float:
    """MJD (UTC) of an MJD (TAI)."""
    day = _EPOCH + timedelta(days=math.floor(mjd_tai))
    return mjd_tai - _tai_ahead(day) / 86400.0


@lru_cache(maxsize=1000)
def _tai_ahead(day: datetime) -> float:
    """TAI - UTC (s) on a day; leap seconds come between days."""
    return float(erfa.dat(day.year, day.month, day.day, 0.0))


def airmass_of_zenith_distance(degrees: float) -> float:
    """Airmass at an apparent zenith distance below 90 deg (Pickering 2002, DIO 12, 1, 20: right down to the horizon)."""
    altitude = 90.0 - degrees
    return max(1.0, float(1.0 / np.sin(np.radians(altitude + 244.0 / (165.0 + 47.0 * altitude ** 1.1)))))


def zenith_distance(ra: float, dec: float, mjd: float, site: tuple[float, float]) -> float:
    """Zenith distance (deg) at a site (longitude, east positive, and latitude; deg) of a place (deg, ICRS) at a date (MJD,
    UTC), to 0.4 deg.

    Mean sidereal time (Meeus 1998, 12.4); precession and refraction are left out.
    """
    sidereal = 280.46061837 + 360.98564736629 * (mjd - 51544.5) + site[0]
    hour_angle, declination, latitude = np.radians(sidereal - ra), np.radians(dec), np.radians(site[1])
    sine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    return float(np.degrees(np.arccos(np.clip(sine, -1.0, 1.0))))
