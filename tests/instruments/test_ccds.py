"""The table of CCDs and lists of CCDs as users write them."""
from __future__ import annotations

import numpy as np
import pytest

from sediff.catalogs import catalog_path
from sediff.errors import BadInput, BadUsage
from sediff.instruments.base import table_path
from sediff.instruments.ccds import ccd_table, dead_amplifiers, detpos, parse_ccd_list
from sediff.instruments.load import default_instrument


def test_table_has_all_science_ccds():
    table = ccd_table()
    assert table['ccdnum'].tolist() == list(range(1, 63))
    assert sorted(set(table['half'])) == ['N', 'S'] and np.count_nonzero(table['half'] == 'N') == 31
    assert ((table['gain_a'] > 3) & (table['gain_a'] < 6)).all()
    assert ((table['saturate_b'] > 25000) & (table['saturate_b'] < 60000)).all()
    assert np.hypot(table['x_center_mm'], table['y_center_mm']).max() < 230


def test_names_agree_with_real_headers(north, south):
    assert detpos(north['CCDNUM']) == north['DETPOS'].strip() == 'N25'
    assert detpos(south['CCDNUM']) == south['DETPOS'].strip() == 'S1'


@pytest.mark.parametrize('text, ccds', [('33', [33]), ('1,3,5-12', [1, 3, 5, 6, 7, 8, 9, 10, 11, 12]),
                                        ('5,3,5,3-4', [5, 3, 4]), (' 7 , 8-9 ', [7, 8, 9])])
def test_lists(text, ccds):
    assert parse_ccd_list(text) == ccds


@pytest.mark.parametrize('nite, lost', [('20121001', set()), ('20130801', {61}), ('20131201', {2, 61}),
                                        ('20161228', {2, 61}), ('20161229', {61}), (None, {61})])
def test_all_leaves_out_dead_ccds(nite, lost):
    assert set(range(1, 63)) - set(parse_ccd_list('all', nite)) == lost


def test_a_dead_ccd_that_is_named_is_kept():
    assert parse_ccd_list('61,2', '20150101') == [61, 2]


@pytest.mark.parametrize('text, token', [('0', '0'), ('63', '63'), ('1,x,3', 'x'), ('5-3', '5-3'), ('60-70', '60-70'),
                                         ('', ''), ('1,,2', ''), ('-3', '-3'), ('1.5', '1.5'), ('3-', '3-')])
def test_bad_lists_name_the_token(text, token):
    with pytest.raises(BadUsage, match='1-62') as error:
        parse_ccd_list(text)
    assert repr(token) in str(error.value)


def test_dead_amplifiers():
    assert dead_amplifiers(31, '20170101') == ('A',)
    assert dead_amplifiers(61, 20170101) == ('A', 'B') and dead_amplifiers(61, '20121101') == ()
    assert dead_amplifiers(25, '20170101') == ()
    with pytest.raises(BadUsage, match='63'):
        dead_amplifiers(63, '20170101')


def test_a_copy_of_a_table_in_sediff_catalogs_wins(tmp_path, monkeypatch):
    monkeypatch.setenv('SEDIFF_CATALOGS', str(tmp_path))
    own = table_path(default_instrument(), 'ccds.csv')
    assert own.parent == default_instrument().folder and dead_amplifiers(33, '20170101') == ()
    text = own.read_text().replace('16.884,-127.546,,,', '16.884,-127.546,20160101,,B')
    (tmp_path / 'ccds.csv').write_text(text)
    assert table_path(default_instrument(), 'ccds.csv') == tmp_path / 'ccds.csv'
    assert dead_amplifiers(33, '20170101') == ('B',) and dead_amplifiers(33, '20150101') == ()


def test_catalogs_can_be_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv('SEDIFF_CATALOGS', str(tmp_path))
    with pytest.raises(BadInput, match='no catalogue'):
        catalog_path('at2017gfo.csv')
    (tmp_path / 'at2017gfo.csv').write_text('x')
    assert catalog_path('at2017gfo.csv') == tmp_path / 'at2017gfo.csv'
