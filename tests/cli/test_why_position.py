"""Coordinates of `sediff why`: degrees and sexagesimal; what is none is exit 2, whatever it looks like."""
import pytest

from sediff.__main__ import main
from sediff.errors import BadUsage
from sediff.values import sky_position

REST = ['--expnum', '668443', '--nite', '20170817', '--band', 'i', '--season', 'dp33']


@pytest.mark.parametrize('ra, dec', [
    ('197.4504', '-23.3815'), ('13:09:48.096', '-23:22:53.4'), ('13 09 48.096', '-23 22 53.4'),
    ('13h09m48.096s', '-23d22m53.4s'), ('197d27m1.44s', ' -23:22:53.4')])
def test_forms_of_one_place(ra, dec):
    assert sky_position(ra, dec) == pytest.approx((197.4504, -23.3815), abs=1e-9)


def test_the_ends_of_the_sphere_are_on_it():
    assert sky_position('360', '-90') == (0.0, -90.0) and sky_position('0', '+90') == (0.0, 90.0)
    assert sky_position('0:00:00', '-00:30:00') == (0.0, -0.5)


@pytest.mark.parametrize('ra, dec', [
    ('-1', '0'), ('360.1', '0'), ('24:00:01', '0'), ('10', '90.1'), ('10', '-91'), ('nan', '0'), ('0', 'inf'), ('x', '0'),
    ('', '0'), ('10', ''), ('12:60:00', '0'), ('10', '10h00m00s'), ('1e400', '0'), ('1' * 500, '0'), ('10;ls', '0')])
def test_what_is_no_place_is_said(ra, dec):
    with pytest.raises(BadUsage, match=r'^(RA|DEC) '):
        sky_position(ra, dec)


@pytest.mark.parametrize('words, code', [
    (['197.45', '-23.38'], 3), (['13:09:48.1', '-23:22:53'], 3), (['197.45', '-23.38', '-E', '668443'], 3),
    (['197.45', '-123.38'], 2), (['197.45', '-x'], 2), (['197.45'], 2), (['197.45', '-23.38', '--radius', '0'], 2),
    (['197.45', '-23.38', '--radius', '-3'], 2), (['197.45', '-23.38', '--radius', '601'], 2),
    (['197.45', '-23.38', '--radius', 'nan'], 2)])
def test_exit_codes_without_data(words, code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('signal.signal', lambda number, handler: None)
    assert main(['why', *words, *REST]) == code
    said = capsys.readouterr()
    assert not said.out and len(said.err.splitlines()) == 1 and said.err.startswith('sediff why: ')
