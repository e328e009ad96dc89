"""The five stages against the truth of a simulated raw frame, in both halves of the camera."""
from __future__ import annotations

import numpy as np
import pytest
from isr_scenes import raw_frame, raw_header
from tests.kernels import cold_kernels

from sediff.errors import BadData
from sediff.isr.crosstalk import CrosstalkTerm
from sediff.isr.detrend import crosstalk_stage, detrend, mask_bleeds, mask_cosmic_rays, pixcorrect, subtract_sky
from sediff.maskbits import UNUSABLE, Bit

pytestmark = pytest.mark.busy

SKY = 800.0
TABLE = {'ccd56A': (CrosstalkTerm('ccd56B', 1e-3, 1e10, (0.0, 0.0, 0.0)),
                    CrosstalkTerm('ccd51A', 2e-3, 1e10, (0.0, 0.0, 0.0)))}


@pytest.fixture(scope='module', params=['N', 'S'])
def made(request):
    """A raw frame of sky, flat, bias, a saturated column and a cosmic ray; and what went into it."""
    rng = np.random.default_rng(7)
    shape = (4096, 2048)
    flat = rng.normal(1.0, 0.02, shape).astype(np.float32)
    flat[2000, 700] = 0.02
    bias = rng.normal(0, 2, shape).astype(np.float32)
    header = raw_header(request.param)
    electrons = rng.poisson(SKY * flat).astype(np.float32)
    electrons[3000:3100, 1500:1502] = 260000.0
    electrons[1000, 300:320] += 3000.0
    for name in 'AB':
        x0 = 0 if (name == 'A') == (request.param == 'N') else 1024
        electrons[:, x0:x0 + 1024] += bias[:, x0:x0 + 1024] * header[f'GAIN{name}']
    raw, header = raw_frame(request.param, electrons)
    bad = np.zeros(shape, np.uint8)
    bad[10:20, 1200] = 1
    return raw, header, bias, flat, bad


@pytest.fixture(scope='module')
def done(made):
    raw, header, bias, flat, bad = made
    return detrend(raw, header, bias, flat, bad, {}, {}, {'bias': 'b.fits', 'flat': 'f.fits', 'bpm': 'm.fits'})


def test_sky_is_flat_and_weights_are_right(done):
    good = (done.mask == 0)
    pull = done.image[good] * np.sqrt(done.weight[good])
    assert pull.std() == pytest.approx(1.0, abs=0.01)
    assert abs(np.median(pull)) < 0.02
    assert done.header['SKYBRITE'] == pytest.approx(SKY, abs=1.0)
    assert done.header['SKYSIGMA'] == pytest.approx(np.sqrt(SKY + 36), rel=0.03)


def test_mask(done):
    def share(bit, box):
        return ((done.mask[box] & np.uint16(bit)) != 0).mean()
    assert share(Bit.SATURATE, np.s_[3000:3100, 1500:1502]) == share(Bit.TRAIL, np.s_[3000:3100, 1500:1502]) == 1
    assert share(Bit.CRAY, np.s_[1000, 300:320]) > 0.9
    assert share(Bit.BPM, np.s_[10:20, 1200]) == share(Bit.BPM, np.s_[2000, 700]) == 1
    assert share(Bit.EDGE, np.s_[:15]) == 1 and share(Bit.STREAK, np.s_[:]) == share(Bit.BADAMP, np.s_[:]) == 0
    assert share(Bit.CRAY, np.s_[:]) < 1e-4


def test_weight_is_zero_exactly_where_unusable(done):
    np.testing.assert_array_equal(done.weight == 0, (done.mask & np.uint16(UNUSABLE)) != 0)
    assert done.image.dtype == done.weight.dtype == np.float32 and done.mask.dtype == np.uint16
    assert np.isfinite(done.image).all()


def test_header_tells_what_was_done(done):
    header = done.header
    assert [header[card] for card in ('BIASFIL', 'FLATFIL', 'BPMFIL', 'XTALKFIL')] == ['b.fits', 'f.fits', 'm.fits', 'none']
    assert (header['BAND'], header['NITE'], header['BUNIT'], header['GAINA'], header['GAINB']) == (
        'g', '20150217', 'electron', 1.0, 1.0)
    assert header['SATURATE'] == pytest.approx(44433 * 4.091) and header['NTRAIL'] > 200 and header['NCRAY'] > 15
    assert sum('flat' in str(line) for line in header['HISTORY']) == 1
    assert 'BIASSECA' not in header


def test_crosstalk_of_own_and_other_ccd():
    quiet, header = raw_frame('N', np.full((4096, 2048), 100.0))
    bright, other = raw_frame('N', np.full((4096, 2048), 40000.0))
    other['CCDNUM'] = 51
    level = {}
    for name, sources in (('with', {51: (bright, other)}), ('without', {})):
        ccd = crosstalk_stage(quiet, header, sources, TABLE, 'table.csv')
        level[name] = ccd.image[:, :1024].mean()
        assert ccd.header.get('XTALKMIS', '') == ('' if sources else '51A')
    assert level['without'] - level['with'] == pytest.approx(2e-3 * 40000 / 3.892, rel=0.01)
    assert ccd.header['XTALKFIL'] == 'table.csv'


def test_dead_amplifier():
    electrons = np.full((4096, 2048), 900.0) + np.random.default_rng(1).normal(0, 30, (4096, 2048))
    raw, header = raw_frame('N', electrons)
    raw[:, 56:1080] = 2000
    with pytest.raises(BadData, match='amplifier A'):
        crosstalk_stage(raw, header, {}, {})
    ccd = subtract_sky(pixcorrect(crosstalk_stage(raw, header, {}, {}, dead={56: ('A',)}), None, None, None))
    assert (ccd.mask[:, :1024] & np.uint16(Bit.BADAMP)).all() and not ccd.weight[:, :1024].any()
    assert ccd.header['SKYBRITE'] == pytest.approx(900, abs=1) and ccd.header['BADAMPS'] == 'A'
    assert abs(np.median(ccd.image[:, 1100:2000])) < 0.5
    dead = crosstalk_stage(raw, header, {}, {}, dead={56: ('A', 'B')})
    with pytest.raises(BadData, match='leave this CCD out'):
        pixcorrect(dead, None, None, None)


def test_stages_refuse_to_run_twice(done):
    with pytest.raises(BadData, match='BIASFIL'):
        pixcorrect(done, None, None, None)
    with pytest.raises(BadData, match='SKYBLOCK'):
        subtract_sky(done)


def test_stages_leave_their_input_alone(made):
    raw, header, bias, flat, bad = made
    first = pixcorrect(crosstalk_stage(raw, header, {}, {}), bias, flat, bad)
    kept = first.image.copy(), first.mask.copy(), first.weight.copy(), first.header.tostring()
    for stage in (mask_bleeds, subtract_sky, mask_cosmic_rays):
        stage(first)
        for before, now in zip(kept[:3], (first.image, first.mask, first.weight)):
            np.testing.assert_array_equal(before, now)
        assert first.header.tostring() == kept[3]


def test_wrong_calibration(made):
    raw, header, bias, flat, bad = made
    ccd = crosstalk_stage(raw, header, {}, {})
    for arguments, word in (((bias[1:], flat, bad), 'bias'), ((bias, flat[1:], bad), 'flat'),
                            ((bias, flat, bad[1:]), 'bad-pixel')):
        with pytest.raises(BadData, match=word):
            pixcorrect(ccd, *arguments)


@pytest.mark.night
def test_warm_compiles_every_kernel():
    assert cold_kernels('sediff.isr') == []
