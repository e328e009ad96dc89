"""Each cut on templates, at its edge."""
from dataclasses import replace

import pytest
from sample_exposures import exposure_rows

from sediff.errors import BadData
from sediff.template.choose import Cuts, check_search, choose_templates
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


def late(t_eff, measured, cuts=CUTS, **change):
    """The choice of an exposure of this listed t_eff whose processing gave `measured` (None: it is not processed)."""
    found = find_overlaps(exposure_rows({'t_eff': t_eff, **change}), 668443)
    return choose_templates(found.exposures, cuts, wait=True, measured=lambda expnum, nite: measured)[0]


@pytest.mark.parametrize(('t_eff', 'measured', 'kept', 'reason'), [
    (NAN, None, True, 't_eff not known yet, +100.0 d'), (NAN, 0.3, True, 't_eff 0.300 (measured), +100.0 d'),
    (NAN, 0.29, False, 't_eff 0.290 (measured) below 0.3'), (NAN, NAN, False, 't_eff unknown after its processing'),
    (0.5, 0.1, True, 't_eff 0.500, +100.0 d'), (0.1, 0.5, False, 't_eff 0.100 below 0.3'),
])
def test_an_unknown_t_eff_waits_until_it_is_measured(t_eff, measured, kept, reason):
    verdict = late(t_eff, measured)
    assert (verdict.kept, verdict.reason) == (kept, reason)


def test_who_waits_must_pass_the_other_cuts():
    assert 'within 15 d' in late(NAN, None, mjd_obs=57975.0).reason
    assert 'below 30 s' in late(NAN, None, exptime=10.0).reason
    assert late(NAN, None, replace(CUTS, blacklist=frozenset({500001}))).reason == 'in the blacklist'
