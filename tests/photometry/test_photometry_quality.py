import numpy as np
import pytest

from sediff.errors import BadData
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument
from sediff.photometry.quality import depth, effective_pixels, effective_time, gaussian_area
from sediff.refcat.lookup import read_quality_table


@pytest.fixture
def table(repository):
    return read_quality_table(table_path(default_instrument(), 'teff.csv'))


def test_reference_conditions_give_one(table):
    for band in ('g', 'r', 'i', 'z', 'Y'):
        row = table[band]
        clear = row['zero_point'] - row['extinction'] * 0.3 + 2.5 * np.log10(90.0)
        result = effective_time(band, row['fwhm'], row['sky'] * 4.0 * 90.0, 90.0, 1.3, clear, table, 4.0)
        assert result.t_eff == pytest.approx(1.0)
        assert result.cloud == pytest.approx(0.0, abs=1e-9)
        assert result.cloud_known


def test_each_factor(table):
    row = table['i']
    clear = row['zero_point'] + 2.5 * np.log10(90.0)
    result = effective_time('i', 2.0 * row['fwhm'], 3.0 * row['sky'] * 360.0, 90.0, 1.0, clear - 0.7, table, 4.0)
    assert (result.f, result.b, result.c) == pytest.approx((0.25, 1 / 3, 10 ** -0.4))
    assert result.t_eff == pytest.approx(0.25 / 3 * 10 ** -0.4)


def test_without_a_reference_zero_point_transparency_is_unknown(table):
    result = effective_time('VR', 1.04, 3.71 * 360.0, 90.0, 1.0, 31.0, table, 4.0)
    assert (result.c, result.cloud_known) == (1.0, False)
    assert not effective_time('r', 1.04, 3.71 * 360.0, 90.0, 1.0, None, table, 4.0).cloud_known


def test_wrong_input(table):
    with pytest.raises(BadData, match='band w'):
        effective_time('w', 1.0, 100.0, 90.0, 1.0, 31.0, table, 4.0)
    with pytest.raises(BadData, match='FWHM'):
        effective_time('r', np.nan, 100.0, 90.0, 1.0, 31.0, table, 4.0)
    with pytest.raises(BadData, match='sky'):
        effective_time('r', 1.0, -3.0, 90.0, 1.0, 31.0, table, 4.0)
    with pytest.raises(BadData):
        depth(31.0, 0.0, 30.0)
    with pytest.raises(BadData):
        effective_pixels(np.zeros((5, 5)))


def test_depth_is_what_psf_photometry_reaches():
    fwhm, noise, zero_point = 4.0, 20.0, 31.0
    y, x = np.mgrid[-20:21, -20:21]
    psf = np.exp(-(x ** 2 + y ** 2) * 4 * np.log(2) / fwhm ** 2)
    psf /= psf.sum()
    assert effective_pixels(psf) == pytest.approx(gaussian_area(fwhm), rel=1e-3)
    flux = 10 ** (-0.4 * (depth(zero_point, noise, gaussian_area(fwhm)) - zero_point))
    rng = np.random.default_rng(1)
    images = flux * psf + noise * rng.normal(size=(2000, *psf.shape))
    measured = np.tensordot(images, psf, 2) / np.sum(psf ** 2)
    assert measured.mean() / measured.std() == pytest.approx(5.0, rel=0.1)
