"""Files that appear whole or not at all, on a disk that takes no more (a limit of the file size stands in for it)."""
import errno
import resource

import numpy as np
import pytest

from sediff.errors import BadInput, Temporary
from sediff.io.atomic import atomic_path, explained, write_text
from sediff.io.fits import write_images


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
