"""The command that builds calibration images, on a small night of simulated raw frames."""
from __future__ import annotations

import argparse

import numpy as np
import pytest
from isr_scenes import moffat, raw_frame

from sediff.cli import calib as calib_command
from sediff.errors import BadInput, BadUsage
from sediff.formats.fits import read_image
from sediff.formats.raw import write_raw
from sediff.isr.badpixels import Defect
from sediff.repository.names import calib_path

pytestmark = pytest.mark.night
NITE = '20150217'


def write_exposure(root, expnum, obstype, electrons, filter_card='r DECam SDSS c0002 6415.0 1480.0', nite=NITE):
    raw, header = raw_frame('N', electrons, seed=expnum)
    header['CCDNUM'], header['DETPOS'], header['EXPNUM'] = 33, 'N2', expnum
    primary = header.copy()
    for keyword in list(primary):
        if 'SEC' in keyword or keyword in ('CCDNUM', 'DETPOS'):
            del primary[keyword]
    primary['OBSTYPE'], primary['FILTER'] = obstype, filter_card
    write_raw(root / 'dts' / nite / f'DECam_{expnum:08d}.fits.fz', primary, [('N2', raw, header)])


@pytest.fixture(scope='module')
def night(tmp_path_factory):
    """Three zeros and three r flats of one CCD whose response falls from left to right, with a dead column."""
    root = tmp_path_factory.mktemp('night')
    rng = np.random.default_rng(1)
    response = np.linspace(1.1, 0.9, 2048)[None, :] * np.ones((4096, 1))
    response[1000:3000, 400] = 0.02
    for k in range(3):
        write_exposure(root, 101 + k, 'zero', np.zeros((4096, 2048)), 'solid plate 0.0 0.0')
        write_exposure(root, 201 + k, 'dome flat', rng.poisson(60000 * response))
    write_exposure(root, 301, 'object', np.full((4096, 2048), 1000.0))
    return root, response


def call(root, action, *more):
    parser = argparse.ArgumentParser()
    calib_command.add_arguments(parser)
    return calib_command.run(parser.parse_args([action, '--root', str(root), '--nite', NITE, *more]))


def test_bias_then_flat_then_bad_pixels(night, capsys):
    root, response = night
    paths = {kind: calib_path(root, kind, NITE, 33, 'r' if kind == 'norm-dflatcor' else None)
             for kind in ('biascor', 'norm-dflatcor', 'bpm')}
    with pytest.raises(BadInput, match='build-bias'):
        calib_command.build(calib_command.make_plan(arguments(root, 'build-dflat')), 33)
    for action, kind in (('build-bias', 'biascor'), ('build-dflat', 'norm-dflatcor'), ('build-bpm', 'bpm')):
        assert call(root, action, '--ccds', '33', '--workers', '1') == 0
        assert capsys.readouterr().out.strip() == str(paths[kind])
    bias, header = read_image(paths['biascor'])
    assert (header['NINPUTS'], header['CCDNUM'], header['NITE'], header['INPUT001']) == (
        3, 33, NITE, 'DECam_00000101.fits.fz')
    assert abs(bias.mean()) < 0.05 and bias.std() == pytest.approx(1.5 / np.sqrt(3), rel=0.15)
    flat, header = read_image(paths['norm-dflatcor'])
    assert header['BAND'] == 'r' and header['INPUT003'] == 'DECam_00000203.fits.fz'
    assert (flat / response * np.median(response)).std() == pytest.approx(1 / np.sqrt(3 * 60000), rel=0.3)
    mask, header = read_image(paths['bpm'])
    assert mask[1000:3000, 400].all() and (mask != 0).sum() < 2000 + 50
    assert header['DARKFIL'] == 'none' and 'at least 3 positions' in ' '.join(header['HISTORY'])


