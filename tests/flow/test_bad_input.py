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


def rewrite_raw(tree: Night, pixels=None, cards: dict | None = None, ccd: int = 33, nite: str = NITE) -> None:
    """The raw exposure of CCD 33 anew, with other pixels (a function of the old ones), header cards or CCD number."""
    from sediff.camera.ccds import ccd_table, detpos
    from sediff.io.raw import read_raw_primary, read_raw_rows, write_raw
    from sediff.sim.cards import extension_header
    from sediff.sim.files import read_facts
    from sediff.sim.plan import Pointing
    old = raw(tree)
    image, header = read_raw_rows(old, 33)
    primary, _ = read_raw_primary(old)
    if ccd != 33:
        facts = read_facts(BAND)
        tpv = facts.tpv.get(ccd, facts.tpv[33])
        header = extension_header(facts.cards, ccd_table()[ccd - 1], tpv, Pointing(52.5, -28.0))
        header['CCDNUM'], header['DETPOS'] = ccd, detpos(ccd)
    for name, value in (cards or {}).items():
        if value is None:
            del header[name]
        else:
            header[name] = value
    image = image if pixels is None else pixels(image).astype(np.uint16)
    path = old.parent.parent / nite / old.name
    old.unlink()
    path.parent.mkdir(exist_ok=True)
    write_raw(path, primary, [(detpos(ccd), image, header)])


def single_epoch(tree: Night, *words, ccd: int = 33, nite: str = NITE) -> subprocess.CompletedProcess:
    """SEdiff.sh -t on the search exposure."""
    return tree.run('SEdiff.sh', '-E', EXPNUM, '-n', nite, '-b', BAND, '-r', 4, '-p', 7, '-S', 'dp33', '-c', ccd, '-t', '-s',
                    *words)


@pytest.mark.parametrize('section, words', [(None, 'BIASSECA is missing'), ('[7:6,1:4096]', 'zero width')])
def test_overscan_section_missing_or_of_zero_width(tree, section, words):
    rewrite_raw(tree, cards={'BIASSECA': section})
    refused(single_epoch(tree), 4, 'c33', 'SE01_crosstalk', words)
    nothing_half_written(tree)


def test_dead_amplifier(tree):
    def dead(image):
        image = image.copy()
        image[:, :1080] = 0
        return image
    rewrite_raw(tree, dead)
    refused(single_epoch(tree), 4, 'c33', 'SE01_crosstalk', 'reads 0 everywhere')
    nothing_half_written(tree)


def test_saturated_sky(tree):
    def bright(image):
        image = image.copy()
        image[:, 56:2104] = np.random.default_rng(1).normal(62000, 30, image[:, 56:2104].shape)
        return image
    rewrite_raw(tree, bright)
    refused(single_epoch(tree), 4, 'c33', 'SE02_pixcorrect', 'sky is saturated')
    nothing_half_written(tree)


@pytest.mark.parametrize('spoil, words', [('nan', '1 values that are not finite'), ('band', 'of band g, the exposure of r'),
                                          ('ccd', 'belongs to CCD 34, not 33'), ('shape', 'a trimmed DECam CCD has')])
def test_flat_with_nan_or_of_another_band_ccd_or_shape(tree, spoil, words):
    from sediff.io.fits import read_image, write_images
    flat, header = read_image(next((tree.root / 'calib' / 'norm_dflatcor').iterdir()))
    flat = flat.astype(np.float32)
    if spoil == 'nan':
        flat[100, 100] = np.nan
    elif spoil == 'shape':
        flat = flat[:-1]
    else:
        header['BAND' if spoil == 'band' else 'CCDNUM'] = 'g' if spoil == 'band' else 34
    write_images(tree.root / 'mine.fits', [('SCI', flat, header)])
    refused(single_epoch(tree, '-P', 'FLAT_FILE=mine.fits'), 4, 'c33', 'SE02_pixcorrect', words)
    nothing_half_written(tree)


def copy_calibrations(tree: Night, ccd: int) -> None:
    """Those of CCD 33 as those of another."""
    from sediff.io.fits import read_image, write_images
    for kind in ('biascor', 'bpm', 'norm_dflatcor'):
        for path in list((tree.root / 'calib' / kind).iterdir()):
            image, header = read_image(path)
            header['CCDNUM'] = ccd
            write_images(path.with_name(path.name.replace('c33', f'c{ccd:02d}')), [('SCI', image, header)])


@pytest.mark.parametrize('ccd, nite', [(61, NITE), (2, '20140601')])
def test_ccds_that_are_dead_on_the_night(tree, ccd, nite):
    copy_calibrations(tree, ccd)
    rewrite_raw(tree, ccd=ccd, nite=nite)
    result = single_epoch(tree, '-P', 'MAX_CALIB_DAYS=9999', ccd=ccd, nite=nite)
    refused(result, 4, f'c{ccd:02d}', 'SE02_pixcorrect', 'leave this CCD out')
    nothing_half_written(tree)


def test_ccd_31_goes_on_with_one_amplifier(tree):
    """Its amplifier A is masked BADAMP; there are no reference stars where it looks, so that astrometry refuses it later."""
    from sediff.camera.maskbits import Bit
    from sediff.io.fits import read_ccd
    from sediff.names import Exposure, product_path
    copy_calibrations(tree, 31)
    rewrite_raw(tree, ccd=31)
    result = single_epoch(tree, '-P', 'KEEP_INTERMEDIATE=true', ccd=31)
    refused(result, 3, 'SE07_scamp')
    ccd = read_ccd(product_path(Exposure(tree.root, EXPNUM, NITE, BAND, 4, 7, 'dp33').with_ccd(31), 'detrend'))
    bad = (ccd.mask & np.uint16(Bit.BADAMP)) != 0
    assert ccd.header['BADAMPS'] == 'A' and bad[:, 1024:].all() and not bad[:, :1024].any()
    assert not ccd.weight[:, 1024:].any() and (ccd.weight[:, :1024] > 0).mean() > 0.9


def test_header_with_swapped_sections(tree):
    from sediff.io.raw import read_raw_rows
    _, header = read_raw_rows(raw(tree), 33)
    rewrite_raw(tree, cards={'DATASECA': header['DATASECB'], 'DATASECB': header['DATASECA']})
    refused(single_epoch(tree), 4, 'c33', 'SE01_crosstalk')
    nothing_half_written(tree)


def test_raw_of_one_column(tree):
    rewrite_raw(tree, lambda image: image[:, :1])
    refused(single_epoch(tree), 4, 'c33', 'SE01_crosstalk', 'no raw DECam CCD')
    nothing_half_written(tree)
