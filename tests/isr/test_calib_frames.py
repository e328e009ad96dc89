"""The builder's inputs, and that it combines many exposures in little memory."""
from __future__ import annotations

import argparse
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from isr_scenes import raw_frame

from sediff.cli import calib as calib_command
from sediff.errors import BadData, BadInput, BadUsage
from sediff.flow.calibrations.frames import Frames, choose_band, classify, raw_files
from sediff.formats.linearity import read_linearity
from sediff.formats.raw import write_raw
from sediff.isr import calibrate
from sediff.isr.linearity import LinearityCurve
from sediff.repository.exposures import exposure_numbers
from sediff.repository.names import calib_path

pytestmark = pytest.mark.busy

NITE = '20150217'


def write_exposure(root, expnum, obstype, counts, seconds=1.0, half='N', band='r', name='x'):
    """A raw exposure of CCD 33 (N) or 25 (S) whose pixels hold `counts` ADU."""
    ccd, detpos = {'N': (33, 'N2'), 'S': (25, 'S1')}[half]
    pixels, header = raw_frame(half, np.zeros((4096, 2048)), seed=expnum)
    from sediff.instruments.amplifiers import read_amplifiers
    for each in read_amplifiers(header):
        pixels[each.data] = np.clip(np.rint(pixels[each.data] + counts), 0, 65535).astype(np.uint16)
    header['CCDNUM'], header['DETPOS'], header['EXPNUM'] = ccd, detpos, expnum
    primary = header.copy()
    for keyword in [word for word in primary if 'SEC' in word or word in ('CCDNUM', 'DETPOS')]:
        del primary[keyword]
    primary['OBSTYPE'], primary['FILTER'], primary['EXPTIME'] = obstype, f'{band} DECam SDSS c0002 6415.0 1480.0', seconds
    primary['OBJECT'] = name
    path = root / 'dts' / NITE / f'DECam_{expnum:08d}.fits.fz'
    path.parent.mkdir(parents=True, exist_ok=True)
    write_raw(path, primary, [(detpos, pixels, header)])
    return path


@pytest.mark.parametrize('half, ccd', [('N', 33), ('S', 25)])
def test_rows_are_those_of_the_whole_frame(tmp_path, half, ccd):
    ramp = np.arange(4096)[:, None] % 7
    paths = tuple(write_exposure(tmp_path, 100 + k, 'zero', 10 * k + ramp, half=half) for k in range(2))
    frames = Frames(paths, ccd, NITE)
    assert frames.shape == (4096, 2048)
    whole, part = frames.frame(1), frames.rows(1000, 1100)[1]
    # outliers of the overscan are judged by the noise of the rows read: a level may move by a part of an ADU
    assert np.abs(whole[1000:1100] - part).max() < 0.3 and np.median(np.abs(whole[1000:1100] - part)) < 1e-3


@pytest.mark.night
def test_sixty_frames_take_little_memory():
    """60 exposures of a CCD: the arrays alive at a time stay far below the 8 GB of pixels they have."""
    shape, rng = (1024, 2048), np.random.default_rng(1)
    base = rng.normal(0, 1.5, (60, 64, 2048)).astype(np.float32)

    def read(first, last):
        rows = np.arange(first, last) % 64
        return [frame[rows] for frame in base]
    tracemalloc.start()
    mean, rms = calibrate.combine_rows(read, 60, shape)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e9 and np.sqrt((rms ** 2).mean()) == pytest.approx(1.5, rel=0.02)
    assert mean.std() == pytest.approx(1.5 / np.sqrt(60), rel=0.1)


def test_bands_are_not_mixed(tmp_path):
    for number, band in enumerate('rrg'):
        write_exposure(tmp_path, 200 + number, 'dome flat', 10000, band=band)
    paths = raw_files(tmp_path / 'dts' / NITE)
    _, flats, _ = classify(paths)
    assert {band: len(found) for band, found in flats.items()} == {'r': 2, 'g': 1}
    with pytest.raises(BadUsage, match=r'several bands: g \(1\), r \(2\); choose'):
        choose_band(flats, None)
    with pytest.raises(BadUsage, match='a calibration is of one band'):
        choose_band(flats, 'r', listed=True)
    with pytest.raises(BadInput, match='no dome flats in z'):
        choose_band(flats, 'z')
    assert len(classify(paths, only=frozenset({200}))[1]['r']) == 1
    (tmp_path / 'list').write_text('expnum nite\n200 x\n201 y\n')
    assert exposure_numbers(str(tmp_path / 'list'), '--exposures') == {200, 201}
    with pytest.raises(BadUsage, match='--exposures'):
        exposure_numbers('1,b', '--exposures')


@pytest.mark.night
def test_linearity_of_a_series(tmp_path):
    level = np.arange(0.0, 60001.0, 1000.0)
    truth = LinearityCurve(level, -0.02 * level * level / 40000.0)
    for k in range(3):
        write_exposure(tmp_path, 100 + k, 'zero', 0)
    for k, seconds in enumerate(np.geomspace(0.3, 19.0, 10)):
        counts = float(truth.measured_level(2000.0 * seconds))
        write_exposure(tmp_path, 300 + k, 'dome flat', counts, float(seconds), name='linearity r')
    write_exposure(tmp_path, 400, 'dome flat', 20000, 5.0)
    for action in ('build-bias', 'build-linearity'):
        parser = argparse.ArgumentParser()
        calib_command.add_arguments(parser)
        args = parser.parse_args([action, '--root', str(tmp_path), '--nite', NITE, '--ccds', '33', '--workers', '1'])
        assert calib_command.run(args) == 0
    table = read_linearity(tmp_path / 'calib' / 'linearity' / f'D_n{NITE}_c33_linearity.csv', 33)
    grid = np.linspace(700.0, 37000.0, 100)
    for curve in table.values():
        # rounding to whole ADU leaves 0.02 ADU of the mean; nodes a factor 1.6 apart 0.1 % of the level
        assert np.ptp(curve.true_level(grid) / truth.true_level(grid)) < 2e-3
    plan = calib_command.make_plan(SimpleNamespace(action='build-dflat', root=tmp_path, nite=NITE, exclude='', band=None))
    assert len(plan.flats) == 1


def test_noise_and_inputs_are_recorded(tmp_path):
    from sediff.formats.fits import read_header
    for k in range(3):
        write_exposure(tmp_path, 100 + k, 'zero', 0)
    plan = calib_command.Plan('build-bias', tmp_path, NITE, None, tuple(raw_files(tmp_path / 'dts' / NITE)), ())
    header = read_header(calib_command.build(plan, 33))
    assert header['NINPUTS'] == 3 and header['INPUT003'] == 'DECam_00000102.fits.fz'
    # 5.8 e- / 4 e- per ADU and rounding; the median of a 3-frame scatter is 0.83 of it
    assert header['NOISE'] == pytest.approx(0.83 * 1.47, rel=0.1)
    assert header['NOISEAVG'] == pytest.approx(header['NOISE'] / np.sqrt(3))
    with pytest.raises(BadData, match='at least 3'):
        calib_command.build(calib_command.Plan('build-bias', tmp_path, NITE, None, plan.zeros[:2], ()), 33)
    assert calib_path(tmp_path, 'biascor', NITE, 33).is_file()
