"""A user's own bad pixels: images and tables, added together; what is neither is named with its line."""
import numpy as np
import pytest

from sediff.errors import BadData, BadInput
from sediff.formats.badpixels import read_bad_pixels
from sediff.formats.fits import write_images

SHAPE = (40, 20)


def write(tmp_path, text, name='bad.csv'):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize('text', [
    'ccdnum,x,y\n33,3,4\n33,3,5\n34,9,9\n', 'x y\n3 4\n3 5\n', 'ccd,x0,x1,y0,y1,bits\n33,3,3,4,5,1\n',
    '# mine\nx0 y0 width height\n3 4 1 2\n', 'CCDNUM;X;Y\n33;3;4\n33;3;5 # both\n\n'])
def test_tables_of_pixels_and_boxes(tmp_path, text):
    bits = read_bad_pixels([write(tmp_path, text)], 33, SHAPE)
    assert list(zip(*np.nonzero(bits))) == [(4, 3), (5, 3)] and set(bits[bits != 0]) == {1}


def test_a_table_is_added_to_an_image(tmp_path):
    image = np.zeros(SHAPE, np.int16)
    image[7, 7] = 8
    write_images(tmp_path / 'built.fits', [('SCI', image, None)])
    bits = read_bad_pixels([tmp_path / 'built.fits', write(tmp_path, 'x0,x1,y0,y1,bits\n7,8,7,7,2048\n')], 33, SHAPE)
    assert bits[7, 7] == 8 | 2048 and bits[7, 8] == 2048 and np.count_nonzero(bits) == 2


def test_every_second_row(tmp_path):
    image = np.zeros(SHAPE, np.uint8)
    image[4, 1] = image[5, 1] = 1
    write_images(tmp_path / 'built.fits', [('SCI', image, None)])
    paths = [tmp_path / 'built.fits', write(tmp_path, 'x,y\n3,6\n3,7\n')]
    whole, half = read_bad_pixels(paths, 33, SHAPE), read_bad_pixels(paths, 33, SHAPE, 2)
    assert np.array_equal(half, whole[::2]) and np.count_nonzero(half) == 2


@pytest.mark.parametrize('text, error, words', [
    ('', BadInput, ['is empty', 'ccdnum']), ('# nothing\n', BadInput, ['is empty']),
    ('row,col\n1,2\n', BadInput, ['bad.csv:1', "'row col'", 'x0, x1, y0, y1', 'FITS image']),
    ('x,y\n1,2\n3,soon\n', BadInput, ['bad.csv:3', 'soon', 'x, y']), ('x,y\n1\n', BadInput, ['bad.csv:2', '1 values for 2']),
    ('x,y\n1,2.5\n', BadInput, ['bad.csv:2', '2.5']), ('x,y\n20,2\n', BadData, ['bad.csv:2', 'counted from 0', '20 x 40']),
    ('x,y\n-1,2\n', BadData, ['bad.csv:2']), ('x0,x1,y0,y1\n5,4,1,1\n', BadData, ['bad.csv:2']),
    ('x,y,bits\n1,2,0\n', BadInput, ['bad.csv:2', 'bits 0']), ('x,y,x\n1,2,3\n', BadInput, ['bad.csv:1']),
    (b'\xff\xfe\x00', BadInput, ['neither FITS nor text']), ('12 13\n', BadInput, ['bad.csv:1', "'12 13'"])])
def test_what_is_neither_is_rejected_with_its_line(tmp_path, text, error, words):
    with pytest.raises(error) as caught:
        read_bad_pixels([write(tmp_path, text)], 33, SHAPE)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_an_image_of_fractions_or_of_another_shape(tmp_path):
    write_images(tmp_path / 'half.fits', [('SCI', np.full(SHAPE, 0.5, np.float32), None)])
    with pytest.raises(BadData, match='not whole numbers'):
        read_bad_pixels([tmp_path / 'half.fits'], 33, SHAPE)
    write_images(tmp_path / 'wide.fits', [('SCI', np.zeros((40, 21), np.int16), None)])
    with pytest.raises(BadData, match='shape'):
        read_bad_pixels([tmp_path / 'wide.fits'], 33, SHAPE)
