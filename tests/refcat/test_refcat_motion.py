import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import GCRS, SkyCoord, get_body_barycentric
from astropy.time import Time

from sediff.errors import BadUsage
from sediff.refcat.motion import at_epoch, earth_position, julian_year
from sediff.refcat.stars import empty_stars
from sediff.sphere import separation

MJD = 58146.36


def some_stars(n=200, seed=3):
    rng = np.random.default_rng(seed)
    stars = empty_stars(n)
    stars['ra'], stars['dec'] = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    stars['pmra'], stars['pmdec'] = rng.normal(0, 300, (2, n))
    stars['parallax'], stars['ref_epoch'] = rng.uniform(0.1, 50, n), 2016.0
    return stars


def test_proper_motion_agrees_with_astropy():
    stars = some_stars()
    stars['parallax'] = 0.0
    start = SkyCoord(stars['ra'] * u.deg, stars['dec'] * u.deg, distance=1e6 * u.pc,
                     pm_ra_cosdec=stars['pmra'] * u.mas / u.yr, pm_dec=stars['pmdec'] * u.mas / u.yr,
                     obstime=Time(2016.0, format='jyear'))
    there = start.apply_space_motion(new_obstime=Time(julian_year(MJD), format='jyear'))
    moved = at_epoch(stars, MJD)
    assert 3.6e6 * separation(moved['ra'], moved['dec'], there.ra.deg, there.dec.deg).max() < 0.1


def test_parallax_agrees_with_astropy():
    stars = some_stars()
    near, far = stars.copy(), stars.copy()
    for table in (near, far):
        table['pmra'] = table['pmdec'] = 0.0
    far['parallax'] = 1e-3
    time = Time(MJD, format='mjd')
    places = [SkyCoord(table['ra'] * u.deg, table['dec'] * u.deg, distance=1e3 / table['parallax'] * u.pc)
              .transform_to(GCRS(obstime=time)) for table in (near, far)]
    expected = 3.6e6 * separation(places[0].ra.deg, places[0].dec.deg, places[1].ra.deg, places[1].dec.deg)
    ours = [at_epoch(table, MJD) for table in (near, far)]
    found = 3.6e6 * separation(ours[0]['ra'], ours[0]['dec'], ours[1]['ra'], ours[1]['dec'])
    assert np.abs(found - expected).max() < 0.05


def test_earth_position():
    expected = get_body_barycentric('earth', Time(MJD, format='mjd'), ephemeris='builtin').xyz.to_value(u.au)
    assert np.abs(earth_position(MJD) - expected).max() < 1e-6


def test_a_star_at_the_pole_moves_rightly():
    stars = empty_stars(1)
    stars['ra'], stars['dec'], stars['ref_epoch'] = 30.0, 89.9999999, 2016.0
    stars['pmdec'], stars['pmra'] = 1000.0, 0.0
    moved = at_epoch(stars, 51544.5 + 16 * 365.25 + 3652.5)
    assert moved['ra'][0] == pytest.approx(210.0, abs=1e-3)
    assert 3600 * separation(30.0, 89.9999999, moved['ra'][0], moved['dec'][0]) == pytest.approx(10.0, abs=1e-6)


def test_a_star_without_motion_stays_and_gets_a_larger_error():
    stars = empty_stars(1)
    stars['ra'], stars['dec'], stars['ref_epoch'], stars['ra_error'] = 359.9999, -30.0, 2016.0, 1.0
    mjd = 51544.5 + 26 * 365.25
    moved = at_epoch(stars, mjd, unmeasured_motion=7.0)
    assert (moved['ra'][0], moved['dec'][0]) == pytest.approx((359.9999, -30.0), abs=1e-9)
    assert moved['ra_error'][0] == pytest.approx(np.hypot(1.0, 70.0))
    assert moved['ref_epoch'][0] == pytest.approx(2026.0)


def test_no_date_is_rejected():
    with pytest.raises(BadUsage):
        at_epoch(some_stars(2), float('nan'))
