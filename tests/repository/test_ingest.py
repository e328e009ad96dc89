"""`sediff ingest`: what it makes of good, bad, double and contradicting files, in every mode, once and again."""
import gzip
import hashlib
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits
from raw_files import ZERO, write_product, write_raw, write_triple

from sediff.__main__ import main
from sediff.formats.locks import lock
from sediff.repository import ingest
from sediff.repository.exposures import read_exposures
from sediff.repository.registry import read_exposure_rows, read_file_rows, registry_path

NIGHT = '20170817'


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """An empty work tree; the current folder is its parent."""
    for name in [name for name in os.environ if name.startswith('SEDIFF_')]:
        monkeypatch.delenv(name)
    (tmp_path / 'root').mkdir()
    monkeypatch.setenv('SEDIFF_ROOT', str(tmp_path / 'root'))
    monkeypatch.chdir(tmp_path)
    return tmp_path / 'root'


@pytest.fixture
def night(tmp_path):
    """A folder with a bias, a dome flat and two exposures of the sky, as they come from an archive."""
    folder = tmp_path / 'from archive'
    write_raw(folder / 'c4d_1_zri.fits', EXPNUM=668400, **ZERO)
    write_raw(folder / 'c4d_2_fri.fits', EXPNUM=668401, OBSTYPE='dome flat', EXPTIME=10.0, TELRA=None, TELDEC=None)
    write_raw(folder / 'c4d_3_ori.fits', ccds=(1, 3, 4))
    write_raw(folder / 'deep' / 'c4d_3_ori.fits', EXPNUM=668444, MJD_OBS=57983.2, FILTER='z DECam SDSS c0004 9260.0 1520.0')
    return folder


def state(root):
    """What ingest has written: name -> bytes or where a link leads."""
    return {str(path.relative_to(root)): os.readlink(path) if path.is_symlink() else path.read_bytes()
            for path in sorted(root.rglob('*')) if path.is_symlink() or path.is_file()}


def place(root, expnum, nite=NIGHT):
    return root / 'dts' / nite / f'DECam_{expnum:08d}.fits.fz'


def test_a_night_is_linked_registered_and_listed(tree, night, capsys):
    assert main(['ingest', str(night)]) == 0
    assert os.path.samefile(place(tree, 668444), night / 'deep' / 'c4d_3_ori.fits') and place(tree, 668444).is_symlink()
    rows = {row.expnum: row for row in read_exposure_rows(registry_path(tree))}
    assert [(row.obstype, row.band, row.exptime) for row in rows.values()] == [
        ('zero', '', 0.0), ('dome flat', 'i', 10.0), ('object', 'i', 90.0), ('object', 'z', 90.0)]
    assert rows[668443].nite == NIGHT and rows[668443].mjd == 57983.1 and rows[668443].object == 'DESWS hex'
    assert abs(rows[668443].ra - 197.45) < 1e-9 and abs(rows[668443].dec + 23.38) < 1e-9 and rows[668400].ra is None
    files = {row.expnum: row for row in read_file_rows(registry_path(tree))}
    assert files[668443].ccds == '1,3-4' and files[668443].path == f'dts/{NIGHT}/DECam_00668443.fits.fz'
    assert files[668443].checksum.startswith('headers:') and files[668443].kind == 'raw'
    listed = read_exposures(tree / 'exposures.list')
    assert list(listed['expnum']) == [668443, 668444] and listed['t_eff'].isna().all()
    assert list(listed['band']) == ['i', 'z'] and list(listed['nite']) == [NIGHT] * 2
    assert 'taken 4 files (1 dome flat, 2 object, 1 zero), 0 known already, 0 not taken; 2 exposures added' in \
        capsys.readouterr().out


