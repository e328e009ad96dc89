"""Bad input: the right exit code, a message that says what, where and what to do, nothing half-written.

Most run in this process what the driver would run; one of each exit code and driver goes through the driver itself.
"""
import shutil
import subprocess

import fitsio
import numpy as np
import pytest

from .conftest import BAND, EXPNUM, NITE, Night, raw, rewrite_raw


@pytest.fixture
def single_epoch(tree, in_process):
    """`single_epoch(*words, ccd=33, nite=NITE, **environment)`: what SEdiff.sh -t -C runs on the search exposure."""
    def run(*words, ccd: int = 33, nite: str = NITE, **environment) -> subprocess.CompletedProcess:
        return in_process(tree, 'sediff', *flags(nite, ccd), '--calibrate', '--template-only', '--serial', *words,
                          **environment)
    return run


def flags(nite: str = NITE, ccd: int = 33) -> tuple:
    """Which exposure, for stages."""
    return ('--expnum', EXPNUM, '--nite', nite, '--band', BAND, '--rnum', 4, '--pnum', 7, '--season', 'dp33', '--ccds', ccd)


def rejected(result: subprocess.CompletedProcess, code: int, *texts: str) -> None:
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
    rejected(tree.sediff('-t'), 3, 'no raw file', raw(tree).name, 'check -E, -n and ROOT')
    nothing_half_written(tree)


def test_raw_without_the_ccd(tree, single_epoch):
    for kind in ('biascor', 'bpm', 'norm_dflatcor'):
        for path in (tree.root / 'calib' / kind).iterdir():
            shutil.copy(path, path.with_name(path.name.replace('c33', 'c40')))
    rejected(single_epoch(ccd=40), 3, 'c40', '40', raw(tree).name)
    nothing_half_written(tree)


