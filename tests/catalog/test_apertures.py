import numpy as np
import pytest
import sep

from sediff.catalog.apertures import circular_sums
from sediff.catalog.columns import aperture_diameters
from sediff.catalog.measure import measure_bright
from sediff.errors import BadUsage


def sums(image, bad, segmentation, x, y, radii, gain=1.0):
    flux, variance = np.zeros((len(x), len(radii))), np.zeros((len(x), len(radii)))
    circular_sums(image, np.full(image.shape, 2, np.float32), bad, segmentation, np.arange(1, len(x) + 1, dtype=np.int32),
                  np.array(x, float), np.array(y, float), np.array(radii, float), gain, flux, variance)
    return flux, variance


def test_agrees_with_sep(star_scene):
    ccd, x, y, _ = star_scene
    flux, variance = sums(ccd.image, np.zeros(ccd.shape, bool), np.zeros(ccd.shape, np.int32), x, y, [3.0, 7.5, 15.0], 2.0)
    for k, radius in enumerate((3.0, 7.5, 15.0)):
        truth, error, _ = sep.sum_circle(ccd.image, x, y, radius, err=2.0, gain=2.0, subpix=5)
        np.testing.assert_allclose(flux[:, k], truth, rtol=2e-5, atol=1.0)
        np.testing.assert_allclose(np.sqrt(variance[:, k]), error, rtol=0.01)


def test_neighbours_and_bad_pixels_are_mirrored(scene):
    clean = scene((60, 60)).stars(30.0, 30.0, 1e5).truth.astype(np.float32)
    bad, segmentation = np.zeros(clean.shape, bool), np.zeros(clean.shape, np.int32)
    spoilt = clean.copy()
    spoilt[30:36, 36:42], segmentation[30:36, 36:42] = 1e4, 2
    spoilt[25, 30], bad[25, 30] = 0.0, True
    wanted, _ = sums(clean, np.zeros_like(bad), 0 * segmentation, [30.0], [30.0], [12.0])
    found, _ = sums(spoilt, bad, segmentation, [30.0], [30.0], [12.0])
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_order_of_the_apertures_is_kept(star_scene):
    table = measure_bright(star_scene[0], apertures=(30.0, 8.0))
    again = measure_bright(star_scene[0], apertures=(8.0, 30.0))
    np.testing.assert_array_equal(table['FLUX_APER'], again['FLUX_APER'][:, ::-1])


def test_diameters():
    assert aperture_diameters('6, 12,24') == (6.0, 12.0, 24.0)
    assert aperture_diameters('') == ()
    for text in ('6,x', '0', '-3', 'nan', ' '.join(['5'] * 33)):
        with pytest.raises(BadUsage, match='APERTURES'):
            aperture_diameters(text)
