import numpy as np
import pandas as pd
import pytest
from astropy.io.fits import Header
from made_up_stars import catalogue_of

from sediff.errors import BadData
from sediff.photometry.exposure import exposure_zero_points
from sediff.photometry.tables import RED_CATLIST_COLUMNS, calibrated_table, red_catlist, zero_table
from sediff.photometry.zeropoint import ZeroPoint

SHAPE = (4096, 2048)


def header(ccd):
    made = Header()
    for keyword, value in {'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRVAL1': 0.0, 'CRVAL2': -30.0, 'CRPIX1': 1024.5,
                           'CRPIX2': 2048.5, 'CD1_1': 0.0, 'CD1_2': 7.3e-5, 'CD2_1': -7.3e-5, 'CD2_2': 0.0,
                           'EXPNUM': 12345678, 'NITE': '20170817', 'BAND': 'i',
                           'CCDNUM': ccd, 'AIRMASS': 1.2, 'EXPTIME': 90.0}.items():
        made[keyword] = value
    return made


def exposure(zero_points, stars=50, rms=0.03):
    ccds = list(range(1, len(zero_points) + 1))
    names = [f'ccd{ccd}' for ccd in ccds]
    rows = [zero_table(name, ZeroPoint(zp, rms, rms / np.sqrt(stars), stars + 5, stars))
            for name, zp in zip(names, zero_points)]
    return red_catlist([header(ccd) for ccd in ccds], names, [SHAPE] * len(names)), rows


def test_red_catlist():
    table = red_catlist([header(5)], ['a.fits'], [SHAPE])
    assert tuple(table.columns) == RED_CATLIST_COLUMNS
    assert (table['EXPNUM'][0], table['NITE'][0], table['CCDNUM'][0]) == (12345678, '20170817', 5)
    assert (table['RA_CENT'][0], table['DEC_CENT'][0]) == pytest.approx((0.0, -30.0), abs=1e-9)
    corners = table[[f'RAC{i}' for i in range(1, 5)]].to_numpy()[0]
    assert ((corners < 0.2) | (corners > 359.8)).all()


def test_red_catlist_needs_its_cards():
    bare = header(5)
    del bare['AIRMASS']
    with pytest.raises(BadData, match='AIRMASS'):
        red_catlist([bare], ['a.fits'], [SHAPE])


def test_an_even_exposure_has_no_flags():
    rng = np.random.default_rng(1)
    catlist, rows = exposure(31.2 + 0.01 * rng.normal(size=59))
    tables = exposure_zero_points(catlist, pd.concat(rows), 4, 7)
    assert (tables['Merged']['NewZPFlag'] == 0).all()
    whole = tables['allZP'].iloc[0]
    assert whole['sigclipZP'] == pytest.approx(31.2, abs=4 * 0.01 / np.sqrt(59))
    assert whole['stdsigclipzp'] == pytest.approx(np.hypot(0.03, 0.01), abs=0.002)
    assert (whole['NumStarsAll'], whole['NumStarsClipped']) == (59 * 55, 59 * 50)
    assert tuple(tables['allZP'].columns) == ('EXPNUM', 'REQNUM', 'ATTNUM', 'NumStarsAll', 'NumStarsClipped', 'sigclipZP',
                                              'stdsigclipzp')
    assert tuple(tables['Merg_allZP'].columns) == ('FILENAME', 'EXPNUM', 'CCDNUM', 'NewZP', 'NewZPrms', 'NewZPFlag')
    assert tuple(tables['Merged'].columns[-9:]) == ('NewZP', 'NewZPrms', 'NewZPFlag1', 'DiffZP', 'NewZPFlag2', 'Percent1',
                                                    'NewZPFlag3', 'NewZPFlag', 'DiffZP1')


def test_bad_and_missing_ccds_borrow_the_exposure_s_zero_point():
    catlist, rows = exposure([31.2] * 10)
    rows[2] = zero_table('ccd3', None, 2)
    rows[3] = zero_table('ccd4', ZeroPoint(31.3, 0.5, 0.1, 30, 25))
    tables = exposure_zero_points(catlist, pd.concat(rows[:9]), 4, 7)
    merged = tables['Merged'].set_index('CCDNUM')
    assert merged['NewZPFlag'].to_dict() == {ccd: int(ccd in (3, 4, 10)) for ccd in range(1, 11)}
    assert merged['NewZP'].to_numpy() == pytest.approx(31.2)
    assert tables['allZP']['NumStarsClipped'][0] == 7 * 50


def test_an_outlier_is_flagged():
    catlist, rows = exposure([31.2] * 9 + [30.9])
    merged = exposure_zero_points(catlist, pd.concat(rows), 4, 7)['Merged']
    assert merged['NewZPFlag'].tolist() == [0] * 9 + [-1000]
    assert merged['Percent1'].iloc[0] == pytest.approx(10.0)
    assert merged['DiffZP1'].iloc[9] == pytest.approx(-300.0)


def test_a_cloudy_exposure_is_flagged_as_a_whole():
    catlist, rows = exposure([31.2] * 7 + [30.9, 30.8, 30.7])
    merged = exposure_zero_points(catlist, pd.concat(rows), 4, 7)['Merged']
    assert merged['NewZPFlag'].tolist() == [-9999] * 7 + [-10999] * 3


def test_one_ccd_is_no_sample():
    catlist, rows = exposure([31.2, 30.0])
    assert (exposure_zero_points(catlist, pd.concat(rows), 4, 7)['Merged']['NewZPFlag'] == 0).all()


def test_wrong_input():
    catlist, rows = exposure([31.2] * 3)
    with pytest.raises(BadData, match='none of the 3 CCDs'):
        exposure_zero_points(catlist, pd.concat([zero_table(name, None) for name in catlist['FILENAME']]), 4, 7)
    with pytest.raises(BadData, match='two Zero rows'):
        exposure_zero_points(catlist, pd.concat(rows + rows[:1]), 4, 7)
    with pytest.raises(BadData, match='ZPrms'):
        exposure_zero_points(catlist, pd.concat(rows).drop(columns='ZPrms'), 4, 7)
    with pytest.raises(BadData, match='several exposures'):
        exposure_zero_points(catlist.assign(EXPNUM=[1, 1, 2]), pd.concat(rows), 4, 7)


def test_a_table_without_zero_point_is_not_made():
    catalogue = catalogue_of(np.zeros(3), np.zeros(3), np.full(3, 17.0), 31.0)
    with pytest.raises(BadData, match='no zero point'):
        calibrated_table(catalogue, 1, 2, -999.0, -999.0, 1)
