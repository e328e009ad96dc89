"""From an image to its PSF: the brighter-fatter cut and what happens to bad images."""
import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.catalog.measure import measure, measure_bright
from sediff.ccdimage import CcdImage
from sediff.errors import BadData
from sediff.flow.single_epoch.stars import psf_and_statistics, psf_of
from sediff.maskbits import Bit
from sediff.psf.stars import safe_peak

pytestmark = pytest.mark.busy

SATURATE = 50000.0


def ccd_of(image):
    header = Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRPIX1': 1.0, 'CRPIX2': 1.0, 'CRVAL1': 30.0,
                     'CRVAL2': -20.0, 'CD1_1': 0.0, 'CD1_2': 7.3e-5, 'CD2_1': 7.3e-5, 'CD2_2': 0.0, 'SATURATE': SATURATE,
                     'FWHM': 4.0})
    return CcdImage(image, np.zeros(image.shape, np.uint16), np.full(image.shape, 0.01, np.float32), header)


@pytest.fixture(scope='module')
def fat_stars(moffat_field):
    """Stars whose width grows by 3 % up to saturation: half of them bright."""
    rng = np.random.default_rng(2)
    x, y = (a.ravel() + rng.uniform(-5, 5, 196) for a in np.meshgrid(np.linspace(40, 860, 14), np.linspace(40, 860, 14)))
    flux = np.where(np.arange(196) % 2, 9e5, 1e5)
    image = rng.normal(0, 10, (900, 900))
    for a, b, f in zip(x, y, flux):
        image += moffat_field((900, 900), 4.0 * (1 + 0.03 * 0.05 * f / SATURATE), 0.0).image([a], [b], [f], 0.0, 1)
    return ccd_of(image.astype(np.float32))


def test_bright_stars_do_not_widen_the_model(fat_stars):
    bright = measure_bright(fat_stars)
    safe, metrics = psf_and_statistics(fat_stars, bright, 2, 31)
    every = psf_of(fat_stars, bright, 2, 31, bright_margin=0.0)
    truth = 4.0 * (1 + 0.03 * 0.05 * 1e5 / SATURATE)
    assert abs(safe.fwhm / truth - 1) < 0.004
    assert every.fwhm / truth - 1 > 0.008
    assert metrics['peak_limit'] == pytest.approx(safe_peak(SATURATE, 1.5))
    assert safe_peak(100.0, 2.5) == pytest.approx(10.0)
    assert len(metrics['map']['FWHM']) == 32


def test_cut_gives_way_where_stars_are_few(fat_stars):
    bright = measure_bright(fat_stars)
    few = bright[bright['FLUX_MAX'] > safe_peak(SATURATE, 1.5)][:12]
    model, metrics = psf_and_statistics(fat_stars, few, 2, 31)
    assert metrics['peak_limit'] is None
    assert model.n_accepted >= 3


@pytest.mark.parametrize('stars', [0, 1])
def test_too_few_stars_are_rejected_with_the_reason(moffat_field, stars):
    image = moffat_field((300, 300)).image([150.0] * stars, [150.0] * stars, [1e5] * stars, 10.0, 1)
    ccd = ccd_of(image)
    with pytest.raises(BadData, match='at least 3'):
        psf_of(ccd, measure_bright(ccd), 2, 31)


def test_all_saturated_is_rejected(fat_stars):
    hot = fat_stars.image > 500.0
    ccd = CcdImage(fat_stars.image, np.where(hot, int(Bit.SATURATE), 0).astype(np.uint16),
                   np.where(hot, 0, fat_stars.weight).astype(np.float32), fat_stars.header)
    with pytest.raises(BadData, match='at least 3'):
        psf_of(ccd, measure_bright(ccd), 2, 31)


def test_nan_pixels(fat_stars):
    image = fat_stars.image.copy()
    image[::60, ::7] = np.nan
    ccd = ccd_of(image)
    model = psf_of(ccd, measure_bright(ccd), 2, 31)
    assert model.fwhm == pytest.approx(4.0, rel=0.02)
    table = measure(ccd, model, apertures=(6.0,))
    assert all(np.isfinite(table[name].astype(float)).all() for name in table.dtype.names)
    blank = ccd_of(np.full((200, 200), np.nan, np.float32))
    assert len(measure_bright(blank)) == 0
