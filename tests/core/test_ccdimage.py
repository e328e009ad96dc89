"""Variance and noise of pixels from their weight, whole and in parts."""
import numpy as np
import pytest

from sediff.ccdimage import Derived, sigma_from_weight, sigma_planes, variance_from_weight
from sediff.subtract.photons import HostLight, light_in_score


@pytest.fixture(scope='module')
def planes():
    """Weight (some 0), photons of a bright host, difference: (100, 70) float32."""
    rng = np.random.default_rng(1)
    weight = rng.uniform(0.5, 2.0, (100, 70)).astype(np.float32)
    weight[rng.random(weight.shape) < 0.1] = 0.0
    photons = rng.normal(0.0, 1.0, weight.shape).astype(np.float32)
    photons[40:50, 20:35] += 500.0
    return weight, photons, rng.normal(0.0, 1.0, weight.shape).astype(np.float32)


def test_variance_of_pixels_without_weight_is_0(planes):
    variance = variance_from_weight(planes[0])
    known = planes[0] > 0
    assert variance.dtype == np.float32 and (variance[~known] == 0).all()
    np.testing.assert_allclose(variance[known] * planes[0][known], 1.0, rtol=1e-6)


def test_parts_are_those_of_the_whole(planes):
    weight, photons, _ = planes
    cuts = (np.s_[3:50, 60:], np.s_[:], (np.array([1, 99]), np.array([5, 5])))
    for derived, whole in zip(sigma_planes(weight, 1.1, photons), (sigma_from_weight(weight, 1.1),
                                                                  sigma_from_weight(weight, 1.1, photons))):
        assert derived.shape == whole.shape and derived.dtype == whole.dtype
        np.testing.assert_array_equal(derived.whole(), whole)
        for cut in cuts:
            np.testing.assert_array_equal(derived[cut], whole[cut])


def test_only_what_is_read_is_worked_out():
    read = []
    plane = Derived((40, 40), lambda cut: read.append(cut) or np.zeros((2, 2), np.float32))
    assert not read and plane[3:5, 3:5].shape == (2, 2) and len(read) == 1


def test_photons_are_shared_out(planes):
    """Those of the host are in the score's variance, the others besides: nothing is counted twice or lost."""
    weight, photons, difference = planes
    bad = weight <= 0
    light = HostLight(photons, difference, weight, bad, 1.0)
    hosts = light_in_score(photons, difference, 1.0, bad)
    assert (hosts[40:50, 20:35][~bad[40:50, 20:35]] > 0).all()
    np.testing.assert_array_equal(light.variance.whole(), variance_from_weight(weight) + hosts)
    np.testing.assert_array_equal(light.others[30:60, 10:40], (photons - hosts)[30:60, 10:40])
