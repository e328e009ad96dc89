"""Bad values wherever they come from, through the command itself in this process: exit code, words, one sentence."""
import pytest

from sediff import __main__ as command

LIST = 'expnum nite mjd_obs radeg decdeg band exptime propid obstype t_eff object\n'
LINE = '668443 20170817 57983.0001 197.45 -23.38 i 90.0 p object 0.55 x\n'
FLAGS = {'--expnum': '668443', '--nite': '20170817', '--band': 'i', '--season': 'dp33', '--rnum': '4', '--pnum': '7',
         '--ccds': '33'}
LONG = '9' * 100000


def sediff(**changes):
    """Words of the stage `sediff`; a value of None leaves the flag out."""
    flags = FLAGS | {f'--{name.replace("_", "-")}': value for name, value in changes.items()}
    return ['sediff', *(word for flag, value in flags.items() if value is not None for word in (flag, value))]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """`run(words, files)`: exit code and stderr of a command in a work tree with these files."""
    monkeypatch.setattr('signal.signal', lambda number, handler: None)
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('SEDIFF_RC', str(tmp_path / 'rc'))
    monkeypatch.setenv('SEDIFF_ROOT', str(tmp_path))
    (tmp_path / 'rc' / 'site').mkdir(parents=True)

    def go(words, files=None):
        for name, text in (files or {}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return command.main([str(word) for word in words]), capsys.readouterr().err
    return go


def rejected(run, words, files, code, texts):
    returned, err = run(words, files)
    assert returned == code, err
    assert all(text in err for text in texts), err
    assert 'Traceback' not in err and 'log: ' not in err and len(err) < 2000, err


@pytest.mark.parametrize('changes, code, texts', [
    ({'expnum': 'x'}, 2, ['--expnum', "'x'"]), ({'expnum': '-5'}, 2, ['--expnum']), ({'expnum': '1.5'}, 2, ["'1.5'"]),
    ({'expnum': '1' * 30}, 2, ['--expnum', 'integer']), ({'expnum': '9' * 19}, 2, ['whole number up to']),
    ({'expnum': LONG}, 2, ['100000 characters']), ({'expnum': '٣٣'}, 2, ['--expnum']), ({'expnum': None}, 2, ['--expnum']),
    ({'expnum': '1' * 12}, 2, ['-E of a search exposure', '134217727']),
    ({'nite': '20231399'}, 2, ['--nite (-n)', 'calendar', '20231399']), ({'nite': '2017081'}, 2, ['--nite']),
    ({'nite': '20170230'}, 2, ['calendar']), ({'nite': '2017-8-17'}, 2, ['--nite']), ({'nite': '../../..'}, 2, ['--nite']),
    ({'nite': '00000000'}, 2, ['--nite']), ({'nite': '２０１７０８１７'}, 2, ['--nite']), ({'nite': ''}, 2, ['--nite']),
    ({'band': 'q'}, 2, ['--band (-b)', 'u g r']), ({'band': 'I'}, 2, ['--band']), ({'band': 'g' * 500}, 2, ['500 char']),
    ({'season': '33'}, 2, ['--season (-S)', 'dpNN']), ({'season': 'dp33/../x'}, 2, ['--season']),
    ({'season': 'dp9999'}, 2, ['8191']), ({'season': 'dp-1'}, 2, ['--season']), ({'season': 'dp' + LONG}, 2, ['--season']),
    ({'ccds': LONG}, 2, ['CCD list', '100000 characters']), ({'ccds': '33,'}, 2, ['CCD list']),
    ({'rnum': '../4'}, 2, ['--rnum (-r)']), ({'rnum': '4' * 30}, 2, ['1 to 8 letters']), ({'rnum': '4 5'}, 2, ['--rnum']),
    ({'pnum': ''}, 2, ['--pnum (-p)']), ({'pnum': 'ü'}, 2, ['--pnum']), ({'cache': 'a/b'}, 2, ['--cache (-d)']),
    ({'cache': '..'}, 2, ['--cache']), ({'schema': '../gw'}, 2, ['--schema (-m)']), ({'schema': 'x' * 999}, 2, ['--schema']),
    ({'ccds': '63'}, 2, ['63']), ({'ccds': '0'}, 2, ['$PROCESS']), ({'ccds': '5-3'}, 2, ['5-3']),
    ({'ccds': 'x'}, 2, ["'x'"]),
    ({'ccds': ','}, 2, ['CCD']), ({'workers': '-1'}, 2, ['--workers']), ({'workers': '1e3'}, 2, ['--workers']),
    ({'snveto': '../x'}, 3, ['no raw file']), ({'P': None, 'nonsense': '1'}, 2, ['nonsense']),
    ({}, 3, ['no raw file', 'check -E, -n and ROOT'])])
def test_flags(run, changes, code, texts):
    rejected(run, sediff(**changes), None, code, texts)


@pytest.mark.parametrize('value, texts', [
    ('DETECT_THRESH=nan', ['must be a number']), ('DETECT_THRESH=inf', ['must be a number']), ('DETECT_THRESH=', ['number']),
    ('DETECT_THRESH=1e999', ['must be a number']), (f'SKY_BLOCK={LONG}', ['100000 characters']),
    ('SKY_BLOCK=' + '9' * 30, ['must be an integer']), ('SKY_BLOCK=1_28', ['must be an integer']),
    ('SKY_BLOCK=٣٢', ['integer']),
    ('SKY_BLOCK=0x80', ['must be an integer']), ('ZP_OUTLIER=-inf', ['must be a number']), ('TWINDOW=NaN', ['number']),
    ('CROSSTALK=perhaps', ['true or false']), ('OVERSCAN=mode', ['must be one of mean']),
    ('BPM_MODE=both', ['add, replace']),
    ('ZP_MIN_STARS=-3', ['below 3']), ('MAXA=-1', ['outside 0.1 to 100']),
    ('SEASON=33/../../x', ['SEASON', 'dpNN']), ('SEASON=', ['SEASON']), ('RNUM=4;rm', ['RNUM']),
    ('PNUM=' + '7' * 30, ['PNUM']),
    ('MIN_NITE=20231399', ['MIN_NITE', 'calendar']), ('MAX_NITE=20200230', ['calendar']), ('MIN_NITE=nan', ['integer']),
    ('BIAS_FILE=b_{nite}.fits', ['{ccd} and {band}']), ('FLAT_FILE={ccd.__class__}.fits', ['{ccd} and {band}']),
    ('BPM_FILE={ccd!r}', ['{ccd} and {band}']), ('FLAT_FILE={0}', ['{ccd} and {band}']), ('BIAS_FILE={', ['{ccd} and']),
    ('BIAS_FILE={ccd:999999999d}', ['{ccd} and {band}']), ('STARFLAT_FILE={band:{ccd}}', ['{ccd} and {band}']),
    ('NOSUCH=1', ['unknown parameter NOSUCH']), ('N' * 5000 + '=1', ['unknown parameter', '5000 characters']),
    ('WORKERS=-1', ['outside 0']), ('ROOT=a\x00b', ['printable']), ('ROOT=a\tb', ['printable']),
    ('just words', ['name=value'])])
def test_parameters(run, value, texts):
    rejected(run, ['config', '-P', value], None, 2, texts)


@pytest.mark.parametrize('name, text, code, texts', [
    ('rc/se.rc', b'SKY_BLOCK=64\n# \xff\xfe\n', 3, ['se.rc:2', 'not UTF-8', '0xff']),
    ('rc/se.rc', 'SKY_BLOCK\n', 2, ['se.rc:1', 'KEY=value']), ('rc/se.rc', 'x' * 99999, 2, ['se.rc:1', 'characters']),
    ('rc/se.rc', 'SKY_BLOCK=nan\n', 2, ['se.rc:1', 'integer']), ('rc/se.rc', b'\x00' * 5000, 2, ['se.rc:1', 'KEY=value']),
    ('rc/dagmaker.rc', '\nSEASON=33/../../x\n', 2, ['dagmaker.rc:2', 'SEASON']),
    ('rc/dagmaker.rc', 'MIN_NITE=20231399\n', 2, ['dagmaker.rc:1', 'calendar']),
    ('rc/site/local.rc', 'ROOT=/nowhere\nRNUM=4\n', 2, ['local.rc:2', 'RNUM belongs in rc/dagmaker.rc'])])
def test_rc_files(run, name, text, code, texts):
    rejected(run, ['config'], {name: text}, code, texts)


def test_a_mark_of_byte_order_is_no_part_of_an_rc_file(tmp_path):
    from sediff.parameters.load import load
    (tmp_path / 'diffimg.rc').write_bytes('\ufeffMAXA=1.25\r\n'.encode())
    assert load(tmp_path, [])['MAXA'] == 1.25


@pytest.mark.parametrize('text, code, texts', [
    (None, 3, ['exposures.list']), ('', 3, ['lists no exposures']), (b'\xff\xfe', 3, ['not UTF-8']),
    (LIST, 3, ['lists no exposures']), (LIST + LINE.replace('20170817', '20231399'), 3, [':2', '20231399', 'calendar']),
    (LIST + LINE.replace('57983.0001', 'nan'), 3, [':2', 'MJD']), (LIST + LINE.replace('197.45', 'inf'), 3, [':2', 'inf']),
    (LIST + LINE.replace('668443', '1'), 3, ['668443 is not in the list']),
    (LIST + LINE.replace('90.0', '5'), 4, ['below', 'MIN_EXPTIME']),
    (LIST + LINE.replace('90.0', 'nan'), 4, ['MIN_EXPTIME']),
    (LIST + LINE, 3, ['no raw file']), (LIST + LINE.replace(' i ', ' N964 '), 2, ['band N964']),
    ('a b c\n', 3, ['columns are a b c', 'expnum (or'])])
def test_lists_of_exposures(run, text, code, texts):
    rejected(run, ['plan', '668443'], {} if text is None else {'exposures.list': text}, code, texts)


@pytest.mark.parametrize('words, code, texts', [
    (['plan', '1' * 30], 2, ['EXPNUM']), (['plan', 'x'], 2, ['EXPNUM']), (['plan', '1' * 12], 2, ['134217727']),
    (['calib', 'build-bias', '--root', '.', '--nite', '20231399'], 2, ['--nite', 'calendar']),
    (['calib', 'build-bias', '--root', '.', '--nite', '20170817'], 3, ['no folder of raw exposures']),
    (['calib', 'build-bias', '--root', '.', '--nite', '20170817', '--exclude', 'x'], 3, ['no folder']),
    (['calib', 'build-bias', '--root', '.', '--nite', '20170817', '--ccds', '99'], 2, ['99']),
    (['status', '--expnum', '1', '--nite', '20170230', '--band', 'i', '--season', 'dp33'], 2, ['calendar']),
    (['status', '--expnum', '1', '--nite', '20170817', '--season', 'dp33'], 3, ['nothing was run']),
    (['status', '--expnum', '1', '--nite', '20170817', '--season', 'dp33', '--rpnum', 'r4'], 2, ['r4p7']),
    (['starcat', '-e', '1', '-n', '20170817', '-r', '4', '-p', '7', '-b', 'i', '-s', '99999'], 2, ['8191']),
    (['starcat', '-e', '1', '-n', '20170817', '-r', '4', '-p', '7', '-b', 'i', '-s', '33'], 3, ['no plan']),
    (['calibrate', '--expnum', '1'], 3, ['0 places']), (['calibrate', '--expnum', 'x'], 2, ['--expnum']),
    (['page', '--expnum', '1', '--nite', '20170817', '--band', 'i', '--season', 'dp33'], 3, ['no pointing']),
    (['check', '--expnum', '1', '--nite', '20170817', '--band', 'i', '--season', 'dp33'], 3, ['transients.csv']),
    (['diffimg', *sediff()[1:9], '--rpnum', 'r4p7'], 3, ['no CCD']),
    (['diffimg', *sediff()[1:9], '--rpnum', 'x'], 2, ['r4p7']),
    (['nonsense'], 2, ['unknown stage']), (['x' * 5000], 2, ['5000 characters']),
    (['verify', *sediff()[1:]], 3, ['no plan'])])
def test_other_stages(run, words, code, texts):
    rejected(run, words, None, code, texts)


def test_a_root_that_is_a_file_or_not_there(run, monkeypatch):
    monkeypatch.setenv('SEDIFF_ROOT', '/nowhere/at/all')
    rejected(run, sediff(), None, 3, ['ROOT=/nowhere/at/all is not a folder'])
    monkeypatch.setenv('SEDIFF_ROOT', '/etc/hostname')
    rejected(run, sediff(), None, 3, ['is not a folder'])


@pytest.mark.parametrize('noise', [b'\xff\x00' * 500, b'', b'process 12 on nowhere\n', 'ü\x1b[31m'.encode() * 99])
def test_lock_files_of_noise(tmp_path, noise):
    from sediff.errors import Temporary
    from sediff.formats.locks import lock
    path = tmp_path / 'x.lock'
    path.write_bytes(noise)
    with lock(path, 'CCD 33'):
        path.write_bytes(noise)
        with pytest.raises(Temporary, match=r'processed by (another process|process 12 on nowhere) \(lock'), \
                lock(path, 'CCD 33'):
            pass


@pytest.mark.parametrize('content, words', [
    (None, 'is a folder'), (b'\xff' * 5000, 'not a database'), (b'SQLite format 3\x00' + b'\x00' * 4000, 'damaged one'),
    (b'text\n' * 999, 'not a database')])
def test_databases_that_are_none(tmp_path, content, words):
    from sediff.candidates.database import open_database
    from sediff.errors import BadInput
    path = tmp_path / 'dp33.sqlite'
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=words):
        open_database(f'sqlite:///{path}')
