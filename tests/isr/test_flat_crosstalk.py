"""Dome flats are freed of the crosstalk of their own light, as science images are."""
from __future__ import annotations

import argparse

import numpy as np
import pytest
from isr_scenes import corners, raw_frame

from sediff.cli import calib as calib_command
from sediff.formats.fits import read_image
from sediff.formats.raw import write_raw
from sediff.instruments.amplifiers import read_amplifiers
from sediff.isr.crosstalk import CrosstalkTerm, amplifier_key
from sediff.repository.names import calib_path

pytestmark = pytest.mark.night
NITE, LEVEL = '20150217', 60000.0
#: victim amplifier -> its sources: the other half of the same CCD, and both halves of another of the other side.
TABLE = {'ccd33A': (('ccd33B', 3e-4), ('ccd34A', 5e-4)), 'ccd33B': (('ccd34B', -4e-4),), 'ccd34A': (('ccd33B', 2e-4),)}


def response(ccd: int) -> np.ndarray:
    """Light that falls off by a tenth over a CCD and a quarter less of it on the other, with pixels that differ."""
    y, x = np.ogrid[:4096, :2048]
    fine = 1 + 0.005 * np.random.default_rng(ccd).standard_normal((4096, 2048), np.float32)
    return (1.0 if ccd == 33 else 0.75) * (1.05 - 0.05 * (x / 2048.0) ** 2 - 0.05 * y / 4096.0) * fine


def frames(light: np.ndarray, seed: int) -> dict:
    """Raw frames of two CCDs with crosstalk added, pixel by pixel, before the overscan."""
    raw, headers, adu = {}, {}, {}
    for ccd, half in ((33, 'N'), (34, 'S')):
        raw[ccd], headers[ccd] = raw_frame(half, np.zeros((4096, 2048)), seed + ccd)
        headers[ccd]['CCDNUM'], headers[ccd]['DETPOS'] = ccd, f'{half}2'
        for each in read_amplifiers(headers[ccd]):
            mean, rng = (light[ccd][each.ccd] * LEVEL).astype(np.float32), np.random.default_rng(seed * ccd)
            counts = (mean + np.sqrt(mean) * rng.standard_normal(mean.shape, np.float32)) / np.float32(each.gain)
            adu[amplifier_key(ccd, each.name)] = counts[each.readout]
    for ccd in raw:
        raw[ccd] = raw[ccd].astype(np.float32)
        for each in read_amplifiers(headers[ccd]):
            key = amplifier_key(ccd, each.name)
            total = adu[key] + sum(share * adu[source] for source, share in TABLE.get(key, ()))
            raw[ccd][corners(headers[ccd][f'DATASEC{each.name}'])] += total[each.readout]
        raw[ccd] = np.rint(raw[ccd]).astype(np.uint16)
    return {ccd: (raw[ccd], headers[ccd]) for ccd in raw}


@pytest.fixture(scope='module')
def night(tmp_path_factory):
    root = tmp_path_factory.mktemp('flats')
    light = {ccd: response(ccd) for ccd in (33, 34)}
    for number, (kind, factor) in enumerate([('zero', 0.0)] * 3 + [('dome flat', 1.0)] * 3):
        pieces = frames({ccd: factor * plane for ccd, plane in light.items()}, number + 1)
        primary = pieces[33][1].copy()
        for keyword in list(primary):
            if 'SEC' in keyword or keyword in ('CCDNUM', 'DETPOS'):
                del primary[keyword]
        primary['OBSTYPE'], primary['FILTER'], primary['EXPNUM'] = kind, 'r DECam SDSS c0002 6415.0 1480.0', 101 + number
        write_raw(root / 'dts' / NITE / f'DECam_{101 + number:08d}.fits.fz', primary,
                  [(header['DETPOS'], raw, header) for raw, header in pieces.values()])
    lines = ['victim,source,x,src_nl,p1,p2,p3']
    lines += [f'{victim},{source},{share},60000,0,0,0' for victim, terms in TABLE.items() for source, share in terms]
    (root / 'mine.csv').write_text('\n'.join(lines) + '\n')
    assert call(root, 'build-bias') == 0
    return root, light[33]


def call(root, action, *more):
    parser = argparse.ArgumentParser()
    calib_command.add_arguments(parser)
    words = [action, '--root', str(root), '--nite', NITE, '--ccds', '33', '--workers', '1', *more]
    return calib_command.run(parser.parse_args(words))


def flat_over_truth(root, truth, *more):
    assert call(root, 'build-dflat', *more) == 0
    flat, header = read_image(calib_path(root, 'norm-dflatcor', NITE, 33, 'r'))
    return flat / truth * np.median(truth), header


def test_halves_and_border(night, capsys):
    """Halves within 0.02 %, no step of the sky (1 e in 10000) at the border; without the correction there are both."""
    root, truth = night
    ratio, header = flat_over_truth(root, truth, '-P', 'CROSSTALK_FILE=mine.csv')
    assert header['XTALKFIL'] == 'mine.csv'
    step = np.mean(ratio[:, 1024:1088]) - np.mean(ratio[:, 960:1024])
    assert abs(ratio[:, :1024].mean() / ratio[:, 1024:].mean() - 1) < 2e-4 and abs(step) < 1e-4
    blocks = ratio.reshape(32, 128, 16, 128).mean(axis=(1, 3))
    assert np.abs(blocks / blocks.mean() - 1).max() < 1e-4            # noise of a block: 1.8e-5
    plain, header = flat_over_truth(root, truth, '-P', 'CROSSTALK=false')
    assert header['XTALKFIL'] == 'none'
    step = np.mean(plain[:, 1024:1088]) - np.mean(plain[:, 960:1024])
    assert abs(plain[:, :1024].mean() / plain[:, 1024:].mean() - 1) > 5e-4 and abs(step) > 5e-4


def test_rc_files_count(night, tmp_path):
    """-R, and the environment's rc, reach the builders as they reach the drivers."""
    root, truth = night
    (tmp_path / 'se.rc').write_text('CROSSTALK_FILE=mine.csv\nOVERSCAN=median\n')
    ratio, header = flat_over_truth(root, truth, '-R', str(tmp_path))
    assert header['XTALKFIL'] == 'mine.csv'
    assert abs(ratio[:, :1024].mean() / ratio[:, 1024:].mean() - 1) < 2e-4


def test_source_that_is_not_there_adds_nothing():
    from sediff.isr.flat_crosstalk import crosstalk_of_light, source_levels
    raw, header = raw_frame('N', np.full((4096, 2048), 20000.0, np.float32))
    amplifiers = read_amplifiers(header)
    levels = source_levels(raw[amplifiers[0].data[0]][::64], 33, amplifiers, ('B',))
    assert set(levels) == {'ccd33A'}
    table = {'ccd33A': (CrosstalkTerm('ccd33B', 1e-3, 1e9, (0, 0, 0)),),
             'ccd33B': (CrosstalkTerm('ccd33A', 1e-3, 1e9, (0, 0, 0)), CrosstalkTerm('ccd40A', 1e-3, 1e9, (0, 0, 0)))}
    added = crosstalk_of_light(33, amplifiers, levels, table, (4096, 2048))
    gain = {each.name: each.gain for each in amplifiers}
    for each in amplifiers:
        block = added[:, each.ccd[1].start // 64:each.ccd[1].stop // 64]
        assert np.allclose(block, 0 if each.name == 'A' else 20.0 / gain['A'], atol=0.02)