@pytest.mark.parametrize('mode', ['link', 'copy', 'move', 'skip'])
def test_again_changes_nothing(tree, night, mode, capsys):
    before = state(night)
    assert main(['ingest', str(night), '--mode', mode]) == 0
    first = state(tree)
    assert main(['ingest', str(night), str(tree / 'dts') if mode != 'skip' else str(night), '--mode', mode]) == 0
    assert state(tree) == first
    assert (state(night) == before) == (mode != 'move')
    assert f'taken 0 files, {8 if mode in ("link", "copy") else 4} known already' in capsys.readouterr().out
    kinds = {'link': 'symlink', 'copy': 'file', 'move': 'file', 'skip': 'none'}[mode]
    there = place(tree, 668443)
    assert kinds == ('symlink' if there.is_symlink() else 'file' if there.is_file() else 'none')


def test_order_and_portions_do_not_matter(tree, night, tmp_path, monkeypatch):
    assert main(['ingest', str(night)]) == 0
    other = tmp_path / 'other'
    other.mkdir()
    monkeypatch.setenv('SEDIFF_ROOT', str(other))
    for name in ('deep', 'c4d_2_fri.fits', 'c4d_3_ori.fits', 'c4d_1_zri.fits'):
        assert main(['ingest', str(night / name)]) == 0
    assert registry_path(other).read_bytes() == registry_path(tree).read_bytes()


def test_a_dry_run_writes_nothing(tree, night, capsys):
    assert main(['ingest', str(night), '--dry-run']) == 0
    assert state(tree) == {}
    assert 'would take 4 files' in capsys.readouterr().out


def test_what_was_left_where_it_is_can_be_put_in_its_place_later(tree, night, capsys):
    assert main(['ingest', str(night), '--mode', 'skip']) == 0
    assert all(os.path.isabs(row.path) for row in read_file_rows(registry_path(tree)))
    assert main(['ingest', str(night)]) == 0
    assert [row.path.partition('/')[0] for row in read_file_rows(registry_path(tree))] == ['dts'] * 4


def test_the_list_of_the_user_keeps_its_lines_columns_and_t_eff(tree, night):
    text = ('# mine\r\nexpnum,filter,mjd,ra,dec,exptime,teff,weather,object\r\n'
            '668443,i,57983.1,197.45,-23.38,90,0.55,"fine, dry",x\r\n')
    (tree / 'exposures.list').write_bytes(text.encode())
    assert main(['ingest', str(night)]) == 0
    after = (tree / 'exposures.list').read_bytes().decode()
    assert after.startswith(text) and after.removeprefix(text) == '668444,z,57983.2,197.45,-23.38,90.0,nan,,DESWS hex\n'
    assert read_exposures(tree / 'exposures.list')['t_eff'].iloc[0] == 0.55


def test_bad_files_are_named_and_the_rest_is_taken(tree, night, capsys):
    whole = (night / 'c4d_3_ori.fits').read_bytes()
    (night / 'cut.fits').write_bytes(whole[:9000])
    (night / 'cut head.fits').write_bytes(whole[:1000])
    (night / 'cut.fits.gz').write_bytes(gzip.compress(whole)[:-200])
    (night / 'noise.fits').write_bytes(np.random.default_rng(1).bytes(9000))
    (night / 'empty.fits').write_bytes(b'')
    (night / 'text.fits').write_text('no image\n')
    (night / 'readme.txt').write_text('not looked at\n')
    (night / 'gone.fits').symlink_to('/nowhere/at/all.fits')
    (night / 'loop.fits').symlink_to('loop.fits')
    (night / 'up').symlink_to(night)
    os.mkfifo(night / 'pipe.fits')
    write_raw(night / 'nofilter.fits', EXPNUM=5, FILTER=None)
    write_raw(night / 'block.fits', EXPNUM=6, FILTER='solid plate 0.0 0.0')
    write_raw(night / 'notime.fits', EXPNUM=7, MJD_OBS=None, DATE_OBS=None, EXPTIME=None)
    write_raw(night / 'nonumber.fits', EXPNUM=None)
    write_raw(night / 'huge.fits', EXPNUM=float(10**19))
    write_raw(night / 'zerotime.fits', EXPNUM=8, OBSTYPE='zero', MJD_OBS='dark', DATE_OBS='night')
    write_raw(night / 'guides.fits', ccds=(63, 70), EXPNUM=9)
    write_product(night / 'product.fits')
    assert main(['ingest', str(night), 'nofolder']) == 3
    said = capsys.readouterr()
    expected = {'cut.fits': 'cut short', 'cut head.fits': 'cut short within the header', 'cut.fits.gz': 'gzip',
                'noise.fits': 'no FITS file', 'empty.fits': 'is empty', 'text.fits': 'no FITS file',
                'gone.fits': "a link to '/nowhere/at/all.fits', which is not there", 'loop.fits': 'which is not there',
                'pipe.fits': 'is not a file', 'nofilter.fits': 'FILTER is missing', 'block.fits': "FILTER is 'solid plate",
                'notime.fits': 'EXPTIME is missing', 'nonumber.fits': 'EXPNUM is missing', 'huge.fits': 'EXPNUM',
                'zerotime.fits': "MJD-OBS is 'dark'", 'nofolder': 'no such file or folder'}
    for name, reason in expected.items():
        assert any(reason in line and name in line for line in said.err.splitlines()), (name, reason)
    assert 'MJD-OBS is missing' in next(line for line in said.err.splitlines() if 'notime' in line)
    assert f'taken 4 files (1 dome flat, 2 object, 1 zero), 0 known already, {len(expected)} not taken' in said.out
    assert 'passed over 2 FITS files' in said.out and 'readme' not in said.out + said.err
    assert len(read_file_rows(registry_path(tree))) == 4


