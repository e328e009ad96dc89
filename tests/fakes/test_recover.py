"""Fakes found again: detection, cuts and score around them, on painted noise."""
import numpy as np
import pytest
from astropy.wcs import WCS

from sediff.candidates.moving import MovingLimits
from sediff.candidates.scoremodel import read_score_model
from sediff.detect import DETECTION_DTYPE
from sediff.detect.finder import detect_on_score
from sediff.detect.matched import score_image
from sediff.fakes.draw import Recipe, draw, generator
from sediff.fakes.efficiency import curves, judged
from sediff.fakes.paint import Light, Planes, paint
from sediff.fakes.recover import REACH, Search, recover, score_around
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument
from sediff.psf.model import PsfModel
from sediff.subtract.photons import light_in_score
from sediff.wcs.read import pixel_to_sky

pytestmark = pytest.mark.busy

SHAPE, SKY, ZERO = (1200, 1200), 400.0, 31.0
VETO = np.zeros(0, [('x', 'f8'), ('y', 'f8'), ('mag', 'f4'), ('radius', 'f4')])


def gaussian_psf(fwhm):
    y, x = np.mgrid[-20:21, -20:21]
    plane = np.exp(-0.5 * (x**2 + y**2) * (2.3548 / fwhm) ** 2)
    return PsfModel((plane / plane.sum())[None].astype(np.float32), 0, (0.0, 0.0), (1.0, 1.0), 1.0, fwhm)


@pytest.fixture(scope='module')
def scene():
    """A difference of noise alone with bad columns, and what its search needs."""
    psf, wcs = gaussian_psf(4.5), WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ['RA---TAN', 'DEC--TAN'], [50.0, -30.0], [600.0, 600.0]
    wcs.wcs.cdelt = [-0.263 / 3600, 0.263 / 3600]
    bad = np.zeros(SHAPE, bool)
    bad[:, 300:340] = True
    noise = np.random.default_rng(8).normal(0.0, np.sqrt(SKY), SHAPE).astype(np.float32)
    empty = np.zeros(SHAPE, np.float32)
    planes = Planes(np.where(bad, 0, noise).astype(np.float32), empty, empty, bad)
    weight = np.where(bad, 0, 1 / SKY).astype(np.float32)
    full = score_image(planes.difference, np.full(SHAPE, SKY, np.float32), bad, psf.image)
    model = read_score_model(table_path(default_instrument(), 'autoscan.npz'))
    search = Search(psf, weight, empty, empty, np.zeros(SHAPE, np.uint16), 1.0, full.noise_scale, full.fwhm, ZERO, wcs, VETO,
                    {}, MovingLimits(), model, 5.0, 0.3, 20.0, 1.5)
    return planes, search, psf


def painted(scene, recipe, part=0):
    planes, search, psf = scene
    rng = generator(1, 2, 3, part)
    truth = draw(recipe, rng, SHAPE)
    truth['FLUX'] = truth['SIGN'] * 10.0 ** (0.4 * (ZERO - truth['MAG']))
    truth['RA'], truth['DEC'] = pixel_to_sky(search.wcs, truth['X_IMAGE'] - 1, truth['Y_IMAGE'] - 1)
    return truth, paint(planes, psf.image, Light(psf.image), Light(psf.image, 0.2), truth, rng)


def test_the_score_around_fakes_is_that_of_the_whole_image(scene):
    _, search, psf = scene
    truth, made = painted(scene, Recipe(count=60, bright=20.0, faint=24.0))
    variance = SKY + light_in_score(made.photons, made.difference, search.photon_factor, made.bad)
    whole = score_image(made.difference, variance, made.bad, psf.image)
    x, y = truth['X_IMAGE'] - 1, truth['Y_IMAGE'] - 1
    around = score_around(made, search, x, y)
    assert around.size == whole.size
    for u, v in zip(np.floor(x + 0.5).astype(int), np.floor(y + 0.5).astype(int)):
        cut = slice(max(v - REACH, 0), v + REACH + 1), slice(max(u - REACH, 0), u + REACH + 1)
        expected = whole.score[cut] * np.float32(whole.noise_scale / search.noise_scale)
        assert around.score[cut] == pytest.approx(expected, abs=0.02, rel=1e-3)
    assert np.count_nonzero(around.score) < 60 * (2 * REACH + 1) ** 2 + 1


