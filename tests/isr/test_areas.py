"""Areas of touching pixels against scipy's labels."""
from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from sediff.isr.areas import touching_areas


@pytest.mark.parametrize('share', [0.0, 0.02, 0.3, 0.6, 0.95, 1.0])
@pytest.mark.parametrize('shape', [(40, 30), (1, 60), (60, 1)])
def test_areas_boxes_and_their_order(shape, share):
    flags = np.random.default_rng(4).random(shape) < share
    labels, count = ndimage.label(flags, np.ones((3, 3)))
    found = touching_areas(flags)
    assert len(found) == count
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        own_box, own = found[number - 1]
        assert own_box == box
        np.testing.assert_array_equal(own, labels[box] == number)


def test_the_ends_of_rows_do_not_touch():
    """The last pixel of a row and the first of the next are neighbours in memory only."""
    flags = np.zeros((3, 5), bool)
    flags[0, 4] = flags[1, 0] = True
    assert len(touching_areas(flags)) == 2
    flags[1, 3] = True
    assert [own.sum() for _, own in touching_areas(flags)] == [2, 1]