def test_a_named_file_that_is_no_exposure_is_bad(tree, tmp_path, capsys):
    assert main(['ingest', str(write_product(tmp_path / 'product.fits'))]) == 3
    assert 'neither a raw exposure' in capsys.readouterr().err and not registry_path(tree).exists()


def test_an_empty_folder_is_said(tree, tmp_path, capsys):
    (tmp_path / 'nothing').mkdir()
    assert main(['ingest', 'nothing']) == 0
    assert 'no FITS files' in capsys.readouterr().err and state(tree) == {'.registry.sqlite3.lock': state(tree)[
        '.registry.sqlite3.lock']}


def test_a_number_that_only_the_file_name_has(tree, tmp_path, capsys):
    write_raw(tmp_path / 'DECam_00000077.fits.fz', EXPNUM=None)
    assert main(['ingest', str(tmp_path / 'DECam_00000077.fits.fz')]) == 0
    assert [row.expnum for row in read_exposure_rows(registry_path(tree))] == [77]
    assert 'EXPNUM is missing: 77 of the file name taken' in capsys.readouterr().err


def test_same_base_name_and_same_content_twice(tree, night, tmp_path, capsys):
    shutil.copy(night / 'c4d_3_ori.fits', tmp_path / 'copy of it.fits')
    assert main(['ingest', str(night), 'copy of it.fits']) == 0
    assert 'taken 4 files' in (said := capsys.readouterr().out) and '1 known already' in said


def test_other_content_of_the_same_exposure_is_a_named_conflict(tree, night, tmp_path, capsys):
    assert main(['ingest', str(night)]) == 0
    before, other = state(tree), write_raw(tmp_path / 'other.fits', value=7)
    for words in (['other.fits'], ['other.fits', '--mode', 'copy'], ['other.fits', '--mode', 'skip']):
        assert main(['ingest', *words]) == 3
        error = capsys.readouterr().err
        assert str(other) in error and f'exposure 668443 (raw) is there as {place(tree, 668443)} with other content' in error
        assert state(tree) == before
    assert main(['ingest', 'other.fits', '--replace']) == 0
    assert os.path.samefile(place(tree, 668443), other)
    assert main(['ingest', 'other.fits']) == 0 and len(read_file_rows(registry_path(tree))) == 4


def test_a_real_file_that_is_replaced_is_kept_beside(tree, night, tmp_path):
    assert main(['ingest', str(night), '--mode', 'copy']) == 0
    old = place(tree, 668443).read_bytes()
    write_raw(tmp_path / 'other.fits', value=7)
    assert main(['ingest', 'other.fits', '--replace', '--mode', 'copy']) == 0
    assert place(tree, 668443).with_name('DECam_00668443.fits.fz.replaced').read_bytes() == old


