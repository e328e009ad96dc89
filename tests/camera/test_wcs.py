"""World coordinates of real TPV headers."""
from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.io.fits import Header

from sediff.camera.wcs import OUT_CORNERS, copy_wcs, out_corners, pixel_scale, pixel_to_sky, read_wcs, sky_to_pixel
from sediff.errors import BadData


@pytest.fixture(scope='module')
def tpv_headers(realdata):
    """Community Pipeline headers of all CCDs of exposure 663766."""
    with fits.open(realdata / 'calib' / 'decam_tpv_headers_all_62ccds.decam.wcs.fits') as hdus:
        return {hdu.header['CCDNUM']: hdu.header.copy() for hdu in hdus if 'CCDNUM' in hdu.header}


def grid():
    x, y = np.meshgrid(np.linspace(0, 2047, 9), np.linspace(0, 4095, 9))
    return x.ravel(), y.ravel()


def test_round_trip_of_every_ccd(tpv_headers):
    x, y = grid()
    assert len(tpv_headers) >= 60
    for header in tpv_headers.values():
        wcs = read_wcs(header)
        back_x, back_y = sky_to_pixel(wcs, *pixel_to_sky(wcs, x, y))
        assert np.abs(back_x - x).max() < 1e-3 and np.abs(back_y - y).max() < 1e-3


def test_tpv_by_hand(tpv_headers):
    """The TPV polynomial written out (Calabretta's TPV convention), for the corner CCD with the largest distortion."""
    header = tpv_headers[1]
    x, y = grid()
    dx, dy = x + 1 - header['CRPIX1'], y + 1 - header['CRPIX2']
    xi = header['CD1_1'] * dx + header['CD1_2'] * dy
    eta = header['CD2_1'] * dx + header['CD2_2'] * dy

    def polynomial(axis, u, v):
        r = np.hypot(u, v)
        terms = [1, u, v, r, u * u, u * v, v * v, u ** 3, u * u * v, u * v * v, v ** 3]
        return sum(header.get(f'PV{axis}_{k}', 0.0) * term for k, term in enumerate(terms))
    plane_x, plane_y = np.radians(polynomial(1, xi, eta)), np.radians(polynomial(2, eta, xi))
    ra0, dec0 = np.radians(header['CRVAL1']), np.radians(header['CRVAL2'])
    denominator = np.cos(dec0) - plane_y * np.sin(dec0)
    ra = ra0 + np.arctan2(plane_x, denominator)
    dec = np.arctan2(np.sin(dec0) + plane_y * np.cos(dec0), np.hypot(plane_x, denominator))
    truth = SkyCoord(np.degrees(ra), np.degrees(dec), unit='deg')
    found = SkyCoord(*pixel_to_sky(read_wcs(header), x, y), unit='deg')
    assert truth.separation(found).arcsec.max() < 1e-6


def test_pixel_scale(tpv_headers):
    assert pixel_scale(read_wcs(tpv_headers[35])) == pytest.approx(0.2623, abs=0.002)


def test_out_corners_have_the_old_order(tpv_headers):
    wcs = read_wcs(tpv_headers[35])
    corners = out_corners(wcs)
    x, y = sky_to_pixel(wcs, corners[:, 0], corners[:, 1])
    np.testing.assert_allclose(np.stack([x, y], axis=1) + 1, OUT_CORNERS, atol=1e-3)
    assert corners.shape == (4, 2) and OUT_CORNERS[1] == (16, 4081)


def test_ra_stays_within_a_turn():
    header = Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRVAL1': 0.0, 'CRVAL2': -30.0, 'CRPIX1': 1.0,
                     'CRPIX2': 1.0, 'CD1_1': -7e-5, 'CD1_2': 0.0, 'CD2_1': 0.0, 'CD2_2': 7e-5})
    ra, _ = pixel_to_sky(read_wcs(header), [-100.0, 100.0], [0.0, 0.0])
    assert 0 < ra[0] < 1 and 359 < ra[1] < 360


def test_copy_replaces_all_terms(tpv_headers):
    target = tpv_headers[1].copy()
    source = Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRVAL1': 10.0, 'CRVAL2': -30.0, 'CRPIX1': 1.0,
                     'CRPIX2': 1.0, 'CD1_1': -7e-5, 'CD1_2': 0.0, 'CD2_1': 0.0, 'CD2_2': 7e-5})
    copy_wcs(source, target)
    assert 'PV1_1' not in target and target['CTYPE1'] == 'RA---TAN' and target['CCDNUM'] == 1


@pytest.mark.parametrize('header', [Header(), Header({'CTYPE1': 'LINEAR', 'CTYPE2': 'LINEAR'})])
def test_no_wcs(header):
    with pytest.raises(BadData, match='WCS'):
        read_wcs(header)
