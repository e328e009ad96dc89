"""Verdicts on templates, and the lists without the dropped ones."""
from pathlib import Path

import pytest

from sediff.errors import BadInput
from sediff.io.inventory import Inventory
from sediff.names import Exposure
from sediff.workflow.verify import (
    EffectiveTimeFound,
    drop_from_copy_pairs,
    drop_from_ws_diff,
    parse_copy_pairs,
    parse_ws_diff,
    verify_templates,
)

WANTED = tuple(range(1, 11))
ALL = ('immask', 'psf', 'fullcat', 'out', 'zero', 'zp')
COPY = ('cp -p -- /r/668443/668443.out /r/506432/506432.out /r/1506432/1506432.out /r/12345678/12345678.out '
        '$TOPDIR_WSTEMPLATES/pairs/\n')


def inventory(**lacking):
    ccds = {name: frozenset(WANTED) - lacking.get(name, set()) for name in ALL}
    return Inventory(Exposure(Path('/r'), 506432, '20151230', 'i'), True, None, ccds)


def verdict(given, calibrate=True, **options):
    return verify_templates([given], WANTED, calibrate, **options)[0]


def test_complete_template():
    found = verdict(inventory())
    assert (found.expnum, found.kept, found.ccds, found.reason) == (506432, True, WANTED, '')


def test_missing_ccds_are_named():
    found = verdict(inventory(immask={3, 4}, zero={4, 7}))
    assert not found.kept
    assert found.reason == '7 of 10 CCDs complete: no immask of CCD 3-4; no zero of CCD 4,7'
    assert found.ccds == (1, 2, 5, 6, 8, 9, 10)


def test_fraction_of_ccds():
    assert verdict(inventory(psf={3}), min_ccd_fraction=0.9).kept
    assert not verdict(inventory(psf={3, 4}), min_ccd_fraction=0.9).kept
    assert not verdict(inventory(psf=set(WANTED)), min_ccd_fraction=0.0).kept


def test_calibration_counts_only_where_asked():
    assert verdict(inventory(zp={1, 2, 3}), calibrate=False).kept
    assert not verdict(inventory(zp={1, 2, 3}), calibrate=True).kept


@pytest.mark.parametrize(('t_eff', 'kept', 'reason'), [
    (0.3, True, ''), (0.29, False, 't_eff 0.290, needs 0.3'), (float('nan'), False, 't_eff unknown'),
])
def test_measured_t_eff(t_eff, kept, reason):
    found = verdict(inventory(), min_teff=0.3, t_eff={506432: t_eff})
    assert (found.kept, reason in found.reason) == (kept, True)
    assert verdict(inventory(), min_teff=0.3, t_eff={1: 0.0}).kept


def test_the_factors_of_t_eff_are_told():
    cloudy = EffectiveTimeFound(0.061, 1.2, 0.55, 0.091, 1.5)
    found = verdict(inventory(), min_teff=0.3, t_eff={506432: cloudy}, cut_name='TEFF_CUT_I')
    assert found.reason == ('t_eff 0.061 (seeing 1.20 x sky 0.55 x transparency 0.09, 1.50 mag of cloud), needs 0.3 '
                            '(TEFF_CUT_I)')
    unknown = verdict(inventory(), min_teff=0.3, t_eff={506432: EffectiveTimeFound(0.2, 0.5, 0.4, 1.0, None)})
    assert 'cloud not known' in unknown.reason
    assert verdict(inventory(), min_teff=0.3, t_eff={506432: EffectiveTimeFound()}).reason.startswith('t_eff unknown')


def test_each_template_may_have_its_own_ccds():
    assert verify_templates([inventory(psf={3})], {506432: (1, 2)}, True)[0].kept
    assert verify_templates([inventory(psf={3})], {506432: (3,)}, True)[0].reason == 'no psf of CCD 3'
    assert verify_templates([inventory()], {506432: ()}, True)[0].reason == 'none of its CCDs overlaps'


def test_ws_diff():
    text = '4 i 668443 506432 1506432 12345678\n'
    assert parse_ws_diff(text) == ('i', 668443, [506432, 1506432, 12345678])
    assert drop_from_ws_diff(text, {506432}) == '3 i 668443 1506432 12345678\n'
    assert drop_from_ws_diff(text, {506432, 1506432, 12345678}) == '1 i 668443\n'
    assert drop_from_ws_diff(text, {668443, 6432}) == text


@pytest.mark.parametrize('text', ['', '3 i 668443\n', '2 668443 1\n', '2 i 668443 x\n', 'i 668443\n', '1 i\n'])
def test_bad_ws_diff(text):
    with pytest.raises(BadInput, match='WS_diff'):
        parse_ws_diff(text)


def test_copy_pairs():
    assert list(parse_copy_pairs(COPY)) == [668443, 506432, 1506432, 12345678]
    assert str(parse_copy_pairs(COPY)[506432]) == '/r/506432/506432.out'
    assert drop_from_copy_pairs(COPY, {506432}) == COPY.replace('/r/506432/506432.out ', '')
    assert drop_from_copy_pairs(COPY, {668443}) == COPY


@pytest.mark.parametrize('text', ['', 'cp -p -- $TOPDIR_WSTEMPLATES/pairs/', 'rm -r -f /x /y', 'cp -p -- /r/a.out /d'])
def test_bad_copy_pairs(text):
    with pytest.raises(BadInput, match='copy_pairs'):
        parse_copy_pairs(text)
