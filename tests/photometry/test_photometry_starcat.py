import numpy as np
import pandas as pd
import pytest

from sediff.errors import BadData
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument
from sediff.photometry.starcat import (
    PROFILE_MARK,
    ReferenceMagnitudes,
    StarListOptions,
    build_star_lists,
    merge_stars,
    reference_magnitudes,
)

HEADER = '# ASSOC format for Sextractor input.\n# Star Source: SNSTAR table, CATALOG= r4p7\n'
CORNERS = np.array([[[359.9, -30.1], [359.9, -29.9], [0.1, -30.1], [0.1, -29.9]]])


def table(ra, dec, mag=17.0, error=0.004, **changes):
    columns = {'ALPHAWIN_J2000': ra, 'DELTAWIN_J2000': dec, 'MAG_PSF': mag, 'MAGERR_PSF': error, 'SPREAD_MODEL': 0.0,
               'FLAGS': 0, 'IMAFLAGS_ISO': 0}
    return pd.DataFrame(columns | changes, index=range(len(np.atleast_1d(ra))))


def test_exact_text():
    tables = [table([0.05, 359.95], [-30.0, -30.05], mag=[17.0, 20.0]), table([0.05], [-30.0], mag=[17.2], error=0.003),
              table([0.05], [-30.0], mag=[17.1], error=0.0)]
    snstar, snveto = build_star_lists(tables, CORNERS, 'i', 4, 7)
    assert snstar == (HEADER + '# NVAR: 5\n# VARNAMES:\tOBJID\tRA\tDEC\tmag_i\tmagerr_i\n'
                      '1\t0.050000\t-30.000000\t17.1000\t0.0025\n2\t359.950000\t-30.050000\t20.0000\t0.0040\n')
    assert snveto == (HEADER + '# NVAR: 7\n# VARNAMES:\tOBJID\tRA\tDEC\tmag_i\tmagerr_i\tradius\tvtype\n'
                      '1\t0.050000\t-30.000000\t17.1000\t0.0025\t25.800000\t6\n'
                      '2\t359.950000\t-30.050000\t20.0000\t0.0040\t20.000000\t6\n')


def test_empty_input_gives_the_headers():
    for tables in ([], [table([180.0], [0.0])], [table([], [])]):
        snstar, snveto = build_star_lists(tables, CORNERS, 'r', '4', '7')
        assert snstar.count('\n') == snveto.count('\n') == 4


@pytest.mark.parametrize('change', [{'mag': 11.9}, {'mag': 21.6}, {'mag': np.nan}, {'error': 0.012}, {'SPREAD_MODEL': 0.004},
                                    {'FLAGS': 1}, {'IMAFLAGS_ISO': 1}, {'dec': -30.2}, {'ra': 0.2}])
def test_each_cut(change):
    arguments = {'ra': [0.05], 'dec': [-30.0]} | change
    assert build_star_lists([table(**arguments)], CORNERS, 'i', 4, 7)[0].count('\n') == 4
    assert build_star_lists([table([0.05], [-30.0])], CORNERS, 'i', 4, 7)[0].count('\n') == 5


def test_the_veto_radius_can_be_set():
    options = StarListOptions(radius_zero=40.0, radius_slope=3.0, radius_magnitude=16.0)
    veto = build_star_lists([table([0.05], [-30.0])], CORNERS, 'i', 4, 7, options)[1]
    assert veto.splitlines()[-1].split('\t')[5] == '37.000000'


def test_a_list_by_profile_says_so_and_shows_its_radii():
    options = StarListOptions(radius_of=lambda magnitude: 100.0 - magnitude, by_profile=True)
    snstar, snveto = build_star_lists([table([0.05], [-30.0])], CORNERS, 'i', 4, 7, options)
    assert PROFILE_MARK in snveto.splitlines()[1] and PROFILE_MARK not in snstar
    assert len(snveto.splitlines()) == 5 and snveto.splitlines()[-1].split('\t')[5] == '83.000000'


def test_a_missing_column_is_named():
    with pytest.raises(BadData, match='MAG_PSF'):
        build_star_lists([table([0.05], [-30.0]).drop(columns='MAG_PSF')], CORNERS, 'i', 4, 7)


