"""Resampling against analytic images: fluxes, positions, noise, masks."""
import numpy as np
import pytest
from astropy.io.fits import Header
from tests.kernels import cold_kernels

from sediff.ccdimage import CcdImage
from sediff.errors import BadData, BadUsage
from sediff.maskbits import UNUSABLE, Bit
from sediff.warp.grid import pixel_map
from sediff.warp.resample import warp, warp_rows
from sediff.wcs.read import pixel_to_sky, read_wcs, sky_to_pixel

SHAPE = (200, 180)


def ccd(image, head, mask=None, weight=1.0):
    shape = image.shape
    return CcdImage(image.astype(np.float32), np.zeros(shape, np.uint16) if mask is None else mask,
                    np.full(shape, weight, np.float32), head)


def moments(image, x, y, radius=12):
    v, u = np.mgrid[:image.shape[0], :image.shape[1]]
    part = np.where(np.hypot(u - x, v - y) < radius, image, 0.0)
    return part.sum(), (part * u).sum() / part.sum(), (part * v).sum() / part.sum()


@pytest.mark.parametrize('scale,angle', [(0.263, 0.0), (0.263, 30.0), (0.30, 5.0)])
def test_flux_and_position_are_kept(header, star, scale, angle):
    """A star keeps its electrons and its sky position under shift, rotation and a change of scale."""
    source = ccd(star(80.3, 110.7), header())
    target = header((85.37, 95.81), scale, angle)
    out = warp(source, target, SHAPE)
    expected = sky_to_pixel(read_wcs(target), *pixel_to_sky(read_wcs(source.header), 80.3, 110.7))
    flux, x, y = moments(out.image, *expected)
    assert flux == pytest.approx(1e4, rel=2e-3)
    assert np.hypot(x - expected[0], y - expected[1]) < 0.005


def test_same_grid_is_identity(header):
    image = np.random.default_rng(1).normal(100, 10, SHAPE)
    out = warp(ccd(image, header(), weight=0.01), header(), SHAPE, flux_scale=2.0)
    inner = (slice(5, -5), slice(5, -5))
    np.testing.assert_allclose(out.image[inner], 2 * image[inner], rtol=1e-3)
    np.testing.assert_allclose(out.weight[inner], 0.01 / 4, rtol=1e-3)


def test_noise_of_single_pixels_and_of_sums(header):
    """'pixel' weights predict single pixels, 'white' weights predict sums over many."""
    image = np.random.default_rng(2).normal(0, 5, (600, 600))
    target = header((90.45, 100.3))
    pixel = warp(ccd(image, header(), weight=1 / 25), target, image.shape, noise='pixel')
    white = warp(ccd(image, header(), weight=1 / 25), target, image.shape)
    inner = (slice(8, 592), slice(8, 592))
    assert np.std(pixel.image[inner] * np.sqrt(pixel.weight[inner])) == pytest.approx(1.0, abs=0.02)
    blocks = white.image[8:588, 8:588].reshape(29, 20, 29, 20).sum(axis=(1, 3))
    expected = np.sqrt(400 / white.weight[300, 300])
    assert blocks.std() == pytest.approx(expected, rel=4 / np.sqrt(2 * 841))


def test_bad_pixels_are_left_out_and_masks_stay_small(header):
    image = np.full(SHAPE, 50.0)
    mask = np.zeros(SHAPE, np.uint16)
    image[100, 90], mask[100, 90] = 1e6, Bit.CRAY
    image[:, 40], mask[:, 40] = np.nan, Bit.BPM
    out = warp(ccd(image, header(), mask), header((90.5, 100.5)), SHAPE)
    good = out.weight > 0
    np.testing.assert_allclose(out.image[good], 50.0, rtol=1e-3)
    assert np.array_equal(good, (out.mask & UNUSABLE) == 0)
    assert (out.mask & Bit.CRAY > 0).sum() == 4
    assert (out.mask[100] & Bit.BPM > 0).sum() == 2
    assert 0 < (out.mask & Bit.INTERP > 0).sum() < 20 * SHAPE[0]


def test_uncovered_pixels_are_edge(header):
    out = warp(ccd(np.ones(SHAPE), header()), header((140.0, 100.0)), SHAPE)
    assert (out.weight[:, :50] == 0).all() and (out.mask[:, :50] & Bit.EDGE > 0).all()
    assert (out.weight[10:-10, 60:] > 0).all()


def test_zero_weight_without_bits_is_marked(header):
    source = ccd(np.ones(SHAPE), header())
    source.weight[50:60, 50:60] = 0
    out = warp(source, header(), SHAPE)
    assert out.weight[55, 55] == 0 and out.mask[55, 55] & Bit.BPM


def test_map_error_is_measured(header):
    wcs, other = read_wcs(header()), read_wcs(header((10.3, 400.0), 0.25, 40.0))
    found = pixel_map(wcs, (500, 700), other, SHAPE)
    x, y = sky_to_pixel(other, *pixel_to_sky(wcs, 3 * found.step, found.step))
    assert found.error < 1e-3
    assert np.allclose((found.x[2, 4], found.y[2, 4]), (x, y))


def test_wrong_input(header):
    source = ccd(np.ones(SHAPE), header())
    with pytest.raises(BadData, match='WCS'):
        warp(source, Header(), SHAPE)
    with pytest.raises(BadUsage, match='flux scale'):
        warp(source, header(), SHAPE, flux_scale=0.0)
    with pytest.raises(BadUsage, match='noise'):
        warp(source, header(), SHAPE, noise='other')
    source.mask = source.mask[:-1]
    with pytest.raises(BadUsage, match='shape'):
        warp(source, header(), SHAPE)


@pytest.mark.night
def test_warm_compiles_every_kernel(header):
    """Those that read a user's plain files are compiled by their reader."""
    cold = cold_kernels('sediff.warp', 'sediff.warp.resample')
    assert [name for name in cold if name.split('.')[2] not in ('missing', 'noise')] == []
    assert cold_kernels('sediff.formats', 'sediff.formats.image_source') == []
    assert warp(ccd(np.ones(SHAPE), header()), header(), SHAPE).image[50, 50] == pytest.approx(1.0)


def test_rows_alone_are_those_of_the_whole(header, star):
    """Strips of the target, each from the source rows it needs, are byte for byte the whole; none where the source ends."""
    mask = np.zeros(SHAPE, np.uint16)
    mask[90:93, 40:60] = Bit.BPM
    source, target = ccd(star(80.3, 110.7), header(), mask), header((85.37, 250.81), angle=1.0)
    whole = warp(source, target, SHAPE)
    positions = pixel_map(read_wcs(target), SHAPE, read_wcs(source.header), SHAPE)
    for first in range(0, 200, 40):
        needed = positions.source_rows(first, first + 40)
        if needed is None:
            assert not whole.weight[first:first + 40].any()
            continue
        rows = slice(*needed)
        assert needed[1] - needed[0] < 80
        parts = warp_rows((source.image[rows], source.mask[rows], source.weight[rows]), positions, (first, first + 40),
                          needed[0], 1.0)
        for part, plane in zip(parts, (whole.image, whole.mask, whole.weight)):
            np.testing.assert_array_equal(part, plane[first:first + 40])
    assert positions.source_rows(0, 40) is None and positions.source_rows(160, 200) is not None
