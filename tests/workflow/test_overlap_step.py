"""Which exposures overlap a search exposure."""
import numpy as np
import pytest
from sample_exposures import exposure_rows

from sediff.errors import BadInput
from sediff.formats.plan_lists import ws_diff_text
from sediff.workflow.overlap_step import angular_separation, find_overlaps, list1_text, list2_text

JUNK = 'zero|flat|test|junk|bias|supernova|slew|pointing|commish|sn-'


def numbers(overlaps):
    return overlaps.exposures.expnum.tolist()


def test_same_band_only():
    assert numbers(find_overlaps(exposure_rows({}, {'band': 'r'}, {'band': 'I'}), 668443)) == [500001]


def test_latest_first_and_later_exposures_count_too():
    rows = exposure_rows({'mjd_obs': 57000.0}, {'mjd_obs': 58500.0}, {'mjd_obs': 57500.0})
    assert numbers(find_overlaps(rows, 668443)) == [500002, 500003, 500001]


def test_distance_in_time():
    rows = exposure_rows({'mjd_obs': 57982.51}, {'mjd_obs': 57982.5}, {'mjd_obs': 57983.5}, {'mjd_obs': 57983.49})
    assert numbers(find_overlaps(rows, 668443)) == [500003, 500002]


def test_distance_on_the_sky_is_2_2_deg_in_every_direction():
    away = 2.19 / np.cos(np.radians(23.38))
    inside = [{'decdeg': -23.38 + 2.199}, {'decdeg': -23.38 - 2.199}, {'radeg': 197.45 + away}, {'radeg': 197.45 - away}]
    outside = [{'decdeg': -23.38 + 2.201}, {'radeg': 197.45 + 1.01 * away}]
    assert len(numbers(find_overlaps(exposure_rows(*inside, *outside), 668443))) == 4


@pytest.mark.parametrize(('search', 'other', 'near'), [
    ({'radeg': 0.1, 'decdeg': 10.0}, {'radeg': 359.9, 'decdeg': 10.0}, True),
    ({'radeg': 0.1, 'decdeg': 10.0}, {'radeg': 357.0, 'decdeg': 10.0}, False),
    ({'radeg': 0.0, 'decdeg': 89.5}, {'radeg': 180.0, 'decdeg': 89.5}, True),
    ({'radeg': 0.0, 'decdeg': -88.5}, {'radeg': 180.0, 'decdeg': -88.5}, False),
])
def test_ra_wrap_and_poles(search, other, near):
    rows = exposure_rows(other)
    for name, value in search.items():
        rows.loc[0, name] = value
    assert bool(numbers(find_overlaps(rows, 668443))) == near


def test_angular_separation_against_vectors():
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 360, 200), np.degrees(np.arcsin(rng.uniform(-1, 1, 200)))
    r, d = np.radians(ra), np.radians(dec)
    xyz = np.stack([np.cos(d) * np.cos(r), np.cos(d) * np.sin(r), np.sin(d)], axis=1)
    expected = np.degrees(np.arccos(np.clip(xyz @ xyz[0], -1, 1)))
    np.testing.assert_allclose(angular_separation(ra[0], dec[0], ra, dec)[1:], expected[1:], atol=1e-8)
    assert angular_separation(10.0, 5.0, np.array([10.0]), np.array([5.0 + 1e-9]))[0] == pytest.approx(1e-9, rel=1e-3)


@pytest.mark.parametrize('text', ['Pointing test', 'SN-E1', 'dome FLAT', 'my-junk-field', 'slewing', 'commishioning'])
def test_junk_words_in_any_case(text):
    rows = exposure_rows({'object': text}, {'object': 'DESWS hex 12'})
    assert numbers(find_overlaps(rows, 668443, junk_words=JUNK)) == [500002]
    assert numbers(find_overlaps(rows, 668443)) == [500001, 500002]


def test_junk_in_obstype_but_not_in_propid_and_not_of_the_search_exposure():
    rows = exposure_rows({'obstype': 'zero'}, {'propid': '2013A-TEST'})
    rows.loc[0, 'object'] = 'test field'
    assert numbers(find_overlaps(rows, 668443, junk_words=JUNK)) == [500002]


def test_blacklist_works_by_number():
    rows = exposure_rows({}, {}, {'expnum': 5000010})
    assert sorted(numbers(find_overlaps(rows, 668443, blacklist={500001}))) == [500002, 5000010]


def test_an_exposure_listed_twice_counts_once_with_its_last_line():
    rows = exposure_rows({'t_eff': 0.1}, {'expnum': 500001, 't_eff': 0.9})
    found = find_overlaps(rows, 668443)
    assert numbers(found) == [500001]
    assert found.exposures.t_eff.tolist() == [0.9]


def test_partners_are_of_the_same_sequence_and_never_templates():
    later, earlier = {'expnum': 668444, 'mjd_obs': 57983.002}, {'expnum': 668442, 'mjd_obs': 57982.998}
    other_year = {'expnum': 700000, 'mjd_obs': 58300.0}
    rows = exposure_rows({}, later, earlier, other_year, {'expnum': 668445, 'mjd_obs': 57983.004, 'band': 'z'})
    found = find_overlaps(rows, 668443, [668443, 668444, 668442, 668445, 700000])
    assert found.partners.expnum.tolist() == [700000, 668444]
    assert numbers(found) == [500001]
    assert list1_text(found) == '4 i 668443 700000 668444 500001\n'


def test_lists():
    rows = exposure_rows({}, {'mjd_obs': 58083.25, 'nite': '20171125', 'decdeg': -22.38})
    found = find_overlaps(rows, 668443)
    assert list1_text(found) == '3 i 668443 500002 500001\n'
    lines = list2_text(found).split('\n')
    assert lines[0].split() == ['668443', '20170817', '57983.000000', '197.450000', '-23.380000', 'i', '2']
    assert lines[1] == '  500002 20171125  100.25000  1.000000000'
    assert lines[2] == '  500001 20170509 -100.00000  0.000000000'
    assert lines[3:] == ['', '']


def test_lists_without_overlaps():
    found = find_overlaps(exposure_rows(), 668443)
    assert list1_text(found) == '1 i 668443\n'
    assert ws_diff_text('VR', 12345678, [1, 2]) == '3 VR 12345678 1 2\n'


def test_search_exposure_not_listed():
    with pytest.raises(BadInput, match='999'):
        find_overlaps(exposure_rows({}), 999)
