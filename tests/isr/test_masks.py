"""Static bad pixels, dead amplifiers, saturation and edges."""
from __future__ import annotations

import numpy as np
import pytest
from isr_scenes import raw_header

from sediff.errors import BadData
from sediff.instruments.amplifiers import read_amplifiers
from sediff.isr.badpixels import mark_bad_pixels, mark_dead_amplifiers
from sediff.isr.edges import mark_edges
from sediff.isr.saturation import mark_saturation
from sediff.maskbits import Bit, with_bits


@pytest.fixture(scope='module')
def amplifiers():
    return read_amplifiers(raw_header('N'))


def empty():
    return np.zeros((4096, 2048), np.uint16)


def test_bad_pixels_of_any_kind():
    bad = np.zeros((4, 4), np.int32)
    bad[0, 0], bad[1, 1] = 1, 64
    mask = mark_bad_pixels(np.full((4, 4), int(Bit.EDGE), np.uint16), bad)
    assert mask[0, 0] == mask[1, 1] == Bit.BPM | Bit.EDGE and np.count_nonzero(mask & 1) == 2
    with pytest.raises(BadData, match='shape'):
        mark_bad_pixels(mask, bad[:3])


def test_dead_amplifier(amplifiers):
    mask = mark_dead_amplifiers(empty(), amplifiers, ('B',))
    assert (mask[:, 1024:] == Bit.BADAMP).all() and not mask[:, :1024].any()
    assert not mark_dead_amplifiers(empty(), amplifiers, ()).any()


def test_saturation_is_by_amplifier_and_grows(amplifiers):
    image = np.zeros((4096, 2048), np.float32)
    image[100, 500] = image[100, 1500] = 45000
    image[0, 1024] = image[4095, 2047] = 44433
    mask = mark_saturation(image, empty(), amplifiers)
    marked = np.argwhere(mask == Bit.SATURATE)
    assert len(marked) == 9 + 6 + 4
    assert mask[99:102, 1499:1502].all() and not mask[100, 500]
    assert np.count_nonzero(mark_saturation(image, empty(), amplifiers, growth=0)) == 3


def test_nothing_saturated(amplifiers):
    assert not mark_saturation(np.zeros((4096, 2048), np.float32), empty(), amplifiers).any()


@pytest.mark.parametrize('shape, edge, near_edge', [((50, 40), 3, 8), ((50, 40), 8, 3), ((50, 40), 0, 5), ((9, 30), 4, 20),
                                                    ((9, 30), 7, 7), ((7, 7), 15, 30)])
def test_edges_of_any_width(shape, edge, near_edge):
    rows, columns = np.indices(shape)
    distance = np.minimum(np.minimum(rows, shape[0] - 1 - rows), np.minimum(columns, shape[1] - 1 - columns))
    bits = np.where(distance < edge, int(Bit.EDGE), np.where(distance < near_edge, int(Bit.NEAREDGE), 0))
    np.testing.assert_array_equal(mark_edges(np.zeros(shape, np.uint16), edge, near_edge), bits)


def test_bits_are_added_where_they_belong():
    mask = np.array([[0, 1, 4]], np.uint16)
    added = with_bits(mask, np.array([[True, False, True]]), Bit.CRAY | Bit.INTERP)
    np.testing.assert_array_equal(added, [[20, 1, 20]])
    assert added.dtype == np.uint16 and mask[0, 0] == 0


def test_edges():
    mask = mark_edges(np.full((100, 80), int(Bit.BPM), np.uint16))
    assert mask[14, 40] == mask[85, 40] == mask[50, 14] == mask[50, 65] == Bit.EDGE | Bit.BPM
    assert mask[15, 40] == mask[29, 40] == mask[50, 50] == Bit.NEAREDGE | Bit.BPM
    assert mask[30, 40] == Bit.BPM
    assert np.count_nonzero(mask & np.uint16(Bit.EDGE)) == 100 * 80 - 70 * 50
