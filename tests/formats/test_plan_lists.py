"""The lists of a plan, and those without the dropped templates."""
import pytest

from sediff.errors import BadInput
from sediff.formats.plan_lists import drop_from_copy_pairs, drop_from_ws_diff, parse_copy_pairs, parse_ws_diff

COPY = ('cp -p -- /r/668443/668443.out /r/506432/506432.out /r/1506432/1506432.out /r/12345678/12345678.out '
        '$TOPDIR_WSTEMPLATES/pairs/\n')


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
