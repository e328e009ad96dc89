import numpy as np
import pytest

from sediff.astrometry.match import find_offset, nearest_unique, rotate
from sediff.astrometry.tangent import deproject, project


def test_projection_round_trip_at_the_pole_and_ra_zero():
    rng = np.random.default_rng(1)
    xi, eta = rng.uniform(-4000, 4000, (2, 100))
    for center in ((0.0, 0.0), (359.999, -60.0), (120.0, 90.0), (10.0, -89.9)):
        back = project(*deproject(xi, eta, *center), *center)
        assert np.abs(np.subtract(back, (xi, eta))).max() < 1e-7


def test_the_far_side_of_the_sky_has_no_place():
    assert np.isnan(project(np.array([180.0]), np.array([0.0]), 0.0, 0.0)[0]).all()


@pytest.mark.parametrize('n', [15, 100, 1500])
def test_shift_and_rotation_are_found(n):
    rng = np.random.default_rng(n)
    xi, eta = rng.uniform(-270, 270, n), rng.uniform(-540, 540, n)
    turned = rotate(xi, eta, 0.08)
    extra = int(0.4 * n)
    ref = [np.append(turned[0] + 43.0, rng.uniform(-300, 300, extra)),
           np.append(turned[1] - 58.0, rng.uniform(-600, 600, extra))]
    false = rng.uniform(-270, 270, extra), rng.uniform(-540, 540, extra)
    found = find_offset(np.append(xi, false[0]), np.append(eta, false[1]), *ref)
    assert found.contrast > 4.0
    # The rotation is found as well as the counting square of 2.5 arcsec tells it: every star comes within its half side.
    moved = found.apply(xi, eta)
    assert np.hypot(moved[0] - ref[0][:n], moved[1] - ref[1][:n]).max() < 1.5
    assert abs(found.rotation) <= 0.12


def test_nothing_to_match():
    assert find_offset(np.array([0.0]), np.array([0.0]), np.array([500.0]), np.array([0.0])).votes == 0
    assert find_offset(np.empty(0), np.empty(0), np.array([0.0]), np.array([0.0])).contrast == 0.0


def test_nearest_pairs_are_unique():
    first, second = nearest_unique(np.array([0.0, 0.4, 10.0]), np.zeros(3), np.array([0.1, 10.2]), np.zeros(2), 1.0)
    assert (first.tolist(), second.tolist()) == ([0, 2], [0, 1])
    assert nearest_unique(np.empty(0), np.empty(0), np.array([0.0]), np.array([0.0]), 1.0)[0].size == 0
