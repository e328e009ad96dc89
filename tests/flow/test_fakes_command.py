"""`sediff fakes` on a processed night: tables, picture, efficiency; nothing else is touched; bad input is named."""
import json

import numpy as np
import pandas as pd
import pytest

from sediff.fakes.truth import OUTCOME_DTYPE

from .shared_night import BAND, EXPNUM, NITE

WORDS = ('--expnum', EXPNUM, '--nite', NITE, '--band', BAND, '--season', 'dp33')
NAMES = {f'fakes_{EXPNUM}_dp33_{rest}' for rest in ('33.csv', 'efficiency.csv', 'efficiency.json', 'efficiency.png')}


def files_of(night):
    return {path: path.stat().st_mtime_ns for path in (night.root / 'persistent').rglob('*') if path.is_file()}


def staged(night, kind):
    """What fakes read of the difference: its PSF is that of the difference imaging."""
    folder = night.folder if kind == '.psf' else night.root / 'persistent' / 'gw' / 'forcephoto'
    return next(folder.rglob(f'*_r_33+fakeSN_diff{kind}'))


@pytest.fixture
def fakes(copy, in_process):
    """Runs the command in a copy of the night."""
    return lambda *words: in_process(copy, 'fakes', *WORDS, *words)


def test_a_finished_ccd_gets_its_tables_and_its_picture_and_nothing_else_changes(copy, fakes):
    before = files_of(copy)
    result = fakes('--ccds', 33, '--number', 120, '--parts', 3, '--magnitudes', '20,24.5', '--distances', '100,300',
                   '--days', 1.43)
    assert result.returncode == 0, result.stderr
    after = files_of(copy)
    assert {path: after[path] for path in before} == before
    assert {path.name for path in set(after) - set(before)} == NAMES
    table = pd.read_csv(copy.folder / f'fakes_{EXPNUM}_dp33_33.csv')
    assert list(table.columns) == list(OUTCOME_DTYPE.names) and len(table) == 360 and table['ID'].is_unique
    assert set(table['KIND']) == {'field', 'host'} and set(table['SIGN']) == {1, -1}
    report = json.loads((copy.folder / f'fakes_{EXPNUM}_dp33_efficiency.json').read_text())
    told = report['exposure']
    assert told == report['ccds']['33'] and told['injected'] == 360 and report['left_out'] == {}
    # the bars: half of them detected at S/N 5.1 or less, kept at 5.4 or less
    for stage, bar in (('detected', 5.1), ('kept', 5.4)):
        half = told[stage]['snr']
        assert half['half'] - 2.0 * half['half_error'] < bar
        assert 22.5 < told[stage]['magnitude']['half'] < 24.2 and told[stage]['magnitude']['half_error'] < 0.15
    bright = told['bright']['field']['kept']
    assert bright['injected'] > 60 and bright['high'] > 0.985
    field = table[(table['KIND'] == 'field') & (table['USABLE'] == 1) & (table['HOST_SB'] > 25)]
    pull = (field['FLUX_FORCED'] - field['FLUX']) / field['FLUXERR_FORCED']
    assert abs(np.median(pull)) < 0.25 and 0.85 < 1.4826 * np.median(np.abs(pull - np.median(pull))) < 1.2
    assert [row['distance'] for row in report['distances']] == [100.0, 300.0]
    assert report['distances'][0]['magnitude'] == pytest.approx(17.99 + 5 * np.log10(100 / 40.7), abs=0.01)
    assert 'complete for AT2017gfo, 1.43 days after the trigger, at' in result.stdout
    picture = (copy.folder / f'fakes_{EXPNUM}_dp33_efficiency.png').read_bytes()
    assert picture.startswith(b'\x89PNG') and len(picture) > 10000


def test_a_seed_gives_the_same_tables_byte_for_byte(copy, fakes):
    contents = []
    for seed in (4, 4, 5):
        assert fakes('--number', 15, '--seed', seed).returncode == 0
        contents.append([(copy.folder / name).read_bytes() for name in sorted(NAMES) if not name.endswith('png')])
    assert contents[0] == contents[1] and contents[0] != contents[2]


