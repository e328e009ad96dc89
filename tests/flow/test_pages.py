"""The pages of the night: one a candidate, every epoch with stamps, no dead link, nothing left of earlier runs."""
import html
import re
import shutil
import sqlite3
from contextlib import closing

import pytest

from .conftest import BAND, EXPNUM, HOSTILE, NITE, Night, done

LINK = re.compile(r'(?:href|src|data-(?:next|previous|index))="([^"#]+)(?:#[^"]*)?"')
OTHER = EXPNUM + 1


def page(in_process, night: Night):
    """Write the pages anew."""
    return done(in_process(night, 'page', '--expnum', EXPNUM, '--nite', NITE, '--band', BAND, '--season', 'dp33'))


def pages_of(night: Night):
    return night.folder / f'candidates_{EXPNUM}_dp33'


def database(night: Night):
    return closing(sqlite3.connect(night.root / 'persistent' / 'gw' / 'db' / 'dp33.sqlite', isolation_level=None))


def ids(night: Night) -> set[str]:
    with database(night) as base:
        return {str(row[0]) for row in base.execute('SELECT diaObjectId FROM candidates')}


def dead_links(path) -> list[str]:
    """Relative links of a page that lead nowhere; those to other machines are left out."""
    found = [html.unescape(link) for link in LINK.findall(path.read_text())]
    return [link for link in found if not link.startswith(('https:', 'data:')) and not (path.parent / link).is_file()]


def test_every_candidate_has_a_page_whose_links_lead_somewhere(night):
    folder, candidates = pages_of(night), ids(night)
    assert {path.stem for path in folder.glob('*.html')} == candidates and len(candidates) > 3
    assert {path.name for path in folder.glob('*.png')} == {f'{one}_{EXPNUM}_33.png' for one in candidates}
    assert {path.stem for path in folder.glob('*.jpg')} == candidates
    index, nightly = night.folder / f'{folder.name}.html', night.folder.parent / f'night_{NITE}_dp33.html'
    for path in (index, nightly, *folder.glob('*.html')):
        text = path.read_text()
        assert dead_links(path) == [] and text.rstrip().endswith('</html>')
        assert "default-src 'none'" in html.unescape(text) and 'unsafe-inline' not in text
        assert not re.search(r'\bnan\b', re.sub(r'<(script|style)>.*?</\1>', '', text, flags=re.DOTALL), re.IGNORECASE)
        assert HOSTILE not in text and html.unescape(text).count(HOSTILE) == 1
    assert f'{EXPNUM}/{index.name}' in nightly.read_text()
    one = (folder / f'{max(candidates)}.html').read_text()
    assert one.count('class="detection"') + one.count('class="limit"') == 1
    assert one.count('<td class="left">passed</td>') > 10


def test_a_second_run_draws_nothing_and_removes_what_is_stale(copy, in_process):
    folder = pages_of(copy)
    drawn = {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.suffix != '.html'}
    (folder / '999.html').write_text('of a candidate that is no more')
    done(copy.sediff())
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.suffix != '.html'} == drawn
    assert not (folder / '999.html').exists()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    page(in_process, copy)                                # the stage draws all of it anew: the same
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.fixture
def two_epochs(copy) -> Night:
    """Another exposure of the same place in the season, which has images and no detections."""
    other = copy.folder.parent / str(OTHER)
    shutil.copytree(copy.folder, other, ignore=shutil.ignore_patterns('candidates_*', 'locks', 'stamps_*'))
    for path in list(other.rglob(f'*{EXPNUM}*')):
        path.rename(path.with_name(path.name.replace(str(EXPNUM), str(OTHER))))
    with database(copy) as base:
        base.execute('CREATE TEMP TABLE t AS SELECT * FROM images')
        base.execute('UPDATE t SET visit = ?, midpointMjdTai = midpointMjdTai + 3', (OTHER,))
        base.execute('INSERT INTO images SELECT * FROM t')
    return copy


def test_epochs_without_a_detection_have_stamps_too(two_epochs, in_process):
    folder = pages_of(two_epochs)
    page(in_process, two_epochs)
    for one in ids(two_epochs):
        text = (folder / f'{one}.html').read_text()
        assert text.count('<img ') == 2 and text.count('no detection') == 1
        assert text.index(f'{one}_{EXPNUM}_33.png') < text.index(f'{one}_{OTHER}_33.png')       # by time
        first, second = ((folder / f'{one}_{visit}_33.png').read_bytes() for visit in (EXPNUM, OTHER))
        assert len(second) > 0.5 * len(first)             # the same images, cut from the compressed ones


def test_images_that_cannot_be_read_leave_pages_without_them(two_epochs, in_process):
    damaged = next((two_epochs.folder.parent / str(OTHER)).rglob('*_template_mh.fits.fz'))
    damaged.write_bytes(damaged.read_bytes()[:100_000])
    said = page(in_process, two_epochs)
    assert f'{OTHER} c33: no stamps on the pages' in said.stderr
    for one in ids(two_epochs):
        text = (pages_of(two_epochs) / f'{one}.html').read_text()
        assert text.count('<img ') == 1 and 'no images here' in text


def test_an_exposure_without_candidates_has_a_page_that_says_so(copy, in_process):
    table = next(copy.folder.rglob('*_makeCand.out'))
    table.write_text(''.join(line for line in table.read_text().splitlines(True) if not line.startswith('OBJ:')))
    page(in_process, copy)
    text = (copy.folder / f'candidates_{EXPNUM}_dp33.html').read_text()
    assert 'No candidate passed the cuts' in text and '<script' not in text
    assert not pages_of(copy).exists() or list(pages_of(copy).iterdir()) == []
