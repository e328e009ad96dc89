"""Outlines of CCDs on the sky against membership of random points, and cases with known answers."""
import numpy as np
import pytest

from sediff.errors import BadData
from sediff.formats.corners import OUT_DTYPE
from sediff.template.overlap import overlap_matrix, overlaps, pair_ccds, pair_line

AROUND = [0, 1, 3, 2]


def tangent_to_sky(x, y, ra, dec):
    """RA, Dec (deg) of tangent-plane offsets (deg, east and north) at a centre."""
    x, y, ra, dec = np.radians(x), np.radians(y), np.radians(ra), np.radians(dec)
    z = np.cos(dec) - y * np.sin(dec)
    return np.degrees(ra + np.arctan2(x, z)) % 360.0, np.degrees(np.arctan2(np.sin(dec) + y * np.cos(dec), np.hypot(x, z)))


def ccd(ra, dec, x=0.0, y=0.0, width=0.15, height=0.3, angle=0.0):
    """Corners of a CCD in `.out` order, at an offset (deg) from a centre, turned by an angle (deg)."""
    u = np.array([-1, -1, 1, 1]) * width / 2
    v = np.array([-1, 1, -1, 1]) * height / 2
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.stack(tangent_to_sky(x + u * cos - v * sin, y + u * sin + v * cos, ra, dec), axis=1)


def vectors(corners):
    ra, dec = np.radians(corners[..., 0]), np.radians(corners[..., 1])
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def points_in(corners, points):
    """Which unit vectors lie on the inner side of all four great circles through neighbouring corners."""
    corner = vectors(corners)[AROUND]
    sides = points @ np.cross(corner, np.roll(corner, -1, axis=0)).T
    return (sides > 0).all(axis=1) | (sides < 0).all(axis=1)


def random_points(corners, count, rng):
    """Points spread over a CCD: positive combinations of its corners."""
    points = rng.dirichlet(np.full(4, 0.7), count) @ vectors(corners)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize(('ra', 'dec'), [(150.0, 2.0), (359.98, -30.0), (0.01, 65.0), (40.0, 89.9), (200.0, -90.0)])
def test_against_random_points(ra, dec):
    rng = np.random.default_rng(7)
    seen = [0, 0]
    for _ in range(150):
        angle, other_angle = rng.uniform(0, 360, 2)
        one = ccd(ra, dec, angle=angle)
        x, y = rng.uniform(-0.3, 0.3, 2)
        other = ccd(ra, dec, x, y, angle=other_angle)
        hit = points_in(other, random_points(one, 2000, rng)).any()
        found = overlaps(one, other)
        assert overlaps(other, one) == found
        if hit:
            assert found
        elif found:
            assert not overlaps(one, ccd(ra, dec, x, y, 0.13, 0.26, other_angle)), 'more than a sliver, yet no point in it'
        seen[int(found)] += 1
    assert min(seen) > 30


def test_cross_without_a_corner_inside():
    upright, lying = ccd(10.0, -20.0, height=0.5), ccd(10.0, -20.0, width=0.5, height=0.1)
    assert not points_in(upright, vectors(lying)).any()
    assert not points_in(lying, vectors(upright)).any()
    assert overlaps(upright, lying)


@pytest.mark.parametrize('swap', [False, True])
def test_one_inside_the_other(swap):
    large, small = ccd(80.0, 10.0), ccd(80.0, 10.0, 0.01, 0.02, 0.02, 0.02)
    assert overlaps(small, large) if swap else overlaps(large, small)


def test_only_template_corner_inside_search():
    search = ccd(80.0, 10.0)
    template = ccd(80.0, 10.0, 0.17, 0.0, angle=45.0)
    assert not points_in(template, vectors(search)).any()
    assert points_in(search, vectors(template)).sum() == 1
    assert overlaps(search, template)


def test_ra_wrap():
    straddling = ccd(0.0, 30.0)
    assert straddling[:, 0].max() > 359 and straddling[:, 0].min() < 1
    assert overlaps(straddling, ccd(359.9, 30.0))
    assert overlaps(ccd(359.9, 30.0), ccd(0.02, 30.0))
    assert not overlaps(straddling, ccd(359.5, 30.0))
    assert not overlaps(straddling, ccd(180.0, 30.0))
    shifted = straddling.copy()
    shifted[:, 0] = np.where(shifted[:, 0] > 180, shifted[:, 0] - 360, shifted[:, 0])
    assert overlaps(straddling, shifted)


