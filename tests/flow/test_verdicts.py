"""Verdicts on templates."""
from pathlib import Path

import pytest

from sediff.flow.exposure.verdicts import EffectiveTimeFound, verify_templates
from sediff.repository.inventory import Inventory
from sediff.repository.names import Exposure

WANTED = tuple(range(1, 11))
ALL = ('immask', 'psf', 'fullcat', 'out', 'zero', 'zp')


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


def test_a_withdrawn_one_is_dropped_whatever_it_has():
    given = {'withdrawn': {506432: 'withdrawn 2026-11-28: clouds'}, 't_eff': {506432: 1.0}}
    assert (verdict(inventory(), **given).kept, verdict(inventory(), **given).reason) == (False, given['withdrawn'][506432])
    assert verdict(inventory(), withdrawn={506432: '', 506433: 'withdrawn'}).kept


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
