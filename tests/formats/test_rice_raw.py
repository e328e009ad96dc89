"""Raw pixels unpacked without cfitsio: the same numbers; other packings are left to cfitsio, damage is seen."""
import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.errors import BadInput
from sediff.formats.opening import open_fits, write_fits
from sediff.formats.raw import read_raw_rows, write_raw
from sediff.formats.rice import RiceRows

RNG = np.random.default_rng(21)


def pixels(kind, shape):
    """Numbers of every size, constant ones, noise of 3 and of 3000, and saturated pixels among constant ones."""
    return {'any': RNG.integers(0, 65536, shape), 'flat': np.full(shape, 7), 'quiet': RNG.normal(30000, 3, shape),
            'loud': RNG.normal(30000, 3000, shape).clip(0, 65535), 'peaks': np.where(RNG.random(shape) > 0.99, 65535, 0),
            'ramp': np.arange(shape[0] * shape[1]).reshape(shape) * 7 % 65536}[kind].astype(np.uint16)


@pytest.mark.parametrize('kind', ['any', 'flat', 'quiet', 'loud', 'peaks', 'ramp'])
@pytest.mark.parametrize('shape', [(37, 2160), (5, 33), (3, 1), (4, 32)])
def test_as_cfitsio_reads_it(tmp_path, kind, shape):
    image = pixels(kind, shape)
    with write_fits(tmp_path / 'x.fits.fz') as file:
        file.write(image, compress='RICE', tile_dims=(1, shape[1]))
    with open_fits(tmp_path / 'x.fits.fz') as file:
        found = RiceRows.of(file[1]).read()
        np.testing.assert_array_equal(file[1].read(), image)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize('kind', ['any', 'flat', 'quiet', 'peaks'])
def test_signed_integers_too(tmp_path, kind):
    image = (pixels(kind, (37, 216)).astype(np.int32) - 32768).astype(np.int16)
    with write_fits(tmp_path / 'x.fits.fz') as file:
        file.write(image, compress='RICE', tile_dims=(1, 216))
    with open_fits(tmp_path / 'x.fits.fz') as file:
        found = RiceRows.of(file[1]).read(3, 20)
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, image[3:20])


@pytest.mark.parametrize('image, options', [(pixels('quiet', (40, 60)), {'compress': 'RICE', 'tile_dims': (2, 60)}),
                                            (pixels('quiet', (40, 60)), {'compress': 'GZIP', 'tile_dims': (1, 60)}),
                                            (pixels('quiet', (40, 60)), {}),
                                            (pixels('quiet', (40, 60)).astype(np.int32), {'compress': 'RICE'})])
def test_other_packings_are_left_to_cfitsio(tmp_path, image, options):
    with write_fits(tmp_path / 'x.fits.fz') as file:
        file.write(image, **options)
    with open_fits(tmp_path / 'x.fits.fz') as file:
        assert all(RiceRows.of(hdu) is None for hdu in file if hdu.has_data())


def test_bytes_that_are_no_code_of_so_many_pixels(tmp_path):
    path = tmp_path / 'x.fits.fz'
    with write_fits(path) as file:
        file.write(pixels('loud', (40, 600)), compress='RICE', tile_dims=(1, 600))
    with open_fits(path) as file:
        place = file[1].get_offsets()
    data = bytearray(path.read_bytes())
    heap = place['data_start'] + 8 * 40
    data[heap:place['data_end']] = bytes(place['data_end'] - heap)
    data[heap + 2] = 0x10       # no low bits, and a high part of so many zeros as there are
    path.write_bytes(data)
    with open_fits(path) as file, pytest.raises(BadInput, match='no Rice code'):
        RiceRows.of(file[1]).read()


def test_a_raw_ccd_is_read_so(tmp_path):
    image, path = pixels('quiet', (50, 80)), tmp_path / 'DECam_00000007.fits.fz'
    write_raw(path, Header({'EXPNUM': 7}), [('N2', image, Header({'CCDNUM': 33}))])
    found, header = read_raw_rows(path, 33)
    np.testing.assert_array_equal(found, image)
    assert header['CCDNUM'] == 33 and header['EXPNUM'] == 7
