import numpy as np
import pytest
from astropy.io.fits import Header
from made_up_stars import catalogue_of, gaia_stars

from sediff.errors import BadData
from sediff.io.refcat import read_colour_terms
from sediff.photometry.calibrate import calibrate_ccd
from sediff.photometry.colour_terms import decam_magnitudes
from sediff.photometry.tables import NO_MAGNITUDE, NO_ZERO_POINT, OBJ_COLUMNS, STD_COLUMNS, ZERO_COLUMNS, ZP_COLUMNS
from sediff.photometry.zeropoint import StarCuts

ZERO_POINT = 31.27


@pytest.fixture
def terms(repository):
    return read_colour_terms(repository / 'catalogs/colour_terms.json')


@pytest.fixture
def header():
    made = Header()
    made['EXPNUM'], made['CCDNUM'] = 668443, 12
    return made


def observed(stars, band, terms, **kwargs):
    return catalogue_of(stars['ra'], stars['dec'], decam_magnitudes(stars, band, terms), ZERO_POINT, **kwargs)


@pytest.mark.parametrize('band', ['g', 'r', 'i', 'z', 'Y'])
def test_the_zero_point_is_found(terms, header, band):
    stars = gaia_stars()
    result = calibrate_ccd(observed(stars, band, terms), header, stars, band, terms, 'cat.fits')
    assert result.reason == ''
    assert abs(result.zero_point.zero_point - ZERO_POINT) < 4 * result.zero_point.error
    assert result.zero_point.error < 0.005
    assert result.zero_point.n_clipped > 100


def test_columns_are_those_of_the_format(terms, header):
    stars = gaia_stars()
    tables = calibrate_ccd(observed(stars, 'r', terms), header, stars, 'r', terms, 'cat.fits').tables
    assert tuple(tables['std'].columns) == STD_COLUMNS
    assert tuple(tables['obj'].columns) == OBJ_COLUMNS
    suffixed = [name + '_1' for name in STD_COLUMNS] + [name + '_2' for name in OBJ_COLUMNS]
    assert tables['match'].columns.tolist() == ['MATCHID', *suffixed]
    assert tuple(tables['zero'].columns) == ZERO_COLUMNS
    assert tuple(tables['zp'].columns) == ZP_COLUMNS
    assert len(ZP_COLUMNS) == 25
    # The columns that makestarcat reads by position.
    assert [ZP_COLUMNS[i] for i in (4, 5, 12, 13, 14, 20, 21)] == [
        'ALPHAWIN_J2000', 'DELTAWIN_J2000', 'MAG_PSF', 'MAGERR_PSF', 'SPREAD_MODEL', 'FLAGS', 'IMAFLAGS_ISO']


def test_calibrated_magnitudes_are_the_stars_own(terms, header):
    stars = gaia_stars()
    catalogue = observed(stars, 'r', terms)
    catalogue['FLUX_PSF'][7] = -1.0
    table = calibrate_ccd(catalogue, header, stars, 'r', terms, 'cat.fits').tables['zp']
    assert table['ALPHAWIN_J2000'].is_monotonic_increasing
    assert table['ID'].tolist() == list(range(1, len(stars) + 1))
    by_number = table.sort_values('NUMBER')
    truth = decam_magnitudes(stars, 'r', terms)
    pull = (by_number['MAG_PSF'] - truth) / by_number['MAGERR_PSF']
    assert by_number['MAG_PSF'].iloc[7] == NO_MAGNITUDE
    assert 0.8 < pull.drop(pull.index[7]).std() < 1.2
    assert (table['EXPNUM'] == 668443).all()


def test_matched_pairs_belong_together(terms, header):
    stars = gaia_stars()
    stars['phot_bp_mean_mag'][::3] = np.nan
    match = calibrate_ccd(observed(gaia_stars(), 'r', terms), header, stars, 'r', terms, 'cat.fits').tables['match']
    assert (match['MATCHID_1'] == 1000 * match['OBJECT_NUMBER_2']).all()
    assert not set(match['MATCHID_1']) & set(stars['source_id'][::3])


def test_misidentified_and_faint_stars_do_not_bias(terms, header):
    stars = gaia_stars(2000, seed=6)
    catalogue = observed(stars, 'r', terms)
    rng = np.random.default_rng(1)
    wrong = rng.choice(len(stars), 100, replace=False)
    catalogue['FLUX_PSF'][wrong] *= 10 ** (0.4 * rng.uniform(0.3, 2.0, 100))
    result = calibrate_ccd(catalogue, header, stars, 'r', terms, 'cat.fits')
    assert abs(result.zero_point.zero_point - ZERO_POINT) < 0.005


def test_too_few_stars_are_told_with_counts(terms, header):
    stars = gaia_stars(3)
    result = calibrate_ccd(observed(stars, 'r', terms), header, stars, 'r', terms, 'cat.fits')
    assert result.zero_point is None
    assert '3 stars matched' in result.reason
    assert 'zp' not in result.tables
    assert result.tables['zero']['ZP'][0] == NO_ZERO_POINT
    assert result.tables['zero']['Nall'][0] == 3


def test_wrong_input(terms, header):
    stars = gaia_stars(50)
    catalogue = observed(stars, 'r', terms)
    with pytest.raises(BadData, match='VR'):
        calibrate_ccd(catalogue, header, stars, 'VR', terms, 'cat.fits')
    with pytest.raises(BadData, match='EXPNUM'):
        calibrate_ccd(catalogue, Header(), stars, 'r', terms, 'cat.fits')
    with pytest.raises(BadData, match='FLUX_ISO'):
        calibrate_ccd(catalogue, header, stars, 'r', terms, 'cat.fits', flux_name='FLUX_ISO')
    with pytest.raises(BadData, match='SPREADERR_MODEL'):
        calibrate_ccd(catalogue[[name for name in catalogue.dtype.names if name != 'SPREADERR_MODEL']], header, stars, 'r',
                      terms, 'cat.fits', StarCuts())