def test_chosen_places_and_the_light_curve(copy, fakes, tmp_path):
    result = fakes('--number', 12, '--ccds', '33,34')
    assert result.returncode == 0 and f'{EXPNUM} c34 left out: no such file' in result.stderr
    report = json.loads((copy.folder / f'fakes_{EXPNUM}_dp33_efficiency.json').read_text())
    assert set(report['ccds']) == {'33'} and 'RUN28' in report['left_out']['34']
    table = pd.read_csv(copy.folder / f'fakes_{EXPNUM}_dp33_33.csv')
    places = tmp_path / 'places.csv'
    outside = pd.DataFrame({'RA': [10.0], 'DEC': [70.0]})
    pd.concat([table[['RA', 'DEC']][:4], outside]).to_csv(places, index=False)
    result = fakes('--at', places, '--light-curve', '--distances', '50', '--negative', 0, '--curve', 'kasen_blue')
    assert result.returncode == 0, result.stderr
    assert '\n50 Mpc: 18.11 mag, efficiency' in result.stdout, result.stdout
    again = pd.read_csv(copy.folder / f'fakes_{EXPNUM}_dp33_33.csv')
    assert list(again['KIND']) == ['place'] * 4 and set(again['DISTANCE']) == {50.0} and (again['SIGN'] == 1).all()
    assert again['X_IMAGE'].to_numpy() == pytest.approx(table['X_IMAGE'][:4].to_numpy(), abs=0.01)


@pytest.mark.parametrize('kind', ['.fits.fz', '.psf', '.photons.fits.fz'])
def test_a_ccd_without_staged_products_is_named(copy, fakes, kind):
    staged(copy, kind).unlink()
    result = fakes()
    assert result.returncode == 3 and not (copy.folder / f'fakes_{EXPNUM}_dp33_efficiency.json').exists()
    assert f'{EXPNUM} c33 left out: no such file' in result.stderr and f'diff{kind}' in result.stderr
    assert 'no CCD of all has all that fakes need' in result.stderr and 'Traceback' not in result.stderr


@pytest.mark.parametrize('kind', ['.fits.fz', '.psf'])
def test_a_damaged_product_is_named_and_its_ccd_left_out(copy, fakes, kind):
    path = staged(copy, kind)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:len(content) // 2])
    result = fakes('--ccds', 33)
    assert result.returncode == 3 and f'{EXPNUM} c33 left out' in result.stderr and path.name in result.stderr
    assert 'Traceback' not in result.stderr and not (copy.folder / f'fakes_{EXPNUM}_dp33_33.csv').exists()


def test_a_product_that_lacks_a_metric_is_named(copy, fakes):
    path = next(copy.folder.rglob('*+fakeSN_diff.json'))
    path.unlink()
    path.write_text('{"direction": "template"}')
    result = fakes()
    assert result.returncode == 3
    assert f"{EXPNUM} c33 left out: its products cannot be used (KeyError: 'model_error')" in result.stderr


@pytest.mark.parametrize('words, said', [
    (('--number', 0), '1 to 1000'), (('--magnitudes', '25,17'), 'bright one'), (('--magnitudes', 'x'), '--magnitudes'),
    (('--hosts', 2), 'hosts'), (('--distances', '-5'), 'distances of light curves'), (('--light-curve',), '--distances'),
    (('--trigger', 70000, '--distances', 40), 'before the trigger'), (('--parts', 0), '--parts'),
    (('--ccds', 99), '--ccds')])
def test_bad_words_are_refused(fakes, words, said):
    result = fakes(*words)
    assert result.returncode == 2 and said in result.stderr


def test_files_that_cannot_be_used_are_named(fakes, tmp_path):
    path = tmp_path / 'places.csv'
    path.write_text('x,y\n1,2\n')
    result = fakes('--at', path)
    assert result.returncode == 3 and 'lacks a column ra or dec' in result.stderr
    assert fakes('--at', tmp_path / 'none.csv').returncode == 3
    path.write_text('band,days,abs_mag\nr,1,\n')
    result = fakes('--curve', path)
    assert result.returncode == 3 and str(path) in result.stderr
    result = fakes('--snveto', 'NONE.LIST')
    assert result.returncode == 3 and 'NONE.LIST' in result.stderr
