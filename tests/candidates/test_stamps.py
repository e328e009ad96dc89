"""Stamps: position, padding, display, files."""
import numpy as np
import pytest
from PIL import Image

from sediff.detect.stamps import cut_stamp, cut_triplet, display_scale, display_triplet
from sediff.errors import BadInput, BadUsage
from sediff.formats.stamp_files import read_stamps, write_stamps


def test_stamp_is_centred_on_the_nearest_pixel_and_padded():
    image = np.arange(100 * 80, dtype=np.float32).reshape(100, 80)
    assert cut_stamp(image, 40.4, 50.6)[25, 25] == image[51, 40]
    corner = cut_stamp(image, 0, 99, 51)
    assert np.isnan(corner[26:]).all() and np.isnan(corner[:, :25]).all()
    assert np.isfinite(corner[:26, 25:]).all() and corner[25, 25] == image[99, 0]
    assert np.isnan(cut_stamp(image, -500, 50)).all()


def test_display_is_monotonic_and_takes_any_pixels():
    ramp = np.linspace(-1, 2, 31, dtype=np.float32)[None, :] * np.ones((31, 1), np.float32)
    for stretch in ('linear', 'asinh'):
        shown = display_scale(ramp, 0.0, 1.0, stretch)
        assert shown.dtype == np.uint8 and (np.diff(shown[0].astype(int)) >= 0).all() and shown.max() == 255
    for odd in (np.full((51, 51), np.nan), np.zeros((51, 51)), np.full((51, 51), np.inf)):
        shown = display_triplet({kind: odd.astype(np.float32) for kind in ('temp', 'srch', 'diff')})
        assert all(image.dtype == np.uint8 for image in shown.values())


def test_difference_is_grey_at_zero():
    rng = np.random.default_rng(2)
    stamps = {kind: rng.normal(0, 1, (51, 51)).astype(np.float32) for kind in ('temp', 'srch', 'diff')}
    assert abs(display_triplet(stamps)['diff'].mean() - 127.5) < 2


def test_files_keep_pixels_and_point_up(tmp_path):
    images = [np.random.default_rng(k).normal(0, 1, (90, 90)).astype(np.float32) for k in range(3)]
    images[2][60, 45] = 100
    stamps = cut_triplet(*images, 45, 45)
    paths = write_stamps(tmp_path / 'stamps', 7, stamps, zoom=2)
    assert sorted(p.name for p in paths) == ['diff7.fits', 'diff7.gif', 'srch7.fits', 'srch7.gif', 'temp7.fits',
                                             'temp7.gif']
    for kind, pixels in read_stamps(tmp_path / 'stamps', 7).items():
        np.testing.assert_array_equal(pixels, stamps[kind])
    with Image.open(tmp_path / 'stamps' / 'diff7.gif') as picture:
        pixels = np.array(picture.convert('L'))
    assert pixels.shape == (102, 102)
    j, i = np.unravel_index(pixels.argmax(), pixels.shape)
    assert j // 2 == 50 - 40 and i // 2 == 25


def test_wrong_inputs(tmp_path):
    with pytest.raises(BadUsage, match='odd'):
        cut_stamp(np.zeros((9, 9), np.float32), 4, 4, 10)
    with pytest.raises(BadUsage):
        display_scale(np.zeros((3, 3)), 1.0, 0.0)
    with pytest.raises(BadInput, match='no such file'):
        read_stamps(tmp_path, 1)
