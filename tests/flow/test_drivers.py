"""Drivers that the night itself does not go through, with real Python: what they leave, and what they reject."""
import sys

import pytest

from .conftest import BAND, EXPNUM, NITE, REPOSITORY, SCRIPTS, Night, done

EXPOSURE = ('-E', EXPNUM, '-n', NITE, '-b', BAND)
VERIFY = (*EXPOSURE, '-r', 4, '-p', 7, '-S', 'dp33', '-m', 'gw', '-C')
DIFFIMG = (*EXPOSURE, '-r', 'r4p7', '-p', 'dp33', '-m', 'gw', '-c', 33, '-s')
STARS = ('-e', EXPNUM, '-n', NITE, '-r', 4, '-p', 7, '-b', BAND, '-s', 33)
LISTS = f'SNSTAR_{EXPNUM}_r4p7.LIST', f'SNVETO_{EXPNUM}_r4p7.LIST'


def templates_of(night: Night) -> list[str]:
    """Exposures that WS_diff.list plans as templates."""
    return (night.folder / 'WS_diff.list').read_text().split()[3:]


def python_script(night: Night, name: str, *words):
    """A script that is Python, run as its first line says."""
    return night.run(name, *words, PATH=f'{sys.prefix}/bin:/usr/bin:/bin', ROOT=str(night.root))


def rows_of(path) -> list[str]:
    """Lines of a star list that are stars."""
    return [line for line in path.read_text().splitlines() if line and not line.startswith('#')]


def test_verify_se_keeps_templates_that_are_good_and_writes_the_star_lists(copy):
    before, lists = templates_of(copy), {name: (copy.folder / name).read_bytes() for name in LISTS}
    for name in LISTS:
        (copy.folder / name).unlink()
    said = done(copy.run('verifySE.sh', *VERIFY, '-T', LISTS[0], '-V', LISTS[1]))
    assert len(before) == 2 and templates_of(copy) == before
    assert all(f'{number} quality: ' in said.stdout for number in before)
    assert {name: (copy.folder / name).read_bytes() for name in LISTS} == lists


def test_verify_se_takes_a_bad_template_off_the_lists_and_ends_with_4_where_none_is_left(copy):
    first, second = templates_of(copy)
    for number in (first, second):
        for path in copy.root.glob(f'persistent/gw/exp/*/{number}/*psf'):
            path.unlink()
        result = copy.run('verifySE.sh', *VERIFY)
        assert f'{number} dropped' in result.stderr and 'no psf' in result.stderr, result.stderr
        if number == first:
            assert done(result) and templates_of(copy) == [second]
    assert result.returncode == 4 and templates_of(copy) == []


def test_verify_se_without_a_plan(copy):
    (copy.folder / 'WS_diff.list').unlink()
    result = copy.run('verifySE.sh', *VERIFY)
    assert result.returncode == 3 and 'run DAGMaker.sh' in result.stderr and 'Traceback' not in result.stderr


def test_difference_imaging_alone(copy):
    """It resumes what SEdiff.sh did, from the versions as DES-GW writes them, and redoes what a parameter changes."""
    page = copy.folder / f'candidates_{EXPNUM}_dp33.html'
    page.unlink()
    said = done(copy.run('RUN_DIFFIMG_PIPELINE.sh', *DIFFIMG))
    assert 'diffimg: 0 steps' in said.stderr and said.stdout.strip().endswith(str(page)) and page.is_file()
    said = done(copy.run('RUN_DIFFIMG_PIPELINE.sh', *DIFFIMG, '-P', 'PAGE_MLSCORE=0.9'))
    assert 'diffimg: 0 steps' in said.stderr and '0.90' in page.read_text()


def test_difference_imaging_of_a_ccd_without_single_epoch(copy):
    result = copy.run('RUN_DIFFIMG_PIPELINE.sh', *DIFFIMG[:-2], 34, '-s')
    assert result.returncode == 3 and 'c34' in result.stderr and 'Traceback' not in result.stderr, result.stderr


def test_difference_imaging_rejects_what_only_python_sees(copy):
    result = copy.run('RUN_DIFFIMG_PIPELINE.sh', *DIFFIMG, '-P', 'NOSUCH=1')
    assert result.returncode == 2 and 'unknown parameter NOSUCH' in result.stderr, result.stderr


