"""A plan after a look at the single epoch of its exposures."""
import dataclasses

import pandas as pd
import pytest

from sediff.errors import BadInput
from sediff.flow.exposure.outlook import Outlook
from sediff.repository.inventory import Inventory
from sediff.repository.names import Exposure
from sediff.template.choose import Choice
from sediff.workflow.outlook import reject, with_outlook
from sediff.workflow.overlap_step import Overlaps
from sediff.workflow.plan import Job, Plan

OLD = 'biascor: the nearest is 709 d away'


@pytest.fixture
def plan(tmp_path):
    """A search exposure and two templates, CCDs 1 and 3, raw files of all."""
    search = Exposure(tmp_path, 3, '20170817', 'i', field='WS')
    others = [dataclasses.replace(search, expnum=number, nite='20150817') for number in (1, 2)]
    table = pd.DataFrame({'expnum': [1, 2], 'radeg': [10.0, 10.0], 'decdeg': [0.0, 0.0]})
    overlaps = Overlaps(pd.Series({'expnum': 3, 'radeg': 10.0, 'decdeg': 0.0}), table[:0], table)
    choices = tuple(Choice(number, '20150817', True, 't_eff 0.9') for number in (1, 2))
    jobs = (*(Job(one, (1, 3), True) for one in others), Job(search, (1, 3), False))
    return Plan(search, overlaps, choices, tuple(others), jobs)


def looked(plan, **outlooks):
    inventories = {number: Inventory(job.exposure, True, frozenset({1, 3})) for number, job in zip((1, 2, 3), plan.jobs)}
    return with_outlook(plan, inventories, (1, 3),
                        lambda exposure, ccds, place: outlooks.get(f'e{exposure.expnum}', Outlook()))


def test_nothing_wrong_changes_nothing_but_the_report(plan):
    after = looked(plan, e3=Outlook(used=('bias b.fits CCD 1,3',)))
    assert (after.choices, after.templates, after.jobs, after.warnings) == (plan.choices, plan.templates, plan.jobs, ())
    assert '3 20170817 search\n  uses bias b.fits CCD 1,3' in after.report
    reject(after)


def test_a_template_without_calibrations_is_left_out_and_the_reason_named(plan):
    after = looked(plan, e1=Outlook(gaps={OLD: (1, 3)}))
    assert [one.expnum for one in after.templates] == [2] and [job.exposure.expnum for job in after.jobs] == [2, 3]
    assert not after.choices[0].kept and after.choices[0].reason == f'CCD 1,3: {OLD}'
    assert after.warnings == (f'template 1 of 20150817 left out: CCD 1,3: {OLD}',)


def test_a_template_that_lacks_some_ccds_is_kept_with_a_word(plan):
    after = looked(plan, e1=Outlook(gaps={OLD: (3,)}))
    assert len(after.templates) == 2 and after.choices[0].kept
    assert after.choices[0].reason == f't_eff 0.9; without CCD 3: {OLD}' and 'is not complete' in after.warnings[0]


def test_bad_cards_leave_a_template_out_and_reject_a_search_exposure(plan):
    bad = Outlook(problems=('EXPTIME is missing; needed: seconds',))
    after = looked(plan, e2=bad, e3=bad)
    assert [one.expnum for one in after.templates] == [1]
    with pytest.raises(BadInput, match='search exposure 3 cannot be processed: EXPTIME is missing'):
        reject(after)


def test_what_is_processed_already_needs_nothing(plan):
    inventories = {number: Inventory(job.exposure, True, None, {'immask': frozenset({1, 3})})
                   for number, job in zip((1, 2, 3), plan.jobs)}
    after = with_outlook(plan, inventories, (1, 3), lambda *args: pytest.fail('looked'))
    assert after.templates == plan.templates and not after.report
