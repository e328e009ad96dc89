"""The tables of the method pages are what their command measures today."""
import pytest
from tests.docs.measured import TABLES, page_of, place
from tests.docs.pages import differences

pytestmark = pytest.mark.busy

SLOW = ('cosmicrays', 'score')


@pytest.mark.parametrize('name', [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in TABLES])
def test_the_page_shows_what_is_measured(name):
    text = page_of(name).read_text()
    assert f'python -m tests.docs.measured {name}' in text
    shown = place(name).search(text)[0].split('-->', 1)[1].rsplit('<!--', 1)[0]
    assert list(differences(TABLES[name](), shown.strip(), 0.1)) == []
