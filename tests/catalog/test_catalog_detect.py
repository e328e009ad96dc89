import numpy as np
import pytest
import sep

from sediff.catalog.detect import detect, estimate_fwhm, gaussian_taps
from sediff.catalog.kernels import smooth
from sediff.catalog.windows import windowed_positions
from sediff.errors import BadData
from sediff.maskbits import Bit


def test_smoothing_is_a_convolution():
    image = np.random.default_rng(1).normal(size=(40, 50)).astype(np.float32)
    taps = gaussian_taps(4.0)
    full = np.r_[taps[:0:-1], taps].astype(float)
    assert full.sum() == pytest.approx(1.0, abs=1e-6)
    rows = np.apply_along_axis(np.convolve, 0, image.astype(float), full, 'same')
    truth = np.apply_along_axis(np.convolve, 1, rows, full, 'same')
    smoothed = np.empty_like(image)
    smooth(image, taps, smoothed)
    np.testing.assert_allclose(smoothed, truth, atol=1e-6)


def test_finds_all_stars_and_little_else(star_scene):
    ccd, x, y, _ = star_scene
    found = detect(ccd.image, ccd.weight, ccd.mask, 1.5)
    distance = np.hypot(found.objects['x'][:, None] - x, found.objects['y'][:, None] - y)
    assert (distance.min(axis=0) < 1.0).all()
    assert len(found.objects) <= x.size + 10
    nearest = distance.argmin(axis=0)
    assert (found.segmentation[np.round(y).astype(int), np.round(x).astype(int)] == nearest + 1).all()


def test_agrees_with_sep(star_scene):
    ccd = star_scene[0]
    found = detect(ccd.image, ccd.weight, ccd.mask, 5.0)
    taps = gaussian_taps(4.0)
    line = np.r_[taps[:0:-1], taps]
    reference = sep.extract(ccd.image, 5.0, err=10.0, minarea=6, filter_kernel=np.outer(line, line), filter_type='conv',
                            deblend_cont=0.001)
    assert len(found.objects) == len(reference)
    # the shapes differ in that sep takes its moments from the unfiltered pixels of fainter ones
    assert np.abs(np.sort(found.objects['x']) - np.sort(reference['x'])).max() < 0.5


def test_windowed_positions_agree_with_sep(star_scene):
    ccd, x, y, _ = star_scene
    sigma = np.full(x.size, 2.0)
    out = np.zeros((3, x.size))
    bad = np.zeros(ccd.shape, bool)
    windowed_positions(ccd.image, np.full(ccd.shape, 10, np.float32), bad, x + 0.3, y - 0.3, sigma, 1.0, *out)
    reference = sep.winpos(ccd.image, x + 0.3, y - 0.3, sigma)
    np.testing.assert_allclose(out[0], reference[0], atol=3e-3)
    np.testing.assert_allclose(out[1], reference[1], atol=3e-3)


def test_saturated_core_is_one_object(scene):
    ccd = scene((101, 101)).stars(50.2, 50.1, 2e6).ccd(1)
    hot = ccd.image > 30000
    assert hot.sum() > 9
    ccd.mask[hot], ccd.weight[hot] = int(Bit.SATURATE), 0.0
    found = detect(ccd.image, ccd.weight, ccd.mask, 3.0)
    assert len(found.objects) == 1
    assert found.bits[0] & Bit.SATURATE
    assert found.inverse[50, 50] == 0.0


def test_mask_bits_of_hidden_pixels_reach_the_object(scene):
    ccd = scene((101, 101)).stars(50.2, 50.1, 1e5).ccd(1)
    ccd.mask[50, 52], ccd.image[50, 52] = int(Bit.CRAY), np.nan
    ccd.mask[10, 10] = int(Bit.STREAK)
    found = detect(ccd.image, ccd.weight, ccd.mask, 3.0)
    assert found.segmentation[50, 52] == 0
    assert found.bits[0] == Bit.CRAY


def test_nothing_to_find():
    noise = np.random.default_rng(1).normal(size=(64, 64)).astype(np.float32)
    mask = np.zeros((64, 64), np.uint16)
    for image, weight in ((noise, np.ones_like(noise)), (noise, 0 * noise), (np.full_like(noise, np.nan), 0 * noise + 1)):
        found = detect(image, weight, mask, 5.0)
        assert len(found.objects) == 0
        assert not found.segmentation.any()


def test_seeing(star_scene):
    ccd = star_scene[0]
    assert estimate_fwhm(ccd.image, ccd.weight, ccd.mask) == pytest.approx(4.0, rel=0.02)
    with pytest.raises(BadData, match='too few'):
        estimate_fwhm(ccd.image[:20, :20], ccd.weight[:20, :20], ccd.mask[:20, :20])


def test_wrong_input():
    image = np.zeros((9, 9), np.float32)
    with pytest.raises(BadData, match='equal'):
        detect(image, image[1:], image.astype(np.uint16), 3.0)
    with pytest.raises(BadData, match='positive'):
        detect(image, image + 1, image.astype(np.uint16), 0.0)
    with pytest.raises(BadData, match='positive'):
        detect(image, image + 1, image.astype(np.uint16), 1.0, fwhm=-1.0)
