"""Every link, anchor, file, module and command that the documentation names is there; and the check can fail."""
import pytest
from tests.docs import links

GOOD = ('# Top\n\nSee [the page](docs/page.md#a-b-c), `docs/page.md` and `sediff.piece.thing`.\n\n'
        '```text\n[no](link.md)\n```\n')


@pytest.fixture
def small(tmp_path):
    """A repository of two pages and a module, without fault."""
    for folder in ('docs', 'python/sediff'):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / 'README.md').write_text(GOOD)
    (tmp_path / 'docs' / 'page.md').write_text('# A, b `c`\n\n[up](../README.md#top)\n')
    (tmp_path / 'python' / 'sediff' / 'piece.py').write_text('def thing(): ...\n')
    return tmp_path


@pytest.mark.parametrize('page', links.pages(), ids=lambda page: page.name)
def test_page_points_at_what_is_there(page):
    assert list(links.dead_links(page)) == []
    assert page.name in links.OLD_NAMES or list(links.dead_names(page)) == []


def test_every_page_is_reached_from_the_readme():
    assert links.unreachable() == []


def test_a_repository_without_fault_passes(small):
    assert links.main(small) == 0


@pytest.mark.parametrize(('text', 'what'), [
    ('[x](docs/pages.md)', 'docs/pages.md: no such file'), ('![x](figure.png)', 'figure.png: no such file'),
    ('[x](docs/page.md#a-b)', 'docs/page.md#a-b: no such heading'), ('[x](#bottom)', '#bottom: no such heading'),
    ('[x](../outside.md)', '../outside.md: no such file'), ('`isr/none.py`', 'isr/none.py: no such file'),
    ('`sediff.piece.other`', 'sediff.piece.other: no such module or name'),
    ('```\npython -m sediff.gone\n```', 'python -m sediff.gone: no such module'),
    ('`python -m tests.gone`', 'python -m tests.gone: no such module')])
def test_what_is_dead_is_said_with_its_line(small, capsys, text, what):
    (small / 'README.md').write_text(GOOD + text + '\n')
    assert links.main(small) == 1
    lines = capsys.readouterr().out.splitlines()
    expected = 9 if text.startswith('```') else 8
    assert f'README.md:{expected}: {what}' in lines


def test_a_page_without_a_way_to_it_is_said(small, capsys):
    (small / 'docs' / 'lost.md').write_text('# Lost\n')
    assert links.main(small) == 1
    assert 'docs/lost.md: no page links to it' in capsys.readouterr().out
