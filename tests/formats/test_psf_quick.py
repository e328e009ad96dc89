"""The quick reader of PSF files gives what the thorough one gives, and leaves to it what it does not know."""
import fitsio
import numpy as np
import pytest

from sediff.errors import BadInput
from sediff.formats.psf_quick import _psf, _units, read_own_psf
from sediff.formats.psfex import read_psf, write_psf
from sediff.psf.model import PsfModel
from sediff.psf.zoned import ZonedPsf


def model(seed):
    rng = np.random.default_rng(seed)
    return PsfModel(rng.normal(0, 1, (6, 31, 31)), 2, (1024.5, 2048.5), (2048.0, 4096.0), 0.7, 4.07, 0.89, 55, 47)


LABELS = np.random.default_rng(4).integers(0, 2, (37, 21), np.uint8)
PSFS = {'one': model(1), 'zones': ZonedPsf((model(2), model(3)), LABELS, 8)}


def same(one, two):
    assert type(one) is type(two)
    if isinstance(one, ZonedPsf):
        assert np.array_equal(one.labels, two.labels) and one.cell == two.cell and len(one.models) == len(two.models)
        for first, second in zip(one.models, two.models):
            same(first, second)
    else:
        assert all(np.array_equal(value, getattr(two, name)) for name, value in vars(one).items())


@pytest.mark.parametrize('name', list(PSFS))
def test_what_was_written_is_read_without_the_thorough_reader(tmp_path, name):
    path = tmp_path / 'a.psf'
    write_psf(path, PSFS[name])
    same(_psf(list(_units(path.read_bytes()))[1:]), read_psf(path))
    same(read_own_psf(path), read_psf(path))


def test_files_of_others(tmp_path):
    path = tmp_path / 'a.psf'
    write_psf(path, PSFS['one'])
    with fitsio.FITS(path) as handle:
        table, cards = handle[1].read(), handle[1].read_header().records()
    with fitsio.FITS(path, 'rw', clobber=True) as handle:
        handle.write_table(table, header=[card for card in cards if 'SUM' not in card['name']], extname='PSF_DATA')
    same(read_own_psf(path), read_psf(path))


@pytest.mark.parametrize('at', [0.02, 0.3, 0.6, 0.97])
def test_damaged_files(tmp_path, at):
    path = tmp_path / 'a.psf'
    write_psf(path, PSFS['zones'])
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] ^= 8
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r'a\.psf'):
        read_own_psf(path)


def test_missing_and_short_files(tmp_path):
    path = tmp_path / 'a.psf'
    with pytest.raises(BadInput, match='no such file'):
        read_own_psf(path)
    write_psf(path, PSFS['one'])
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(BadInput, match=r'a\.psf'):
        read_own_psf(path)
