"""The pages in a real browser: sort, filter, open, vote, export; nothing is loaded from elsewhere, nothing complains."""
import csv

import pytest
from made_up_pages import EXPNUM, HOSTILE, SEASON, candidates

from sediff.formats.votes import read_votes

pytestmark = pytest.mark.busy

SHOWN = "Array.from(document.querySelectorAll('#list tbody tr')).filter(row => !row.hidden).map(row => row.dataset.{})"
COUNT = 120         # of the index in conftest.py


def shown(browser, name='id'):
    return browser.run(SHOWN.format(name))


def put(browser, name, value, event='input'):
    browser.run(f'(() => {{ const e = document.getElementById("f-{name}"); e.value = "{value}"; '
                f'e.dispatchEvent(new Event("{event}", {{bubbles: true}})); }})()')


def status(browser):
    return browser.run("document.getElementById('state').textContent")


def votes_of(browser):
    """What the browser keeps of the exposure."""
    return browser.run(f"JSON.parse(localStorage.getItem('sediff votes {SEASON} {EXPNUM}') || '{{}}')")


def test_the_table_is_sorted_by_any_column(browser):
    put(browser, 'threshold', 0)
    every = {str(one.identifier): one for one in candidates(COUNT)}
    for key, of, rising in (('score', 'score', True), ('mag', 'magnitude', True), ('mag', 'magnitude', False),
                            ('snr', 'snr', False), ('n', 'n_detections', False), ('ccd', 'ccd', True), ('ra', 'ra', True)):
        browser.click(f'th button[data-key={key}]')
        values = [getattr(every[each], of) for each in shown(browser)]
        assert len(values) == COUNT and values == sorted(values, reverse=not rising), key
        assert browser.run("document.querySelector('th[aria-sort]').getAttribute('aria-sort')") == (
            'ascending' if rising else 'descending')


def test_stamps_are_drawn_when_their_row_comes_into_view(browser):
    put(browser, 'threshold', 0)
    assert browser.run("document.querySelectorAll('#list img[data-src]').length") > COUNT // 4
    browser.click('th button[data-key=score]')
    browser.click('th button[data-key=score]')
    last = "document.querySelector('#list tbody tr:last-child img')"
    assert browser.run(f"{last}.scrollIntoView(), new Promise(done => {{ const look = () => {last}.naturalWidth ? "
                       f"done({last}.naturalWidth) : setTimeout(look, 50); look(); }})") == 155


def test_the_table_is_filtered(browser):
    every = candidates(COUNT)
    ccd = next(one.ccd for one in every if one.snr >= 40 and one.magnitude <= 21.5 and one.n_detections >= 3)
    assert sorted(shown(browser)) == sorted(str(one.identifier) for one in every if one.score >= 0.7)
    for name, value, keeps in (('threshold', 0, lambda one: True), ('snr', 40, lambda one: one.snr >= 40),
                               ('mag', 21.5, lambda one: one.magnitude <= 21.5),
                               ('seen', 3, lambda one: one.n_detections >= 3),
                               ('ccd', ccd, lambda one: one.ccd == ccd)):
        put(browser, name, value)
        every = [one for one in every if keeps(one)]
        assert sorted(shown(browser)) == sorted(str(one.identifier) for one in every) != []
    assert f'{len(every)} of {COUNT}' in browser.run("document.getElementById('count').textContent")
    put(browser, 'mag', 3)
    assert shown(browser) == [] and not browser.run("document.getElementById('nothing').hidden")


def test_votes_by_keyboard_are_kept_and_exported(browser, index):
    first, second, third = shown(browser)[:3]
    for key in ('j', 'r', 'j', 'b', 'c'):
        browser.press(key)
    browser.type('a "hot" pixel, rjb?')
    browser.press('Escape')
    browser.press('j')
    browser.press('?')
    given = {first: 'real', second: 'bogus', third: 'unsure'}
    assert {one: each['vote'] for one, each in votes_of(browser).items()} == given
    browser.open(index)                                   # they are there on a later visit
    put(browser, 'votes', 'bogus', 'change')
    assert shown(browser) == [second] and status(browser) == '3 votes'
    for form in ('csv', 'json'):
        browser.click(f'[data-export={form}]')
        votes = {vote.candidate: vote for vote in read_votes(browser.downloaded(f'votes_{EXPNUM}_dp{SEASON}.{form}'))}
        assert {str(one): vote.vote for one, vote in votes.items()} == given
        assert votes[int(second)].comment == 'a "hot" pixel, rjb?'
        assert {(vote.season, vote.exposure) for vote in votes.values()} == {(SEASON, EXPNUM)}
    with open(browser.downloads / f'votes_{EXPNUM}_dp{SEASON}.csv', newline='') as file:
        assert [row['vote'] for row in csv.DictReader(file)] == [votes[key].vote for key in sorted(votes)]


