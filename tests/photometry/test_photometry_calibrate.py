import numpy as np
import pytest
from astropy.io.fits import Header
from made_up_stars import catalogue_of, gaia_stars

from sediff.errors import BadData
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument
from sediff.photometry.calibrate import calibrate_ccd
from sediff.photometry.colour_terms import band_magnitudes
from sediff.photometry.tables import (
    NO_MAGNITUDE,
    NO_ZERO_POINT,
    OBJ_COLUMNS,
    STD_COLUMNS,
    ZERO_COLUMNS,
    ZP_COLUMNS,
    calibrated_table,
    whole_exposure,
)
from sediff.photometry.zeropoint import StarCuts, isolated
from sediff.refcat.lookup import read_colour_terms

SHAPE = (4096, 2048)

ZERO_POINT = 31.27


@pytest.fixture
def terms(repository):
    return read_colour_terms(table_path(default_instrument(), 'colour_terms.json'))


@pytest.fixture
def header():
    made = Header()
    made['EXPNUM'], made['CCDNUM'] = 668443, 12
    return made


def observed(stars, band, terms, **kwargs):
    return catalogue_of(stars['ra'], stars['dec'], band_magnitudes(stars, band, terms), ZERO_POINT, **kwargs)


@pytest.mark.parametrize('band', ['g', 'r', 'i', 'z', 'Y'])
def test_the_zero_point_is_found(terms, header, band):
    stars = gaia_stars()
    result = calibrate_ccd(observed(stars, band, terms), header, stars, band, terms, 'cat.fits', SHAPE)
    assert result.reason == ''
    assert abs(result.zero_point.zero_point - ZERO_POINT) < 4 * result.zero_point.error
    assert result.zero_point.error < 0.005
    assert result.zero_point.n_clipped > 100


def test_columns_are_those_of_the_format(terms, header):
    stars = gaia_stars()
    tables = calibrate_ccd(observed(stars, 'r', terms), header, stars, 'r', terms, 'cat.fits', SHAPE).tables
    assert tuple(tables['std'].columns) == STD_COLUMNS
    assert tuple(tables['obj'].columns) == OBJ_COLUMNS
    suffixed = [name + '_1' for name in STD_COLUMNS] + [name + '_2' for name in OBJ_COLUMNS]
    assert tables['match'].columns.tolist() == ['MATCHID', *suffixed]
    assert tuple(tables['zero'].columns) == ZERO_COLUMNS
    catalogue = observed(stars, 'r', terms)
    assert tuple(calibrated_table(catalogue, 668443, 12, 31.0, 0.02, 0).columns) == ZP_COLUMNS
    assert len(ZP_COLUMNS) == 25
    # The columns that makestarcat reads by position.
    assert [ZP_COLUMNS[i] for i in (4, 5, 12, 13, 14, 20, 21)] == [
        'ALPHAWIN_J2000', 'DELTAWIN_J2000', 'MAG_PSF', 'MAGERR_PSF', 'SPREAD_MODEL', 'FLAGS', 'IMAFLAGS_ISO']


def test_calibrated_magnitudes_are_the_stars_own(terms, header):
    stars = gaia_stars()
    catalogue = observed(stars, 'r', terms)
    catalogue['FLUX_PSF'][7] = -1.0
    found = calibrate_ccd(catalogue, header, stars, 'r', terms, 'cat.fits', SHAPE).zero_point
    table = calibrated_table(catalogue, 668443, 12, found.zero_point, found.rms, 0, found.spatial)
    assert table['ALPHAWIN_J2000'].is_monotonic_increasing
    assert table['ID'].tolist() == list(range(1, len(stars) + 1))
    by_number = table.sort_values('NUMBER')
    truth = band_magnitudes(stars, 'r', terms)
    pull = (by_number['MAG_PSF'] - truth) / by_number['MAGERR_PSF']
    assert by_number['MAG_PSF'].iloc[7] == NO_MAGNITUDE
    assert 0.8 < pull.drop(pull.index[7]).std() < 1.2
    assert (table['EXPNUM'] == 668443).all()


