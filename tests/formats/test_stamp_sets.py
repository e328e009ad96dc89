"""Stamps are read from what RUN23 packs, from folders and from tables, and what is none is refused in a sentence."""
import gzip

import numpy as np
import pytest
from astropy.table import Table

from sediff.errors import BadInput
from sediff.formats.stamp_archive import write_stamp_archive
from sediff.formats.stamp_files import write_stamps
from sediff.formats.stamp_sets import read_stamp_set


def stamps_of(numbers, size=25):
    rng = np.random.default_rng(1)
    return {number: {kind: rng.normal(0, 1, (size, size)).astype(np.float32) for kind in ('temp', 'srch', 'diff')}
            for number in numbers}


def same(found, made):
    return found.numbers == sorted(made) and all((stamp[kind] == made[number][kind]).all()
                                                 for number, stamp in zip(found.numbers, found.stamps) for kind in stamp)


def table_of(path, made, names=('PixA_THUMB_TEMP', 'PixA_THUMB_SCI', 'PixA_THUMB_DIFF')):
    columns = dict(zip(names, (np.array([made[number][kind] for number in made]) for kind in ('temp', 'srch', 'diff'))))
    Table({'ZMIN_TEMP': np.zeros(len(made)), **columns}).write(path)
    return path


def test_archive_folder_and_table(tmp_path):
    made = stamps_of((2, 7, 11))
    write_stamp_archive(tmp_path / 'stamps.tar.gz', made)
    found = read_stamp_set(tmp_path / 'stamps.tar.gz')
    assert same(found, made) and found.one_psf
    for number, triplet in made.items():
        write_stamps(tmp_path / 'folder', number, triplet)
    assert same(read_stamp_set(tmp_path / 'folder'), made)
    found = read_stamp_set(table_of(tmp_path / 'thumbs.fits', made))
    assert same(found, dict(zip((1, 2, 3), made.values()))) and not found.one_psf
    (tmp_path / 'thumbs.fits.gz').write_bytes(gzip.compress((tmp_path / 'thumbs.fits').read_bytes()))
    assert len(read_stamp_set(tmp_path / 'thumbs.fits.gz').numbers) == 3


def test_what_is_no_set_of_stamps(tmp_path):
    with pytest.raises(BadInput, match='no stamps'):
        read_stamp_set(tmp_path / 'none.tar.gz')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(BadInput, match='has no stamps'):
        read_stamp_set(tmp_path / 'empty')
    for name in ('bad.tar.gz', 'bad.fits', 'bad.fits.gz'):
        (tmp_path / name).write_bytes(b'neither')
        with pytest.raises(BadInput, match='cannot read the stamps'):
            read_stamp_set(tmp_path / name)
    whole = table_of(tmp_path / 'whole.fits', stamps_of((1, 2)))
    (tmp_path / 'half.fits').write_bytes(whole.read_bytes()[:whole.stat().st_size // 2])
    with pytest.raises(BadInput, match='half'):
        read_stamp_set(tmp_path / 'half.fits')
    with pytest.raises(BadInput, match='no table with images'):
        read_stamp_set(table_of(tmp_path / 'names.fits', stamps_of((1,)), ('A', 'B', 'C')))
    for size in (20, 11):
        with pytest.raises(BadInput, match='odd size'):
            read_stamp_set(table_of(tmp_path / f'size{size}.fits', stamps_of((1,), size)))
