"""Coadds against known images: noise, outliers, star cores, coverage."""
import numpy as np
import pytest
from tests.kernels import cold_kernels

from sediff.ccdimage import CcdImage
from sediff.errors import BadData, BadUsage
from sediff.maskbits import Bit
from sediff.template.coadd import coadd

SHAPE = (300, 120)


def exposure(rng, sigma, truth=0.0):
    image = (truth + rng.normal(0, sigma, SHAPE)).astype(np.float32)
    return CcdImage(image, np.zeros(SHAPE, np.uint16), np.full(SHAPE, sigma**-2, np.float32))


def test_noise_is_that_of_the_weighted_mean():
    rng = np.random.default_rng(1)
    out, coverage = coadd([exposure(rng, s) for s in (1.0, 2.0, 4.0, 3.0)])
    assert coverage.dtype == np.int16 and coverage.max() == 4
    assert np.mean(coverage < 4) < 2e-3
    chi = out.image * np.sqrt(out.weight)
    assert chi.std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * chi.size))
    assert np.median(out.weight) == pytest.approx(1 + 1 / 4 + 1 / 16 + 1 / 9, rel=1e-5)


def test_cosmic_rays_go_and_star_cores_stay():
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:SHAPE[0], :SHAPE[1]]
    stars = []
    for sigma in (1.7, 2.0, 1.8, 2.2):
        stars.append(1e5 / (2 * np.pi * sigma**2) * np.exp(-0.5 * ((x - 60)**2 + (y - 128)**2) / sigma**2))
    images = [exposure(rng, 3.0, star) for star in stars]
    images[1].image[40, 30] += 500.0
    images[3].image[127:130, 20] += 900.0
    out, coverage = coadd(images, [2.3548 * sigma for sigma in (1.7, 2.0, 1.8, 2.2)])
    core = np.hypot(x - 60, y - 128) < 8
    assert (coverage[core] == 4).mean() > 0.98
    assert coverage[40, 30] == 3 and (coverage[127:130, 20] == 3).all()
    assert abs(out.image[40, 30]) < 5 * 3 / np.sqrt(3)
    assert out.image[core].sum() == pytest.approx(np.mean(stars, axis=0)[core].sum(), rel=0.005)


def test_partial_coverage_and_bits_where_nothing_is_good():
    rng = np.random.default_rng(3)
    images = [exposure(rng, 1.0), exposure(rng, 1.0)]
    images[0].weight[:, :50] = 0
    images[1].weight[:, :20] = 0
    images[0].mask[:, :10] = Bit.BPM
    images[1].image[5, 60] = np.nan
    images[1].mask[7, 60] = Bit.CRAY
    out, coverage = coadd(images)
    assert (coverage[:, :20] == 0).all() and (coverage[:, 20:50] == 1).all()
    assert coverage[5, 60] == coverage[7, 60] == 1
    assert (out.mask[:, :10] == Bit.BPM).all() and (out.mask[:, 10:20] == Bit.EDGE).all()
    assert (out.weight[:, :20] == 0).all() and np.isfinite(out.image).all() and (out.mask[:, 20:] == 0).all()


@pytest.mark.night
def test_warm_compiles_every_kernel():
    assert cold_kernels('sediff.template', 'sediff.template.warming') == []


def test_one_image_is_kept_as_it_is():
    image = exposure(np.random.default_rng(4), 2.0)
    image.header['EXPNUM'] = 123456
    out, _ = coadd([image])
    np.testing.assert_allclose(out.image, image.image, rtol=1e-6)
    assert out.header['NCOMBINE'] == 1 and out.header['CEXP0001'] == 123456


def test_wrong_input():
    image = exposure(np.random.default_rng(5), 1.0)
    with pytest.raises(BadUsage, match='no image'):
        coadd([])
    small = CcdImage(image.image[:-1], image.mask[:-1], image.weight[:-1])
    with pytest.raises(BadUsage, match='shape'):
        coadd([image, small])
    image.weight[:] = 0
    with pytest.raises(BadData, match='good pixel'):
        coadd([image])
