"""Templates of unlike depth: white noise, exact variance and the right PSF in each zone."""
import sys
from pathlib import Path

import numpy as np
import pytest

from sediff.detect.matched import score_image
from sediff.psf.model import PsfModel
from sediff.psf.zoned import ZonedPsf
from sediff.subtract.difference_psf import psf_of_difference
from sediff.subtract.planes import Planes
from sediff.subtract.subtract import subtract
from sediff.subtract.zones import CELL, Zones, noise_zones

sys.path.insert(0, str(Path(__file__).parent.parent / 'template'))
from made_up_warps import moffat

SCIENCE, TEMPLATE = 4.2, 3.4


def painted(shape, seed, depths=(1.0, 0.5), new=()):
    """Science of unit variance; the template's is depths[0] in the lower half, depths[1] in the upper; stars."""
    rng = np.random.default_rng(seed)
    n = shape[0] * shape[1] // 9000
    stars = np.c_[rng.uniform(20, shape[1] - 20, n), rng.uniform(20, shape[0] - 20, n), 10 ** rng.uniform(2, 4, n)]
    variance = np.full(shape, depths[0], np.float32)
    variance[shape[0] // 2:] = depths[1]
    objects = np.vstack([stars, new]) if len(new) else stars
    science = moffat(shape, *objects.T, SCIENCE) + rng.normal(size=shape)
    template = moffat(shape, *stars.T, TEMPLATE) + rng.normal(size=shape) * np.sqrt(variance)
    free = np.ones(shape, bool)
    for x, y in objects[:, :2]:
        free[max(0, int(y) - 22):int(y) + 23, max(0, int(x) - 22):int(x) + 23] = False
    bad = np.zeros(shape, bool)
    return (science.astype(np.float32), template.astype(np.float32), np.ones(shape, np.float32), variance, bad, bad), free


def scored(arrays, free, **options):
    """The difference, its PSF, its score, and the sky of each zone off its border."""
    found = subtract(*arrays, decorrelate=True, **options)
    stamp = moffat((31, 31), [15], [15], [1.0], SCIENCE)
    psf = psf_of_difference(PsfModel((stamp / stamp.sum())[None], 0, (1.0, 1.0), (1.0, 1.0), 1.0, SCIENCE), found)
    score = score_image(found.image, found.variance, found.mask, psf.image, zones=psf if isinstance(psf, ZonedPsf) else None)
    middle = found.image.shape[0] // 2
    zones = []
    for rows in (slice(30, middle - 15), slice(middle + 15, -30)):
        sky = np.zeros(free.shape, bool)
        sky[rows] = (free & ~found.mask)[rows]
        zones.append(sky)
    return found, psf, score, zones


def check_noise(found, score, zones, tolerance):
    for sky in zones:
        chi = np.where(sky, found.image / np.sqrt(found.variance), 0.0)
        assert score.score[sky].std() == pytest.approx(1.0, abs=tolerance)
        assert chi[sky].std() == pytest.approx(1.0, abs=tolerance)
        for dx, dy in ((1, 0), (0, 1), (1, 1)):
            ny, nx = chi.shape
            assert abs(np.sum(chi[dy:, dx:] * chi[:ny - dy, :nx - dx])) < 0.01 * np.sum(chi**2)


def test_noise_of_the_score_is_one_in_each_zone():
    found, psf, score, zones = scored(*painted((1024, 1024), 1))
    assert isinstance(psf, ZonedPsf) and len(psf.models) == 2 and abs(score.noise_scale - 1.0) < 0.02
    check_noise(found, score, zones, 0.02)


@pytest.mark.slow
def test_tail_of_the_score_is_normal_in_each_zone():
    """Four million pixels a zone: 31.7 of a million lie above 4 sigma; neighbours are alike, so that they come in groups."""
    found, _, score, zones = scored(*painted((4200, 2200), 2))
    check_noise(found, score, zones, 0.01)
    for sky in zones:
        assert 24 < 1e6 * np.mean(np.abs(score.score[sky]) > 4) / 2 < 40


def test_fluxes_are_right_in_each_zone():
    rng = np.random.default_rng(3)
    places = np.stack(np.meshgrid(np.arange(40, 1000, 60), np.arange(50, 1000, 62)), -1).reshape(-1, 2)
    new = np.c_[places + rng.uniform(-4, 4, places.shape), np.full(len(places), 4000.0)]
    arrays, free = painted((1024, 1024), 4, new=new)
    stars = np.ones(len(new), bool)
    found, psf, *_ = scored(arrays, free)
    for low, high in ((0, 490), (534, 1024)):
        fluxes = []
        for x, y, _ in new[stars & (new[:, 1] > low) & (new[:, 1] < high)]:
            i, j = round(x), round(y)
            part, stamp = np.s_[j - 12:j + 13, i - 12:i + 13], psf.image(x, y, 25)
            if not found.mask[part].any():
                fluxes.append(np.sum(found.image[part] * stamp) / np.sum(stamp**2))
        assert len(fluxes) > 80
        assert np.median(fluxes) == pytest.approx(4000, rel=0.003)


def test_kernel_of_the_templates_noise_is_taken_into_account():
    """Noise of the lower half convolved with a kernel that sharpens: with the zone told it is white, without it is not."""
    (science, template, one, variance, bad, _), free = painted((512, 1024), 5, (1.0, 1.0))
    rng = np.random.default_rng(6)
    kernel = np.zeros((5, 5), np.float32)
    kernel[1:4, 2], kernel[2, 1:4], kernel[2, 2] = -0.25, -0.25, 2.0
    noise = rng.normal(size=template.shape)
    sharp = sum(kernel[j, i] * np.roll(noise, (j - 2, i - 2), (0, 1)) for j in range(5) for i in range(5))
    template[:256] += (2.0 * sharp[:256]).astype(np.float32)
    template[256:] += (2.0 * noise[256:]).astype(np.float32)
    arrays = (science, template, one, variance + 4.0, bad, bad)
    labels = np.zeros((64, 128), np.uint8)
    labels[32:] = 1
    delta = np.zeros_like(kernel)
    delta[2, 2] = 1.0
    # the zone's noise: 1 white and 4 sharpened; the sharpened part rules
    kernels = np.stack([delta + 0.89 * (kernel - delta), delta])
    ratios = []
    for zones in (None, Zones(labels, kernels)):
        _, _, score, skies = scored(arrays, free, template_zones=zones)
        ratios.append(score.score[skies[0]].std() / score.score[skies[1]].std())
    assert ratios[0] > 1.03 and abs(ratios[1] - 1.0) < 0.02


def test_zones_follow_the_ratio_of_the_variances_and_those_given():
    shape = (256, 512)
    template = np.ones(shape, np.float32)
    template[:, 160:320], template[:, 320:] = 0.5, 0.34
    template *= np.linspace(0.98, 1.02, shape[1]).astype(np.float32)
    bad = np.zeros(shape, bool)
    bad[:, 400:] = True
    template[100, 100] = 50.0
    planes = Planes(template, template, np.ones(shape, np.float32), template, bad, bad, 0.0, 0.0)
    found = noise_zones(planes)
    assert sorted(found.typical) == pytest.approx([0.34, 0.5, 1.0], rel=0.03)
    for column, value in ((60, 1.0), (240, 0.5), (360, 0.34)):
        assert found.typical[found.labels[:, column // CELL]] == pytest.approx(value, rel=0.03)
    given = Zones(np.ones((32, 64), np.uint8), np.stack([np.eye(3), 2 * np.eye(3)]).astype(np.float32))
    given.labels[:, :20] = 0
    found = noise_zones(planes, given)
    assert found.kernels[found.labels[4, 5]][1, 1] == 1 and found.kernels[found.labels[4, 50]][1, 1] == 2
    planes.template_bad[:] = True
    assert noise_zones(planes).typical == pytest.approx(1.0)
