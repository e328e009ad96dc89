"""The command that builds calibration images, on a small night of simulated raw frames."""
from __future__ import annotations

import argparse

import numpy as np
import pytest
from isr_scenes import raw_frame

from sediff.errors import BadInput, BadUsage
from sediff.io.fits import read_image
from sediff.io.raw import write_raw
from sediff.isr import calib_command
from sediff.names import calib_path

NITE = '20150217'


def write_exposure(root, expnum, obstype, electrons, filter_card='r DECam SDSS c0002 6415.0 1480.0'):
    raw, header = raw_frame('N', electrons, seed=expnum)
    header['CCDNUM'], header['DETPOS'], header['EXPNUM'] = 33, 'N2', expnum
    primary = header.copy()
    for keyword in list(primary):
        if 'SEC' in keyword or keyword in ('CCDNUM', 'DETPOS'):
            del primary[keyword]
    primary['OBSTYPE'], primary['FILTER'] = obstype, filter_card
    write_raw(root / 'dts' / NITE / f'DECam_{expnum:08d}.fits.fz', primary, [('N2', raw, header)])


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
