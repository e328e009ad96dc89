"""Overscan of both halves against a known level."""
from __future__ import annotations

import numpy as np
import pytest
from isr_scenes import raw_frame, raw_header

from sediff.errors import BadData
from sediff.instruments.amplifiers import read_amplifiers
from sediff.isr.overscan import measure_overscan, subtract_overscan


@pytest.fixture(scope='module')
def electrons():
    """A ramp that differs in every corner, so that a wrong orientation shows."""
    return (np.linspace(1000, 3000, 4096)[:, None] + np.linspace(0, 5000, 2048)[None, :]).astype(np.float32)


@pytest.mark.parametrize('half', ['N', 'S'])
def test_image_is_the_truth_in_adu(half, electrons):
    raw, header = raw_frame(half, electrons)
    amplifiers = read_amplifiers(header)
    image = subtract_overscan(raw, amplifiers)
    assert image.shape == (4096, 2048) and image.dtype == np.float32
    for amplifier in amplifiers:
        difference = image[amplifier.ccd] * amplifier.gain - electrons[amplifier.ccd]
        noise = np.hypot(amplifier.read_noise, amplifier.gain / np.sqrt(12))
        assert difference.std() == pytest.approx(noise * np.sqrt(1 + 1 / 40), rel=0.01)
        assert abs(difference.mean()) < 5 * noise / np.sqrt(4096 * 40)
        rows = difference.mean(axis=1).std()
        assert rows < 1.1 * noise * np.sqrt(1 / 40 + 1 / 1024)


def test_a_star_in_the_overscan_does_not_matter():
    raw, header = raw_frame('N', np.full((4096, 2048), 500.0))
    amplifier = read_amplifiers(header)[0]
    before = measure_overscan(raw, amplifier).level
    raw[1000, 20:24] = 60000
    after = measure_overscan(raw, amplifier).level
    assert abs(after[1000] - before[1000]) < 5 * 1.5 / np.sqrt(36)
    np.testing.assert_array_equal(np.delete(after, 1000), np.delete(before, 1000))


def test_dead_amplifier():
    raw, header = raw_frame('N', np.full((4096, 2048), 500.0))
    amplifiers = read_amplifiers(header)
    raw[:, 57:1080] = 0
    raw[amplifiers[0].data] = 0
    with pytest.raises(BadData, match='amplifier A reads 0 everywhere'):
        subtract_overscan(raw, amplifiers)
    image = subtract_overscan(raw, amplifiers, dead=('A',))
    assert not image[:, :1024].any() and abs(np.median(image[:, 1024:]) * 4.091 - 500) < 5


def test_narrow_overscan_and_small_image():
    raw, header = raw_frame('N', np.zeros((4096, 2048)))
    with pytest.raises(BadData, match='beyond'):
        subtract_overscan(raw[:, :2000], read_amplifiers(header))
    header['BIASSECA'] = '[47:56,1:4096]'
    with pytest.raises(BadData, match='overscan of amplifier A'):
        subtract_overscan(raw, read_amplifiers(header))
    header = raw_header('N')
    header['BIASSECA'] = '[7:56,2:4096]'
    with pytest.raises(BadData, match='different rows'):
        subtract_overscan(raw, read_amplifiers(header))
