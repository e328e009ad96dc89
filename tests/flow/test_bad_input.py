"""Bad input: the right exit code, a message that says what, where and what to do, nothing half-written."""
import shutil
import subprocess
import sys

import fitsio
import numpy as np
import pytest

from .conftest import BAND, EXPNUM, NITE, Night, done


@pytest.fixture
def tree(raw_night, tmp_path) -> Night:
    """The unprocessed night, linked into a folder that a test may change."""
    root = tmp_path / 'night'
    for path in raw_night.root.rglob('*'):
        target = root / path.relative_to(raw_night.root)
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif not str(path.relative_to(raw_night.root)).startswith('persistent'):
            target.symlink_to(path)
    shutil.rmtree(root / 'persistent', ignore_errors=True)
    return Night(root)


def raw(tree: Night):
    return tree.root / 'dts' / NITE / f'DECam_{EXPNUM:08d}.fits.fz'


def refused(result: subprocess.CompletedProcess, code: int, *texts: str) -> None:
    assert result.returncode == code, result.stderr
    for text in texts:
        assert text in result.stderr, result.stderr
    assert 'Traceback' not in result.stderr


def nothing_half_written(tree: Night) -> None:
    left = [path.name for path in tree.root.rglob('*') if path.is_file() and 'persistent' in str(path)
            and path.suffix not in ('.lock', '.LOG', '.FAIL', '.DONE')]
    assert not [name for name in left if name.startswith('.tmp') or 'immask' in name], left


def test_missing_raw_file(tree):
    raw(tree).unlink()
    refused(tree.sediff('-t'), 3, 'no raw file', raw(tree).name, 'check -E, -n and ROOT')
    nothing_half_written(tree)


def test_raw_without_the_ccd(tree):
    for kind in ('biascor', 'bpm', 'norm_dflatcor'):
        for path in (tree.root / 'calib' / kind).iterdir():
            shutil.copy(path, path.with_name(path.name.replace('c33', 'c40')))
    words = ['-E', EXPNUM, '-n', NITE, '-b', BAND, '-r', 4, '-p', 7, '-S', 'dp33', '-c', 40, '-t', '-s']
    result = tree.run('SEdiff.sh', *words)
    refused(result, 3, 'c40', '40', raw(tree).name)
    nothing_half_written(tree)


def test_truncated_raw_file(tree):
    content = raw(tree).read_bytes()
    raw(tree).unlink()
    raw(tree).write_bytes(content[:len(content) // 2])
    refused(tree.sediff('-t'), 3, raw(tree).name)
    nothing_half_written(tree)


def test_a_file_that_is_no_fits(tree):
    raw(tree).unlink()
    raw(tree).write_text('not found')
    refused(tree.sediff('-t'), 3, raw(tree).name, 'cannot be read as FITS')


def test_wrong_band_flag(tree):
    result = tree.run('SEdiff.sh', '-E', EXPNUM, '-n', NITE, '-b', 'g', '-r', 4, '-p', 7, '-S', 'dp33', '-c', 33, '-t')
    refused(result, 2, '-b g', 'was taken in r')
    nothing_half_written(tree)


def test_no_calibration_image_of_the_ccd(tree):
    shutil.rmtree(tree.root / 'calib' / 'biascor')
    refused(tree.sediff('-t'), 3, 'no biascor for c33', 'calib')


def test_reference_catalogue_empty_there(tree):
    for path in (tree.root / 'refcat').iterdir():
        path.unlink()
    result = tree.sediff('-t')
    assert result.returncode in (3, 4)
    refused(result, result.returncode, 'SE07_scamp', 'refcat')
    nothing_half_written(tree)


def test_wrong_reference_stars_are_refused(tree):
    rng = np.random.default_rng(1)
    for path in (tree.root / 'refcat').iterdir():
        stars = fitsio.read(str(path))
        path.unlink()
        stars['ra'], stars['dec'] = rng.permutation(stars['ra']), rng.permutation(stars['dec'])
        fitsio.write(str(path), stars, extname='STARS')
    refused(tree.sediff('-t'), 4, 'SE07_scamp')
    nothing_half_written(tree)


def test_no_plan(tree, night):
    shutil.copytree(night.folder, tree.folder, dirs_exist_ok=True)
    (tree.folder / 'WS_diff.list').unlink()
    result = tree.sediff()
    refused(result, 3, 'no plan', 'WS_diff.list', 'run DAGMaker.sh')


def test_no_overlapping_template(tree, night):
    shutil.copytree(night.root / 'persistent', tree.root / 'persistent', dirs_exist_ok=True)
    (tree.folder / f'copy_pairs_for_{EXPNUM}.sh').write_text(
        (night.folder / f'copy_pairs_for_{EXPNUM}.sh').read_text().replace(str(night.root), str(tree.root)))
    for path in tree.root.glob('persistent/gw/exp/*/*/*.out'):
        if str(EXPNUM) not in path.name:
            words = path.read_text().split()
            words[4::2] = [f'{float(dec) + 3:.5f}' for dec in words[4::2]]
            path.write_text(' '.join(words) + '\n')
    refused(tree.sediff('-O', '-P', 'DIFF_THRESHOLD=6'), 4, 'no overlapping template', 'DAGMaker.sh')


def test_rc_file_with_an_unknown_key(tree, repository, tmp_path):
    rc = tmp_path / 'rc'
    shutil.copytree(repository / 'rc', rc)
    (rc / 'se.rc').write_text('# mine\n\nDETECT_TRESH=3\n')
    refused(tree.sediff('-t', '-R', rc), 2, 'se.rc:3', 'DETECT_TRESH', 'DETECT_THRESH')
    nothing_half_written(tree)


def test_root_that_does_not_exist(tree):
    refused(tree.sediff('-t', SEDIFF_ROOT='/nowhere/at/all'), 3, 'ROOT=/nowhere/at/all is no folder')


def test_no_write_permission(tree):
    (tree.root / 'persistent').write_text('a file where the folder should be')
    refused(tree.sediff('-t'), 3, 'cannot write', 'persistent')


def test_unknown_stage_parameter_and_page_before_candidates(tree):
    assert subprocess.run([sys.executable, '-m', 'sediff', 'nonsense'], check=False, capture_output=True).returncode == 2
    refused(tree.sediff('-P', 'NOSUCH=1'), 2, 'unknown parameter NOSUCH')
    result = tree.run('page', '--expnum', EXPNUM, '--nite', NITE, '--band', BAND, '--season', 'dp33')
    assert result.returncode == 3 and 'no CCD has finished' in result.stderr


def test_plan_of_an_unknown_exposure(tree):
    result = tree.run('DAGMaker.sh', '99')
    assert result.returncode == 3 and '99' in result.stderr


def test_hostile_header_text_stays_text(night, tmp_path):
    """OBJECT comes from the telescope: it must not become markup on the page, nor a part of a path."""
    page = done(night.run('page', '--expnum', EXPNUM, '--nite', NITE, '--band', BAND, '--season', 'dp33')).stdout.strip()
    assert page.startswith(str(night.folder))
