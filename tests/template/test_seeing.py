"""The choice by seeing, before and after the templates' processing."""
import pytest

from sediff.template.choose import Choice
from sediff.template.seeing import SeeingRules, choose_by_seeing, parse_pool, pool_text

SEEING = {1: 1.3, 2: 0.9, 3: 1.1, 4: 1.0}


def choices(*numbers, dropped=()):
    reasons = ['in the blacklist' if number in dropped else 't_eff 0.5, +50.0 d' for number in numbers]
    return [Choice(number, '20170509', number not in dropped, reason) for number, reason in zip(numbers, reasons)]


def kept(found):
    return [choice.expnum for choice in found if choice.kept]


@pytest.mark.parametrize(('rules', 'expected'), [
    (SeeingRules(), [1, 2, 3, 4]), (SeeingRules(best=2), [2, 4]), (SeeingRules(best=9), [1, 2, 3, 4]),
    (SeeingRules(single=True), [2]), (SeeingRules(quantile=0.5), [2, 4]), (SeeingRules(quantile=0.51), [2, 3, 4]),
    (SeeingRules(quantile=0.0), [2]), (SeeingRules(limit=1.0), [2, 4]), (SeeingRules(limit=1.05, best=3), [2, 4]),
])
def test_rules(rules, expected):
    assert kept(choose_by_seeing(choices(1, 2, 3, 4), SEEING, rules)) == expected


def test_reasons_hold_seeing_and_rank():
    found = {choice.expnum: choice.reason for choice in choose_by_seeing(choices(1, 2, 3, dropped={3}), SEEING,
                                                                         SeeingRules(single=True))}
    assert found[1] == 'seeing 1.30 arcsec: rank 2 by seeing, 1 kept (TEMPLATE_MODE=single)'
    assert found[2] == 't_eff 0.5, +50.0 d; seeing 0.90 arcsec' and found[3] == 'in the blacklist'
    assert 'above 1 (TEMPLATE_MAX_SEEING)' in choose_by_seeing(choices(1), SEEING, SeeingRules(limit=1.0))[0].reason


def test_unknown_seeing_waits_in_the_plan_and_comes_last_after_processing():
    rules = SeeingRules(best=2)
    planned = choose_by_seeing(choices(1, 2, 3, 8, 9), SEEING, rules)
    assert kept(planned) == [2, 3, 8, 9] and 'seeing not known yet' in planned[3].reason
    assert kept(choose_by_seeing(choices(1, 2, 8), SEEING, rules, final=True)) == [1, 2]
    assert kept(choose_by_seeing(choices(2, 8, 9), SEEING, rules, final=True)) == [2, 8]
    dropped = choose_by_seeing(choices(2, 8), SEEING, SeeingRules(drop_unknown=True))
    assert kept(dropped) == [2] and 'TEMPLATE_UNKNOWN_SEEING=drop' in dropped[1].reason


def test_no_seeing_at_all():
    assert kept(choose_by_seeing(choices(8, 9), {}, SeeingRules(single=True))) == [8, 9]
    assert kept(choose_by_seeing(choices(8, 9), {}, SeeingRules(single=True), final=True)) == [8]
    assert choose_by_seeing([], {}, SeeingRules(single=True)) == []


def test_a_fraction_is_not_taken_twice():
    """The fraction is one of the exposures that passed the cuts, however many the plan or verification left."""
    rules = SeeingRules(quantile=0.5)
    first = choose_by_seeing(choices(1, 2, 3, 4), SEEING, rules)
    left = choices(*kept(first))
    assert kept(choose_by_seeing(left, SEEING, rules, parse_pool(f'# a {pool_text(4)}\n'), final=True)) == [2, 4]
    assert parse_pool('# expnum nite verdict reason\n') is None


def test_who_waited_for_its_t_eff_counts_in_the_pool_if_it_passed():
    text = (f'# a {pool_text(4)}\n   11 20170509 kept    t_eff not known yet, +99.0 d; processing of CCD 3 queued\n'
            '   12 20170509 kept    t_eff not known yet, +98.0 d\n   13 20170509 kept    t_eff 0.500, +97.0 d\n'
            '   14 20170509 dropped t_eff not known yet, +96.0 d: no raw file\n')
    assert [parse_pool(text, verified) for verified in ((11, 12, 13), (11, 13), (12,), ())] == [4, 3, 3, 2]
