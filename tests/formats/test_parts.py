"""Parts of compressed images are the pixels that reading all of them gives; damage is said, not measured."""
import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.ccdimage import CcdImage
from sediff.errors import BadInput
from sediff.formats.fits import read_ccd, write_ccd
from sediff.formats.parts import open_parts

SHAPE = (120, 90)


@pytest.fixture(params=['ccd.fits.fz', 'ccd.fits'])
def product(request, tmp_path):
    rng, header = np.random.default_rng(1), Header()
    header['CRVAL1'], header['OBJECT'] = 51.25, 'M 83'
    path = tmp_path / request.param
    write_ccd(path, CcdImage(rng.normal(0, 20, SHAPE).astype(np.float32), rng.integers(0, 2**15, SHAPE).astype(np.uint16),
                             rng.uniform(0.5, 1, SHAPE).astype(np.float32), header))
    return path


@pytest.mark.parametrize('window', [(10, 20, 31, 31), (-5, -7, 31, 31), (80, 110, 31, 31), (0, 0, 90, 120), (89, 119, 1, 1),
                                    (500, 3, 5, 5), (-31, 0, 31, 31)])
def test_windows_are_those_of_the_whole(product, window):
    whole, (x0, y0, nx, ny) = read_ccd(product), window
    with open_parts(product) as parts:
        assert parts.shape('SCI') == SHAPE
        found = {name: parts.window(name, window) for name in ('SCI', 'MSK', 'WGT')}
    for name, plane in (('SCI', whole.image), ('MSK', whole.mask.astype(np.int16)), ('WGT', whole.weight)):
        padded = np.pad(plane, 600)[y0 + 600:y0 + ny + 600, x0 + 600:x0 + nx + 600]
        assert np.array_equal(found[name], padded) and found[name].dtype == plane.dtype, name


def test_cards(product):
    with open_parts(product) as parts:
        cards = parts.cards('SCI', ('CRVAL',))
    assert cards.number('CRVAL1') == 51.25 and 'OBJECT' not in cards


def flipped(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 4
    path.write_bytes(data)


def test_a_header_that_was_altered(product):
    flipped(product, product.read_bytes().index(b'51.25'))
    with open_parts(product) as parts:
        assert parts.shape('WGT') == SHAPE
        with pytest.raises(BadInput, match='altered'):
            parts.window('SCI', (0, 0, 3, 3))


def test_pixels_that_were_altered(product):
    flipped(product, len(product.read_bytes()) - 6000)
    with pytest.raises(BadInput, match=r'WGT.*altered'), open_parts(product, verify=True) as parts:
        assert parts.window('SCI', (0, 0, 3, 3)).shape == (3, 3)
        parts.window('WGT', (0, 0, 3, 3))


def test_bad_files(product):
    with pytest.raises(BadInput, match='no plane PLANE'), open_parts(product) as parts:
        parts.window('PLANE', (0, 0, 3, 3))
    product.write_bytes(product.read_bytes()[:-9000])
    with pytest.raises(BadInput, match=product.name), open_parts(product) as parts:
        parts.window('WGT', (0, 100, 31, 31))
    with pytest.raises(BadInput, match='no such file'), open_parts(product.parent / 'none.fits'):
        pass
