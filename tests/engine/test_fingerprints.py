"""Whole files count, each is read once a process and once a shelf, and a shelf that cannot be written is left out."""
import os
import time

import pytest

from sediff.engine import fingerprints
from sediff.engine.fingerprints import SMALL, fingerprint


@pytest.fixture
def reads(monkeypatch):
    """Files that were read, by name."""
    seen, original = [], fingerprints.content_hash
    monkeypatch.setattr(fingerprints, 'content_hash', lambda path: seen.append(os.path.basename(path)) or original(path))
    return seen


def make(path, size=SMALL + 5, age=60.0):
    path.write_bytes(os.urandom(size))
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_the_middle_of_a_file_counts(tmp_path):
    path = make(tmp_path / 'flat.fits')
    before = fingerprint(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert fingerprint(path) != before and len(before) == 24
    assert fingerprint(tmp_path / 'none') == 'absent' and fingerprint(tmp_path) == 'folder'


def test_a_file_is_read_once_a_process_and_once_a_shelf(tmp_path, reads):
    path, shelf = make(tmp_path / 'raw.fits'), tmp_path / 'shelf'
    found = fingerprint(path, shelf)
    assert fingerprint(path, shelf) == found and reads == ['raw.fits']
    fingerprints._known.clear()                                # another process
    assert fingerprint(path, shelf) == found and reads == ['raw.fits']
    make(path)
    assert fingerprint(path, shelf) != found and reads == ['raw.fits'] * 2
    assert len(list(shelf.glob('*/*'))) == 1


def test_small_and_unsettled_files_are_not_shelved(tmp_path, reads):
    for path in (make(tmp_path / 'small', 100), make(tmp_path / 'new', age=0.0)):
        fingerprint(path, tmp_path / 'shelf')
    assert not (tmp_path / 'shelf').exists()


def test_a_shelf_that_cannot_be_written_or_holds_nonsense_is_left_out(tmp_path, reads):
    path = make(tmp_path / 'raw.fits')
    (tmp_path / 'file').write_text('no folder')
    found = fingerprint(path, tmp_path / 'file')
    fingerprints._known.clear()
    shelf = tmp_path / 'shelf'
    assert fingerprint(path, shelf) == found
    for text in ('', 'nonsense', '1 2 3 4 5 6', '\0' * 50):
        next(shelf.glob('*/*')).write_text(text)
        fingerprints._known.clear()
        assert fingerprint(path, shelf) == found
    fingerprints._known.clear()
    assert fingerprint(path, shelf) == found and len(reads) == 6


def test_another_file_under_the_same_name_and_size(tmp_path):
    path, other = make(tmp_path / 'a.fits'), make(tmp_path / 'b.fits')
    stat = path.stat()
    before = fingerprint(path, tmp_path / 'shelf')
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    os.replace(other, path)                                    # same size, same time of change, another inode
    assert fingerprint(path, tmp_path / 'shelf') != before