def test_truncated_raw_file(tree, single_epoch):
    content = raw(tree).read_bytes()
    raw(tree).unlink()
    raw(tree).write_bytes(content[:len(content) // 2])
    rejected(single_epoch(), 3, raw(tree).name)
    nothing_half_written(tree)


def test_a_file_that_is_no_fits(tree, single_epoch):
    raw(tree).unlink()
    raw(tree).write_text('not found')
    rejected(single_epoch(), 3, raw(tree).name, 'cannot be read as FITS')


def test_wrong_band_flag(tree):
    result = tree.run('SEdiff.sh', '-E', EXPNUM, '-n', NITE, '-b', 'g', '-r', 4, '-p', 7, '-S', 'dp33', '-c', 33, '-t')
    rejected(result, 2, '-b g', 'was taken in r')
    nothing_half_written(tree)


def test_no_calibration_image_of_the_ccd(tree, single_epoch):
    shutil.rmtree(tree.root / 'calib' / 'biascor')
    rejected(single_epoch(), 3, 'no biascor for c33', 'calib')


def test_reference_catalogue_empty_there(tree, single_epoch):
    for path in (tree.root / 'refcat').iterdir():
        path.unlink()
    rejected(single_epoch(), 3, 'SE07_scamp', 'refcat')
    nothing_half_written(tree)


def test_wrong_reference_stars_are_rejected(tree, single_epoch):
    rng = np.random.default_rng(1)
    for path in (tree.root / 'refcat').iterdir():
        stars = fitsio.read(str(path))
        path.unlink()
        stars['ra'], stars['dec'] = rng.permutation(stars['ra']), rng.permutation(stars['dec'])
        fitsio.write(str(path), stars, extname='STARS')
    rejected(single_epoch(), 4, 'SE07_scamp')
    nothing_half_written(tree)


def test_no_plan(copy, in_process):
    (copy.folder / 'WS_diff.list').unlink()
    rejected(in_process(copy, 'sediff', *flags(), '--calibrate', '--serial'), 3, 'no plan', 'WS_diff.list',
             'run DAGMaker.sh')


def test_no_overlapping_template(copy, in_process):
    for path in copy.root.glob('persistent/gw/exp/*/*/*.out'):
        if str(EXPNUM) not in path.name:
            words = path.read_text().split()
            words[4::2] = [f'{float(dec) + 3:.5f}' for dec in words[4::2]]
            path.write_text(' '.join(words) + '\n')
    result = in_process(copy, 'sediff', *flags(), '--calibrate', '--serial', '-P', 'DIFF_THRESHOLD=6')
    rejected(result, 4, 'no overlapping template', 'DAGMaker.sh')


def test_rc_file_with_an_unknown_key(tree, single_epoch, repository, tmp_path):
    rc = tmp_path / 'rc'
    shutil.copytree(repository / 'rc', rc)
    (rc / 'se.rc').write_text('# mine\n\nDETECT_TRESH=3\n')
    rejected(single_epoch('--rc', rc), 2, 'se.rc:3', 'DETECT_TRESH', 'DETECT_THRESH')
    nothing_half_written(tree)


def test_root_that_does_not_exist(single_epoch):
    rejected(single_epoch(SEDIFF_ROOT='/nowhere/at/all'), 3, 'ROOT=/nowhere/at/all is not a folder')


def test_no_write_permission(tree, single_epoch):
    (tree.root / 'persistent').write_text('a file where the folder should be')
    rejected(single_epoch(), 3, 'cannot write', 'persistent')


def test_unknown_stage_parameter_and_page_before_candidates(tree, single_epoch, in_process):
    rejected(tree.run('nonsense'), 2, 'unknown stage')
    rejected(single_epoch('-P', 'NOSUCH=1'), 2, 'unknown parameter NOSUCH')
    rejected(in_process(tree, 'page', *flags()[:6], '--season', 'dp33'), 3, 'no CCD has finished')


def test_plan_of_an_unknown_exposure(tree):
    rejected(tree.run('DAGMaker.sh', '99'), 3, '99')


@pytest.mark.parametrize('section, words', [(None, 'BIASSECA is missing'), ('[7:6,1:4096]', 'zero width')])
def test_overscan_section_missing_or_of_zero_width(tree, single_epoch, section, words):
    rewrite_raw(tree, cards={'BIASSECA': section})
    rejected(single_epoch(), 4, 'c33', 'SE01_crosstalk', words)
    nothing_half_written(tree)


def test_dead_amplifier(tree, single_epoch):
    def dead(image):
        image = image.copy()
        image[:, :1080] = 0
        return image
    rewrite_raw(tree, dead)
    rejected(single_epoch(), 4, 'c33', 'SE01_crosstalk', 'reads 0 everywhere')
    nothing_half_written(tree)


def test_saturated_sky(tree, single_epoch):
    def bright(image):
        image = image.copy()
        image[:, 56:2104] = np.random.default_rng(1).normal(62000, 30, image[:, 56:2104].shape)
        return image
    rewrite_raw(tree, bright)
    rejected(single_epoch(), 4, 'c33', 'SE02_pixcorrect', 'sky is saturated')
    nothing_half_written(tree)


@pytest.mark.parametrize('spoil, words', [('nan', '1 values that are not finite'), ('band', 'of band g, the exposure of r'),
                                          ('ccd', 'belongs to CCD 34, not 33'), ('shape', 'the trimmed CCD has')])
def test_flat_with_nan_or_of_another_band_ccd_or_shape(tree, single_epoch, spoil, words):
    from sediff.formats.fits import read_image, write_images
    flat, header = read_image(next((tree.root / 'calib' / 'norm_dflatcor').iterdir()))
    flat = flat.astype(np.float32)
    if spoil == 'nan':
        flat[100, 100] = np.nan
    elif spoil == 'shape':
        flat = flat[:-1]
    else:
        header['BAND' if spoil == 'band' else 'CCDNUM'] = 'g' if spoil == 'band' else 34
    write_images(tree.root / 'mine.fits', [('SCI', flat, header)])
    rejected(single_epoch('-P', 'FLAT_FILE=mine.fits'), 4, 'c33', 'SE02_pixcorrect', words)
    nothing_half_written(tree)


def copy_calibrations(tree: Night, ccd: int) -> None:
    """Those of CCD 33 as those of another."""
    from sediff.formats.fits import read_image, write_images
    for kind in ('biascor', 'bpm', 'norm_dflatcor'):
        for path in list((tree.root / 'calib' / kind).iterdir()):
            image, header = read_image(path)
            header['CCDNUM'] = ccd
            write_images(path.with_name(path.name.replace('c33', f'c{ccd:02d}')), [('SCI', image, header)])


@pytest.mark.parametrize('ccd, nite', [(61, NITE), (2, '20140601')])
def test_ccds_that_are_dead_on_the_night(tree, single_epoch, ccd, nite):
    copy_calibrations(tree, ccd)
    rewrite_raw(tree, ccd=ccd, nite=nite)
    result = single_epoch('-P', 'MAX_CALIB_DAYS=9999', ccd=ccd, nite=nite)
    rejected(result, 4, f'c{ccd:02d}', 'SE02_pixcorrect', 'leave this CCD out')
    nothing_half_written(tree)


def test_ccd_31_goes_on_with_one_amplifier(tree, single_epoch):
    """Its amplifier A is masked BADAMP; there are no reference stars where it looks, so that astrometry rejects it later."""
    from sediff.formats.fits import read_ccd
    from sediff.maskbits import Bit
    from sediff.repository.names import Exposure, product_path
    copy_calibrations(tree, 31)
    rewrite_raw(tree, ccd=31)
    result = single_epoch('-P', 'KEEP_INTERMEDIATE=true', ccd=31)
    rejected(result, 3, 'SE07_scamp')
    ccd = read_ccd(product_path(Exposure(tree.root, EXPNUM, NITE, BAND, 4, 7, 'dp33').with_ccd(31), 'detrend'))
    bad = (ccd.mask & np.uint16(Bit.BADAMP)) != 0
    assert ccd.header['BADAMPS'] == 'A' and bad[:, 1024:].all() and not bad[:, :1024].any()
    assert not ccd.weight[:, 1024:].any() and (ccd.weight[:, :1024] > 0).mean() > 0.9


def test_header_with_swapped_sections(tree, single_epoch):
    from sediff.formats.raw import read_raw_rows
    _, header = read_raw_rows(raw(tree), 33)
    rewrite_raw(tree, cards={'DATASECA': header['DATASECB'], 'DATASECB': header['DATASECA']})
    rejected(single_epoch(), 4, 'c33', 'SE01_crosstalk')
    nothing_half_written(tree)


@pytest.mark.parametrize('driver', ['SEdiff.sh', 'SE_job_mod.sh'])
def test_raw_of_one_column(tree, driver):
    rewrite_raw(tree, lambda image: image[:, :1])
    result = tree.run(driver, '-E', EXPNUM, '-n', NITE, '-b', BAND, '-r', 4, '-p', 7, '-S', 'dp33', '-c', 33, '-t', '-s')
    rejected(result, 4, 'c33', 'SE01_crosstalk', 'reaches beyond the image of 1 x')
    nothing_half_written(tree)