def test_a_file_that_was_there_before_the_registry_is_never_overwritten(tree, night, tmp_path, capsys):
    write_raw(place(tree, 668443), value=9)
    assert main(['ingest', str(night)]) == 3
    assert not place(tree, 668443).is_symlink() and 'with other content' in capsys.readouterr().err
    assert main(['ingest', str(tree / 'dts')]) == 0
    assert 668443 in {row.expnum for row in read_exposure_rows(registry_path(tree))}


def test_a_file_that_changes_where_it_lies(tree, night, capsys):
    assert main(['ingest', str(night)]) == 0
    changed = write_raw(night / 'c4d_3_ori.fits', ccds=(1, 3, 4), value=5)
    assert main(['ingest', str(night)]) == 3
    assert 'other content' in capsys.readouterr().err
    assert main(['ingest', str(night), '--replace']) == 0
    assert main(['ingest', str(night)]) == 0 and os.path.samefile(changed, place(tree, 668443))


def test_a_file_that_is_only_touched_stays_known(tree, night):
    assert main(['ingest', str(night)]) == 0
    os.utime(night / 'c4d_3_ori.fits')
    assert main(['ingest', str(night), str(tree / 'dts')]) == 0
    row, = read_file_rows(registry_path(tree), [668443])
    assert row.mtime_ns == (night / 'c4d_3_ori.fits').stat().st_mtime_ns


def test_a_link_whose_file_went_is_made_again(tree, night, tmp_path):
    assert main(['ingest', str(night)]) == 0
    night.rename(tmp_path / 'moved')
    assert main(['ingest', str(tmp_path / 'moved')]) == 0
    assert os.path.samefile(place(tree, 668443), tmp_path / 'moved' / 'c4d_3_ori.fits')


@pytest.mark.parametrize('line', [f'668443 {NIGHT} 57983.1 197.45 -23.38 g 90.0 p object 0.5 x',
                                  '668443 20170901 57998.1 197.45 -23.38 i 90.0 p object 0.5 x'])
def test_a_list_that_says_otherwise_is_a_named_conflict(tree, night, line, capsys):
    (tree / 'exposures.list').write_text(line + '\n')
    assert main(['ingest', str(night)]) == 3
    error = capsys.readouterr().err
    assert 'exposure 668443 is of night 20170817, band i, by its header; the list of exposures says' in error
    assert sorted(read_exposures(tree / 'exposures.list')['expnum']) == [668443, 668444]


def test_a_list_that_cannot_be_read_stops_before_anything_is_moved(tree, night, capsys):
    (tree / 'exposures.list').write_text('668443 tomorrow\n')
    before = state(night)
    assert main(['ingest', str(night), '--mode', 'move']) == 3
    assert state(night) == before and 'exposures.list:1' in capsys.readouterr().err and not (tree / 'dts').exists()


def test_community_products(tree, tmp_path, capsys):
    write_triple(tmp_path / 'cp')
    assert main(['ingest', 'cp']) == 0
    assert {row.kind: row.path for row in read_file_rows(registry_path(tree))} == {
        kind: f'cp/{NIGHT}/c4d_170818_022400_{kind}_i_v1.fits' for kind in ('ooi', 'oow', 'ood')}
    assert list(read_exposures(tree / 'exposures.list')['expnum']) == [668443]
    write_triple(tmp_path / 'second', stem='c4d_170818_022401', value=3)
    assert main(['ingest', 'second']) == 3
    assert capsys.readouterr().err.count('with other content') == 3


def test_a_mask_without_its_image_is_not_listed(tree, tmp_path):
    write_triple(tmp_path / 'cp')[0].unlink()
    assert main(['ingest', 'cp']) == 0
    assert len(read_file_rows(registry_path(tree))) == 2 and not (tree / 'exposures.list').exists()