def test_what_is_found_is_what_the_detection_finds_in_the_whole_image(scene):
    _, search, psf = scene
    truth, made = painted(scene, Recipe(count=60, bright=21.0, faint=25.0, negative=0.3))
    out = recover(truth, made, search, np.zeros(0, DETECTION_DTYPE))
    hosts = light_in_score(made.photons, made.difference, 1.0, made.bad)
    variance = np.full(SHAPE, SKY, np.float32) + hosts
    whole = detect_on_score(score_image(made.difference, variance, made.bad, psf.image), made.difference, variance, made.bad,
                            psf.image, photons=made.photons - hosts)
    for row in out:
        near = np.hypot(whole['X_IMAGE'] - row['X_IMAGE'], whole['Y_IMAGE'] - row['Y_IMAGE']) < 1.5 / 0.263
        same = whole[near & (whole['SIGN'] == row['SIGN'])]
        near_threshold = len(same) and abs(abs(same['SCORE'][0]) - 5.0) < 0.1
        assert (row['FOUND'] == (len(same) > 0)) or near_threshold
        if row['FOUND'] and len(same):
            assert row['FLUX_PSF'] == pytest.approx(same['FLUX_PSF'][0], rel=0.01)
            assert row['SCORE'] == pytest.approx(same['SCORE'][0], rel=0.02)


def test_half_are_found_at_a_signal_to_noise_of_five(scene):
    """A threshold of 5 sigma on the peak near the place: found at a little less than 5, and kept likewise."""
    parts = [recover(*painted(scene, Recipe(count=150, bright=23.0, faint=25.5, negative=0.0), part), scene[1],
                     np.zeros(0, DETECTION_DTYPE)) for part in range(4)]
    out = np.concatenate(parts)
    fitted = curves(out)
    for stage, most in (('detected', 5.1), ('kept', 5.4)):
        curve = fitted[stage, 'SNR_TRUE']
        assert curve.half_error < 0.2 and 4.3 - 3 * curve.half_error < curve.half < most + 3 * curve.half_error
    mine = judged(out)
    pull = (mine['FLUX_FORCED'] - mine['FLUX']) / mine['FLUXERR_FORCED']
    assert np.mean(pull) == pytest.approx(0.0, abs=3.5 / np.sqrt(len(mine)))
    assert np.std(pull) == pytest.approx(1.0, abs=3.5 / np.sqrt(2 * len(mine)))


def test_bright_ones_of_both_signs_are_kept_and_masked_ones_marked(scene):
    truth, made = painted(scene, Recipe(count=100, bright=20.0, faint=22.0, negative=0.5))
    out = recover(truth, made, scene[1], np.zeros(0, DETECTION_DTYPE))
    usable = out['USABLE'] > 0
    masked = (out['X_IMAGE'] > 300) & (out['X_IMAGE'] < 342)
    assert masked.any() and not usable[masked].any()
    clear = (np.abs(out['X_IMAGE'] - 321) > 40) & (np.abs(out['X_IMAGE'] - 600) < 580) & (np.abs(out['Y_IMAGE'] - 600) < 580)
    assert usable[clear].all()
    for sign in (1, -1):
        mine = out[clear & (out['SIGN'] == sign)]
        assert len(mine) > 20 and mine['FOUND'].all() and mine['PASSED'].all(), mine['REASON']
        assert (np.sign(mine['FLUX_PSF']) == sign).all()
    lost = out[(out['FOUND'] > 0) & (out['PASSED'] == 0)]
    assert all(reason != 'ok' for reason in lost['REASON'])
    assert (out['REASON'][out['FOUND'] == 0] == 'not_detected').all()


def test_a_place_that_had_a_detection_is_told_of(scene):
    truth, made = painted(scene, Recipe(count=20, bright=20.0, faint=21.0, negative=0.0))
    before = np.zeros(2, DETECTION_DTYPE)
    before['SIGN'], before['NUMBER'] = [1, -1], [1, 2]
    before['X_IMAGE'], before['Y_IMAGE'] = truth['X_IMAGE'][:2] + 2.0, truth['Y_IMAGE'][:2]
    out = recover(truth, made, scene[1], before)
    assert list(np.flatnonzero(out['OCCUPIED'])) == [0]          # the other one is of the other sign
    assert truth['ID'][0] not in judged(out)['ID']


def test_nothing_found_is_a_result(scene):
    truth, made = painted(scene, Recipe(count=5, bright=29.0, faint=29.0))
    out = recover(truth, made, scene[1], np.zeros(0, DETECTION_DTYPE))
    assert not out['FOUND'].any() and (out['SEPARATION'] == -1).all()
