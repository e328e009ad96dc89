import numpy as np
import pytest
from made_up_gaia import gaia_columns

from sediff.errors import BadData, BadInput, BadUsage
from sediff.refcat.catalogue import MAGNITUDE_STEP, MOTION_STEP, POSITION_STEP, convert, parse_catalogue
from sediff.refcat.index import read_catalogue, read_column_map
from sediff.refcat.rounding import round_relative, round_to_step
from sediff.refcat.standards import as_gaia, catalogue_magnitudes


def ps1_stars(g, r, i, z, error=0.01):
    """Stars of PS1 from magnitudes, through its column map."""
    count = len(g)
    columns = {'objid': np.arange(count), 'ramean': np.linspace(10, 11, count), 'decmean': np.zeros(count),
               'epochmean': np.full(count, 56293.5), 'rameanerr': np.full(count, 0.005), 'decmeanerr': np.full(count, 0.006),
               'ndetections': np.full(count, 30)}
    for band, values in zip('grizy', (g, r, i, z, z)):
        columns[f'{band}meanpsfmag'], columns[f'{band}meanpsfmagerr'] = np.asarray(values, float), np.full(count, error)
    return columns


def test_a_gaia_row_keeps_its_numbers_to_the_stored_steps():
    columns, catalogue = gaia_columns(359.99, -89.9, 0.05, 500), read_catalogue('gaia')
    rows, dropped = convert(catalogue, columns, 'x')
    assert dropped == 0
    assert np.array_equal(rows['source_id'], columns['source_id'])
    for name in ('ra', 'dec'):
        assert np.abs((rows[name] - columns[name] + 180) % 360 - 180).max() <= POSITION_STEP / 2
    for name in ('pmra', 'pmdec', 'parallax'):
        assert np.abs(rows[name] - columns[name]).max() <= MOTION_STEP / 2
    good = np.isfinite(columns['phot_bp_mean_mag'])
    assert np.array_equal(np.isfinite(rows['phot_bp_mean_mag']), good)
    assert np.abs(rows['phot_bp_mean_mag'] - columns['phot_bp_mean_mag'])[good].max() <= MAGNITUDE_STEP / 2
    expected = 2.5 / np.log(10.0) / columns['phot_g_mean_flux_over_error']
    assert np.allclose(rows['phot_g_mean_mag_error'], expected, rtol=2.0 ** -8)
    assert rows.dtype.itemsize == 84


def test_rounding_is_exact_in_binary_and_keeps_nan():
    values = np.array([0.0, 1.23456789, -7.7, np.nan])
    assert np.array_equal(round_to_step(values, 0.25), [0.0, 1.25, -7.75, np.nan], equal_nan=True)
    rounded = round_relative(values, 8)
    assert np.nanmax(np.abs(rounded - values) / np.maximum(np.abs(values), 1e-9)) <= 2.0 ** -8
    assert np.isnan(rounded[3])


def test_wrong_columns_are_named_with_what_was_wanted():
    columns = gaia_columns(10, 10, 1, 5)
    del columns['phot_g_mean_mag']
    with pytest.raises(BadData, match=r'dump\.csv is not a table of Gaia.*phot_g_mean_mag \(phot_g_mean_mag or gmag\)'):
        convert(read_catalogue('gaia'), columns, 'dump.csv')


def test_positions_that_are_no_degrees_are_rejected():
    columns = gaia_columns(10, 10, 1, 5)
    columns['dec'] = columns['dec'] * 3600
    with pytest.raises(BadData, match='not in degrees'):
        convert(read_catalogue('gaia'), columns, 'dump.csv')


def test_rows_without_a_position_or_failing_a_cut_are_left_out():
    columns = ps1_stars([18] * 4, [17.6] * 4, [17.4] * 4, [17.3] * 4)
    columns['ramean'][1], columns['ndetections'][2], columns['gmeanpsfmag'][3] = np.nan, 1, -999
    rows, dropped = convert(read_catalogue('ps1'), columns, 'x')
    assert dropped == 2
    assert rows['source_id'].tolist() == [0, 3]
    assert np.isnan(rows['mag_g'][1])
    assert np.allclose(rows['ref_epoch'], 2013.0024, atol=2e-4)     # MJD 56293.5
    assert np.allclose(rows['ra_error'], 5.0, rtol=0.01)            # arcsec there, mas here


