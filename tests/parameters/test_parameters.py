"""rc files are parsed, checked and never executed."""
import pytest

from sediff.errors import BadInput, BadUsage
from sediff.parameters.load import load
from sediff.parameters.model import Parameters, describe
from sediff.parameters.table import ORDERED, TABLE


def rc_folder(tmp_path, **files):
    for name, text in files.items():
        path = tmp_path / ('site/local.rc' if name == 'site' else f'{name}.rc')
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_value_comes_from_the_last_source_that_sets_it(tmp_path, monkeypatch):
    folder = rc_folder(tmp_path, se='DETECT_THRESH=2.5\nSKY_BLOCK=64 # px\n', site='ROOT="/data/a b"  # here\n')
    monkeypatch.setenv('SEDIFF_SKY_BLOCK', '256')
    parameters = load(folder, ['DETECT_THRESH=3'])
    assert (parameters['DETECT_THRESH'], parameters['SKY_BLOCK'], parameters['ROOT']) == (3.0, 256, '/data/a b')
    assert parameters.origin['DETECT_THRESH'] == '-P'
    assert parameters.origin['SKY_BLOCK'] == 'environment SEDIFF_SKY_BLOCK'
    assert parameters.origin['ROOT'].endswith('local.rc:1')
    assert parameters.origin['PSF_SIZE'] == 'default'


def test_unknown_key_is_an_error_with_its_line_and_a_hint(tmp_path):
    folder = rc_folder(tmp_path, se='# fine\nDETECT_TRESH=2\n')
    with pytest.raises(BadUsage, match=r'se\.rc:2: unknown parameter DETECT_TRESH; did you mean DETECT_THRESH'):
        load(folder)


def test_key_of_another_file_says_where_it_belongs(tmp_path):
    with pytest.raises(BadUsage, match=r'se\.rc:1: TWINDOW belongs in rc/dagmaker\.rc'):
        load(rc_folder(tmp_path, se='TWINDOW=3\n'))


@pytest.mark.parametrize('line, message', [
    ('DETECT_THRESH=high', 'must be a number'), ('SKY_BLOCK=3.5', 'must be an integer'),
    ('CROSSTALK=maybe', 'true or false'), ('DETECT_THRESH=0', 'outside 1'), ('just words', 'not a KEY=value line')])
def test_bad_lines_name_file_and_line(tmp_path, line, message):
    with pytest.raises(BadUsage, match=rf'se\.rc:1: .*{message}'):
        load(rc_folder(tmp_path, se=line + '\n'))


def test_nothing_is_executed(tmp_path):
    marker = tmp_path / 'marker'
    parameters = load(rc_folder(tmp_path, site=f'ROOT=$(touch {marker})\nDB_URL=`touch {marker}`\n'))
    assert not marker.exists()
    assert parameters['ROOT'] == f'$(touch {marker})'


def test_bad_override_and_missing_folder(tmp_path):
    with pytest.raises(BadUsage, match='must be name=value'):
        load(rc_folder(tmp_path), ['DETECT_THRESH'])
    with pytest.raises(BadUsage, match='-P: unknown parameter NO_SUCH'):
        load(rc_folder(tmp_path), ['NO_SUCH=1'])
    with pytest.raises(BadInput, match='no folder of rc files'):
        load(tmp_path / 'absent')


def test_names_are_unique_and_everything_is_described():
    names = [parameter.name for parameter in TABLE]
    assert len(names) == len(set(names))
    text = describe(Parameters(TABLE))
    for parameter in TABLE:
        assert parameter.meaning and f'{parameter.name}=' in text
        assert parameter.file in ('dagmaker', 'se', 'diffimg', 'qc', 'site')


def test_shipped_rc_files_are_valid(repository):
    assert load(repository / 'rc')['SEASON']


def test_of_the_environment_only_names_of_sediff_and_root_count(tmp_path, monkeypatch):
    for name, value in (('WORKERS', 'many'), ('DB_URL', 'nonsense'), ('KEEP_INTERMEDIATE', 'perhaps'), ('SCRATCH', '/none')):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv('ROOT', '/data')
    monkeypatch.setenv('SEDIFF_WORKERS', '3')
    parameters = load(rc_folder(tmp_path))
    assert (parameters['ROOT'], parameters['WORKERS'], parameters['DB_URL'], parameters['SCRATCH']) == ('/data', 3, '', '')
    assert parameters.origin['ROOT'] == 'environment ROOT'


@pytest.mark.parametrize('low, high', ORDERED)
def test_limits_the_wrong_way_round_are_rejected_before_anything_runs(low, high):
    table = {parameter.name: parameter for parameter in TABLE}
    shipped, least = load(), table[high].minimum
    value = max(shipped[low] - 0.1, least)
    with pytest.raises(BadUsage, match=f'{low} = .* is above {high} = '):
        load(overrides=[f'{high}={value:g}', f'{low}={value + 0.1:g}'])
    assert load(overrides=[f'{high}={value:g}', f'{low}={value:g}'])[high] == pytest.approx(value)
