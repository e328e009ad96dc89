"""Reference stars as the subtraction wants them: their place, and how far it is from that in the template."""
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from astropy.io.fits import Header

from sediff.astrometry.refraction import chromatic_refraction, hour_angle_of, zenith_vector
from sediff.flow.diffimg.star_shifts import Epoch, listed_stars, middle_mjd, places_of, shift_table, template_epochs
from sediff.instruments.load import default_instrument
from sediff.instruments.sky import sky_of
from sediff.refcat.motion import at_epoch, motion_between
from sediff.refcat.stars import empty_stars
from sediff.wcs.read import pixel_to_sky, read_wcs, sky_to_pixel

SEARCH, OLD, OLDER, SHAPE = 60264.2, 59200.1, 58500.3, (4096, 2048)


def wcs_at(ra, dec=-28.0, turn=0.0):
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    scale = 0.2637 / 3600.0
    return read_wcs(Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRVAL1': ra, 'CRVAL2': dec, 'CRPIX1': 1024.5,
                            'CRPIX2': 2048.5, 'CD1_1': -scale * c, 'CD1_2': scale * s, 'CD2_1': scale * s,
                            'CD2_2': scale * c, 'CUNIT1': 'deg', 'CUNIT2': 'deg'}))


def catalogue(count=40):
    rng = np.random.default_rng(1)
    stars = empty_stars(count)
    stars['ra'], stars['dec'] = pixel_to_sky(wcs_at(52.5), rng.uniform(100, 1900, count), rng.uniform(100, 4000, count))
    stars['pmra'], stars['pmdec'] = rng.normal(0, 30, (2, count))
    stars['pmra_error'] = stars['pmdec_error'] = 0.05
    stars['parallax'], stars['ref_epoch'] = rng.uniform(0.1, 30, count), 2016.0
    stars['phot_bp_mean_mag'], stars['phot_rp_mean_mag'] = 18.0 + rng.uniform(0.5, 2.5, count), 18.0
    return stars


def test_motion_between_two_times_is_that_of_the_places():
    """To 0.02 mas, the second order of motions of an arcsecond in a tangent plane."""
    stars = catalogue()
    first, second = at_epoch(stars, OLD), at_epoch(stars, SEARCH)
    east, north = motion_between(stars, OLD, SEARCH)
    np.testing.assert_allclose(east, (second['ra'] - first['ra']) * np.cos(np.radians(stars['dec'])) * 3.6e6, atol=0.02)
    np.testing.assert_allclose(north, (second['dec'] - first['dec']) * 3.6e6, atol=0.02)
    stars['pmra'][3] = np.nan
    assert np.isnan(motion_between(stars, OLD, SEARCH)[0][3])


def test_shifts_are_from_the_mean_place_of_the_epochs_that_cover_a_star():
    stars, wcs = catalogue(), wcs_at(52.5, turn=3.0)
    epochs = [Epoch(OLD, wcs, SHAPE, 3.0), Epoch(OLDER, wcs_at(52.5 + 0.1), SHAPE, 1.0)]
    found = listed_stars(at_epoch(stars, SEARCH), wcs, SEARCH, epochs, sky_of(default_instrument(), 'r'))
    places = [np.stack(sky_to_pixel(wcs, *(at_epoch(stars, mjd)[name] for name in ('ra', 'dec'))), axis=1)
              for mjd in (SEARCH, OLD, OLDER)]
    x, _ = sky_to_pixel(epochs[1].wcs, stars['ra'], stars['dec'])
    both = (x > 20) & (x < 2020)
    assert 5 < both.sum() < len(stars)
    mean = np.where(both[:, None], 0.75 * places[1] + 0.25 * places[2], places[1])
    inside = (found.x > 20) & (found.x < 2020)
    np.testing.assert_allclose(found.shift[inside], (places[0] - mean)[inside], atol=0.002)
    np.testing.assert_allclose(np.stack([found.x, found.y], axis=1), places[0], atol=0.001)


def test_stars_whose_motion_is_not_known():
    stars, wcs = at_epoch(catalogue(), SEARCH), wcs_at(52.5)
    stars['pmra'][0], stars['pmdec_error'][1] = np.nan, 20.0
    found = listed_stars(stars, wcs, SEARCH, [Epoch(OLD, wcs, SHAPE, 1.0)], sky_of(default_instrument(), 'r'))
    assert np.isnan(found.shift[:2]).any(axis=1).all() and np.isfinite(found.shift[2:]).all()
    assert found.known(np.array([0, 2, -1])).tolist() == [False, True, False]


def test_slope_of_refraction_is_the_shift_of_a_red_star_over_a_blue_one():
    """In g, to 2 % between the colours at which it is worked out."""
    stars, wcs = at_epoch(catalogue(), SEARCH), wcs_at(52.5)
    found = listed_stars(stars, wcs, SEARCH, [Epoch(OLD, wcs, SHAPE, 1.0)], sky_of(default_instrument(), 'g'))
    lift = np.diff(chromatic_refraction(np.array([0.7, 2.0]), sky_of(default_instrument(), 'g').edges)[0])[0] / 1.3
    longitude, latitude = default_instrument().site
    change = zenith_vector(hour_angle_of(52.5, SEARCH, longitude), -28.0, latitude) \
        - zenith_vector(hour_angle_of(52.5, OLD, longitude), -28.0, latitude)
    expected = lift * change / 0.2637 * (-1, 1)
    np.testing.assert_allclose(found.slope, expected, rtol=0.02, atol=1e-3)
    unknown = sky_of(default_instrument(), 'N662')
    assert (listed_stars(stars, wcs, SEARCH, [Epoch(OLD, wcs, SHAPE, 1.0)], unknown).slope == 0).all()


def test_table_and_back():
    stars, wcs = at_epoch(catalogue(), SEARCH), wcs_at(52.5)
    listed = listed_stars(stars, wcs, SEARCH, [Epoch(OLD, wcs, SHAPE, 1.0)], sky_of(default_instrument(), 'r'))
    places = np.array([[10.0, 20.0, 0.11], [30.0, 40.0, 0.05]])
    table = shift_table(listed, places)
    assert (table['kind'] == 'listed').sum() == len(stars)
    np.testing.assert_allclose(places_of(table), places)
    assert len(places_of(shift_table(None, np.zeros((0, 3))))) == 0
    assert isinstance(table, pd.DataFrame) and table['x'][0] == pytest.approx(listed.x[0] + 1, abs=1e-4)


def test_epochs_are_those_of_the_coadd_with_its_weights():
    heads = [Header({**wcs_at(52.5).to_header(), 'MJD-OBS': mjd, 'EXPTIME': 90.0, 'SKYSIGMA': 30.0})
             for mjd in (OLD, OLDER, 58000.0)]
    rows = [{'expnum': number, 'ccd': 33, 'scale': 1.3} for number in (1, 2, 3)]
    made = {'wstemplate': {'templates': rows}, 'template_heads': heads,
            'template_info': {'inputs': [{'expnum': 3, 'ccd': 33, 'weight': 0.2}, {'expnum': 1, 'ccd': 33, 'weight': 0.5}]}}
    found = template_epochs(SimpleNamespace(load=made.get, instrument=default_instrument()))
    assert [(one.weight, round(one.mjd)) for one in found] == [(0.5, round(OLD)), (0.2, 58000)]
    assert middle_mjd(Header({'MJD-OBS': 60000.0, 'EXPTIME': 86400.0})) == 60000.5
