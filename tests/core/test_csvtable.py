"""Commented tables: rows, numbered lines, and files that are none."""
import pytest

from sediff.csvtable import numbered_lines, read_csv_rows, signature, text_lines
from sediff.errors import BadInput


def test_comments_and_empty_lines_are_left_out(tmp_path):
    path = tmp_path / 'table.csv'
    path.write_text('\ufeff# a comment, of us\nccdnum,"name"\n\n33,"a, b"\n  # another\n34,c\n', encoding='utf-8')
    assert read_csv_rows(path, 'a table') == [{'ccdnum': '33', 'name': 'a, b'}, {'ccdnum': '34', 'name': 'c'}]


def test_lines_keep_their_numbers(tmp_path):
    path = tmp_path / 'table.txt'
    path.write_text('# head\n1 2   # why\n\n   #\n 3 4\n')
    assert numbered_lines(path, 'a table') == [(2, '1 2'), (5, '3 4')]


def test_what_is_missing_no_text_or_altered_says_so(tmp_path):
    path = tmp_path / 'table.csv'
    with pytest.raises(BadInput, match=r'cannot read .*table\.csv, a table of x: No such file'):
        read_csv_rows(path, 'a table of x')
    path.write_bytes(b'\xff\xfe\x00')
    with pytest.raises(BadInput, match='is not text; it must be a table of x'):
        text_lines(path, 'a table of x')
    with pytest.raises(BadInput, match='is neither this nor that; it must be a table of x'):
        numbered_lines(path, 'a table of x', 'neither this nor that')
    lines = ['x', '1']
    path.write_text('\n'.join([signature(lines), *lines]) + '\n')
    assert read_csv_rows(path, 'a table') == [{'x': '1'}]
    path.write_text('\n'.join([signature(lines), 'x', '2']) + '\n')
    with pytest.raises(BadInput, match='was altered since it was written'):
        read_csv_rows(path, 'a table')