def test_without_checksums_the_whole_file_counts(tree, tmp_path):
    with fits.open(write_raw(tmp_path / 'a.fits')) as hdus:
        for hdu in hdus:
            del hdu.header['DATASUM'], hdu.header['CHECKSUM']
        hdus.writeto(tmp_path / 'bare.fits')
    assert main(['ingest', 'bare.fits']) == 0
    row, = read_file_rows(registry_path(tree))
    assert row.checksum == f'file:{hashlib.sha256((tmp_path / "bare.fits").read_bytes()).hexdigest()}'


def test_headers_copied_to_other_pixels_do_not_vouch_for_them(tree, tmp_path):
    path = write_raw(tmp_path / 'a.fits')
    raw = bytearray(path.read_bytes())
    at = raw.rindex(b'DATASUM =')
    raw[at + 11:at + 21] = b'1234567890'
    path.write_bytes(raw)
    assert main(['ingest', 'a.fits']) == 0
    row, = read_file_rows(registry_path(tree))
    assert row.checksum.startswith('file:')


def test_two_at_once_wait_for_each_other(tree, night, monkeypatch):
    monkeypatch.setattr('sediff.repository.ingest.PATIENCE', 0.2)
    with lock(tree / '.registry.sqlite3.lock', 'the registry'):
        assert main(['ingest', str(night)]) == 75
    command = [sys.executable, '-m', 'sediff', 'ingest']
    runs = [subprocess.Popen([*command, str(night / name)], stdout=subprocess.DEVNULL)
            for name in ('deep', 'c4d_2_fri.fits', 'c4d_3_ori.fits')]
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    assert [row.expnum for row in read_exposure_rows(registry_path(tree))] == [668401, 668443, 668444]
    assert sorted(read_exposures(tree / 'exposures.list')['expnum']) == [668443, 668444]


def test_what_a_stopped_run_has_placed_is_registered(tree, night, monkeypatch):
    place_file = ingest._DEEDS['link']

    def stop_at_the_third(source, there):
        if len(list(tree.rglob('DECam_*'))) == 2:
            raise KeyboardInterrupt
        place_file(source, there)
    monkeypatch.setitem(ingest._DEEDS, 'link', stop_at_the_third)
    assert main(['ingest', str(night)]) == 130
    assert [row.expnum for row in read_file_rows(registry_path(tree))] == [668400, 668401]
    monkeypatch.setitem(ingest._DEEDS, 'link', place_file)
    assert main(['ingest', str(night)]) == 0
    assert len(read_file_rows(registry_path(tree))) == 4


def test_names_that_are_not_utf8(tree, night, capsys):
    write_raw(night / 'x.fits', EXPNUM=5)
    os.rename(night / 'x.fits', os.fsencode(night) + b'/\xff\xfe.fits')
    for mode in ('skip', 'link'):
        assert main(['ingest', str(night), '--mode', mode]) == 3
        assert r'\udcff\udcfe.fits: its name is not UTF-8' in capsys.readouterr().err
    assert len(read_file_rows(registry_path(tree))) == 4


def test_a_list_in_the_current_folder_is_extended(tree, night, tmp_path):
    (tmp_path / 'exposures.list').write_text(f'668443 {NIGHT} 57983.1 197.45 -23.38 i 90.0 p object 0.55 x\n')
    assert main(['ingest', str(night)]) == 0
    assert list(read_exposures(tmp_path / 'exposures.list')['expnum']) == [668443, 668444]
    assert not (tree / 'exposures.list').exists()


@pytest.mark.parametrize('words', [[], ['x.fits', '--mode', 'steal'], ['--where', 'x']])
def test_usage(tree, words):
    assert main(['ingest', *words]) == 2


def test_no_root(tmp_path, monkeypatch, capsys):
    assert main(['ingest', 'x.fits', '--root', str(tmp_path / 'nowhere')]) == 3
    assert 'is not a folder' in capsys.readouterr().err


def test_known_files_are_not_read_again(tree, night, monkeypatch):
    assert main(['ingest', str(night)]) == 0
    monkeypatch.setattr('sediff.repository.ingest.examine', None)
    assert main(['ingest', str(night)]) == 0
