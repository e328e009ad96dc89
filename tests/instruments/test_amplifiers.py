"""Sections of real headers of both halves, and headers that lack them."""
from __future__ import annotations

import numpy as np
import pytest

from sediff.errors import BadData
from sediff.instruments.amplifiers import parse_section, read_amplifiers, read_trimmed_amplifiers
from sediff.instruments.headers import trimmed_header


def test_section_is_zero_based_and_half_open():
    assert parse_section('[57:1080,1:4096]') == (slice(0, 4096), slice(56, 1080))


@pytest.mark.parametrize('text, rows, columns', [('[2048:1025,4096:1]', slice(4095, None, -1), slice(2047, 1023, -1)),
                                                 ('[1024:1,1:4096]', slice(0, 4096), slice(1023, None, -1))])
def test_reversed_section_reverses_the_axis(text, rows, columns):
    assert parse_section(text) == (rows, columns)
    image = np.arange(4096 * 2048).reshape(4096, 2048)
    assert image[parse_section('[2048:1025,4096:1]')][0, 0] == image[4095, 2047]
    assert image[parse_section('[2048:1025,4096:1]')].shape == (4096, 1024)


@pytest.mark.parametrize('text', ['', '57:1080,1:4096', '[57:1080]', '[a:b,1:2]', '[0:5,1:2]'])
def test_no_section(text):
    with pytest.raises(BadData, match='section'):
        parse_section(text)


def test_north_half(north):
    a, b = read_amplifiers(north)
    assert (a.name, b.name) == ('A', 'B')
    assert a.data == (slice(0, 4096), slice(56, 1080)) and a.ccd == (slice(0, 4096), slice(0, 1024))
    assert a.bias[1] == slice(6, 56) and b.bias[1] == slice(2104, 2154)
    assert (a.flip_y, a.flip_x, b.flip_y, b.flip_x) == (False, False, False, True)
    assert (a.gain, a.read_noise, a.saturate) == (3.892, 5.748484, 49415.0)


def test_south_half_is_the_other_way_round(south):
    a, b = read_amplifiers(south)
    assert a.data == (slice(50, 4146), slice(1080, 2104)) and a.ccd == (slice(0, 4096), slice(1024, 2048))
    assert a.bias[1] == slice(2104, 2154) and a.post[0] == slice(0, 50)
    assert (a.flip_y, a.flip_x, b.flip_y, b.flip_x) == (True, True, True, False)
    assert b.gain == pytest.approx(4.4014, abs=1e-4)


def test_readout_puts_the_first_pixel_read_first(north, south):
    image = np.arange(4096 * 2048, dtype=np.float32).reshape(4096, 2048)
    corners = {'north': [(0, 0), (0, 2047)], 'south': [(4095, 2047), (4095, 0)]}
    for name, header in (('north', north), ('south', south)):
        for amplifier, corner in zip(read_amplifiers(header), corners[name], strict=True):
            assert image[amplifier.ccd][amplifier.readout][0, 0] == image[corner]


def test_trimmed_header_still_knows_its_amplifiers(south):
    before, after = read_amplifiers(south), read_trimmed_amplifiers(trimmed_header(south))
    assert len(before) == 2
    for one, other in zip(before, after, strict=True):
        assert (one.ccd, one.flip_x, one.flip_y, one.gain) == (other.ccd, other.flip_x, other.flip_y, other.gain)
        assert other.data == other.ccd


@pytest.mark.parametrize('keyword', ['DATASECA', 'BIASSECB', 'CCDSECA', 'AMPSECB', 'GAINA', 'RDNOISEB', 'SATURATA'])
def test_a_missing_card_is_named(north, keyword):
    header = north.copy()
    del header[keyword]
    with pytest.raises(BadData, match=keyword):
        read_amplifiers(header)


@pytest.mark.parametrize('keyword, value', [('BIASSECA', '[57:56,1:4096]'), ('DATASECB', '[1081:2103,1:4096]'),
                                            ('GAINA', 0.0), ('GAINB', 'unknown'), ('BIASSECB', '[0:0,0:0]')])
def test_a_card_without_sense_is_named(north, keyword, value):
    header = north.copy()
    header[keyword] = value
    with pytest.raises(BadData, match=keyword):
        read_amplifiers(header)
