"""The store of prepared templates: each tile is made once, damaged ones again, the oldest go when it is full."""
import multiprocessing
import os

import pytest

from sediff.errors import BadInput
from sediff.formats.locks import lock
from sediff.repository.names import Exposure, folder_of
from sediff.repository.tile_store import TileStore


def ccd_of(root):
    return Exposure(root, 1250064, '20231001', 'r', ccd=33)


def whole(path):
    if path.read_bytes() != b'x' * 1000:
        raise BadInput('damaged')
    return True


def make_slowly(path):
    """Writes a tile, and a line for each that does so."""
    with open(path.parent / 'made.txt', 'a', encoding='utf-8') as handle:
        handle.write(f'{os.getpid()}\n')
    multiprocessing.Event().wait(0.3)
    path.write_bytes(b'x' * 1000)


def find(root, results):
    results.put(TileStore(ccd_of(root), 1e9).find(ccd_of(root), 3, 'abc', whole, make_slowly)[1])


def test_workers_that_want_the_same_tile_make_it_once(tmp_path):
    context = multiprocessing.get_context('fork')
    results = context.Queue()
    workers = [context.Process(target=find, args=(tmp_path, results)) for _ in range(4)]
    for worker in workers:
        worker.start()
    assert sorted(results.get(timeout=30) for _ in workers) == [False, False, False, True]
    for worker in workers:
        worker.join()
    folder = folder_of(ccd_of(tmp_path), 'prepared')
    assert folder == tmp_path / 'persistent' / 'gw' / 'prepared' / 'r' / '1250064_33'
    assert len((folder / 'made.txt').read_text().splitlines()) == 1 and (folder / 'tile03_abc.fits.fz').is_file()


def test_a_damaged_tile_is_made_again_and_another_key_is_another_tile(tmp_path):
    store, ccd = TileStore(ccd_of(tmp_path), 1e9), ccd_of(tmp_path)
    path, new = store.find(ccd, 3, 'abc', whole, make_slowly)
    assert new and store.find(ccd, 3, 'abc', whole, make_slowly) == (path, False)
    path.write_bytes(b'y' * 1000)
    assert store.find(ccd, 3, 'abc', whole, make_slowly) == (path, True) and whole(path)
    assert store.find(ccd, 3, 'abd', whole, make_slowly) == (path.with_name('tile03_abd.fits.fz'), True)


def test_those_used_longest_ago_go_first(tmp_path):
    store, ccd = TileStore(ccd_of(tmp_path), 2500), ccd_of(tmp_path)
    paths = [store.find(ccd, number, 'abc', whole, make_slowly)[0] for number in range(4)]
    for age, path in enumerate(reversed(paths)):
        os.utime(path, (1e9 - age, 1e9 - age))
    store.find(ccd, 0, 'abc', whole, make_slowly)                     # the oldest is used
    assert store.trim() == 2 and [path.is_file() for path in paths] == [True, False, False, True]
    assert store.trim() == 0
    with lock(folder_of(ccd, 'prepared_all') / 'trim.lock', 'a test'):
        assert TileStore(ccd, 0).trim() == 0 and paths[0].is_file()
    assert TileStore(ccd, 0).trim() == 2


def test_an_error_leaves_no_tile(tmp_path):
    def fails(path):
        raise BadInput('no such template')
    store = TileStore(ccd_of(tmp_path), 1e9)
    with pytest.raises(BadInput, match='no such template'):
        store.find(ccd_of(tmp_path), 1, 'abc', whole, fails)
    assert store.find(ccd_of(tmp_path), 1, 'abc', whole, make_slowly)[1]
