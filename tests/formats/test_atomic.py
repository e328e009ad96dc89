"""Files that appear whole or not at all, on a disk that takes no more (a limit of the file size stands in for it)."""
import errno
import os
import resource
import subprocess
import sys
import time

import numpy as np
import pytest

from sediff.errors import BadInput, Temporary
from sediff.formats.atomic import HOST, atomic_path, explained, remove_dead, remove_leftovers, write_text
from sediff.formats.fits import write_images


@pytest.fixture
def full():
    """No file of this process may grow beyond 300 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write_array(path):
    with atomic_path(path) as temporary:
        np.save(temporary, np.zeros(1000000))


@pytest.mark.parametrize('write', [
    lambda path: write_text(path, 'x' * 1000000), write_array,
    lambda path: write_images(path, [('SCI', np.zeros((1000, 1000), np.float32), None)])])
def test_a_full_disk_is_temporary_names_path_and_free_space_and_leaves_nothing(tmp_path, full, write):
    with pytest.raises(Temporary) as caught:
        write(tmp_path / 'product.npy')
    assert 'product.npy' in str(caught.value) and 'MB free on the disk of' in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_old_product_stays_when_the_new_one_cannot_be_written(tmp_path, full):
    (tmp_path / 'product.txt').write_text('old')
    with pytest.raises(Temporary):
        write_text(tmp_path / 'product.txt', 'x' * 1000000)
    assert (tmp_path / 'product.txt').read_text() == 'old'


def test_a_file_where_the_folder_should_be_and_a_name_that_is_too_long(tmp_path):
    (tmp_path / 'file').write_text('')
    for path in (tmp_path / 'file' / 'product.txt', tmp_path / ('x' * 300)):
        with pytest.raises(BadInput, match='cannot write'):
            write_text(path, 'x')


@pytest.mark.parametrize('number, kind', [
    (errno.ENOSPC, Temporary), (errno.EDQUOT, Temporary), (errno.EFBIG, Temporary), (errno.EROFS, Temporary),
    (errno.ENOENT, BadInput), (errno.EACCES, BadInput), (errno.ENOTDIR, BadInput), (errno.EISDIR, BadInput),
    (errno.ENAMETOOLONG, BadInput), (errno.ECHILD, type(None)), (None, BadInput)])
def test_what_an_error_of_the_system_means(tmp_path, number, kind):
    error = OSError(number, 'words', str(tmp_path / 'x')) if number else OSError('FITSIO status = 106')
    assert isinstance(explained(error, tmp_path / 'x'), kind)


def test_what_the_dead_left_goes_and_what_the_living_write_stays(tmp_path):
    """Files and folders of this machine by process, of others and of earlier versions by age."""
    dead = subprocess.run([sys.executable, '-c', 'import os; print(os.getpid())'], check=True,
                          capture_output=True, text=True)
    gone, stay, old = int(dead.stdout), os.getpid(), time.time() - 2 * 86400
    for name in (f'.tmp{HOST}.{gone}_a.fits', f'.tmp{HOST}.{stay}_a.fits', f'.tmpelsewhere.{gone}_a.fits', '.tmp123_a.fits',
                 '.tmpelsewhere.7_old.fits', '.tmp124_old.fits', 'a.fits', '.other'):
        (tmp_path / name).write_text('half')
        if 'old' in name:
            os.utime(tmp_path / name, (old, old))
    (tmp_path / f'.tmp{HOST}.{gone}_folder' / 'below').mkdir(parents=True)
    removed = remove_dead([tmp_path])
    assert {path.name for path in removed} == {f'.tmp{HOST}.{gone}_a.fits', f'.tmp{HOST}.{gone}_folder',
                                               '.tmpelsewhere.7_old.fits', '.tmp124_old.fits'}
    assert {path.name for path in tmp_path.iterdir()} == {f'.tmp{HOST}.{stay}_a.fits', f'.tmpelsewhere.{gone}_a.fits',
                                                          '.tmp123_a.fits', 'a.fits', '.other'}


def test_temporary_names_carry_machine_and_process(tmp_path):
    with atomic_path(tmp_path / 'a.fits.fz') as temporary:
        assert temporary.name == f'.tmp{HOST}.{os.getpid()}_a.fits.fz'
        temporary.write_text('')


@pytest.mark.parametrize('name', ['a+b_diff.fits', 'it is [1].fits', 'plain.fits', 'ü.psf'])
def test_what_a_killed_writer_of_any_name_left_is_found(tmp_path, name):
    """A name that cfitsio does not take is written under another, which is this file's, too."""
    code = ('import os\nfrom sediff.formats.opening import write_fits\n'
            f'with write_fits({str(tmp_path / name)!r}) as handle:\n'
            '    handle.write(None)\n    os.kill(os.getpid(), 9)\n')
    subprocess.run([sys.executable, '-c', code], check=False)
    (tmp_path / '.tmp1_other.fits').touch()
    assert len(list(tmp_path.iterdir())) == 2
    remove_leftovers(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ['.tmp1_other.fits']
