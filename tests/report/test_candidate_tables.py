"""Tables of candidates: rows and columns, and the page that documents them."""
import numpy as np
import pytest

from sediff.errors import BadUsage
from sediff.report.candidate_columns import COLUMNS, candidate_table
from sediff.values import TABLE_FORMS, checked_table_forms


def columns_markdown() -> str:
    """The columns as docs/tables.md has them."""
    lines = ['| column | unit | UCD | meaning |', '|---|---|---|---|']
    return '\n'.join([*lines, *(f'| {c.name} | {c.unit or "–"} | {c.ucd} | {c.description} |' for c in COLUMNS)]) + '\n'


def test_every_column_is_documented_with_unit_and_ucd(repository):
    page = (repository / 'docs' / 'tables.md').read_text()
    assert page.partition('<!-- columns -->\n')[2].partition('<!-- end -->')[0] == columns_markdown()


def test_the_best_score_comes_first_and_what_is_not_known_is_not_a_number():
    rows = [{'reliability': score, 'snr': snr, 'detector': 1, 'number': 1, **dict.fromkeys(
        ('diaObjectId', 'visit', 'nite', 'season', 'nDiaSources', 'nNites', 'isNew', 'diaSourceId'), number)}
        for number, (score, snr) in enumerate([(0.2, 9.0), (0.9, 5.0), (0.9, 7.0)])]
    table = candidate_table(rows, 1, 33)
    assert table['diaObjectId'].tolist() == [2, 1, 0] and np.isnan(table['mag']).all()
    assert set(table['object']) == {''} and str(table['psfFlux'].unit) == 'nJy'


def test_ids_keep_all_their_63_bits():
    row = dict.fromkeys((c.name for c in COLUMNS), 0) | {'diaObjectId': 2**63 - 1}
    assert candidate_table([row], 1, 33)['diaObjectId'][0] == 2**63 - 1


@pytest.mark.parametrize('text, forms', [('', ('csv',)), ('csv', ('csv',)), ('parquet, FITS', ('csv', 'fits', 'parquet')),
                                         ('votable fits votable', ('csv', 'fits', 'votable'))])
def test_csv_is_always_among_the_forms(text, forms):
    assert checked_table_forms(text, 'CANDIDATE_TABLES') == forms


@pytest.mark.parametrize('text', ['xml', 'csv;fits', 'fits votabel', '../x'])
def test_an_unknown_form_is_named_with_those_that_are(text):
    with pytest.raises(BadUsage, match='CANDIDATE_TABLES must name forms of tables, ' + ' '.join(TABLE_FORMS)):
        checked_table_forms(text, 'CANDIDATE_TABLES')
