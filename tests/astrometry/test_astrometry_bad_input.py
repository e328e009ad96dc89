"""Exposures and catalogues that are no good: rejected with the reason, never a wrong solution."""
from __future__ import annotations

import numpy as np
import pytest
from astropy.io.fits import Header
from atmosphere import lost, observed
from star_field import SHAPE, ccd_header, mispointed, wcs_error

from sediff.astrometry.fit import solve
from sediff.astrometry.start import check_date, starting_wcs
from sediff.errors import BadData
from sediff.instruments.focalplane import camera_model
from sediff.instruments.load import default_instrument
from sediff.refcat.motion import at_epoch
from sediff.refcat.stars import empty_stars
from sediff.wcs.read import copy_wcs

COLUMNS = ('x', 'y', 'flux', 'sigma')


def solved(field, start):
    return solve(*(field[name] for name in COLUMNS), start, field['ra'], field['dec'], field['mag'])


@pytest.fixture(scope='module')
def truth():
    return ccd_header(10.0, -30.0)


@pytest.fixture(scope='module')
def field(truth):
    return observed(truth, 200, 1)


@pytest.mark.parametrize('count', [0, 1])
def test_no_star_and_one_star(truth, field, count):
    """Star-free, one star, or all of them saturated and so left out."""
    with pytest.raises(BadData, match=f'needs 10 detections, there are {count}'):
        solved(field | {name: field[name][:count] for name in COLUMNS}, truth)
    with pytest.raises(BadData, match=f'needs 10 reference stars, there are {count}'):
        solved(field | {name: field[name][:count] for name in ('ra', 'dec', 'mag')}, truth)


def test_false_detections_alone(truth, field):
    false = ~np.isfinite(field['true_ra'])
    with pytest.raises(BadData, match='votes'):
        solved(field | {name: field[name][false] for name in COLUMNS}, truth)


def test_nan_in_either_catalogue_costs_those_rows_only(truth, field):
    worse = {name: values.copy() for name, values in field.items()}
    for number, name in enumerate(('x', 'flux', 'sigma', 'ra', 'dec', 'mag')):
        worse[name][number::12] = np.nan
    solution = solved(worse, lost(truth, 3))
    assert 70 < solution.n_matched < 0.8 * np.isfinite(field['true_ra']).sum()
    assert wcs_error(solution.header, truth) < 60.0
    with pytest.raises(BadData, match='there are 0'):
        solved(field | {'dec': np.full(field['dec'].size, np.nan)}, truth)


@pytest.mark.parametrize(('ra', 'dec'), [(359.99, -30.0), (0.0, 0.0), (120.0, -89.9), (359.99, -89.9), (200.0, 89.0)])
def test_ra_zero_and_the_poles(ra, dec):
    truth = ccd_header(ra, dec)
    field = observed(truth, 200, 5)
    solution = solved(field, lost(truth, 5))
    assert wcs_error(solution.header, truth) < 50.0
    assert 0.0 <= solution.header['CRVAL1'] < 360.0 and abs(solution.header['CRVAL2']) <= 90.0


@pytest.mark.filterwarnings('ignore:ERFA function')
def test_a_catalogue_of_another_epoch_is_rejected(truth, field):
    """Stars with motions of 60 mas/yr, seen 158 years from when the header says."""
    rng, stars = np.random.default_rng(1), empty_stars(field['ra'].size)
    stars['ra'], stars['dec'], stars['phot_g_mean_mag'], stars['ref_epoch'] = field['ra'], field['dec'], field['mag'], 2016.0
    stars['pmra'], stars['pmdec'] = rng.normal(0.0, 60.0, (2, stars.size))
    moved = at_epoch(stars, 0.0)
    with pytest.raises(BadData, match=r'residuals|votes|matched|chance'):
        solved(field | {'ra': moved['ra'], 'dec': moved['dec']}, truth)


@pytest.mark.parametrize('value', [None, 0.0, float('nan'), '2020-01-01', True, 1e9])
def test_dates_that_are_none(value):
    header = Header()
    if value is not None and value == value:
        header['MJD-OBS'] = value
    with pytest.raises(BadData, match='MJD-OBS'):
        check_date(header, default_instrument().days)


def test_a_date():
    assert check_date(Header({'MJD-OBS': 60000.5}), default_instrument().days) == 60000.5


def image_header(ccd, ra, dec):
    header = camera_model(ccd, ra, dec)
    header['CCDNUM'] = ccd
    return header


def test_the_header_s_distortion_is_the_start():
    header = image_header(7, 30.0, -20.0)
    assert wcs_error(starting_wcs(header, SHAPE, False, camera_model, SHAPE), header) < 1e-6


def test_a_header_without_distortion_starts_from_the_camera_model():
    truth = image_header(7, 30.0, -20.0)
    plain = truth.copy()
    tan = Header({name: truth[name] for name in truth if name.startswith(('C', 'CD')) and name != 'CCDNUM'})
    tan['CTYPE1'], tan['CTYPE2'] = 'RA---TAN', 'DEC--TAN'
    copy_wcs(tan, plain)
    start = starting_wcs(plain, SHAPE, False, camera_model, SHAPE)
    assert wcs_error(plain, truth) > 3000.0
    # What is left is a shift: the plain header points the CCD where its own linear terms say.
    field = observed(truth, 100, 2)
    assert wcs_error(solved(field, start).header, truth) < 60.0
    start = starting_wcs(mispointed(truth, 3.0, 4.0, 0.0), SHAPE, True, camera_model, SHAPE)
    assert wcs_error(start, truth) == pytest.approx(5000, rel=0.05)


def test_no_camera_model_for_a_cutout_or_a_dead_ccd():
    header = image_header(7, 30.0, -20.0)
    with pytest.raises(BadData, match='whole CCD'):
        starting_wcs(header, (250, 250), True, camera_model, SHAPE)
    header['CCDNUM'] = 61
    with pytest.raises(BadData, match='61'):
        starting_wcs(header, SHAPE, True, camera_model, SHAPE)
    with pytest.raises(BadData, match='WCS'):
        starting_wcs(Header(), SHAPE, False, camera_model, SHAPE)
