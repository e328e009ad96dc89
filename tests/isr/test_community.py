"""Community Pipeline images: masks of both kinds, electrons, weights, on real cutouts and whole masks."""
from __future__ import annotations

from collections import Counter

import fitsio
import numpy as np
import pytest

from sediff.errors import BadData, BadInput
from sediff.formats.community import find_community, read_community
from sediff.isr.community import from_community, translate_mask
from sediff.maskbits import Bit

FOUR = 'legacypipe/testcase4/images'


def read(folder, expnum, ccd, band):
    return read_community(find_community(folder, expnum, ccd, band), ccd)


def test_codes_of_two_whole_ccds(realdata):
    path = realdata / 'blackbox_decam' / 'c4d_170119_085651_ood_r_v1.fits.fz'
    with fitsio.FITS(str(path)) as handle:
        codes = np.concatenate([hdu.read().ravel() for hdu in handle if hdu.has_data()])
        version = handle[0].read_header()['PLVER']
    assert version == 'V3.12'
    counts = Counter(codes.tolist())
    mask = translate_mask(codes.reshape(1, -1), version)
    for bit, wanted in ((Bit.BPM, counts[1] + counts[2] + counts[6]), (Bit.SATURATE, counts[3]), (Bit.TRAIL, counts[4]),
                        (Bit.CRAY, counts[5]), (Bit.SUSPECT, counts[7]), (Bit.STREAK, counts[8])):
        assert np.count_nonzero(mask & np.uint16(bit)) == wanted


def test_older_bits():
    old = np.array([[0, 1, 2, 4, 16, 64, 1 + 2 + 64]])
    mask = translate_mask(old, 'V2.2')
    assert mask[0].tolist() == [0, Bit.BPM, Bit.SATURATE, Bit.INTERP, Bit.CRAY, Bit.TRAIL,
                                Bit.BPM | Bit.SATURATE | Bit.TRAIL]
    assert translate_mask(np.array([[4]]), 'V3.5.0')[0, 0] == Bit.TRAIL     # the same number is a code from V3.5 on


def test_wrong_masks():
    for values, version, word in (([9], 'V4.8', 'codes'), ([8], 'V3.4', 'bits'), ([-1], 'V3.4', 'bits'),
                                  ([0], 'latest', 'PLVER')):
        with pytest.raises(BadData, match=word):
            translate_mask(np.array([values]), version)


@pytest.mark.parametrize('expnum, ccd, band, zero_point', [(650104, 33, 'r', 30.208), (634850, 34, 'g', 30.036),
                                                           (640615, 25, 'z', 30.537), (720558, 34, 'z', None)])
def test_real_cutouts(realdata, expnum, ccd, band, zero_point):
    image, weight, quality, header = read(realdata / FOUR, expnum, ccd, band)
    ccd_image = from_community(image, weight, quality, header)
    gain = (header['GAINA'] + header['GAINB']) / 2
    out = ccd_image.header
    assert (out['BAND'], out['EXPNUM'], out['GAINA'], out['GAINB'], out['BUNIT']) == (band, expnum, 1.0, 1.0, 'electron')
    assert out['SKYBRITE'] == pytest.approx(header['AVSKY'] * gain, rel=0.06)
    assert out['SATURATE'] == pytest.approx(header['SATURATE'] * gain)
    assert ('MAGZERO' in out) == (zero_point is not None)
    if zero_point:
        assert out['MAGZERO'] == zero_point and out['MAGZEROE'] == pytest.approx(zero_point + 2.5 * np.log10(gain))
    sky = (ccd_image.weight > 0) & (np.abs(ccd_image.image) < 4 * out['SKYSIGMA'])
    pull = ccd_image.image[sky] * np.sqrt(ccd_image.weight[sky])
    # objects and the pipeline's interpolation are in it; the weight is as measured to some per cent
    assert 1.4826 * np.median(np.abs(pull - np.median(pull))) == pytest.approx(1.0, abs=0.08)
    assert 0.5 < out['WGTCHI'] < 1.5
    assert not ccd_image.weight[(quality != 0) & (quality != 7)].any()


def test_cosmic_ray_of_the_real_image(realdata):
    image, weight, quality, header = read(realdata / FOUR, 650104, 33, 'r')
    ccd = from_community(image, weight, quality, header)
    assert np.count_nonzero(ccd.mask & np.uint16(Bit.CRAY)) == 71
    assert (ccd.weight[(ccd.mask & np.uint16(Bit.CRAY)) != 0] == 0).all()


def test_wrong_weight_is_measured(realdata):
    image, weight, quality, header = read(realdata / FOUR, 634850, 34, 'g')
    right = from_community(image, weight, quality, header)
    wrong = from_community(image, weight / 1.44, quality, header)
    assert wrong.header['WGTCHI'] == pytest.approx(right.header['WGTCHI'] / 1.2, rel=0.01)
    assert np.median(wrong.weight) == pytest.approx(np.median(right.weight), rel=0.02)


def test_wrong_input(realdata, tmp_path):
    image, weight, quality, header = read(realdata / FOUR, 634850, 34, 'g')
    done = from_community(image, weight, quality, header)
    with pytest.raises(BadData, match='CPINPUT'):
        from_community(done.image, done.weight, quality, done.header)
    with pytest.raises(BadData, match='differ in shape'.replace(' ', r'\s')):
        from_community(image, weight[1:], quality, header)
    del header['PLVER']
    with pytest.raises(BadData, match='PLVER'):
        from_community(image, weight, quality, header)
    with pytest.raises(BadInput, match='no folder'):
        find_community(tmp_path / 'none', 1, 1, 'r')
    with pytest.raises(BadInput, match='exposure 1, CCD 33'):
        find_community(realdata / FOUR, 1, 33, 'r')
