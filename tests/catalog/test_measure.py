import numpy as np
import pytest
from astropy.io.fits import Header
from tests.kernels import cold_kernels

from sediff.catalog.columns import BASE, PSF, empty_catalogue, magnitudes
from sediff.catalog.measure import measure, measure_bright, measure_with_map
from sediff.ccdimage import CcdImage
from sediff.errors import BadData
from sediff.formats.fits import read_image
from sediff.maskbits import Bit
from sediff.psf.fit import fit_psf
from sediff.psf.stars import select_stars
from sediff.wcs.read import pixel_to_sky, read_wcs


def match(catalogue, x, y):
    """Row of the object nearest to each true place; all must lie within a pixel."""
    distance = np.hypot(catalogue['XWIN_IMAGE'][:, None] - 1 - x, catalogue['YWIN_IMAGE'][:, None] - 1 - y)
    assert distance.min(axis=0).max() < 1.5
    return distance.argmin(axis=0)


def test_isolated_stars(star_scene, psf, enclosed):
    ccd, x, y, flux = star_scene
    table = measure(ccd, psf)
    rows = table[match(table, x, y)]
    snr = rows['FLUX_PSF'] / rows['FLUXERR_PSF']
    pull = (rows['FLUX_PSF'] - flux * enclosed) / rows['FLUXERR_PSF']
    assert 0.8 < pull.std() < 1.25
    bright = snr > 30
    assert abs(np.mean(rows['FLUX_PSF'] / (flux * enclosed)) - 1) < 0.005
    place = np.r_[rows['XWIN_IMAGE'] - 1 - x, rows['YWIN_IMAGE'] - 1 - y] / np.tile(rows['ERRAWIN_IMAGE'], 2)
    assert abs(place.mean()) < 0.15
    assert 0.8 < place.std() < 1.25
    kron = (rows['FLUX_AUTO'] / flux)[bright]
    assert 0.93 < np.median(kron) < 1.0
    assert (rows['FLAGS'] == 0).mean() > 0.97
    assert (rows['IMAFLAGS_ISO'] == 0).all()
    assert np.median(rows['FWHM_IMAGE'][bright]) == pytest.approx(4.0, rel=0.015)
    assert np.allclose(rows['FWHMPSF_IMAGE'], 4.0, rtol=0.01)
    assert np.allclose(rows['FWHMPSF_WORLD'] / rows['FWHMPSF_IMAGE'], 7.3e-5, rtol=1e-3)
    np.testing.assert_allclose(rows['MAG_PSF'], 25 - 2.5 * np.log10(rows['FLUX_PSF']), rtol=1e-5)
    ra, dec = pixel_to_sky(read_wcs(ccd.header), rows['XWIN_IMAGE'] - 1, rows['YWIN_IMAGE'] - 1)
    np.testing.assert_allclose(rows['ALPHAWIN_J2000'], ra, atol=1e-9)
    np.testing.assert_allclose(rows['DELTAWIN_J2000'], dec, atol=1e-9)


def test_auto_errors(star_scene):
    ccd, x, y, flux = star_scene
    table = measure(ccd)
    rows = table[match(table, x, y)]
    bright = flux > 2e4
    expected = flux[bright] * np.median(rows['FLUX_AUTO'][bright] / flux[bright])
    pull = (rows['FLUX_AUTO'][bright] - expected) / rows['FLUXERR_AUTO'][bright]
    # the aperture's size follows the noise too, which adds some
    assert 0.8 < 1.4826 * np.median(np.abs(pull - np.median(pull))) < 1.4


def test_spread_model_separates(scene, psf, grid):
    x, y = grid(1000, 55, 9)
    flux = 10 ** np.random.default_rng(1).uniform(4.0, 5.0, x.size)
    galaxy = np.arange(x.size) % 2 == 1
    radius = np.random.default_rng(2).uniform(1.5, 4.0, x.size)
    stage = scene((1000, 1000)).stars(x[~galaxy], y[~galaxy], flux[~galaxy])
    ccd = stage.galaxies(x[galaxy], y[galaxy], flux[galaxy], radius[galaxy]).ccd(4)
    table = measure(ccd, psf)
    rows = table[match(table, x, y)]
    assert np.abs(rows['SPREAD_MODEL'][~galaxy]).max() < 0.003
    assert np.mean(rows['SPREAD_MODEL'][galaxy] > 0.003) > 0.97
    assert np.mean(rows['CLASS_STAR'][~galaxy] > 0.8) > 0.97
    assert np.mean(rows['CLASS_STAR'][galaxy] < 0.5) > 0.97
    bare = measure(ccd)
    rows = bare[match(bare, x, y)]
    assert np.mean(rows['CLASS_STAR'][~galaxy] > 0.8) > 0.9
    assert np.mean(rows['CLASS_STAR'][galaxy] < 0.5) > 0.8