def test_pole():
    pole = ccd(0.0, 90.0)
    assert overlaps(pole, ccd(123.0, 89.95))
    assert not overlaps(pole, ccd(123.0, 89.5))
    assert not overlaps(pole, ccd(0.0, -90.0))


def test_edges_that_touch_do_not_overlap_and_a_pixel_does():
    left, right = ccd(50.0, 0.0, -0.075), ccd(50.0, 0.0, 0.075)
    assert not overlaps(left, ccd(50.0, 0.0, 0.0751))
    assert overlaps(left, ccd(50.0, 0.0, 0.075 - 0.26 / 3600))
    assert overlaps(left, left) and overlaps(right, right)


def test_order_of_corners_does_not_matter():
    rng = np.random.default_rng(3)
    one, other, apart = ccd(5.0, -45.0), ccd(5.0, -45.0, 0.14, 0.29, angle=10), ccd(5.0, -45.0, 0.3)
    for _ in range(24):
        order = rng.permutation(4)
        assert overlaps(one[order], other) == overlaps(one, other)
        assert not overlaps(one[order], apart)


def table(numbers, corners):
    return np.array([(1, 'i', number, corner) for number, corner in zip(numbers, corners, strict=True)], OUT_DTYPE)


def test_pair_ccds_names_every_overlap():
    search = table([5, 6], [ccd(20.0, 5.0), ccd(20.0, 5.0, 3.0)])
    template = table([9, 2, 30], [ccd(20.0, 5.0, 0.1), ccd(20.0, 5.0, -0.1), ccd(20.0, 5.0, 0.0, 0.4)])
    assert pair_ccds(search, template) == {5: [2, 9], 6: []}


def test_pair_line():
    assert pair_line(668443, 5, 506432, [2, 9]) == '  668443  5   506432  2   2  9\n'
    assert pair_line(12345678, 62, 11111111, [30]) == '12345678 62 11111111  1  30\n'
    assert pair_line(668443, 5, 506432, []) == ''


def test_empty_tables():
    nothing = np.empty((0, 4, 2))
    assert overlap_matrix(nothing, ccd(1.0, 1.0)[None]).shape == (0, 1)
    assert overlap_matrix(ccd(1.0, 1.0)[None], nothing).shape == (1, 0)


@pytest.mark.parametrize(('spoil', 'words'), [
    (lambda c: c[:3], 'shape'),
    (lambda c: np.where(np.arange(8).reshape(4, 2) == 2, np.nan, c), 'no RA or Dec'),
    (lambda c: c + [0.0, 100.0], 'no RA or Dec'),
    (lambda c: np.repeat(c[:1], 4, axis=0), 'no area'),
    (lambda c: c * [40.0, 1.0], 'from their centre'),
])
def test_corners_that_are_no_ccd(spoil, words):
    good = ccd(5.0, 5.0, angle=20)
    bad = spoil(good)
    if words == 'from their centre':
        bad = good + np.array([[0, 0], [60, 0], [0, 0], [60, 0]])
    with pytest.raises(BadData, match=words):
        overlaps(good, bad)


@pytest.mark.realdata
def test_ccds_of_one_real_exposure_do_not_overlap_each_other(realdata):
    """The 60-odd CCDs of a DECam exposure have gaps between them; a dither of 100 arcsec joins neighbours."""
    from astropy.io import fits

    from sediff.wcs.read import out_corners, read_wcs
    rows = []
    with fits.open(realdata / 'calib' / 'decam_tpv_headers_all_62ccds.decam.wcs.fits') as handle:
        for hdu in handle[1:]:
            if 1 <= hdu.header.get('CCDNUM', 0) <= 62:
                rows.append((663766, 'r', hdu.header['CCDNUM'], out_corners(read_wcs(hdu.header))))
    exposure = np.array(rows, OUT_DTYPE)
    assert len(exposure) >= 60
    assert pair_ccds(exposure, exposure) == {int(number): [int(number)] for number in exposure['ccdnum']}
    dithered = exposure.copy()
    dithered['corners'][..., 1] += 100 / 3600
    pairs = pair_ccds(exposure, dithered)
    assert all(number in others for number, others in pairs.items())
    assert sum(len(others) for others in pairs.values()) > len(exposure)
