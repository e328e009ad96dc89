"""Each cut on templates, at its edge."""
from dataclasses import replace

import pytest
from sample_exposures import exposure_rows

from sediff.errors import BadData, BadUsage
from sediff.workflow.choose import Cuts, check_search, choose_templates, cuts_for
from sediff.workflow.overlap_step import find_overlaps

CUTS = Cuts(min_exptime=30.0, min_teff=0.3, window=15.0)
NAN = float('nan')


def choice(cuts=CUTS, **change):
    found = find_overlaps(exposure_rows(change), 668443)
    return choose_templates(found.exposures, cuts)[0]


@pytest.mark.parametrize(('change', 'reason'), [
    ({'exptime': 30.0}, ''), ({'exptime': 29.9}, 'exposure time 29.9 s'), ({'exptime': NAN}, 'exposure time nan'),
    ({'t_eff': 0.3}, ''), ({'t_eff': 0.299}, 't_eff 0.299 below 0.3'), ({'t_eff': NAN}, 't_eff unknown'),
    ({'mjd_obs': 57968.0}, ''), ({'mjd_obs': 57968.01}, 'within 15 d'),
    ({'mjd_obs': 57998.0}, ''), ({'mjd_obs': 57997.99}, 'within 15 d'),
])
def test_cuts(change, reason):
    verdict = choice(**change)
    assert verdict.kept == (not reason)
    assert reason in verdict.reason


def test_nan_t_eff_fails_even_without_a_cut():
    assert not choice(replace(CUTS, min_teff=0.0), t_eff=NAN).kept
    assert choice(replace(CUTS, min_teff=0.0), t_eff=0.0).kept


@pytest.mark.parametrize(('nite', 'kept'), [
    ('20150101', True), ('20141231', False), ('20161231', True), ('20170101', False),
])
def test_nights_are_inclusive(nite, kept):
    assert choice(replace(CUTS, min_nite=20150101, max_nite=20161231), nite=nite).kept == kept


@pytest.mark.parametrize(('mjd', 'kept'), [
    (57983 - 3.0, True), (57983 - 2.9, False), (57983 + 9.9, False), (57983 + 10.0, True), (57983 + 200.0, True),
])
def test_distinct_windows_replace_the_even_one(mjd, kept):
    """No template less than 3 d before and less than 10 d after."""
    verdict = choice(replace(CUTS, distinct=True, before=3.0, after=10.0), mjd_obs=mjd)
    assert verdict.kept == kept


def test_blacklist_by_number():
    verdict = choice(replace(CUTS, blacklist=frozenset({500001})))
    assert (verdict.kept, verdict.reason) == (False, 'in the blacklist')


@pytest.mark.parametrize('band', ['u', 'g', 'r', 'i', 'z', 'Y', 'VR'])
def test_every_band_has_its_own_cut(parameters, band):
    parameters.set(f'TEFF_CUT_{band}', '0.77', 'test')
    assert cuts_for(parameters, band).min_teff == 0.77
    others = [cuts_for(parameters, other).min_teff for other in ('u', 'g', 'r', 'i', 'z', 'Y', 'VR') if other != band]
    assert 0.77 not in others


def test_cuts_of_the_parameters(parameters):
    for name, text in {'TWINDOW': '20', 'TWINDOW_DISTINCT': '1', 'TWINDOW_BEFORE': '2', 'TWINDOW_AFTER': '4',
                       'MIN_NITE': '20140101', 'MAX_NITE': '20180101', 'MIN_EXPTIME': '45'}.items():
        parameters.set(name, text, 'test')
    assert cuts_for(parameters, 'i', frozenset({1})) == Cuts(45.0, 0.3, 20.0, True, 2.0, 4.0, 20140101, 20180101,
                                                            frozenset({1}))


def test_band_without_a_cut(parameters):
    with pytest.raises(BadUsage, match='N964'):
        cuts_for(parameters, 'N964')


@pytest.mark.parametrize(('change', 'words'), [({'exptime': 15.0}, '15 s is below'), ({'exptime': NAN}, 'nan s')])
def test_search_exposure_that_is_too_short(change, words):
    search = find_overlaps(exposure_rows(), 668443).search.copy()
    for name, value in change.items():
        search[name] = value
    with pytest.raises(BadData, match=words):
        check_search(search, CUTS)


def test_search_exposure_in_the_blacklist():
    search = find_overlaps(exposure_rows(), 668443).search
    check_search(search, CUTS)
    with pytest.raises(BadData, match='blacklist'):
        check_search(search, replace(CUTS, blacklist=frozenset({668443})))