def test_with_a_psf_fitted_to_the_image(star_scene, enclosed):
    ccd, x, y, flux = star_scene
    table, segmentation = measure_with_map(ccd)
    stars = select_stars(table, minimum_snr=40)
    model, _, statistics = fit_psf(ccd.image, ccd.weight, ccd.mask, table['XWIN_IMAGE'][stars] - 1,
                                   table['YWIN_IMAGE'][stars] - 1, table['FLUX_AUTO'][stars], size=41,
                                   segmentation=segmentation)
    assert stars.size > 100
    assert statistics.residual_peak < 0.02
    table = measure(ccd, model)
    rows = table[match(table, x, y)]
    ratio = rows['FLUX_PSF'] / (flux * enclosed)
    assert abs(np.average(ratio, weights=(flux / rows['FLUXERR_PSF']) ** 2) - 1) < 0.005
    assert np.abs(rows['SPREAD_MODEL'][flux > 3e4]).max() < 0.002


def test_flags(scene, psf):
    x, y = np.array([60.0, 70.0, 150.3, 240.2, 1.0]), np.array([60.0, 60.5, 150.1, 60.6, 240.0])
    ccd = scene((300, 300)).stars(x, y, [1e5, 5e4, 3e6, 5e4, 5e4]).ccd(1)
    hot = ccd.image > 50000
    ccd.mask[hot], ccd.weight[hot] = int(Bit.SATURATE), 0
    ccd.mask[58, 239] = int(Bit.TAPEBUMP)
    table = measure(ccd, psf)
    blend_a, blend_b, saturated, tape, border = table[match(table, x, y)]
    assert blend_a['FLAGS'] & 2
    assert blend_b['FLAGS'] & 2
    assert blend_b['FLAGS'] & 1
    assert saturated['FLAGS'] & 4
    assert saturated['IMAFLAGS_ISO'] & Bit.SATURATE
    assert tape['FLAGS'] == 0
    assert tape['IMAFLAGS_ISO'] == Bit.TAPEBUMP
    assert border['FLAGS'] & 8
    assert border['FLAGS'] & 16
    # a saturated star keeps the flux that its wings tell
    assert saturated['FLUX_PSF'] == pytest.approx(3e6, rel=0.02)


def test_bad_columns_and_nan(scene, psf, enclosed, grid):
    x, y = grid(600, 60, 3)
    ccd = scene((600, 600)).stars(x, y, 5e4).ccd(1)
    ccd.image[:, 300:303], ccd.weight[:, 300:303], ccd.mask[:, 300:303] = np.nan, 0, int(Bit.BPM)
    ccd.image[::50, ::50] = np.nan
    ccd.weight[5, 5] = np.inf
    table = measure(ccd, psf)
    assert len(table) == pytest.approx(x.size, abs=12)
    for name in table.dtype.names:
        assert np.isfinite(table[name].astype(float)).all(), name
    clean = table[(table['IMAFLAGS_ISO'] == 0) & (table['FLAGS'] == 0)]
    assert np.median(clean['FLUX_PSF']) == pytest.approx(5e4 * enclosed, rel=0.005)


def test_one_star(scene, psf, enclosed):
    table = measure(scene((80, 90)).stars(40.3, 30.8, 2e4).ccd(1), psf, threshold=3.0)
    assert len(table) == 1
    assert table['NUMBER'][0] == 1
    assert table['XPSF_IMAGE'][0] == pytest.approx(41.3, abs=0.1)
    assert abs(table['FLUX_PSF'][0] - 2e4 * enclosed) < 5 * table['FLUXERR_PSF'][0]


def test_empty_and_masked_images(scene, psf):
    ccd = scene((64, 64)).ccd(1)
    for model, fields in ((psf, BASE + PSF), (None, BASE)):
        for weight in (ccd.weight, 0 * ccd.weight):
            table = measure(CcdImage(ccd.image, ccd.mask, weight, ccd.header), model, threshold=5.0)
            assert len(table) == 0
            assert table.dtype.names == tuple(name for name, _, _ in fields)


