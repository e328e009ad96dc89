"""Saturated cores put back from their wings."""
import numpy as np
import pytest

from sediff.subtract.holes import patch_of
from sediff.subtract.restore import cluster, restore_cores
from sediff.subtract.stamps import find_stars


@pytest.fixture(scope='module')
def field(make_pair):
    """A template with its saturated pixels cut off, and the light that was there."""
    pair = make_pair(seed=5, n=90)
    return pair


def test_lost_light_comes_back(field):
    image, variance = field.template, field.template_variance
    limit = 3000.0
    bad = image > limit
    level = float(np.median(image))
    clipped = np.minimum(image, limit)
    stars = find_stars(clipped, clipped, variance, variance, bad, bad, levels=(level, level))
    patch = patch_of(clipped, level, bad)
    full, restored = restore_cores(clipped, level, bad, 9.0, patch, stars)
    true = image.ravel()[patch.index] - level
    assert restored.mean() > 0.7
    assert full.value[restored].sum() / true[restored].sum() == pytest.approx(1.0, abs=0.1)
    assert patch.value[restored].sum() / true[restored].sum() < 0.7


def test_without_cores_or_stars_nothing_changes(field):
    image, variance = field.template, field.template_variance
    bad = np.zeros(image.shape, bool)
    bad[100:110, 50:60] = True
    level = float(np.median(image))
    stars = find_stars(image, image, variance, variance, bad, bad, levels=(level, level))
    patch = patch_of(image, level, bad)
    full, restored = restore_cores(image, level, bad, 1e6, patch, stars)
    assert full is patch and not restored.any()


def test_clusters_are_apart():
    rows, columns = np.array([5, 5, 6, 20, 21, 22]), np.array([5, 6, 7, 5, 5, 40])
    group = cluster(rows, columns)
    assert group[0] == group[1] == group[2] and group[3] == group[4]
    assert len(set(group)) == 3
