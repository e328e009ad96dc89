"""A coadd from prepared ones: every pixel from one grid, on a known sky, with the members of the nearest pixel."""
import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.errors import BadData
from sediff.maskbits import Bit
from sediff.template.assemble import NOBODY, Prepared, assemble, members_near, owners, tiles_needed
from sediff.warp.grid import pixel_map
from sediff.wcs.read import pixel_to_sky, read_wcs, sky_to_pixel

SHAPE = (260, 300)


def header(x, y, turn=0.0):
    """A grid whose reference pixel is (x, y)."""
    scale, angle = 7.3e-5, np.radians(turn)
    return Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRVAL1': 52.5, 'CRVAL2': -28.0, 'CRPIX1': x, 'CRPIX2': y,
                   'CD1_1': scale * np.cos(angle), 'CD1_2': -scale * np.sin(angle), 'CD2_1': scale * np.sin(angle),
                   'CD2_2': scale * np.cos(angle)})


def sky(head, shape):
    """A smooth sky that is the same on every grid: stars of 4.5 px FWHM on a plane of 150 px."""
    search = read_wcs(header(150.0, 130.0))
    j, i = np.mgrid[:shape[0], :shape[1]]
    x, y = sky_to_pixel(search, *pixel_to_sky(read_wcs(head), i.ravel(), j.ravel()))
    near_x, near_y = (np.asarray(at) % 30.0 - 15.0 for at in (x, y))
    return (2000.0 * np.exp(-0.5 * (near_x**2 + near_y**2) / 1.91**2)).reshape(shape).astype(np.float32)


def prepared(head, shape, bits, scale=1.0, hole=None):
    image, mask, weight = sky(head, shape) / scale, np.zeros(shape, np.uint16), np.full(shape, 0.04, np.float32)
    members = np.full(shape, bits, np.uint16)
    if hole is not None:
        image[hole], mask[hole], weight[hole], members[hole] = 0.0, Bit.SATURATE, 0.0, 0
    positions = pixel_map(read_wcs(header(150.0, 130.0)), SHAPE, read_wcs(head), shape)
    return Prepared(lambda first, last: (image[first:last].astype(np.float32), mask[first:last], weight[first:last],
                                         members[first:last]), positions, scale)


@pytest.fixture
def two():
    """Two grids, turned and shifted, that together cover all but a corner of the search grid."""
    left = prepared(header(140.3, 150.7, 2.0), (300, 190), 0b01, 2.0, np.s_[100:112, 90:101])
    right = prepared(header(30.6, 110.2, -1.0), (280, 260), 0b11)
    return [left, right]


def test_the_sky_is_where_it_was_and_each_pixel_is_of_one_grid(two):
    owner = owners([one.positions for one in two], SHAPE)
    stacked = assemble(two, owner, 2)
    truth, good = sky(header(150.0, 130.0), SHAPE), stacked.image.weight > 0
    assert set(np.unique(owner)) == {0, 1, NOBODY} and good.mean() > 0.9
    careful = good & (stacked.image.mask == 0)
    careful[70:100, 90:120] = False                                              # kernels that lose light to the hole
    assert np.max(np.abs(stacked.image.image - truth)[careful]) < 12.0           # of 2000: Lanczos at FWHM 4.5
    assert np.abs(np.sum(stacked.image.image[careful]) / np.sum(truth[careful]) - 1.0) < 2e-4
    assert (stacked.members[good & (owner == 0)] == 1).all() and (stacked.members[good & (owner == 1)] == 3).all()
    assert (stacked.coverage == (stacked.members & 1) + (stacked.members >> 1)).all()
    assert stacked.image.weight[owner == 0].max() == pytest.approx(0.04 / 4.0, rel=1e-3)
    assert (stacked.image.mask[owner == NOBODY] == Bit.EDGE).all() and not stacked.members[owner == NOBODY].any()
    hole = (stacked.image.mask & Bit.SATURATE > 0) & (owner == 0)
    assert 80 < hole.sum() < 200 and not stacked.members[hole].any() and (stacked.image.weight[hole] == 0).all()
    assert stacked.good == pytest.approx([(stacked.members & 1 > 0).mean(), (stacked.members & 2 > 0).mean()])
    assert stacked.unchecked == pytest.approx((stacked.coverage == 1).sum() / (stacked.coverage > 0).sum())


def test_owners_are_the_first_that_have_a_pixel_with_room_for_the_kernel(two):
    owner = owners([one.positions for one in two], SHAPE)
    j, i = np.mgrid[:SHAPE[0], :SHAPE[1]]
    ra, dec = pixel_to_sky(read_wcs(header(150.0, 130.0)), i.ravel(), j.ravel())
    inside = []
    for head, (ny, nx) in ((header(140.3, 150.7, 2.0), (300, 190)), (header(30.6, 110.2, -1.0), (280, 260))):
        x, y = (np.reshape(at, SHAPE) for at in sky_to_pixel(read_wcs(head), ra, dec))
        inside.append((np.minimum(x, nx - 1 - x), np.minimum(y, ny - 1 - y)))
    first, second = (np.minimum(*rims) for rims in inside)
    clear = (np.abs(first - 4.0) > 0.01) & (np.abs(second - 4.0) > 0.01)          # not on the rim itself
    truth = np.where(first >= 4.0, 0, np.where(second >= 4.0, 1, NOBODY))
    assert (owner == truth)[clear].all()


def test_no_tile_is_missed(two):
    owner = owners([one.positions for one in two], SHAPE)
    edges = tuple(np.arange(0, size + 1, 20) for size in (300, 200))
    found = tiles_needed(owner, 0, two[0].positions, edges)
    j, i = np.nonzero(owner == 0)
    x, y = sky_to_pixel(read_wcs(header(140.3, 150.7, 2.0)), *pixel_to_sky(read_wcs(header(150.0, 130.0)), i, j))
    reach = {(int((v + dv) // 20), int((u + du) // 20)) for u, v in zip(x, y) for du in (-3, 3) for dv in (-3, 3)}
    assert reach <= {divmod(int(number), 10) for number in found} and len(found) < 15 * 10


def test_members_are_those_of_the_nearest_pixel_that_has_some():
    members = np.array([[0, 4], [2, 0]], np.uint16)
    assert [members_near(members, *at) for at in ((0.4, 0.9), (0.9, 0.8), (0.05, 0.01))] == [4, 2, 2]
    assert members_near(members, 0.9, 0.1) == 2 and members_near(members * 0, 0.5, 0.5) == 0


def test_nothing_covered_is_bad_data(two):
    owner = np.full(SHAPE, NOBODY, np.uint8)
    with pytest.raises(BadData, match='no prepared template has a good pixel'):
        assemble(two, owner, 2)