def test_bright_mode(star_scene):
    ccd, x, y, flux = star_scene
    table = measure_bright(ccd)
    bright = flux > 1e4
    rows = table[match(table, x[bright], y[bright])]
    assert 'FLUX_PSF' not in table.dtype.names
    assert np.std(rows['XWIN_IMAGE'] - 1 - x[bright]) < 0.06
    assert len(table) < x.size + 3


def test_apertures(star_scene):
    ccd, x, y, flux = star_scene
    table = measure_bright(ccd, apertures=(8.0, 30.0))
    rows = table[match(table, x[flux > 1e4], y[flux > 1e4])]
    ratio = rows['FLUX_APER'] / flux[flux > 1e4][:, None]
    # a Moffat's flux within radius r is 1 - (1 + r^2/alpha^2)^(1-beta)
    alpha2 = 4.0 / (2 ** (1 / 3) - 1)
    np.testing.assert_allclose(np.median(ratio, axis=0), 1 - (1 + np.array([16.0, 225.0]) / alpha2) ** -2.0, atol=0.01)
    assert measure_bright(ccd, apertures=(8.0,))['FLUX_APER'].ndim == 1


def test_magnitudes():
    magnitude, error = magnitudes(np.array([100.0, 0.0, -5.0, np.nan, 10.0]), np.array([1.0, 1.0, 1.0, 1.0, 0.0]))
    np.testing.assert_allclose(magnitude, [20, 99, 99, 99, 99])
    assert error[0] == pytest.approx(0.010857, rel=1e-3)
    assert (error[1:] == 99).all()


def test_columns_of_the_empty_catalogue():
    assert empty_catalogue(3, True, 2)['FLUX_APER'].shape == (3, 2)
    assert empty_catalogue(0, False).dtype['FLAGS'] == np.int16


def test_wrong_input(scene, psf):
    ccd = scene((50, 50)).ccd(1)
    with pytest.raises(BadData, match='WCS'):
        measure(CcdImage(ccd.image, ccd.mask, ccd.weight, Header()), psf)
    with pytest.raises(BadData, match='shapes'):
        measure(CcdImage(ccd.image, ccd.mask[1:], ccd.weight, ccd.header), psf)


@pytest.mark.night
def test_warm_compiles_every_kernel():
    assert cold_kernels('sediff.catalog') == []


@pytest.mark.realdata
def test_two_epochs_of_a_real_field(realdata):
    tables = []
    for epoch in 'AB':
        image, header = read_image(realdata / 'finalphot_des_sn_e1' / f'pair_ccd01_epoch{epoch}_1001.fits')
        image = (image - np.median(image)).astype(np.float32)
        weight = np.full(image.shape, (1.4826 * np.median(np.abs(image))) ** -2, np.float32)
        ccd = CcdImage(image, np.where(image > 30000, Bit.SATURATE, 0).astype(np.uint16), weight, header)
        table, segmentation = measure_with_map(ccd, gain=4.0, fwhm=4.5)
        stars = select_stars(table)
        model, _, _ = fit_psf(image, weight, ccd.mask, table['XWIN_IMAGE'][stars] - 1, table['YWIN_IMAGE'][stars] - 1,
                              table['FLUX_AUTO'][stars], segmentation=segmentation, gain=4.0)
        tables.append(measure(ccd, model, gain=4.0, fwhm=4.5))
    first, second = tables
    good = (second['CLASS_STAR'] > 0.8) & (second['FLAGS'] == 0) & (second['FLUX_PSF'] > 50 * second['FLUXERR_PSF'])
    ra, dec = ((first[name] - second[name][good][:, None]) * 3600 for name in ('ALPHAWIN_J2000', 'DELTAWIN_J2000'))
    distance = np.hypot(ra, dec)
    nearest = distance.argmin(axis=1)
    paired = distance.min(axis=1) < 1.0
    assert paired.sum() >= 5
    change = second['MAG_PSF'][good][paired] - first['MAG_PSF'][nearest][paired]
    assert np.median(change) == pytest.approx(-0.027, abs=0.03)
    assert abs(np.median(ra[np.arange(nearest.size), nearest][paired])) < 0.05
