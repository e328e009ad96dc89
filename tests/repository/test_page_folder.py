"""The folder of the pages: whole files of plain names, stale ones removed."""
import os

import pytest

from sediff.errors import BadInput, BadUsage
from sediff.formats.atomic import temporary_prefix
from sediff.repository.names import Exposure
from sediff.repository.page_folder import PageFolder


@pytest.fixture
def folder(tmp_path):
    return PageFolder(Exposure(tmp_path, 12345678, '20231115', 'r', season='dp7'))


def test_files_are_written_read_and_removed(folder):
    folder.keep_only([])                                  # a folder that is not there
    folder.write('1.html', 'ä')
    folder.write('1_2_3.png', b'\x89PNG')
    (folder.path / 'notes of mine.txt').write_text('kept')
    killed = temporary_prefix().replace(str(os.getpid()), '999999999')
    (folder.path / f'{killed}2.html').write_text('left by a killed writer')
    assert folder.read('1.html') == 'ä'.encode() and folder.name == 'candidates_12345678_dp7'
    folder.keep_only({'1.html'})
    assert sorted(path.name for path in folder.path.iterdir()) == ['1.html', 'notes of mine.txt']
    with pytest.raises(BadInput, match='sediff page'):
        folder.read('1_2_3.png')


def test_newer_than_its_sources(folder, tmp_path):
    source = tmp_path / 'source'
    assert not folder.is_newer('1.html', [source])
    folder.write('1.html', '')
    assert folder.is_newer('1.html', [source])            # a source that is gone says nothing
    source.write_text('')
    os.utime(source, ns=(0, folder.path.joinpath('1.html').stat().st_mtime_ns + 1))
    assert not folder.is_newer('1.html', [source])


@pytest.mark.parametrize('name', ['../1.html', '/etc/x.html', '.html', 'a b.html', '1.exe', '1.html\n', '', 'a/b.html',
                                  '-1.html'])
def test_other_names_are_rejected(folder, name):
    for action in (lambda: folder.write(name, ''), lambda: folder.read(name)):
        with pytest.raises(BadUsage, match='no name of a page'):
            action()
