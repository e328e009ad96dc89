"""Completeness by CCD, by name."""
from pathlib import Path

import pytest

from sediff.repository.completeness import expected_ccds, format_ccds, missing_ccds, work_left
from sediff.repository.inventory import Inventory
from sediff.repository.names import Exposure

EXPOSURE = Exposure(Path('/root'), 506432, '20151230', 'i')
ALL = ('immask', 'psf', 'fullcat', 'out', 'zero', 'zp')


def inventory(raw=None, raw_exists=True, **lacking):
    """CCDs 1, 3, 4, 5 complete but for the products named: lacking(immask={4})."""
    ccds = {name: frozenset({1, 3, 4, 5}) - lacking.get(name, set()) for name in ALL}
    return Inventory(EXPOSURE, raw_exists, raw, ccds)


def test_complete():
    assert work_left(inventory(), [1, 3, 4, 5], True) == ((), False)


@pytest.mark.parametrize('product', ['immask', 'psf', 'fullcat', 'out'])
def test_a_missing_product_names_its_ccd(product):
    assert work_left(inventory(**{product: {4}}), [1, 3, 4, 5], True) == ((4,), False)


@pytest.mark.parametrize('product', ['zero', 'zp'])
def test_missing_calibration(product):
    lacking = inventory(**{product: {3, 5}})
    assert work_left(lacking, [1, 3, 4, 5], True) == ((3, 5), True)
    assert work_left(lacking, [1, 3, 4, 5], False) == ((), False)


def test_image_and_calibration_missing_on_different_ccds():
    assert work_left(inventory(immask={1}, zero={5}), [1, 3, 4, 5], True) == ((1, 5), False)


def test_fifty_nine_of_sixty_is_not_complete():
    wanted = (1, *range(3, 61), 62)
    have = frozenset(wanted) - {47}
    lacking = Inventory(EXPOSURE, True, None, dict.fromkeys(ALL, have))
    assert work_left(lacking, wanted, True) == ((47,), False)


def test_only_ccds_that_the_raw_file_has_are_expected():
    assert expected_ccds(inventory(raw=frozenset({1, 3, 4, 5, 6})), [1, 3, 6, 7]) == (1, 3, 6)
    assert expected_ccds(inventory(raw=frozenset({6})), [1]) == (1,), 'an image that exists counts'


def test_dead_ccds_are_not_expected():
    assert expected_ccds(inventory(), [1, 61]) == (1,)


def test_missing_ccds_keeps_to_the_list():
    assert missing_ccds(inventory(zp={1, 5}), [3, 5], ('zp',)) == (5,)


@pytest.mark.parametrize(('ccds', 'text'), [
    ([], ''), ([3], '3'), ([1, 2], '1-2'), ([62, 1, 3, 4, 5, 4], '1,3-5,62'), ([1, *range(3, 61), 62], '1,3-60,62'),
])
def test_format_ccds(ccds, text):
    assert format_ccds(ccds) == text
