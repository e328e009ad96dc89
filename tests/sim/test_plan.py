"""The plan of exposures."""
from dataclasses import replace

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time

from sediff.errors import BadUsage
from sediff.sim.options import NightOptions, generator
from sediff.sim.plan import airmass_of, field_name, make_plan, nite_mjd, shift_nite, sidereal_time


def test_default_night():
    plan = make_plan(NightOptions())
    assert [each.role for each in plan] == ['template'] * 3 + ['zero'] * 3 + ['dome flat'] * 3 + ['search']
    assert [each.obstype for each in plan].count('object') == 4
    numbers = [each.expnum for each in plan]
    assert numbers == sorted(set(numbers))
    search, templates = plan[-1], plan[:3]
    assert sum(each.seeing < search.seeing for each in templates) >= 2
    for each in templates:
        assert 20 <= search.mjd - each.mjd <= 61
        offset = np.hypot((each.commanded.ra - search.commanded.ra) * np.cos(np.radians(search.commanded.dec)),
                          each.commanded.dec - search.commanded.dec) * 3600 / 0.2637
        assert offset <= 100 * np.sqrt(2) + 1e-6


def test_night_is_utc_date_minus_twelve_hours():
    for each in make_plan(NightOptions(seed=3)):
        assert nite_mjd(each.nite) == np.floor(each.mjd - 0.5)


def test_pointing_error_within_limits():
    for seed in range(20):
        for each in make_plan(NightOptions(seed=seed)):
            east = (each.true.ra - each.commanded.ra) * np.cos(np.radians(each.commanded.dec)) * 3600
            north = (each.true.dec - each.commanded.dec) * 3600
            assert np.hypot(east, north) <= 30.0 + 1e-6
            assert abs(each.true.rotation) <= 0.05


def test_airmass_against_astropy():
    search = make_plan(NightOptions())[-1]
    site = EarthLocation.from_geodetic(-70.81489 * units.deg, -30.16606 * units.deg, 2215 * units.m)
    height = SkyCoord(52.5, -28.0, unit='deg').transform_to(AltAz(obstime=Time(search.mjd, format='mjd'), location=site)).alt
    assert search.airmass == pytest.approx(1.0 / np.sin(height.rad), abs=0.01)   # precession since 2000 is left out
    sidereal = Time(search.mjd, format='mjd').sidereal_time('mean', longitude=-70.81489).deg
    assert (sidereal_time(search.mjd, -70.81489) - sidereal + 180) % 360 - 180 == pytest.approx(0, abs=0.01)


def test_names_and_dates():
    assert shift_nite('20240301', -1) == '20240229'
    assert field_name(52.5, -28.0) == 'field 0330-2800'
    assert field_name(359.99, 0.5) == 'field 0000+0030'
    assert airmass_of(90.0, 0.0, -30.16606) == np.inf


@pytest.mark.parametrize('wrong', [{'band': 'u'}, {'nite': '2023-11-15'}, {'ccds': ()}, {'ccds': (61,)}, {'ra': 400.0},
                                   {'exptime': 0.0}, {'stars': -1}])
def test_wrong_options(wrong):
    with pytest.raises(BadUsage):
        NightOptions(**wrong)


@pytest.mark.parametrize('wrong', [{'dec': 70.0}, {'ra': 232.5}, {'nite': '20231345'}])
def test_field_that_is_not_up(wrong):
    with pytest.raises(BadUsage):
        make_plan(replace(NightOptions(), **wrong))


def test_streams_are_independent_and_repeatable():
    assert generator(1, 2, 3).random() == generator(1, 2, 3).random()
    assert len({generator(*key).random() for key in ((1, 2, 3), (1, 2, 4), (1, 3, 2), (2, 2, 3))}) == 4
