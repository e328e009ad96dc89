"""Matching on the sphere, across RA 0 and near the poles; fakes."""
import numpy as np
import pytest

from sediff.candidates.associate import associate_places, candidate_table_text
from sediff.candidates.fakematch import efficiency, fakematch_table_text, match_fakes
from sediff.candidates.skymatch import Places, healpix_index, healpix_neighbourhood, mean_places, nearest
from sediff.candidates.texttable import parse_table
from sediff.errors import BadInput, BadUsage
from sediff.sphere import separation

ARCSEC = 1 / 3600.0


def places(ra):
    """Places at declination 0, of unknown errors."""
    return Places(ra, *np.zeros((3, len(ra))))


@pytest.mark.parametrize('dec', [0.0, -60.0, 89.9])
def test_nearest_across_ra_zero(dec):
    step = 0.4 * ARCSEC / np.cos(np.radians(dec))
    index, separation = nearest([360.0 - step, 180.0], [dec, dec], [step, 90.0], [dec, dec], 1.0)
    assert index.tolist() == [0, -1]
    assert separation[0] == pytest.approx(0.8, abs=0.01) and np.isinf(separation[1])


def test_mean_places_of_groups_across_ra_zero_and_at_the_pole():
    some = Places(np.array([359.9999, 0.0003, 7.0, 0.0, 180.0]), np.array([-30.0, -30.0, 5.0, 89.9999, 89.9999]),
                  *np.array([[3.0, 4.0, 1.0, 1.0, 1.0]] * 2))
    mean = mean_places(some, np.array([1.0, 1.0, 9.0, 1.0, 1.0]), np.array([0, 2, 3]))
    np.testing.assert_allclose(mean.ra[:2], [0.0001, 7.0], atol=1e-7)
    np.testing.assert_allclose(mean.dec, [-30.0, 5.0, 90.0], atol=1e-6)
    np.testing.assert_allclose(mean.ra_err, [2.5, 1.0, 0.5 ** 0.5])


def test_neighbourhood_holds_every_match():
    rng = np.random.default_rng(4)
    ra, dec = rng.uniform(0, 360, 500), np.degrees(np.arcsin(rng.uniform(-1, 1, 500)))
    angle = rng.uniform(0, 2 * np.pi, 500)
    ra_near = (ra + 3 * ARCSEC * np.cos(angle) / np.cos(np.radians(dec))) % 360
    dec_near = np.clip(dec + 3 * ARCSEC * np.sin(angle), -90, 90)
    for k in range(500):
        assert healpix_index(ra_near[k], dec_near[k]) in healpix_neighbourhood(ra[k:k + 1], dec[k:k + 1])
    assert len(healpix_neighbourhood(np.zeros(0), np.zeros(0))) == 0


@pytest.mark.parametrize('radius', [0.2, 0.75, 1.0, 1.5, 3.0])
def test_neighbourhood_of_a_smaller_radius_holds_every_match_in_fewer_pixels(radius):
    """Anywhere, and along the borders of the base pixels, where pixels are least square."""
    rng = np.random.default_rng(4)
    ra, dec = rng.uniform(0, 360, 1500), np.degrees(np.arcsin(rng.uniform(-1, 1, 1500)))
    ra[:500], dec[500:600] = np.round(ra[:500] / 45.0) * 45.0 + rng.normal(0, ARCSEC, 500), 41.8103149
    counts = []
    for one, other in zip(ra % 360, dec):
        angle = np.linspace(0, 2 * np.pi, 24)
        near_dec = np.clip(other + radius * ARCSEC * np.sin(angle), -90, 90)
        near_ra = (one + radius * ARCSEC * np.cos(angle) / np.cos(np.radians(other))) % 360
        within = separation(one, other, near_ra, near_dec) <= radius * ARCSEC
        found = healpix_neighbourhood(np.array([one]), np.array([other]), radius)
        assert set(healpix_index(near_ra[within], near_dec[within])) <= set(found.tolist())
        counts.append(len(found))
    assert np.mean(counts) < (4.5 if radius <= 1.5 else 9.1)


def test_known_first_each_other_one_is_new():
    ra = np.array([0.0, 10.0, 10.0 + 0.5 * ARCSEC, 20.0])
    result = associate_places(places(ra), places(np.array([360 - 0.5 * ARCSEC])))
    assert result.candidate.tolist() == [0, -1, -1, -1]
    np.testing.assert_allclose(result.separation, [0.5, 0, 0, 0], atol=1e-3)


def test_wrong_radius_and_empty_table():
    with pytest.raises(BadUsage, match='radius'):
        associate_places(places(np.zeros(1)), places(np.zeros(1)), radius=10.0)
    assert len(parse_table(candidate_table_text([]))['OBJID']) == 0


DETECTED = np.array(
    [(1, 10.0, -20.0, 100.0, 5.0, 20.0, 1), (2, 11.0, -20.0, 50.0, 5.0, 10.0, 1), (3, 12.0, -20.0, -50.0, 5.0, 10.0, -1)],
    [('NUMBER', 'i4'), ('ALPHAWIN_J2000', 'f8'), ('DELTAWIN_J2000', 'f8'), ('FLUX_PSF', 'f4'), ('FLUXERR_PSF', 'f4'),
     ('SNR', 'f4'), ('SIGN', 'i2')])
FAKES = np.array([(10.0, -20.0 + 0.3 * ARCSEC, 20.0), (11.0, -20.0, 21.0), (12.0, -20.0, 21.5), (40.0, 0.0, 22.0)],
                 [('ra', 'f8'), ('dec', 'f8'), ('mag', 'f4')])


def test_fakes_found_passed_and_efficiency():
    table = match_fakes(FAKES, DETECTED, reject=np.array([0, 4, 0]), score=np.array([0.9, 0.9, 0.9]), min_score=0.7)
    assert table['FOUND'].tolist() == [1, 1, 0, 0] and table['PASSED'].tolist() == [1, 0, 0, 0]
    assert table['OBJID'].tolist() == [1, 2, 0, 0] and table['REJECT'].tolist() == [0, 4, 0, 0]
    assert table['SEPARATION'][0] == pytest.approx(0.3, abs=0.01) and table['SEPARATION'][3] == -1
    bins = efficiency(table, [19.5, 20.5, 21.75, 22.5])
    assert bins['injected'].tolist() == [1, 2, 1] and bins['found'].tolist() == [1, 1, 0]
    np.testing.assert_allclose(bins['efficiency'], [1, 0, 0])
    assert parse_table(fakematch_table_text(table))['FAKEID'].tolist() == ['1', '2', '3', '4']


def test_no_fakes_no_detections_and_missing_columns():
    assert len(match_fakes(FAKES[:0], DETECTED)) == 0
    assert match_fakes(FAKES, DETECTED[:0])['FOUND'].sum() == 0
    assert len(parse_table(fakematch_table_text(match_fakes(FAKES[:0], DETECTED[:0])))['RA']) == 0
    with pytest.raises(BadInput, match='mag'):
        match_fakes(FAKES[['ra', 'dec']], DETECTED)