def test_a_vote_is_taken_back_and_the_next_candidate_follows_where_wanted(browser):
    first, second = shown(browser)[:2]
    browser.press('j')
    browser.press('r')
    browser.press('u')
    assert votes_of(browser)[first]['vote'] == '' and status(browser) == '0 votes'
    browser.click('#advance')
    browser.run('document.activeElement.blur()')
    browser.press('b')
    browser.press('r')
    assert {one: each['vote'] for one, each in votes_of(browser).items()} == {first: 'bogus', second: 'real'}
    browser.press('k')
    assert browser.run("document.querySelector('tr.picked').dataset.id") == second


def test_the_page_of_a_candidate_opens_and_votes(browser, index):
    first, second = shown(browser)[:2]
    browser.press('j')
    browser.follow(lambda: browser.press('o'))
    assert browser.run('document.body.dataset.candidate') == first
    assert browser.run('Promise.all(Array.from(document.querySelectorAll("img"), one => { one.loading = "eager"; '
                       'return one.decode(); })).then(all => all.length)') == 3
    assert browser.run("document.querySelectorAll('svg.curve .detection').length") == 3
    assert browser.run("document.querySelectorAll('svg.curve .limit').length") == 2
    assert browser.run("document.querySelectorAll('.cuts tr.failed').length") == 1
    browser.press('r')
    browser.follow(lambda: browser.press('j'))
    assert browser.run('document.body.dataset.candidate') == second
    browser.press('b')
    browser.follow(lambda: browser.press('i'))
    assert browser.run("document.querySelector('tr.picked').dataset.id") == second and status(browser) == '2 votes'
    browser.follow(lambda: browser.click(f'tr[data-id="{first}"] a'))
    assert browser.run("document.querySelector('.real').getAttribute('aria-pressed')") == 'true'


def test_votes_travel_in_the_links_where_the_browser_keeps_none(browser, index):
    hidden = browser.send('Page.addScriptToEvaluateOnNewDocument', source='for (const name of '
                          '["localStorage", "sessionStorage"]) Object.defineProperty('
                          'window, name, {get() { throw new Error("not allowed"); }})')['identifier']
    try:
        browser.open(index)
        first = shown(browser)[0]
        browser.press('j')
        browser.press('r')
        assert 'not kept' in status(browser)
        browser.follow(lambda: browser.click(f'tr[data-id="{first}"] a'))
        assert browser.run("document.querySelector('.real').getAttribute('aria-pressed')") == 'true'
        browser.follow(lambda: browser.press('j'))
        browser.press('b')
        browser.follow(lambda: browser.press('o'))
        assert status(browser).startswith('2 votes')
    finally:
        browser.send('Page.removeScriptToEvaluateOnNewDocument', identifier=hidden)


def test_nonsense_in_the_store_or_the_link_is_passed_over(browser, index):
    browser.run(f"localStorage.setItem('sediff votes {SEASON} {EXPNUM}', '{{\"x\": 1, \"7\": {{\"vote\": \"evil\"}}}}')")
    browser.open('about:blank')
    browser.open(f'file://{index}#c=%E0%A4%A&votes=%7B%22__proto__%22%3A1%7D')
    assert status(browser) == '0 votes'
    browser.run(f"localStorage.setItem('sediff votes {SEASON} {EXPNUM}', 'no json')")
    browser.open(index)
    browser.press('j')
    browser.press('r')
    assert status(browser) == '1 vote'


def test_hostile_text_is_text(browser):
    put(browser, 'threshold', 0)
    assert browser.run("document.querySelectorAll('[onclick], [onerror]').length") == 0
    assert HOSTILE in browser.run('document.querySelector(".object").textContent')
    assert browser.run("document.querySelectorAll('script').length") == 1


@pytest.mark.parametrize('width', [390, 800, 1000, 1240])
@pytest.mark.parametrize('page', ['index', 'candidate'])
def test_a_phone_and_small_windows_show_all_of_it(browser, index, page, width):
    browser.size(width, 800, phone=width == 390)
    browser.open(index if page == 'index' else index.parent / shown_path(browser))
    assert browser.run('document.documentElement.scrollWidth') <= width
    wide = browser.run("Array.from(document.querySelectorAll('td, dd, img, svg, button')).filter("
                       "one => one.offsetParent !== null && one.getBoundingClientRect().right > innerWidth + 1)"
                       ".map(one => one.outerHTML.slice(0, 200))")
    assert wide == []


def shown_path(browser):
    return browser.run("document.querySelector('#list a.own').getAttribute('href')")


def test_pictures_of_the_pages(browser, index, tmp_path):
    """Kept with the files of the test run; the window has more than one colour."""
    for name, page in (('index', index), ('candidate', index.parent / shown_path(browser))):
        browser.open(page)
        assert browser.screenshot(tmp_path / f'{name}.png').stat().st_size > 20_000


def test_all_rows_are_there_with_the_script_and_without(browser, index):
    """Those beyond the fortieth wait until the page has arrived; where no script runs nothing waits."""
    drawn = "Array.from(document.querySelectorAll('#list tbody tr')).filter(row => row.offsetHeight > 0).length"
    put(browser, 'threshold', 0)
    assert browser.run(drawn) == COUNT
    browser.send('Emulation.setScriptExecutionDisabled', value=True)
    try:
        browser.open(index)
        assert browser.run(drawn) == COUNT
    finally:
        browser.send('Emulation.setScriptExecutionDisabled', value=False)