def test_many_stars_merge_rightly():
    rng = np.random.default_rng(1)
    n, epochs = 40000, 3
    side = int(np.sqrt(n))
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2) * 10.0 / 3600
    ra, dec = np.mod(grid[:, 0] - 0.2, 360), grid[:, 1] - 0.3
    mags = rng.uniform(13, 21, len(ra)) + rng.normal(0, 0.01, (epochs, len(ra)))
    noise = rng.normal(0, 0.05, (epochs, 2, len(ra))) / 3600
    places = [(np.mod(ra + east, 360), dec + north) for east, north in noise]
    out = merge_stars(np.concatenate([p[0] for p in places]), np.concatenate([p[1] for p in places]), mags.ravel(),
                      np.full(mags.size, 0.006), 1.0)
    assert len(out[0]) == len(ra)
    assert (np.diff(out[0]) >= 0).all()
    assert out[3] == pytest.approx(np.full(len(ra), 0.006 / np.sqrt(3)))
    assert np.sort(out[2]) == pytest.approx(np.sort(np.median(mags, axis=0)))


def reference_of(ra, dec, mag):
    return ReferenceMagnitudes(*(np.asarray(values, float) for values in (ra, dec, mag, np.full(len(ra), 0.02))))


def test_stars_that_are_not_measured_come_from_the_reference():
    """A saturated star of 8, flagged and masked ones, and one measured: each once in SNVETO, SNSTAR as without them."""
    measured = table([0.01, 0.02, 0.03], [-30.0] * 3, mag=[17.0, 18.0, 19.0], FLAGS=[0, 3, 0], IMAFLAGS_ISO=[0, 0, 2048])
    reference = reference_of([0.0101, 0.02, 0.03, 0.04, 0.05], [-30.0] * 5, [17.05, 18.05, 19.05, 8.0, 21.7])
    snstar, snveto = build_star_lists([measured], CORNERS, 'i', 4, 7, None, reference)
    assert snstar == build_star_lists([measured], CORNERS, 'i', 4, 7)[0]
    rows = [line.split('\t') for line in snveto.splitlines()[4:]]
    assert [row[0] for row in rows] == ['1', '2', '3', '4']
    assert [(row[1], row[3]) for row in rows] == [('0.010100', '17.0000'), ('0.020000', '18.0500'), ('0.030000', '19.0500'),
                                                  ('0.040000', '8.0000')]
    assert {row[6] for row in rows} == {'6'}


def test_recall_by_magnitude_where_the_catalogue_flags_what_it_flags():
    """Nothing above 15 measured, a third to all of the fainter ones flagged: every star of 7 to 20 is listed, once."""
    rng = np.random.default_rng(4)
    count, step = 1500, 0.003
    mag, ra = rng.uniform(7.0, 20.0, count), np.mod(step * (np.arange(count) % 50 - 25), 360.0)
    dec = -30.0 + step * (np.arange(count) // 50 - 15)
    clean = rng.uniform(size=count) < np.interp(mag, [15.0, 15.5, 16.0, 20.0], [0.0, 0.3, 0.7, 0.9])
    place = rng.normal(0.0, 0.05 / 3600.0, (2, count))
    tables = [table(ra[clean] + place[0, clean], dec[clean] + place[1, clean], mag=mag[clean])]
    snveto = build_star_lists(tables, CORNERS, 'r', 4, 7, None, reference_of(ra, dec, mag))[1]
    listed = np.array([line.split('\t') for line in snveto.splitlines()[4:]], float)
    assert len(listed) == count
    assert np.sort(listed[:, 3]) == pytest.approx(np.sort(mag), abs=1e-4)


def test_reference_magnitudes_are_those_of_the_band_or_at_worst_g(repository):
    from made_up_stars import gaia_stars

    from sediff.photometry.colour_terms import band_magnitudes
    from sediff.refcat.lookup import read_colour_terms
    terms, stars = read_colour_terms(table_path(default_instrument(), 'colour_terms.json')), gaia_stars(5)
    stars['phot_bp_mean_mag'][0], stars['phot_g_mean_mag'][1] = np.nan, np.nan
    found = reference_magnitudes(stars, 'i', terms)
    assert found.magnitude[0] == stars['phot_g_mean_mag'][0] and len(found.magnitude) == 4
    assert found.magnitude[1:] == pytest.approx(band_magnitudes(stars[2:], 'i', terms))
    assert found.error[0] > 0.3 > found.error[1:].max()
    assert reference_magnitudes(stars, 'VR', terms).magnitude[1:] == pytest.approx(stars['phot_g_mean_mag'][2:])


def test_radii_can_come_from_a_profile():
    options = StarListOptions(radius_of=lambda magnitude: 100.0 - magnitude)
    veto = build_star_lists([table([0.05], [-30.0])], CORNERS, 'i', 4, 7, options)[1]
    assert veto.splitlines()[-1].split('\t')[5] == '83.000000'
