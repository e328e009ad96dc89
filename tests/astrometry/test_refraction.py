"""Differential refraction against published values and an independent parallactic angle."""
import erfa
import numpy as np
import pytest

from sediff.astrometry import refraction
from sediff.astrometry.refraction import chromatic_refraction, colour_slope, hour_angle_of, zenith_vector
from sediff.instruments.sky import Air

LONGITUDE, LATITUDE = -70.81489, -30.16606
#: Edges of a g band, micrometres.
G = (0.400, 0.550)


def test_refractive_index_of_dry_air_at_sea_level():
    """n - 1 = 2.7716e-4 at 0.5876 micrometres, 15 C and one atmosphere (Ciddor 1996, Appl. Opt. 35, 1566)."""
    assert refraction.refraction(0.5876, air=Air(760.0, 15.0, 0.0)) / 206264.806 == pytest.approx(2.7716e-4, rel=3e-4)


def test_differential_refraction_is_of_the_known_size():
    """Filippenko 1982, table 1 (600 mmHg, 7 C), airmass 1.5: about +0.7" at 4000 A and -0.2" at 5500 A from 5000 A."""
    tangent = np.tan(np.arccos(1.0 / 1.5))
    lift = refraction.refraction(np.array([0.4, 0.5, 0.55]), tangent)
    assert lift[0] - lift[1] == pytest.approx(0.71, abs=0.05) and lift[2] - lift[1] == pytest.approx(-0.21, abs=0.02)


@pytest.mark.parametrize('angle', [-64.0, -10.0, 0.1, 35.0, 66.0])
@pytest.mark.parametrize('dec', [-75.0, -28.0, 5.0])
def test_direction_of_the_zenith(angle, dec):
    """tan z and the position angle of the zenith (north through east) against ERFA."""
    place = np.radians([angle, dec, LATITUDE])
    _, height = erfa.hd2ae(*place)
    position_angle = erfa.hd2pa(*place)
    expected = np.tan(np.pi / 2 - height) * np.array([np.sin(position_angle), np.cos(position_angle)])
    np.testing.assert_allclose(zenith_vector(angle, dec, LATITUDE), expected, rtol=1e-9, atol=1e-12)


def test_blue_stars_are_lifted_more():
    mean, rms = chromatic_refraction(np.array([0.3, 1.0, 3.0]), G)
    assert mean[0] > mean[1] > mean[2] and mean[0] - mean[2] == pytest.approx(0.12, abs=0.05)
    assert (np.diff(rms) < 0).all() and 0.1 < rms[1] < 0.3
    assert np.ptp(chromatic_refraction(np.array([0.3, 3.0]), (0.850, 1.000))[0]) < 0.1 * (mean[0] - mean[2])
    west, east = colour_slope(60.0, -28.0, LATITUDE, G), colour_slope(-60.0, -28.0, LATITUDE, G)
    # in the west the zenith lies to the east: redder stars are lower, that is, farther west
    assert west[0] < 0 < east[0] and west[1] == pytest.approx(east[1])


def test_hour_angle():
    """Sidereal time at Greenwich of ERFA less the longitude."""
    mjd = 60264.23183
    sidereal = np.degrees(erfa.gmst06(2400000.5, mjd, 2400000.5, mjd)) + LONGITUDE
    difference = (hour_angle_of(52.5, mjd, LONGITUDE) - sidereal + 52.5 + 180.0) % 360.0 - 180.0
    assert abs(difference) < 0.02
