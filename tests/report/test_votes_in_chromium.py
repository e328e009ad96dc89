"""Votes of a file in a real browser: merged, contradictions shown, malformed files rejected with a sentence."""
import json

import pytest
from made_up_pages import EXPNUM, SEASON
from test_pages_in_chromium import shown, status, votes_of

from sediff.errors import BadInput
from sediff.formats.votes import COLUMNS, read_votes

pytestmark = pytest.mark.busy

HEADER = ','.join(COLUMNS)
EARLY, LATE = '2020-01-31T23:59:58.250Z', '2099-01-31T23:59:58Z'


def row(candidate, vote='real', comment='', time=EARLY, season=SEASON):
    return f'{candidate},{vote},{comment},{time},{season},{EXPNUM}'


def chosen(browser, path, text):
    """What the page says of a file with this text."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    browser.run("document.querySelector('#imported p').textContent = ''")
    browser.choose('#import', path)
    return browser.run("new Promise(done => { const look = () => { const said = document.querySelector('#imported p')"
                       ".textContent; said ? done(said) : setTimeout(look, 20); }; look(); })")


def contradictions(browser):
    return browser.run("Array.from(document.querySelectorAll('#imported tbody tr'), "
                       "row => Array.from(row.cells, cell => cell.textContent))")


def test_an_export_comes_back(browser, index, tmp_path):
    second = shown(browser)[1]
    for key in ('j', 'r', 'j', 'b', 'c'):
        browser.press(key)
    browser.type('a "hot", pixel')
    browser.press('Escape')
    given, files = votes_of(browser), []
    for form in ('csv', 'json'):
        (browser.downloads / f'votes_{EXPNUM}_dp{SEASON}.{form}').unlink(missing_ok=True)
        browser.click(f'[data-export={form}]')
        files.append(browser.downloaded(f'votes_{EXPNUM}_dp{SEASON}.{form}').read_bytes())
    for form, content in zip(('csv', 'json'), files):
        browser.run('localStorage.clear(), sessionStorage.clear()')
        browser.open(index)
        assert status(browser) == '0 votes'
        assert chosen(browser, tmp_path / f'mine.{form}', content) == f'mine.{form}: 2 taken, 0 say nothing new.'
        assert votes_of(browser) == given and status(browser) == '2 votes'
        assert browser.run(f"document.querySelector('tr[data-id=\"{second}\"] .vote').textContent") == 'bogusa "hot", pixel'
        assert chosen(browser, tmp_path / f'mine.{form}', content) == f'mine.{form}: 0 taken, 2 say nothing new.'
        browser.open(index)
        assert votes_of(browser) == given


def test_a_colleagues_votes_are_merged_and_what_contradicts_is_shown(browser, tmp_path):
    agree, other, new, taken_back, commented = shown(browser)[:5]
    for keys in ('jr', 'jr', 'j', 'jru', 'j'):
        for key in keys:
            browser.press(key)
    browser.press('c')
    browser.type('mine')
    browser.press('Escape')
    text = '\n'.join([HEADER, row(agree, 'real', '"so, too"'), row(other, 'bogus', '<b>x</b>', LATE), row(new, 'unsure'),
                      row(new, 'bogus', 'later', '2020-02-01T00:00:00Z'), row(taken_back), row(commented, 'bogus'), row(7)])
    said = chosen(browser, tmp_path / 'theirs<i>.csv', text + '\r\n')
    assert said == ('theirs<i>.csv: 3 taken, 1 say nothing new, 1 of candidates that are not on this page. 1 contradict '
                    'what is here, which stays until you take the other:')
    now = {one: (each['vote'], each['comment']) for one, each in votes_of(browser).items()}
    assert now == {agree: ('real', 'so, too'), other: ('real', ''), new: ('bogus', 'later'), taken_back: ('', ''),
                   commented: ('bogus', 'mine')}
    (line,) = contradictions(browser)
    assert line[0] == other and line[1].startswith('real (2') and line[2] == 'bogus, "<b>x</b>" (2099-01-31 23:59 UTC)'
    assert browser.run("document.querySelectorAll('#imported b, #imported i').length") == 0
    browser.screenshot(tmp_path / 'contradiction.png')
    browser.click('#imported tbody button')
    assert votes_of(browser)[other]['vote'] == 'bogus' and contradictions(browser) == []
    browser.click('#imported-close')
    assert browser.run("document.getElementById('imported').hidden")
    browser.run('history.go(0)')


def hostile(candidate):
    """Name, text of a file, and what the page must say of it."""
    good = {'candidate': candidate, 'vote': 'real', 'comment': '', 'time': EARLY}

    def listed(**changes):
        return json.dumps({'season': SEASON, 'exposure': EXPNUM, 'votes': [good, good | changes]})
    return [
        ('empty.csv', '', 'first line'), ('other.csv', 'ra,dec\n1,2\n', 'first line'),
        ('cells.csv', f'{HEADER}\n{row(candidate)}\n1,real\n', 'line 3: 2 cells'),
        ('vote.csv', f'{HEADER}\n{row(candidate, "evil")}\n', 'line 2: vote "evil"'),
        ('quote.csv', f'{HEADER}\n{row(candidate, "real", chr(34) + "open")}\n', 'line 2: a quote'),
        ('id.csv', f'{HEADER}\n{row("9223372036854775808")}\n', 'candidate'),
        ('id.csv', f'{HEADER}\n{row("-1")}\n', 'candidate'),
        ('time.csv', f'{HEADER}\n{row(candidate, time="yesterday")}\n', 'time "yesterday"'),
        ('nothing.csv', f'{HEADER}\n{row(candidate, "")}\n', 'neither'),
        ('long.csv', f'{HEADER}\n{row(candidate, "real", "x" * 2001)}\n', '2000 characters'),
        ('control.csv', f'{HEADER}\n{row(candidate, "real", chr(7))}\n', 'one line'),
        ('bytes.csv', HEADER.encode() + b'\n' + row(candidate).encode().replace(b',,', b',\xff,'), 'comment'),
        ('cut.json', listed()[:-9], 'no JSON'), ('list.json', '[]', 'list "votes"'),
        ('no.json', '{"votes": 3}', 'list "votes"'),
        ('rows.json', '{"votes": [3]}', 'vote 1'), ('proto.json', listed(vote={'__proto__': 1}), 'vote 2'),
        ('number.json', listed(candidate=37258259983368193), 'written as text'),
        ('comment.json', listed(comment='a\nb'), 'one line'), ('time.json', listed(time=3), 'vote 2: time 3')]


def test_a_file_that_is_no_votes_is_rejected_with_a_sentence_and_changes_nothing(browser, tmp_path):
    """Whatever `read_votes` rejects; besides, numbers for ids, which JavaScript has rounded, and votes of another season."""
    first = shown(browser)[0]
    browser.press('j')
    browser.press('r')
    before = votes_of(browser)
    for name, text, says in hostile(first):
        said = chosen(browser, tmp_path / name, text)
        assert said.startswith(f'{name}, ') and says in said and said.endswith('. Nothing was taken.'), (name, said)
        assert votes_of(browser) == before and contradictions(browser) == []
        if name != 'number.json':
            with pytest.raises(BadInput):
                read_votes(tmp_path / name)
    said = chosen(browser, tmp_path / 'other.csv', f'{HEADER}\n{row(first, season=SEASON + 1)}\n')
    assert f'of season dp{SEASON + 1}, this page of dp{SEASON}' in said and votes_of(browser) == before
