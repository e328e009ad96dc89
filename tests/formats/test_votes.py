"""Votes that a page has exported are read as they were given; nonsense is rejected with its place."""
import json
from datetime import UTC, datetime

import pytest

from sediff.errors import BadInput
from sediff.formats.votes import Vote, read_votes

HEAD = 'candidate,vote,comment,time,season,exposure\n'
TIME = '2026-01-31T23:59:58.250Z'
LAST = 2 ** 63 - 1


def written(tmp_path, text):
    path = tmp_path / 'votes.csv'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_csv_and_json_tell_the_same(tmp_path):
    table = HEAD + f'7,real,"a ""bright"" one, in its host",{TIME},33,12345678\n{LAST},,only a comment,{TIME},33,12345678\n'
    content = {'season': 33, 'exposure': 12345678, 'votes': [
        {'candidate': str(LAST), 'vote': '', 'comment': 'only a comment', 'time': TIME},
        {'candidate': '7', 'vote': 'real', 'comment': 'a "bright" one, in its host', 'time': TIME}]}
    moment = datetime(2026, 1, 31, 23, 59, 58, 250000, UTC)
    expected = [Vote(7, 'real', 'a "bright" one, in its host', moment, 33, 12345678),
                Vote(LAST, '', 'only a comment', moment, 33, 12345678)]
    assert read_votes(written(tmp_path, table)) == expected
    assert read_votes(written(tmp_path, json.dumps(content))) == expected
    assert read_votes(written(tmp_path, '\ufeff' + table.replace('\n', '\r\n'))) == expected


def test_the_last_vote_by_time_counts(tmp_path):
    rows = [f'7,{vote},,2026-01-31T{hour}:00:00Z,33,1' for vote, hour in (('real', 11), ('bogus', 12), ('unsure', 10))]
    assert [one.vote for one in read_votes(written(tmp_path, HEAD + '\n'.join(rows) + '\n'))] == ['bogus']
    assert read_votes(written(tmp_path, HEAD)) == []


@pytest.mark.parametrize(('text', 'says'), [
    ('', 'first line'), ('id,vote\n1,real\n', 'first line'), (b'\xff\xfe\x00real', 'no text'),
    ('{"votes": 3}', 'list "votes"'), ('{"votes": [3]}', 'list "votes"'), ('[]', 'list "votes"'),
    ('{"votes"', 'no JSON'), ('[' * 100_000, 'no JSON'),
    (HEAD + '7,real,,\n', 'line 2 has 4 cells'), (HEAD + '7,real,"a,2026\n', 'no CSV'),
    (HEAD + f'7,perhaps,,{TIME},33,1\n', "line 2: vote 'perhaps'"), (HEAD + f'7,,,{TIME},33,1\n', 'neither'),
    (HEAD + f'-7,real,,{TIME},33,1\n', "candidate '-7'"), (HEAD + f'{LAST + 1},real,,{TIME},33,1\n', 'candidate'),
    (HEAD + f'0,real,,{TIME},33,1\n', 'candidate'), (HEAD + f'1e3,real,,{TIME},33,1\n', 'candidate'),
    (HEAD + f'7,real,,{TIME},,1\n', 'season'), (HEAD + f'7,real,,{TIME},33,x\n', 'exposure'),
    (HEAD + '7,real,,yesterday,33,1\n', "time 'yesterday'"), (HEAD + '7,real,,2026-01-31T10:00:00,33,1\n', 'time'),
    (HEAD + f'7,real,{"x" * 2001},{TIME},33,1\n', 'comment'), (HEAD + f'7,real,\x1b[31mred,{TIME},33,1\n', 'comment'),
    ('{"season": 33, "exposure": 1, "votes": [{"candidate": true, "vote": "real", "comment": "", "time": "' + TIME + '"}]}',
     'vote 1: candidate'),
    ('{"season": 33, "exposure": 1, "votes": [{"candidate": 7.5, "vote": ["real"], "comment": "", "time": "' + TIME + '"}]}',
     'vote 1: vote')])
def test_nonsense_is_rejected(tmp_path, text, says):
    with pytest.raises(BadInput) as caught:
        read_votes(written(tmp_path, text))
    assert says in str(caught.value) and '\x1b' not in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / 'none.csv', tmp_path):
        with pytest.raises(BadInput, match='cannot read the votes'):
            read_votes(path)
