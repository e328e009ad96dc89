"""Windows of compressed planes are those of the whole planes, however they are read."""
import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.ccdimage import CcdImage
from sediff.errors import BadInput
from sediff.formats.fits import read_ccd, write_ccd
from sediff.formats.windows import open_windows

PLACES = [(100.2, 80.4), (0.0, 0.0), (149.0, 199.0), (-4.0, 100.0), (300.0, 100.0)]


@pytest.fixture
def product(tmp_path):
    rng = np.random.default_rng(3)
    image = rng.normal(100, 5, (200, 150)).astype(np.float32)
    path = tmp_path / 'a.fits.fz'
    write_ccd(path, CcdImage(image, rng.integers(0, 5, image.shape).astype(np.uint16), np.full_like(image, 0.04), Header()))
    return path


@pytest.mark.parametrize('count', [1, 1000])
def test_windows_are_those_of_the_plane(product, count):
    whole = read_ccd(product)
    with open_windows(product, count) as windows:
        for plane, pixels in (('SCI', whole.image), ('MSK', whole.mask)):
            padded = np.pad(pixels.astype(np.float32), 400, constant_values=np.nan)
            for x, y in PLACES:
                i, j = int(np.floor(x + 0.5)) + 400, int(np.floor(y + 0.5)) + 400
                np.testing.assert_array_equal(windows.window(plane, x, y, 51), padded[j - 25:j + 26, i - 25:i + 26])


def test_what_is_not_there_is_named(product, tmp_path):
    with pytest.raises(BadInput, match='no such file'), open_windows(tmp_path / 'b.fits'):
        pass
    with open_windows(product) as windows, pytest.raises(BadInput, match='NOT'):
        windows.window('NOT', 10, 10, 5)