def test_matched_pairs_belong_together(terms, header):
    stars = gaia_stars()
    stars['phot_bp_mean_mag'][::3] = np.nan
    match = calibrate_ccd(observed(gaia_stars(), 'r', terms), header, stars, 'r', terms, 'cat.fits', SHAPE).tables['match']
    assert (match['MATCHID_1'] == 1000 * match['OBJECT_NUMBER_2']).all()
    assert not set(match['MATCHID_1']) & set(stars['source_id'][::3])


def test_misidentified_and_faint_stars_do_not_bias(terms, header):
    stars = gaia_stars(2000, seed=6)
    catalogue = observed(stars, 'r', terms)
    rng = np.random.default_rng(1)
    wrong = rng.choice(len(stars), 100, replace=False)
    catalogue['FLUX_PSF'][wrong] *= 10 ** (0.4 * rng.uniform(0.3, 2.0, 100))
    result = calibrate_ccd(catalogue, header, stars, 'r', terms, 'cat.fits', SHAPE)
    assert abs(result.zero_point.zero_point - ZERO_POINT) < 0.005


def test_too_few_stars_are_told_with_counts(terms, header):
    stars = gaia_stars(3)
    result = calibrate_ccd(observed(stars, 'r', terms), header, stars, 'r', terms, 'cat.fits', SHAPE)
    assert result.zero_point is None
    assert '3 stars matched' in result.reason
    assert result.tables['zero']['ZP'][0] == NO_ZERO_POINT
    assert result.tables['zero']['Nall'][0] == 3


def test_wrong_input(terms, header):
    stars = gaia_stars(50)
    catalogue = observed(stars, 'r', terms)
    with pytest.raises(BadData, match='VR'):
        calibrate_ccd(catalogue, header, stars, 'VR', terms, 'cat.fits', SHAPE)
    with pytest.raises(BadData, match='EXPNUM'):
        calibrate_ccd(catalogue, Header(), stars, 'r', terms, 'cat.fits', SHAPE)
    with pytest.raises(BadData, match='FLUX_ISO'):
        calibrate_ccd(catalogue, header, stars, 'r', terms, 'cat.fits', SHAPE, flux_name='FLUX_ISO')
    with pytest.raises(BadData, match='SPREADERR_MODEL'):
        less = [name for name in catalogue.dtype.names if name != 'SPREADERR_MODEL']
        calibrated_table(catalogue[less], 1, 2, 31.0, 0.1, 0)


def test_whole_exposure_tables(terms, header):
    stars = gaia_stars()
    tables = calibrate_ccd(observed(stars, 'r', terms), header, stars, 'r', terms, 'cat.fits', SHAPE).tables
    std = whole_exposure([tables['std'], tables['std'][:50]], 'std')
    assert std['MATCHID'].is_unique and std['RA'].is_monotonic_increasing and len(std) == len(tables['std'])
    out = whole_exposure([tables['match'], tables['match']], 'match')
    assert out['MATCHID'].tolist() == list(range(1, 2 * len(tables['match']) + 1))
    assert list(out.columns) == list(tables['match'].columns)


def placed(stars, catalogue, shape=(4096, 2048)):
    """The catalogue with made-up pixels: RA along y, Dec along x."""
    names = catalogue.dtype.descr + [('XWIN_IMAGE', 'f8'), ('YWIN_IMAGE', 'f8')]
    wider = np.zeros(len(catalogue), names)
    for name in catalogue.dtype.names:
        wider[name] = catalogue[name]
    wider['XWIN_IMAGE'] = 1 + (stars['dec'] + 30.15) / 0.3 * (shape[1] - 1)
    wider['YWIN_IMAGE'] = 1 + np.mod(stars['ra'] + 0.2, 360.0) / 0.4 * (shape[0] - 1)
    return wider


