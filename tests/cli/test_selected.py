"""What the drivers work on: letters, --id, --where and the registry together, and what --show prints."""
import argparse
import ast
import os

import pytest

from sediff.__main__ import main
from sediff.cli import arguments, drivers
from sediff.cli.selected import run_selected
from sediff.errors import BadData, BadInput, BadUsage
from sediff.repository.registry import ExposureRow, FileRow, registry_path, write_registry

VERSION = ('--rnum', '4', '--pnum', '7', '--season', 'dp33')
LIST = ('expnum nite mjd_obs radeg decdeg band exptime propid obstype t_eff object\n'
        '668443 20170817 57983.1 197.45 -23.38 i 90.0 2017B-0110 object 0.5 hex_1\n')


def exposure(expnum, band='i', obstype='object', nite='20170817', **changes):
    return ExposureRow(expnum, 'DECam', nite, band, 57983.1 + expnum % 100 / 100, changes.get('exptime', 90.0), 197.45,
                       -23.38, obstype, '2017B-0110', f'hex {expnum}')


ROWS = [exposure(668443), exposure(668444, 'z', exptime=30.0), exposure(668445), exposure(668446, nite='20170901'),
        exposure(668400, '', 'zero'), exposure(668401, 'i', 'dome flat')]
FILES = [FileRow(f'dts/{row.nite}/{row.expnum}.fits', row.expnum, 'raw', '1-3,33,61', 'file:x', 1, 1) for row in ROWS] + [
    FileRow('cp/ooi.fits', 668445, 'ooi', '33', 'file:y', 1, 1)]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A work tree with a registry of four exposures of CCDs 1, 2, 3, 33 and 61 (dead on that night), a bias and a flat."""
    for name in [name for name in os.environ if name.startswith('SEDIFF_')]:
        monkeypatch.delenv(name)
    monkeypatch.setenv('SEDIFF_ROOT', str(tmp_path))
    monkeypatch.delenv('PROCESS', raising=False)
    write_registry(registry_path(tmp_path), ROWS, FILES)
    return tmp_path


def chosen(*words, run=None):
    """(expnum, nite, band, ccds) of every exposure that a driver would run."""
    parser = drivers._parser('sediff')
    args = parser.parse_args([*VERSION, *map(str, words)])
    ran = []

    def record(one: argparse.Namespace) -> int:
        ran.append((one.expnum, one.nite, one.band, one.ccds))
        return run(one) if run else 0
    code = run_selected(args, arguments.read_parameters(args), record)
    return ran if run is None else (ran, code)


def test_letters_alone_are_as_they_were(root):
    registry_path(root).unlink()
    assert chosen('--expnum', 5, '--nite', '20200101', '--band', 'g') == [(5, '20200101', 'g', 'all')]
    assert chosen('--expnum', 5, '--nite', '20200101', '--band', 'g', '--ccds', '1-3') == [(5, '20200101', 'g', '1-3')]


def test_night_and_band_of_a_registered_exposure(root):
    assert chosen('--expnum', 668444, '--ccds', '0') == [(668444, '20170817', 'z', '0')]
    assert chosen('--expnum', 668446, '--band', 'i') == [(668446, '20170901', 'i', 'all')]


def test_night_and_band_of_the_list_where_there_is_no_registry(root):
    registry_path(root).unlink()
    (root / 'exposures.list').write_text(LIST)
    assert chosen('--expnum', 668443) == [(668443, '20170817', 'i', 'all')]
    assert chosen('--id', 'filter=i', 'ccdnum=3') == [(668443, '20170817', 'i', '3')]


@pytest.mark.parametrize(('words', 'ran'), [
    (['--id', 'visit=668443^668444'], [(668443, '1-3,33'), (668444, '1-3,33')]),
    (['--id', 'visit=668443..668446', 'ccdnum=3^30..40'], [(number, '3,33') for number in range(668443, 668447)]),
    (['--id', 'visit=668443', 'ccd=3', '--id', 'visit=668444', 'ccd=1'], [(668443, '3'), (668444, '1')]),
    (['--id', 'visit=668443', 'ccd=3', '--id', 'visit=668443', 'ccd=1', '--id', 'filter=z', 'ccd=2'],
     [(668443, '1,3'), (668444, '2')]),
    (['--id', 'visit=668443', 'ccdnum=61'], [(668443, '61')]),
    (['--id', 'visit=668443', '--ccds', '61,1'], [(668443, '1,61')]),
    (['--id', 'filter=i', '--nite', '20170901'], [(668446, '1-3,33')]),
    (['--id', 'ccdnum=2..3', '--expnum', 668444], [(668444, '2-3')]),
    (['--where', 'filter=i AND visit < 668446 AND NOT visit=668443'], [(668445, '1-3,33')]),
    (['--where', 'ccdnum IN (2, 3, 40..62) AND expTime < 60'], [(668444, '2-3')]),
    (['--where', "nite='20170901' OR (band='z' AND detector > 2)"], [(668444, '3,33'), (668446, '1-3,33')]),
    (['--id', 'visit=668443..668446', '--where', 'band=z', '--ccds', '3-40'], [(668444, '3,33')]),
    (['--id', 'date=2017-08-18', 'expTime=30'], [(668444, '1-3,33')]),
    (['--id', 'object=hex 668445', 'proposal=2017B-0110'], [(668445, '1-3,33')]),
])
def test_ids_conditions_and_letters(root, words, ran):
    assert [(expnum, ccds) for expnum, _, _, ccds in chosen(*words)] == ran


def test_element_of_process(root, monkeypatch):
    """-c 0 is a CCD of the night; the data ID chooses among exposures, or leaves it out."""
    monkeypatch.setenv('PROCESS', '1')
    assert [(one[0], one[3]) for one in chosen('--id', 'filter=i', '--ccds', 0)] == [
        (668443, '2'), (668445, '2'), (668446, '2')]
    monkeypatch.setenv('PROCESS', '20')
    assert chosen('--id', 'filter=i', '--ccds', 0) == []


def test_the_other_kind_of_input(root):
    assert chosen('--id', 'filter=i', '-P', 'INPUT=community') == [(668445, '20170817', 'i', '33')]


@pytest.mark.parametrize(('words', 'said'), [
    (['--id', 'visit=5'], ['no data found for visit=5', 'nothing is selected']),
    (['--id', 'visti=668443'], ["no data found for visti=668443: no such key; did you mean visit?"]),
    (['--id', 'visit=668443', 'hdu=3'], ['no data found for hdu=3']),
    (['--id', 'visit=668400'], ['exposure 668400 is left out: a calibration frame (zero)', 'nothing is selected']),
    (['--where', 'visit > 700000'], ['nothing is selected']), (['--id', 'visit=668443', 'ccdnum=40'], ['no data found']),
    (['--id', 'visit=1..1000000', 'ccdnum=50..60'], ['no data found for visit=1..1000000 ccdnum=50..60']),
])
def test_nothing_left_is_no_error(root, words, said, capsys):
    assert chosen(*words) == []
    error = capsys.readouterr().err
    assert all(word in error for word in said)


def test_items_without_data_are_named_and_the_rest_runs(root, capsys):
    assert len(chosen('--id', 'visit=668440..668446', 'ccdnum=3^40')) == 4
    lines = capsys.readouterr().err.splitlines()
    assert "WARNING no data found for {'visit': 668440, 'ccdnum': 3}" in lines
    assert 'WARNING no data found for 5 more combinations' in lines
    assert len(chosen('--id', 'visit=1..1000000', 'ccdnum=1..3')) == 4
    assert 'no data found for visit 1, 2, 3, 4, 5 and 999989 more' in capsys.readouterr().err


def test_calibration_frames_that_were_not_asked_for_are_not_spoken_of(root, capsys):
    assert len(chosen('--where', 'visit > 0')) == 4
    assert capsys.readouterr().err.count('calibration') == 0


@pytest.mark.parametrize(('words', 'said'), [
    ([], '--expnum (-E) is required'), (['--expnum', 5], '--nite (-n) and --band (-b) are required'),
    (['--expnum', '9' * 20], 'required'), (['--expnum', 5, '--nite', '20170817'], '--band (-b) is required: neither'),
    (['--expnum', 668443, '--band', 'z'], "--band (-b) 'z': exposure 668443 has i by"),
    (['--expnum', 668443, '--nite', '20170818'], "--nite (-n) '20170818': exposure 668443 has 20170817"),
    (['--expnum', 668400], 'a calibration frame (zero)'),
    (['--id', 'visit=668443', '--expnum', 668444], '--expnum (-E) 668444 contradicts --id'),
    (['--id', 'filter=i', '--band', 'z'], "--band (-b) 'z' contradicts --id"),
    (['--id', 'nite=20170817', '--nite', '20170901'], '--nite (-n)'),
    (['--id', 'visit=668443', '--band', 'z'], "--band (-b) 'z': none of the 1 exposures"),
    (['--where', 'visit=668443', '--expnum', 668444], '--expnum (-E) 668444: none of the 1 exposures'),
    (['--id', 'visit=668443', '--nite', 'x'], '--nite (-n) must be a night'),
    (['--id', 'visit=668443', '--ccds', '40'], '--ccds (-c) 40: the CCDs that --id, --where and the registry give are 1-3,'),
    (['--id', 'visit=668443', 'ccdnum=3', '--ccds', '1-2'], '--ccds (-c) 1-2'),
    (['--id', 'visit=668443', '--ccds', '99'], '99'), (['--id', 'visit=a'], 'visit'), (['--where', 'visit ='], '--where'),
    (['--id', 'visit=1..1000000000000'], 'at most 1000000'), (['--show', 'all'], "--show 'all'"),
    (['--show', 'config='], '--show'), (['--id', 'visit=668443', '--ccds', '0'], '$PROCESS'),
])
def test_contradictions_and_bad_words(root, words, said):
    with pytest.raises(BadUsage) as failure:
        chosen(*words)
    assert said in str(failure.value) and len(str(failure.value)) < 500


def test_a_registry_of_noise(root):
    registry_path(root).write_bytes(b'noise' * 1000)
    with pytest.raises(BadInput, match='move it away'):
        chosen('--id', 'visit=668443')


def test_one_after_the_other_and_a_failure_stops_none(root, capsys):
    def fails(one):
        if one.expnum == 668444:
            raise BadData('its sky is bad')
        return 0
    ran, code = chosen('--id', 'nite=20170817', run=fails)
    assert [one[0] for one in ran] == [668443, 668444, 668445] and code == 4
    assert '668444: its sky is bad' in capsys.readouterr().err
    assert chosen('--id', 'nite=20170817', run=lambda one: one.expnum % 3)[1] == 1
    with pytest.raises(BadData):
        chosen('--id', 'visit=668444', run=fails)


def test_show_data(root, capsys):
    assert main(['sediff', *VERSION, '--id', 'visit=668443^668444', 'ccdnum=3', '--show', 'data']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0].startswith("id dataRef.dataId = {'visit': 668443, 'ccdnum': 3, 'filter': 'i', ")
    full = ast.literal_eval(lines[1].partition(' = ')[2])
    assert full == {'visit': 668444, 'ccdnum': 3, 'filter': 'z', 'nite': '20170817', 'date': '2017-08-18',
                    'taiObs': '2017-08-18T12:58:13.000', 'mjd': 57983.54, 'expTime': 30.0, 'obstype': 'object',
                    'object': 'hex 668444', 'proposal': '2017B-0110', 'ra': 197.45, 'dec': -23.38, 'instrument': 'DECam'}
    assert main(['sediff', *VERSION, '--expnum', '668443', '--ccds', '1,61', '--show', 'data']) == 0
    assert capsys.readouterr().out.count('dataRef') == 2


@pytest.mark.parametrize(('word', 'names'), [
    ('config=teff_cut_[gr]', {'TEFF_CUT_G', 'TEFF_CUT_R'}), ('config=TEFF_CUT_G', {'TEFF_CUT_G'}),
    ('config=teff_cut_g:NOIGNORECASE', set()), ('config=TEFF_CUT_G:NOIGNORECASE', {'TEFF_CUT_G'}),
    ('config=nothing*', set()),
])
def test_show_config(root, word, names, capsys):
    assert main(['sediff', *VERSION, '--show', word, '-P', 'TEFF_CUT_G=0.7']) == 0
    out = capsys.readouterr().out
    assert {line.partition('=')[0] for line in out.splitlines() if line and line[0] != '#'} == names
    assert ('TEFF_CUT_G=0.7' in out) == ('TEFF_CUT_G' in names)


def test_show_run_goes_on(root, capsys):
    assert chosen('--show', 'config=ROOT', 'data', 'run', '--id', 'visit=668443', 'ccdnum=1') == [
        (668443, '20170817', 'i', '1')]
    out = capsys.readouterr().out
    assert out.index('ROOT=') < out.index('dataRef')
    assert chosen('--show', 'data', '--id', 'visit=668443') == []


def test_the_other_drivers(root, capsys):
    for words in (['se', *VERSION], ['verify', *VERSION], ['diffimg', '--rpnum', 'r4p7', '--season', 'dp33'],
                  ['status', '--season', 'dp33'], ['plan']):
        assert main([*words, '--id', 'visit=668443^668446', 'ccdnum=3', '--show', 'data']) == 0
        assert capsys.readouterr().out.count('dataRef') == 2
    assert main(['plan', '668443', '--show', 'data']) == 0
    assert capsys.readouterr().out.count('dataRef') == 4
    assert main(['plan']) == 2
    assert main(['plan', '--id', 'visit=5']) == 0
    assert main(['status', '--season', 'dp33', '--id', 'filter=i']) == 3
