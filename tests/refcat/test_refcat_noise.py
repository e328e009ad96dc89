import numpy as np
import pytest

from sediff.photometry.published_noise import PUBLISHED, known_errors, published_error, unmeasured_share
from sediff.refcat.catalogue import convert, lacking_errors
from sediff.refcat.index import read_catalogue, read_column_map
from sediff.refcat.lookup import as_stars
from sediff.refcat.standards import as_gaia, catalogue_magnitudes
from sediff.sim.gaia_columns import archive_columns
from sediff.sim.options import GAIA_COLUMNS, NightOptions
from sediff.sim.sky import Region, draw_stars, gaia_catalogue


@pytest.fixture(scope='module')
def stars():
    rng = np.random.default_rng(3)
    return gaia_catalogue(rng, draw_stars(rng, NightOptions(), Region(10.0, -30.0, (-0.1, 0.1, -0.1, 0.1))))


def test_gaias_published_errors_at_their_magnitudes():
    """Gaia Collaboration 2021, table 3: G 0.3, 1, 6 mmag; BP 0.9, 12, 108; RP 0.6, 6, 52 at G up to 13, 17 and 20."""
    table = (('g', 0.0, (0.3, 0.3, 1, 6)), ('bp', 0.4, (0.9, 0.9, 12, 108)), ('rp', -0.6, (0.6, 0.6, 6, 52)))
    for name, offset, expected in table:
        found = published_error('gaia', f'phot_{name}_mean_mag', np.array([10.0, 13.0, 17.0, 20.0]) + offset)
        assert 1000 * found == pytest.approx(expected)
    assert np.isnan(published_error('gaia', 'phot_g_mean_mag', np.array([np.nan]))).all()


def test_every_magnitude_of_every_catalogue_has_a_growing_error():
    magnitude = np.arange(8.0, 26.0, 0.25)
    names = [name for name, entry in read_column_map().items() if isinstance(entry, dict)]
    assert set(PUBLISHED) == set(names)
    for catalogue in map(read_catalogue, names):
        assert set(PUBLISHED[catalogue.name]) == set(catalogue.magnitudes)
        for name in catalogue.magnitudes:
            error = published_error(catalogue.name, name, magnitude)
            assert (np.diff(error) >= 0.0).all() and 0.0 < error[0] <= 0.0201 and error[-1] > 0.2


@pytest.mark.parametrize('columns', [name for name in GAIA_COLUMNS if name != 'none'])
@pytest.mark.parametrize('plain', [False, True], ids=['shard', 'plain table'])
def test_errors_come_from_whatever_columns_there_are(stars, columns, plain):
    table = archive_columns(stars, columns)
    if plain:
        dtype = [(name, values.dtype) for name, values in table.items()]
        rows = as_stars(np.rec.fromarrays(list(table.values()), dtype=dtype), 'a table')
    else:
        rows = convert(read_catalogue('gaia'), table, 'a table')[0]
        assert lacking_errors(read_catalogue('gaia'), rows) == 0
    for name in ('phot_g_mean_mag', 'phot_bp_mean_mag', 'phot_rp_mean_mag'):
        assert np.abs(rows[name] - stars[name]).max() < 6e-4
        assert rows[name + '_error'] == pytest.approx(stars[name + '_error'], rel=0.005)


def test_a_flux_error_beside_magnitudes_alone_is_enough(stars):
    table = archive_columns(stars, 'flux')
    for band in ('g', 'bp', 'rp'):
        del table[f'phot_{band}_mean_flux']
    rows = convert(read_catalogue('gaia'), table, 'a table')[0]
    assert rows['phot_bp_mean_mag_error'] == pytest.approx(stars['phot_bp_mean_mag_error'], rel=0.005)


def test_what_is_no_error_counts_as_missing(stars):
    catalogue = read_catalogue('gaia')
    table = archive_columns(stars, 'errors')
    bad = np.array([0.0, -1.0, np.nan, np.inf, -999.0])
    table['phot_bp_mean_mag_error'] = np.resize(bad, len(stars))
    rows = convert(catalogue, table, 'a table')[0]
    assert np.isnan(rows['phot_bp_mean_mag_error']).all()
    assert lacking_errors(catalogue, rows) == len(stars)
    assert unmeasured_share(rows, ('phot_g_mean_mag',)) == 0.0
    assert unmeasured_share(rows, catalogue.magnitudes) == 1.0
    assert known_errors(rows, 'gaia', 'phot_bp_mean_mag') == pytest.approx(
        published_error('gaia', 'phot_bp_mean_mag', rows['phot_bp_mean_mag']))


@pytest.mark.parametrize(('name', 'band'), [('ps1', 'i'), ('delve', 'r'), ('atlas_refcat2', 'g'), ('apass', 'r')])
def test_another_catalogues_missing_errors_are_not_none(name, band):
    catalogue = read_catalogue(name)
    rows = np.zeros(3, catalogue.dtype)
    for column in catalogue.magnitudes:
        rows[column], rows[column + '_error'] = [12.0, 22.0, 22.0], [0.0, np.nan, 60.0]
    error = catalogue_magnitudes(rows, band, catalogue)[1]
    assert 0.0 < error[0] < error[1] < error[2]
    assert error[2] > 30.0
    stars = as_gaia(rows, band, catalogue)[0]
    assert np.isfinite(stars['phot_bp_mean_mag_error']).tolist() == [False, False, True]
    assert unmeasured_share(rows, catalogue.magnitudes) == pytest.approx(2 / 3)
