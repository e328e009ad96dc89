"""Compressed rows read without cfitsio: to the last bit what cfitsio reads; other packings and damage are seen."""
import numpy as np
import pytest

from sediff.ccdimage import CcdImage
from sediff.errors import BadInput
from sediff.formats.ccdrows import CcdRows
from sediff.formats.fits import write_ccd
from sediff.formats.opening import open_fits, write_fits
from sediff.formats.rice import RiceRows

RNG = np.random.default_rng(12)


def plane(shape):
    """Noise of every size from row to row, zeros, and pixels far above the others."""
    out = RNG.normal(size=shape) * 10.0 ** RNG.uniform(-4, 6, shape[0])[:, None]
    out[6:9, ::7] = 0.0
    out[10:20, RNG.integers(0, shape[1], 5)] *= 1e5
    return out.astype(np.float32)


def written(path, image, compress='RICE', **options):
    with write_fits(path) as file:
        file.write(image, compress=compress, **options)
    return open_fits(path)


@pytest.mark.parametrize('shape', [(40, 300), (25, 33), (30, 12_000)])
def test_as_cfitsio_reads_it(tmp_path, shape):
    """To the last bit, also where a row uses up the numbers of the dither, and from any row on."""
    image = plane(shape)
    with written(tmp_path / 'x.fits.fz', image, qlevel=16, qmethod='SUBTRACTIVE_DITHER_2', tile_dims=[1, shape[1]]) as file:
        reader = RiceRows.of(file[1])
        expected = file[1].read()
    for first, last in ((0, shape[0]), (11, 14), (shape[0] - 1, shape[0])):
        np.testing.assert_array_equal(reader.read(first, last).view(np.uint32), expected[first:last].view(np.uint32))


def test_the_older_name_of_the_code_is_known(tmp_path):
    image, path = plane((40, 300)), tmp_path / 'x.fits.fz'
    written(path, image, qlevel=16, qmethod='SUBTRACTIVE_DITHER_2', tile_dims=[1, 300]).close()
    path.write_bytes(path.read_bytes().replace(b"'RICE_1  '", b"'RICE_ONE'"))
    with open_fits(path) as file:
        np.testing.assert_array_equal(RiceRows.of(file[1]).read(0, 40), file[1].read())


def test_products_are_read_so(tmp_path):
    """All planes of a CCD product; the same through `CcdRows`."""
    image, weight = RNG.normal(0, 30, (64, 200)).astype(np.float32), RNG.uniform(0.01, 1.0, (64, 200)).astype(np.float32)
    weight[5:9, 20:60] = 0.0
    mask = RNG.integers(0, 2, image.shape).astype(np.uint16)
    write_ccd(tmp_path / 'x.fits.fz', CcdImage(image, mask, weight))
    with open_fits(tmp_path / 'x.fits.fz') as file:
        planes = [hdu for hdu in file if hdu.has_data()]
        assert [RiceRows.of(hdu) is None for hdu in planes] == [False, False, False]
        expected = [hdu.read() for hdu in planes]
    rows = CcdRows(tmp_path / 'x.fits.fz')
    for found, wanted in zip(rows.read(10, 33), expected):
        np.testing.assert_array_equal(found, wanted[10:33])
    rows.close()


@pytest.mark.parametrize('options', [{'compress': 'GZIP'}, {'compress': 'RICE', 'qmethod': 'SUBTRACTIVE_DITHER_1'},
                                     {'compress': 'RICE', 'tile_dims': [8, 50]}, {'compress': None}])
def test_other_packings_are_left_to_cfitsio(tmp_path, options):
    with written(tmp_path / 'x.fits', plane((32, 100)), **options) as file:
        assert all(RiceRows.of(hdu) is None for hdu in file)


def test_damaged_bytes_are_no_crash(tmp_path):
    """Any bytes at all: an error or other pixels, but never memory of others."""
    path = tmp_path / 'x.fits.fz'
    with written(path, RNG.normal(size=(32, 200)).astype(np.float32), qlevel=16, qmethod='SUBTRACTIVE_DITHER_2',
                 tile_dims=[1, 200]) as file:
        reader = RiceRows.of(file[1])
    content, said = path.read_bytes(), 0
    size = int((reader.table['place'] + reader.table['length']).max())
    for fill in (np.zeros(size, np.uint8), np.full(size, 255, np.uint8), *RNG.integers(0, 256, (50, size), np.uint8)):
        path.write_bytes(content[:reader.heap] + fill.tobytes() + content[reader.heap + size:])
        try:
            reader.read(0, 32)
        except BadInput as error:
            said += 'no Rice code' in str(error)
    assert said >= 1
    path.write_bytes(content[:reader.heap + size // 2])
    with pytest.raises(BadInput, match='may be truncated'):
        reader.read(0, 32)
