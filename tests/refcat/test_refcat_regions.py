import healpy
import numpy as np
import pytest

from sediff.errors import BadUsage
from sediff.refcat.regions import pixels_of, shards_for_region
from sediff.sphere import enclosing_box, inside_box, separation


@pytest.mark.parametrize(('ra', 'dec', 'radius'), [(0.0, 0.0, 1.0), (359.95, -30.0, 0.3), (10.0, 89.8, 1.0),
                                                   (200.0, -90.0, 0.5), (83.1, 42.0, 0.01)])
def test_every_pixel_that_the_disc_touches_is_listed(ra, dec, radius):
    rng = np.random.default_rng(1)
    axis = np.array(healpy.ang2vec(ra, dec, lonlat=True))
    z = rng.uniform(np.cos(np.radians(radius)), 1.0, 20000)
    angle = rng.uniform(0, 2 * np.pi, z.size)
    side = np.cross(axis, [0.3, 0.5, 0.7])
    side /= np.linalg.norm(side)
    points = (z[:, None] * axis + np.sqrt(1 - z ** 2)[:, None]
              * (np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * np.cross(axis, side)))
    touched = np.unique(healpy.vec2pix(32, *points.T))
    listed = shards_for_region(ra, dec, radius)
    assert set(touched) <= set(listed)
    assert len(listed) <= len(touched) + 4
    assert np.all(np.diff(listed) > 0)


@pytest.mark.parametrize('bad', [(0.0, 91.0, 1.0), (np.nan, 0.0, 1.0), (0.0, 0.0, 0.0), (0.0, 0.0, -1.0)])
def test_a_bad_region_is_rejected(bad):
    with pytest.raises(BadUsage):
        shards_for_region(*bad)


def test_a_bad_nside_is_rejected():
    with pytest.raises(BadUsage, match='nside'):
        shards_for_region(0.0, 0.0, 1.0, nside=30)


def test_pixels_are_ring_ordered():
    assert pixels_of(0.0, 90.0) in range(4)
    assert pixels_of(0.0, -90.0) in range(12 * 32 ** 2 - 4, 12 * 32 ** 2)


def test_separation_across_ra_zero_and_at_the_pole():
    assert separation([359.99, 0.01, 0.2], [0.0, 0.0, 0.0], 0.0, 0.0) == pytest.approx([0.01, 0.01, 0.2])
    assert separation([0.0, 180.0, 90.0], [89.95, 89.95, 89.5], 45.0, 90.0) == pytest.approx([0.05, 0.05, 0.5])
    assert separation(0.0, 0.0, 0.0, 1e-7) == pytest.approx(1e-7, rel=1e-6)


def test_box_across_ra_zero():
    box = (359.5, 0.5, -1.0, 1.0)
    assert inside_box([359.6, 0.4, 0.6, 180.0], [0.0, 0.0, 0.0, 0.0], box).tolist() == [True, True, False, False]
    assert inside_box([10.0, 200.0], [0.0, 2.0], (0.0, 360.0, -1.0, 1.0)).tolist() == [True, False]


def test_enclosing_box_takes_the_short_way_round():
    assert enclosing_box([359.0, 1.0, 0.5], [-1.0, 2.0, 0.0]) == (359.0, 1.0, -1.0, 2.0)
    assert enclosing_box([100.0, 102.0], [5.0, 6.0]) == (100.0, 102.0, 5.0, 6.0)
    assert enclosing_box([0.0, 90.0, 180.0, 270.0], [-89.0, -89.2, -89.1, -89.3]) == (0.0, 360.0, -90.0, -89.0)


def test_enclosing_box_of_nothing_is_rejected():
    with pytest.raises(BadUsage):
        enclosing_box([], [])
    with pytest.raises(BadUsage):
        enclosing_box([np.nan], [0.0])
