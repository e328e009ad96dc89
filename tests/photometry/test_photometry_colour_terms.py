import numpy as np
import pytest
from made_up_stars import gaia_stars

from sediff.errors import BadData
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument
from sediff.photometry.colour_terms import band_errors, band_magnitudes, bp_rp, errors_assumed, relation_facts
from sediff.refcat.lookup import read_colour_terms


@pytest.fixture
def terms(repository):
    return read_colour_terms(table_path(default_instrument(), 'colour_terms.json'))


def test_the_polynomial_is_evaluated_in_its_colour(terms):
    stars = gaia_stars(50)
    colour = bp_rp(stars)
    for band in 'griz':
        expected = stars['phot_g_mean_mag'] + sum(c * colour ** i for i, c in enumerate(terms[band]['c']))
        assert band_magnitudes(stars, band, terms) == pytest.approx(expected, abs=1e-9)
    expected = stars['phot_bp_mean_mag'] + sum(c * colour ** i for i, c in enumerate(terms['u']['c']))
    assert band_magnitudes(stars, 'u', terms) == pytest.approx(expected, abs=1e-9)


def test_a_sunlike_star_has_a_sunlike_spectrum(terms):
    """The Sun: BP-RP 0.82; AB colours g-r 0.44, r-i 0.11, i-z 0.03 in SDSS (Willmer 2018), in DECam within 0.05 of that."""
    stars = gaia_stars(1)
    stars['phot_g_mean_mag'], stars['phot_bp_mean_mag'], stars['phot_rp_mean_mag'] = 15.0, 15.33, 14.51
    g, r, i, z, y = (band_magnitudes(stars, band, terms)[0] for band in ('g', 'r', 'i', 'z', 'Y'))
    assert g - r == pytest.approx(0.44, abs=0.06)
    assert r - i == pytest.approx(0.11, abs=0.05)
    assert i - z == pytest.approx(0.03, abs=0.05)
    assert z - y == pytest.approx(0.0, abs=0.05)


def test_stars_without_a_colour_get_no_magnitude(terms):
    stars = gaia_stars(3)
    stars['phot_bp_mean_mag'][0], stars['phot_rp_mean_mag'][1] = np.nan, 0.0
    assert np.isnan(band_magnitudes(stars, 'r', terms)).tolist() == [True, True, False]


def test_y_holds_only_in_its_range(terms):
    stars = gaia_stars(1)
    stars['phot_bp_mean_mag'], stars['phot_rp_mean_mag'] = 18.5, 15.0
    assert np.isnan(band_magnitudes(stars, 'Y', terms)).all()


def test_vr_is_rejected(terms):
    with pytest.raises(BadData, match='VR'):
        band_magnitudes(gaia_stars(3), 'VR', terms)
    with pytest.raises(BadData, match='source'):
        band_magnitudes(gaia_stars(3), 'source', terms)


@pytest.mark.parametrize('band', ['u', 'g', 'r', 'i', 'z', 'Y'])
def test_errors_are_those_that_noise_makes(terms, band):
    """Against the scatter of 4000 noisy copies of one star."""
    rng = np.random.default_rng(3)
    stars = np.repeat(gaia_stars(1), 4000)
    stars['phot_g_mean_mag'], stars['phot_bp_mean_mag'], stars['phot_rp_mean_mag'] = 18.0, 18.5, 17.3
    for name, error in (('g', 0.002), ('bp', 0.02), ('rp', 0.01)):
        stars[f'phot_{name}_mean_mag_error'] = error
    stated = band_errors(stars[:1], band, terms)[0]
    for name in ('g', 'bp', 'rp'):
        stars[f'phot_{name}_mean_mag'] += rng.normal(0, stars[f'phot_{name}_mean_mag_error'])
    assert stated == pytest.approx(np.nanstd(band_magnitudes(stars, band, terms)), rel=0.1)


def test_a_missing_error_is_the_published_one(terms):
    """G = 17, BP = 17.5, RP = 16.5: 1.0, 12.9 and 6.4 mmag (Gaia Collaboration 2021), whether missing, zero or no number."""
    stars = np.repeat(gaia_stars(1), 4)
    stars['phot_g_mean_mag'], stars['phot_bp_mean_mag'], stars['phot_rp_mean_mag'] = 17.0, 17.5, 16.5
    for name, error in (('g', 0.001), ('bp', 0.0129), ('rp', 0.00644)):
        stars[f'phot_{name}_mean_mag_error'] = error, np.nan, 0.0, -1.0
    errors = band_errors(stars, 'i', terms)
    assert errors == pytest.approx(np.full(4, errors[0]), rel=0.01)
    assert errors[0] > 0.005
    assert errors_assumed(stars).tolist() == [False, True, True, True]


def test_what_the_relations_are_worth_is_told(terms):
    facts = {band: relation_facts(band, terms) for band in ('u', 'g', 'r', 'i', 'z', 'Y')}
    assert all(low < high and scatter > 0 and accuracy > 0 for (low, high), scatter, accuracy in facts.values())
    assert min(facts['u'][2], facts['Y'][2]) > 2 * max(facts[band][2] for band in 'griz')