def test_single_epoch_alone_has_nothing_to_do(copy):
    said = done(copy.run('SE_job_mod.sh', *EXPOSURE, '-r', 4, '-p', 7, '-S', 'dp33', '-c', 33, '-C', '-s'))
    assert 'SE: 0 steps' in said.stderr and 'diffimg' not in said.stderr


def test_makestarcat_writes_the_lists_of_the_driver(copy, tmp_path):
    said = done(python_script(copy, 'makestarcat.py', *STARS, '-snstar', 'A.LIST', '-snveto', 'B.LIST', '-outdir', tmp_path))
    assert said.stdout.split()[-2:] == [str(tmp_path / 'A.LIST'), str(tmp_path / 'B.LIST')]
    for made, name in zip(('A.LIST', 'B.LIST'), LISTS):
        assert rows_of(tmp_path / made) == rows_of(copy.folder / name) != []


def test_makestarcat_without_a_plan(copy):
    (copy.folder / 'WS_diff.list').unlink()
    result = python_script(copy, 'makestarcat.py', *STARS, '-snstar', 'A.LIST')
    assert result.returncode == 3 and 'DAGMaker' in result.stderr


def test_zero_points_of_bliss_are_those_of_the_night(copy):
    path = copy.folder / f'Zero_D{EXPNUM:08d}_33_r4p7.csv'
    before = path.read_bytes()
    path.unlink()
    done(python_script(copy, 'BLISS-expCalib_Y3apass.py', '--expnum', EXPNUM, '--reqnum', 4, '--attnum', 7, '--ccd', 33))
    assert path.read_bytes() == before


def test_corners_are_those_of_the_night(copy, tmp_path):
    (tmp_path / 'data').mkdir()
    (tmp_path / 'corners').mkdir()
    image = next(copy.folder.glob('*_immask.fits.fz'))
    (tmp_path / 'data' / image.name).symlink_to(image)
    done(copy.run('getcorners.sh', EXPNUM, tmp_path / 'data', tmp_path / 'corners', 33))
    made = (tmp_path / 'corners' / f'{EXPNUM}_33.out').read_text().split()
    assert made == (copy.folder / f'{EXPNUM}_33.out').read_text().split()


def test_config_says_where_every_value_comes_from(raw_night, tmp_path):
    """Default, file and line, environment, -P: through the command itself."""
    (tmp_path / 'site').mkdir()
    (tmp_path / 'se.rc').write_text('# mine\nSKY_BLOCK=64\n')
    said = done(raw_night.run('config', '--rc', tmp_path, '-P', 'MAXA=1.4'))
    lines = {line.split('=')[0].split()[0]: line for line in said.stdout.splitlines() if line[:1].isupper()}
    assert '64' in lines['SKY_BLOCK'] and 'se.rc:2' in lines['SKY_BLOCK']
    assert '1.4' in lines['MAXA'] and '-P' in lines['MAXA']
    assert str(raw_night.root) in lines['ROOT'] and 'SEDIFF_ROOT' in lines['ROOT']
    assert 'default' in lines['DETECT_THRESH']


@pytest.mark.parametrize('words, code, text', [(['-P', 'SKY_BLOCK=x'], 2, 'must be an integer'),
                                               (['--rc', '/nowhere/at/all'], 3, '/nowhere/at/all')])
def test_config_rejects(raw_night, words, code, text):
    result = raw_night.run('config', *words)
    assert result.returncode == code and text in result.stderr, result.stderr


def test_the_drivers_of_the_readme_are_all_here():
    """Each script is run with real Python by this file or by the night: a new one must be added to one of them."""
    run = {'SEdiff.sh', 'SE_job_mod.sh', 'DAGMaker.sh', 'RUNMON.sh', 'verifySE.sh', 'RUN_DIFFIMG_PIPELINE.sh',
           'RUN_POSTPROC.sh', 'getcorners.sh', 'makestarcat.py', 'BLISS-expCalib_Y3apass.py', 'demo.sh'}
    assert {path.name for path in SCRIPTS.iterdir() if path.suffix in ('.sh', '.py')} == run
    assert all((REPOSITORY / 'scripts' / name).stat().st_mode & 0o100 for name in run)
