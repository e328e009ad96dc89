"""Text tables: written and read back, also without rows."""
import numpy as np
import pytest

from sediff.candidates.texttable import parse_table, table_text
from sediff.errors import BadInput


def test_round_trip_with_blanks_and_comments():
    text = table_text({'ID': [1, 2], 'NAME': ['a b', ''], 'X': [1.23456, np.nan]}, {'X': '.2f'}, ('two\nlines',))
    assert text.splitlines()[:3] == ['# two lines', 'NVAR: 3', 'VARNAMES: ID NAME X']
    table = parse_table(text)
    assert table['NAME'].tolist() == ['a_b', '-'] and table['X'].tolist() == ['1.23', 'nan']


def test_zero_rows():
    table = parse_table(table_text({'ID': [], 'X': np.zeros(0)}))
    assert list(table) == ['ID', 'X'] and len(table['X']) == 0


def test_wrong_inputs():
    with pytest.raises(BadInput, match='one length'):
        table_text({'a': [1], 'b': []})
    with pytest.raises(BadInput, match='line 2'):
        parse_table('VARNAMES: a b\nOBJ: 1\n')
    with pytest.raises(BadInput, match='no VARNAMES'):
        parse_table('')
