"""From ADU to electrons."""
from __future__ import annotations

import numpy as np
import pytest
from isr_scenes import raw_header

from sediff.errors import BadData
from sediff.instruments.amplifiers import read_amplifiers, read_trimmed_amplifiers
from sediff.isr.gain import apply_gain, record_gain


def test_each_amplifier_has_its_gain():
    amplifiers = read_amplifiers(raw_header('S'))
    electrons = apply_gain(np.ones((4096, 2048), np.float32), amplifiers)
    np.testing.assert_allclose(electrons[:, 1024:], 3.892, rtol=1e-6)
    np.testing.assert_allclose(electrons[:, :1024], 4.091, rtol=1e-6)


def test_header_after_the_gain():
    header = raw_header('N')
    record_gain(header, read_amplifiers(header))
    assert (header['GAINA'], header['GAINB'], header['BUNIT']) == (1.0, 1.0, 'electron')
    assert header['SATURATE'] == pytest.approx(44433 * 4.091) and header['RDNOISE'] == pytest.approx(5.81)
    again = read_trimmed_amplifiers(header)
    assert again[0].gain == 1.0 and again[0].saturate == pytest.approx(49415 * 3.892)


def test_dead_amplifier_does_not_set_the_saturation():
    header = raw_header('N')
    record_gain(header, read_amplifiers(header), dead=('B',))
    assert header['SATURATE'] == pytest.approx(49415 * 3.892) and header['RDNOISE'] == 5.75


def test_no_gain_in_the_header():
    header = raw_header('N')
    del header['GAINB']
    with pytest.raises(BadData, match='GAINB'):
        read_amplifiers(header)
