"""Stars that moved between two or three exposures stay in the coadd; asteroids and cosmic rays beside them go."""
import sys
from pathlib import Path

import numpy as np
import pytest

from sediff.ccdimage import CcdImage
from sediff.maskbits import Bit
from sediff.template.coadd import Source, stack

sys.path.insert(0, str(Path(__file__).parent))
from made_up_warps import SKY, moffat

SHAPE = (320, 320)
PLACES = np.stack(np.meshgrid(np.arange(30, 310, 42.3), np.arange(30, 310, 42.3)), -1).reshape(-1, 2)


def warps_of(images, seed):
    rng = np.random.default_rng(seed)
    return [CcdImage((rng.poisson(image + SKY) - SKY).astype(np.float32), np.zeros(SHAPE, np.uint16),
                     np.full(SHAPE, 1 / SKY, np.float32)) for image in images]


def coadded(warps, fwhms):
    return stack([Source(lambda a, b, w=warp: CcdImage(w.image[a:b], w.mask[a:b], w.weight[a:b]), fwhm, 1.0)
                  for warp, fwhm in zip(warps, fwhms)], SHAPE)


def moving(fwhms, shift, flux):
    """Stars that move by `shift` px from one exposure to the next, each in a direction of its own."""
    angle = np.linspace(0, 2 * np.pi, len(PLACES))
    step = shift * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return [moffat(SHAPE, *(PLACES + k * step).T, np.full(len(PLACES), flux), fwhm) for k, fwhm in enumerate(fwhms)]


@pytest.mark.parametrize('fwhms', [(3.3, 3.5), (3.5, 3.3), (3.3, 3.4, 3.6)])
@pytest.mark.parametrize(('shift', 'flux'), [(0.5, 3e5), (0.85, 6e3), (0.85, 3e4), (0.85, 3e5), (1.5, 3e4), (1.5, 3e5),
                                              (3.0, 6e3), (3.0, 3e4), (3.0, 3e5), (5.0, 6e3), (5.0, 3e4)])
def test_a_star_that_moved_keeps_its_light(fwhms, shift, flux):
    images = moving(fwhms, shift, flux)
    found = coadded(warps_of(images, 1), fwhms)
    mean = np.mean(images, axis=0)
    for x, y in PLACES:
        part = np.s_[int(y) - 12:int(y) + 13, int(x) - 12:int(x) + 13]
        error = np.sqrt(625 * SKY / len(fwhms))
        assert abs(found.image.image[part].sum() - mean[part].sum()) < 4 * error + 0.02 * flux, (x, y)


@pytest.mark.parametrize('fwhms', [(3.3, 3.5), (3.3, 3.4, 3.6)])
def test_asteroids_and_cosmic_rays_go_as_before(fwhms):
    """In one exposure only: a source away from the stars, one near a star that does not move, rays beside moving stars."""
    images = moving(fwhms, 0.0, 3e4)
    alone = PLACES + 21.0
    near = PLACES[::2] + (9.0, -4.0)
    images[0] = images[0] + moffat(SHAPE, *alone.T, np.full(len(alone), 6e3), fwhms[0])
    images[1] = images[1] + moffat(SHAPE, *near.T, np.full(len(near), 1e4), fwhms[1])
    found = coadded(warps_of(images, 2), fwhms)
    x, y = np.round(alone[(alone < 300).all(axis=1)]).astype(int).T
    assert np.mean(found.coverage[y, x] == len(fwhms) - 1) == 1.0
    x, y = np.round(near).astype(int).T
    assert np.mean(found.coverage[y, x] == len(fwhms) - 1) > 0.95


def test_a_ray_beside_a_moving_star_goes():
    images = moving((3.3, 3.5), 0.8, 3e4)
    warps = warps_of(images, 3)
    x, y = np.round(PLACES + (5.0, 3.0)).astype(int).T
    for step in range(3):
        warps[0].image[y, x + step] += 1500.0
    found = coadded(warps, (3.3, 3.5))
    assert np.mean(found.coverage[y, x + 1] == 1) > 0.9


def test_a_star_that_is_masked_in_one_exposure_is_not_judged():
    images = moving((3.3, 3.5), 0.8, 3e5)
    warps = warps_of(images, 4)
    x, y = np.round(PLACES).astype(int).T
    for j in range(-2, 3):
        warps[1].mask[y + j, x] |= np.uint16(Bit.BPM)
    found = coadded(warps, (3.3, 3.5))
    assert (found.coverage[y, x] == 1).all() and np.all(found.image.image[y, x] > 5000)
