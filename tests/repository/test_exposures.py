"""`exposures.list` and the blacklist."""
import math

import pytest

from sediff.errors import BadInput
from sediff.repository.exposures import COLUMNS, read_blacklist, read_exposures

HEADER = '   '.join(COLUMNS) + '\n'
LINE = '668443 20170817 57983.0001 197.45 -23.38 i 90.0 2017B-0110 object 0.55 DESWS hex 1974-234 tiling 1\n'


def write(tmp_path, text):
    path = tmp_path / 'exposures.list'
    path.write_text(text)
    return path


@pytest.mark.parametrize('header', [HEADER, ''])
def test_columns_with_and_without_header(tmp_path, header):
    table = read_exposures(write(tmp_path, header + LINE))
    row = table.iloc[0]
    assert list(table.columns) == list(COLUMNS)
    assert (row.expnum, row.nite, row.band, row.propid, row.obstype) == (668443, '20170817', 'i', '2017B-0110', 'object')
    assert (row.mjd_obs, row.radeg, row.decdeg, row.exptime, row.t_eff) == (57983.0001, 197.45, -23.38, 90.0, 0.55)
    assert row.object == 'DESWS hex 1974-234 tiling 1'


@pytest.mark.parametrize('unknown', ['NaN', 'nan', 'None', '-'])
def test_unknown_t_eff(tmp_path, unknown):
    assert math.isnan(read_exposures(write(tmp_path, LINE.replace('0.55', unknown))).t_eff[0])


def test_odd_but_good_lines(tmp_path):
    lines = ['1 20130101 56293.1 -0.5 10 VR 30 x object 1.0\n', '\n',
             '2 20130101 56293.2 1 10 r 30 x dome flat NaN dome r\n']
    table = read_exposures(write(tmp_path, HEADER + ''.join(lines)))
    assert table.radeg[0] == 359.5
    assert table.object.tolist() == ['', 'dome r']
    assert table.obstype.tolist() == ['object', 'dome flat']


@pytest.mark.parametrize(('text', 'words'), [
    ('', 'no exposures'),
    (HEADER, 'no exposures'),
    ('expnum nite ra dec\n', 'wanted expnum nite mjd_obs'),
    (HEADER + LINE + '668444 20170817 57983\n', ':3: 3 columns'),
    (LINE.replace('57983.0001', 'soon'), ':1: .*soon'),
    (LINE.replace('20170817', '170817'), ':1: .*170817'),
    (LINE.replace('197.45', 'NaN'), ':1: .*NaN'),
    (LINE.replace('-23.38', '-123.38'), ':1: .*-123.38'),
    (LINE.replace('668443', '66844x', 1), '66844x'),
])
def test_bad_lists_are_named_with_their_line(tmp_path, text, words):
    with pytest.raises(BadInput, match=words):
        read_exposures(write(tmp_path, text))


def test_missing_list(tmp_path):
    with pytest.raises(BadInput, match='nowhere'):
        read_exposures(tmp_path / 'nowhere')


def test_blacklist(tmp_path):
    path = tmp_path / 'SE_blacklist.txt'
    path.write_text('# bad\n506432\n 506433 20151230 clouds\n\n7 # short\n')
    assert read_blacklist(path) == {506432, 506433, 7}
    path.write_text('D00506432\n')
    with pytest.raises(BadInput, match=r':1:.*D00506432'):
        read_blacklist(path)


SHORT = '668443 20170817 57983.0001 197.45 -23.38 i 90 0.55\n'


@pytest.mark.parametrize('header, line', [
    ('expnum nite mjd ra dec band exptime teff\n', SHORT),
    ('# EXPNUM Night MJD-OBS RADEG DECDEG FILTER EXP_TIME T_EFF\n', SHORT),
    ('teff exp_time filter dec ra mjd night expnum\n', ' '.join(reversed(SHORT.split())) + '\n'),
    ('expnum,mjd_obs,ra [deg],dec [deg],filter,exptime,teff\n',
     '668443,57983.0001,197.45,-23.38,"i DECam SDSS c0003 7835.0 1470.0",90,0.55\n'),
    ('expnum\tnite\tmjd\ttelra\tteldec\tband\texptime\tt_eff\n',
     '668443\t2017-08-17\t57983.0001\t13:09:48.0\t-23:22:48\ti\t90\t0.55\n'),
    ('expnum nite mjd radeg decdeg band exptime teff seeing\n', SHORT.replace('197.45', '13h09m48s').strip() + ' 1.1\n')])
def test_columns_by_other_names_in_any_order_and_unit(tmp_path, header, line):
    row = read_exposures(write(tmp_path, header + line)).iloc[0]
    assert (row.expnum, row.nite, row.band, row.exptime, row.t_eff) == (668443, '20170817', 'i', 90.0, 0.55)
    assert row.mjd_obs == 57983.0001 and row.radeg == pytest.approx(197.45) and row.decdeg == pytest.approx(-23.38)
    assert row.obstype == 'object' and row.object == ''


@pytest.mark.parametrize('text, words', [
    ('expnum mjd ra dec exptime\n', ['columns are expnum mjd ra dec exptime', 'not among them: band (or filter']),
    (HEADER + LINE.replace('57983.0001', '2457983.5'), [':2', 'a Julian date is 2400000.5 more']),
    (HEADER + LINE.replace('197.45', '13:09:48'), [':2', 'hours or degrees']),
    (HEADER + LINE.replace('-23.38', '-23:61:48'), [':2', 'below 60']),
    (HEADER + LINE.replace('90.0', 'inf'), [':2', 'exposure time inf']),
    (HEADER + LINE.replace('0.55', '1e999'), [':2', 't_eff 1e999']),
    (HEADER + LINE.replace('20170817', '20171399'), [':2', '20171399', 'calendar']),
    (HEADER + LINE.replace('668443', '9' * 5000), [':2', 'not an exposure number', '5000 characters']),
    ('expnum mjd ra dec band exptime\n1 57983 1 2 i 90 7\n', [':2: 7 columns'])])
def test_lists_that_cannot_be_say_what_was_found(tmp_path, text, words):
    with pytest.raises(BadInput) as caught:
        read_exposures(write(tmp_path, text))
    assert all(word in str(caught.value) for word in words) and len(str(caught.value)) < 800, str(caught.value)
