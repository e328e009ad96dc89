"""Cosmic rays of a single template against the search image: they go; stars, faded ones too, stay."""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from sediff.candidates.painters import add_stamp, moffat_psf
from sediff.ccdimage import CcdImage
from sediff.maskbits import Bit
from sediff.sim.cosmics import add_cosmics
from sediff.template.single_rays import mask_single_rays

SHAPE, SKY, FWHM = (700, 700), 900.0, 3.6


def image_of(light, seed):
    rng = np.random.default_rng(seed)
    image = (rng.poisson(SKY + light) - SKY + rng.normal(0, 6, SHAPE)).astype(np.float32)
    return CcdImage(image, np.zeros(SHAPE, np.uint16), np.full(SHAPE, 1 / (SKY + 36), np.float32))


def scene(faint=1.0):
    """300 stars of 500 to 2e5 e- that both see (the search image worse), 20 that only the template sees, and its rays."""
    rng, sharp, broad = np.random.default_rng(3), moffat_psf(FWHM), moffat_psf(1.15 * FWHM)
    template, search, faded = np.zeros(SHAPE), np.zeros(SHAPE), []
    for k in range(320):
        x, y = rng.uniform(20, SHAPE[1] - 20, 2)
        flux = 10 ** rng.uniform(2.7, 5.3)
        add_stamp(template, flux * sharp(x, y, 31), x, y)
        if k < 300:
            add_stamp(search, flux * broad(x, y, 31), x, y)
        else:
            faded.append((x, y, flux))
    charge = np.zeros(SHAPE, np.float32)
    add_cosmics(rng, charge, 60.0)
    charge *= np.float32(faint)
    return image_of(template + charge, 1), image_of(search, 2), charge, faded


def test_rays_go_and_stars_stay():
    template, search, charge, faded = scene()
    before = template.weight.copy()
    count = mask_single_rays(template, np.ones(SHAPE, np.int16), search, FWHM)
    found = (template.mask & np.uint16(Bit.CRAY)) != 0
    assert count == found.sum() > 300 and not template.weight[found].any()
    strong = charge > 5 * np.sqrt(SKY + 36)
    labels, number = ndimage.label(strong, np.ones((3, 3)))
    share = ndimage.mean(found, labels, np.arange(1, number + 1))
    assert found[strong].mean() > 0.95 and (share > 0.9).mean() > 0.9
    near = ndimage.binary_dilation(charge > 0, np.ones((5, 5)))
    assert (found & ~near).sum() < 0.03 * count
    for x, y, _ in faded:
        box = np.s_[round(y) - 1:round(y) + 2, round(x) - 1:round(x) + 2]
        assert near[box].any() or not found[box].any()
    np.testing.assert_array_equal(template.weight[~found], before[~found])


def test_faint_rays():
    """Rays of a third of the charge, which the single-exposure search may miss."""
    template, search, charge, _ = scene(0.33)
    mask_single_rays(template, np.ones(SHAPE, np.int16), search, FWHM)
    found = (template.mask & np.uint16(Bit.CRAY)) != 0
    assert found[charge > 6 * np.sqrt(SKY + 36)].mean() > 0.9


def test_nothing_where_two_inputs_agree_or_the_search_image_has_it_too():
    template, search, _, _ = scene()
    assert mask_single_rays(template, np.full(SHAPE, 2, np.int16), search, FWHM) == 0
    assert mask_single_rays(template, np.ones(SHAPE, np.int16), CcdImage(template.image.copy(), template.mask.copy(),
                                                                         template.weight.copy()), FWHM) == 0