def test_a_zero_point_that_changes_over_the_ccd(terms, header):
    stars = gaia_stars(800, seed=4)
    catalogue = placed(stars, observed(stars, 'r', terms))
    flat = calibrate_ccd(catalogue, header, stars, 'r', terms, 'cat.fits', SHAPE).zero_point
    assert flat.spatial is None
    v = 2 * (catalogue['YWIN_IMAGE'] - 0.5) / 4096 - 1
    catalogue['FLUX_PSF'] *= 10 ** (0.4 * 0.03 * v)
    tilted = calibrate_ccd(catalogue, header, stars, 'r', terms, 'cat.fits', SHAPE).zero_point
    assert tilted.spatial.at(1023.5, np.array([0.0, 4095.0])) == pytest.approx([-0.03, 0.03], abs=0.006)
    assert abs(tilted.zero_point - ZERO_POINT) < 0.005
    table = calibrated_table(catalogue, 668443, 12, tilted.zero_point, tilted.rms, 0, tilted.spatial).sort_values('NUMBER')
    truth = band_magnitudes(stars, 'r', terms)
    bright = truth < 18
    slope = np.polyfit(v[bright], table['MAG_PSF'].to_numpy()[bright] - truth[bright], 1)[0]
    assert abs(slope) < 0.006


def test_saturated_and_blended_stars_do_not_decide(terms, header):
    stars = gaia_stars(400, seed=8)
    catalogue = observed(stars, 'r', terms)
    bright = catalogue['FLUX_PSF'] > 10 ** (-0.4 * (16.0 - ZERO_POINT))
    catalogue['FLUX_PSF'][bright] *= 0.7                    # as a saturated core loses light
    limited = calibrate_ccd(catalogue, header, stars, 'r', terms, 'cat.fits', SHAPE,
                            StarCuts(max_flux=0.69 * 10 ** (-0.4 * (16.0 - ZERO_POINT))))
    assert abs(limited.zero_point.zero_point - ZERO_POINT) < 0.005
    twins = stars[:200].copy()                              # every second star has a twin 2 arcsec north
    twins['dec'] += 2.0 / 3600
    crowd = np.concatenate([stars, twins])
    alone = isolated(crowd)
    assert not alone[:200].any() and not alone[400:].any() and alone[200:400].mean() > 0.95
    assert isolated(crowd, StarCuts(blend_radius=0.0)).all()


@pytest.mark.parametrize('seed', range(5))
def test_five_millimagnitudes_with_one_per_cent_scatter(terms, header, seed):
    rng = np.random.default_rng(seed)
    stars = gaia_stars(250, seed=100 + seed)
    noisy = stars.copy()
    for name, error in (('g', 0.003), ('bp', 0.02), ('rp', 0.015)):
        noisy[f'phot_{name}_mean_mag_error'] = error
        noisy[f'phot_{name}_mean_mag'] += rng.normal(0, error, len(stars))
    catalogue = observed(stars, 'r', terms, seed=seed)
    catalogue['FLUX_PSF'] *= 10 ** (0.4 * 0.01 * rng.normal(size=len(stars)))
    found = calibrate_ccd(catalogue, header, noisy, 'r', terms, 'cat.fits', SHAPE).zero_point
    assert abs(found.zero_point - ZERO_POINT) < 0.005
    assert abs(found.zero_point - ZERO_POINT) < 4 * found.error


def test_nan_in_catalogue_and_reference_is_left_out(terms, header):
    stars = gaia_stars()
    catalogue = observed(stars, 'r', terms)
    catalogue['ALPHAWIN_J2000'][::7], catalogue['FLUX_PSF'][::5], catalogue['FLUXERR_PSF'][::11] = np.nan, np.nan, np.nan
    stars['ra'][::13], stars['phot_g_mean_mag'][::9], stars['phot_bp_mean_mag_error'] = np.nan, np.nan, np.nan
    found = calibrate_ccd(catalogue, header, stars, 'r', terms, 'cat.fits', SHAPE).zero_point
    assert abs(found.zero_point - ZERO_POINT) < 0.005