def test_stars_without_identifiers_get_their_place_as_one():
    columns = {name: values for name, values in gaia_columns(10, 10, 1, 50).items() if name in ('ra', 'dec')}
    columns |= {'gmag': np.full(50, 15.0), 'rmag': np.full(50, 14.5)}
    rows, _ = convert(read_catalogue('atlas_refcat2'), columns, 'x')
    assert np.unique(rows['source_id']).size == 50
    assert (rows['ref_epoch'] == 2015.5).all()


def test_ps1_to_decam_is_the_published_relation_within_its_range():
    rows, _ = convert(read_catalogue('ps1'), ps1_stars([18.0, 19.0], [17.5, 17.5], [17.3, 17.3], [17.2, 17.2]), 'x')
    catalogue, step = read_catalogue('ps1'), 2 * MAGNITUDE_STEP
    assert catalogue_magnitudes(rows, 'g', catalogue)[0][0] == pytest.approx(18.0 + 0.0994 * 0.5 - 0.0076, abs=step)
    assert catalogue_magnitudes(rows, 'r', catalogue)[0][0] == pytest.approx(17.5 - 0.1335 * 0.5 + 0.0189, abs=step)
    assert catalogue_magnitudes(rows, 'i', catalogue)[0][0] == pytest.approx(17.3 - 0.3407 * 0.1 + 0.0026, abs=step)
    assert catalogue_magnitudes(rows, 'z', catalogue)[0][0] == pytest.approx(17.2 - 0.2575 * 0.1 - 0.0074, abs=step)
    assert catalogue_magnitudes(rows, 'Y', catalogue)[0][0] == pytest.approx(17.2 - 0.6032 * 0.1 + 0.0185, abs=step)
    assert np.isnan(catalogue_magnitudes(rows, 'g', catalogue)[0][1])      # g - r = 1.5
    expected = np.hypot((1 + 0.0994) * 0.01, 0.0994 * 0.01)
    assert catalogue_magnitudes(rows, 'g', catalogue)[1][0] == pytest.approx(expected, rel=0.01)


def test_a_catalogue_says_what_it_cannot_calibrate():
    for name, band in (('ps1', 'u'), ('delve', 'Y'), ('skymapper', 'g'), ('apass', 'z'), ('gaia', 'g')):
        catalogue = read_catalogue(name)
        with pytest.raises(BadData, match=f'cannot calibrate {band}'):
            catalogue_magnitudes(np.zeros(1, catalogue.dtype), band, catalogue)


def test_standards_go_through_the_zero_point_as_gaia_stars():
    from sediff.photometry.colour_terms import band_magnitudes
    catalogue = read_catalogue('ps1')
    rows, _ = convert(catalogue, ps1_stars([18.0, 19.0], [17.5, 17.5], [17.3, 17.3], [17.2, 17.2]), 'x')
    stars, terms = as_gaia(rows, 'g', catalogue)
    assert np.allclose(band_magnitudes(stars, 'g', terms), catalogue_magnitudes(rows, 'g', catalogue)[0], equal_nan=True)
    assert np.array_equal(stars['ra'], rows['ra'])


def test_every_catalogue_of_the_map_is_whole():
    names = [name for name, entry in read_column_map().items() if isinstance(entry, dict)]
    assert {'gaia', 'ps1', 'delve', 'skymapper', 'atlas_refcat2', 'apass'} <= set(names)
    for name in names:
        catalogue = read_catalogue(name)
        assert set(catalogue.magnitudes) <= set(catalogue.origins)
        assert set(catalogue.required) <= set(catalogue.origins) | set(catalogue.fixed)
        terms = catalogue.colour_terms if isinstance(catalogue.colour_terms, dict) else {}
        for term in terms.values():
            if isinstance(term, dict):
                assert {term['base'], *term.get('colour', [])} <= set(catalogue.magnitudes)
    assert len({read_catalogue(name).prefix for name in names}) == len(names)


def test_an_unknown_or_garbled_catalogue():
    with pytest.raises(BadUsage, match='there are gaia'):
        read_catalogue('usno')
    with pytest.raises(BadInput, match='garbles'):
        parse_catalogue({'mine': {'title': 'x'}}, 'mine')


def test_names_that_differ_by_case_only():
    atlas = read_catalogue('atlas_refcat2')
    assert atlas.folded(['RA_ICRS', 'Gmag', 'e_Gmag', 'gmag', 'e_gmag']) == ['ra_icrs', '', '', 'gmag', 'e_gmag']
    assert atlas.folded(['gmag', 'GMAG']) == ['gmag', '']
    assert atlas.folded(['GMAG']) == ['gmag']
    assert read_catalogue('gaia').folded(['gmag', 'Gmag']) == ['', 'gmag']