@pytest.mark.slow
def test_hot_pixels_of_darks_and_of_dithered_exposures(night, capsys):
    """Of 86 s, from three darks or three exposures of a field, on a CCD with 200 hot pixels and a hot column."""
    root, response = night
    for action in ('build-bias', 'build-dflat'):
        assert call(root, action, '--ccds', '33', '--workers', '1') == 0
    rng, rate, later = np.random.default_rng(7), np.zeros((4096, 2048)), '20150218'
    rows, columns = rng.integers(20, 4070, 200), rng.integers(20, 2020, 200)
    rate[rows, columns] = 10 ** rng.uniform(0.5, 2.0, 200)
    rate[500:, 900] = 4.0
    stars = rng.uniform((60, 60), (4030, 1980), (80, 2))
    for k, (dy, dx) in enumerate([(0, 0), (21, -30), (-25, 18)]):
        write_exposure(root, 401 + k, 'dark', rng.poisson(86.0 * rate), 'solid plate 0.0 0.0', later)
        light = np.full((4096, 2048), 1000.0)
        for y, x in (stars + (dy, dx)).astype(int):
            light[y - 10:y + 11, x - 10:x + 11] += 2e5 * moffat(10, 4.0, 0.2, 0.1)
        write_exposure(root, 411 + k, 'object', rng.poisson(light * response / response.mean() + 86.0 * rate), nite=later)
    wanted, found = rate > 5 * np.sqrt(1036) / 86.0, {}
    for name, more in (('science', []), ('darks', ['--science', 'none'])):
        if name == 'darks':
            assert call(root, 'build-dark', '--ccds', '33', '--workers', '1', '--nights', later) == 0
        assert call(root, 'build-bpm', '--ccds', '33', '--workers', '1', '--nights', later, *more) == 0
        mask, header = read_image(calib_path(root, 'bpm', NITE, 33))
        hot = (mask & Defect.BIAS_HOT) != 0
        assert hot[wanted].mean() >= 0.9 and hot[wanted & (rate != 4.0)].mean() >= 0.9 and (rate > 0)[hot].mean() >= 0.95
        found[name] = header
    dark, header = read_image(calib_path(root, 'darkcor', NITE, 33))
    assert found['darks']['DARKFIL'].endswith('c33_darkcor.fits') and found['science']['DARKFIL'] == 'none'
    assert header['BUNIT'] == 'electron/s' and header['NINPUTS'] == 3
    assert header['NOISEAVG'] == pytest.approx(6.0 / 86.0 / np.sqrt(3), rel=0.15)
    assert dark[500:, 900].mean() == pytest.approx(4.0, rel=0.02)
    assert ' positions' in capsys.readouterr().err


def arguments(root, action, **more):
    return argparse.Namespace(**{'action': action, 'root': root, 'nite': NITE, 'exclude': '', 'band': None, **more})


def test_all_are_the_ccds_that_the_exposures_have(night, capsys):
    root, _ = night
    assert call(root, 'build-bias', '--ccds', 'all', '--workers', '1') == 0
    out, err = capsys.readouterr()
    assert out.strip() == str(calib_path(root, 'biascor', NITE, 33))
    assert 'left out: CCD 1,3-32,34-60,62' in err


def test_a_ccd_that_is_not_there_fails_alone(night, capsys):
    root, _ = night
    assert call(root, 'build-bias', '--ccds', '5,33', '--workers', '1') == 3
    out, err = capsys.readouterr()
    assert 'CCD 5' in err and 'c33_biascor' in out


def test_too_few_after_exclusion(night, capsys):
    assert call(night[0], 'build-bias', '--ccds', '33', '--workers', '1', '--exclude', '101') == 4
    assert 'at least 3' in capsys.readouterr().err


def test_mixed_bands(tmp_path):
    for expnum, card in ((1, 'g DECam SDSS c0001 4720.0 1520.0'), (2, 'r DECam SDSS c0002 6415.0 1480.0')):
        write_exposure(tmp_path, expnum, 'dome flat', np.full((4096, 2048), 50000.0), card)
    with pytest.raises(BadUsage, match=r'g \(1\), r \(1\)'):
        calib_command.make_plan(arguments(tmp_path, 'build-dflat'))
    assert [path.name for path in calib_command.make_plan(arguments(tmp_path, 'build-dflat', band='g')).flats] == [
        'DECam_00000001.fits.fz']
    with pytest.raises(BadInput, match='no dome flats in z'):
        calib_command.make_plan(arguments(tmp_path, 'build-dflat', band='z'))


@pytest.mark.parametrize('more, error, word', [(['--ccds', '70'], BadUsage, '70'), (['--exclude', 'x'], BadUsage, 'exclude'),
                                               (['--workers', '0'], BadUsage, 'workers')])
def test_bad_calls(night, more, error, word):
    with pytest.raises(error, match=word):
        call(night[0], 'build-bias', *more)


def test_no_night(tmp_path):
    with pytest.raises(BadInput, match='no folder'):
        call(tmp_path, 'build-bias')
    (tmp_path / 'dts' / NITE).mkdir(parents=True)
    with pytest.raises(BadInput, match='zero'):
        call(tmp_path, 'build-bias')
    with pytest.raises(BadInput, match='dark'):
        call(tmp_path, 'build-dark')
