"""Zero points from a Gaia table with whatever columns a user has fetched: within 5 mmag of the truth on every CCD."""
import numpy as np
import pytest
from astropy.io.fits import Header
from made_up_stars import catalogue_of

from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument
from sediff.photometry.calibrate import calibrate_ccd
from sediff.photometry.zeropoint import ClipOptions, StarCuts, fit_zero_point
from sediff.refcat.catalogue import convert
from sediff.refcat.index import read_catalogue
from sediff.refcat.lookup import read_colour_terms
from sediff.sim.gaia_columns import archive_columns
from sediff.sim.options import GAIA_COLUMNS, NightOptions
from sediff.sim.sky import Region, draw_stars, gaia_catalogue, star_magnitudes

ZERO_POINT, BAR = 31.27, 0.005
CCD = Region(52.5, -28.0, (-0.075, 0.075, -0.15, 0.15))


def made_up_ccd(band, seed, term, columns):
    """Catalogue of a CCD with 2000 stars to G = 24.2, and Gaia's rows through the table of the archive."""
    from sediff.refcat.lookup import as_stars
    rng = np.random.default_rng(seed)
    stars = draw_stars(rng, NightOptions(), CCD)
    gaia = gaia_catalogue(rng, stars)
    magnitude = star_magnitudes(stars, term) + rng.normal(0.0, 0.01, stars.size)
    rows, _ = convert(read_catalogue('gaia'), archive_columns(gaia, columns), 'a table')
    return catalogue_of(stars['ra'], stars['dec'], magnitude, ZERO_POINT, seed=seed + 1), as_stars(rows, 'a table'), gaia


@pytest.mark.parametrize('columns', GAIA_COLUMNS)
@pytest.mark.parametrize('band', 'griz')
def test_the_zero_point_holds_with_any_columns(repository, band, columns):
    terms = read_colour_terms(table_path(default_instrument(), 'colour_terms.json'))
    header = Header({'EXPNUM': 1, 'CCDNUM': 12})
    for seed in range(3):
        catalogue, reference, gaia = made_up_ccd(band, seed, terms[band], columns)
        colour_error = np.hypot(gaia['phot_bp_mean_mag_error'], gaia['phot_rp_mean_mag_error'])
        assert 0.1 < np.median(colour_error[gaia['phot_g_mean_mag'] > 20.0]) < 0.3
        found = calibrate_ccd(catalogue, header, reference, band, terms, 'cat.fits', (4096, 2048),
                              StarCuts(magnitude_range=(15.0, 20.5)))
        assert abs(found.zero_point.zero_point - ZERO_POINT) < BAR
        assert found.zero_point.scatter < 0.02      # not the noise of the faint stars' colours


def test_assumed_errors_that_are_too_small_are_scaled():
    """Faint stars of twice the noise that is assumed, in 200 fields: the scatter of the mean is near that of the best
    weights, and its stated error is true."""
    rng = np.random.default_rng(4)
    assumed_error = np.where(np.arange(80) < 30, 0.004, 0.10)
    best = 1.0 / np.sqrt(np.sum(1.0 / (np.where(assumed_error > 0.01, 0.2, 0.008) ** 2 + 0.01 ** 2)))
    means = {True: [], False: []}
    for _ in range(200):
        difference = rng.normal(0.0, 0.01, 80) + 2.0 * assumed_error * rng.normal(size=80)
        for assumed in means:
            fit = fit_zero_point(np.zeros(80), np.full(80, 1e-4), difference, assumed_error, ClipOptions(),
                                 assumed=np.full(80, assumed))
            means[assumed].append((fit.zero_point, fit.error))
    scatter = {assumed: np.std([zero_point for zero_point, _ in values]) for assumed, values in means.items()}
    assert scatter[True] < 1.25 * best
    assert scatter[True] < 0.8 * scatter[False]
    assert np.median([error for _, error in means[True]]) == pytest.approx(scatter[True], rel=0.3)


def test_measured_errors_are_not_touched():
    rng = np.random.default_rng(5)
    difference, error = rng.normal(0.0, 0.05, 60), np.full(60, 0.02)
    plain = fit_zero_point(np.zeros(60), error, difference, error)
    assert fit_zero_point(np.zeros(60), error, difference, error, assumed=np.zeros(60, bool)) == plain
