"""World coordinates of real TPV headers."""
from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.io.fits import Header

from sediff.errors import BadData
from sediff.instruments.focalplane import camera_model
from sediff.wcs.read import OUT_CORNERS, copy_wcs, out_corners, pixel_scale, pixel_to_sky, read_wcs, sky_to_pixel
from sediff.wcs.tpv import substitute, tpv_cards


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


def linear(matrix, **cards):
    header = Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRVAL1': 10.0, 'CRVAL2': -30.0, 'CRPIX1': 900.0,
                     'CRPIX2': 2100.0, **cards})
    for name, value in zip(('1_1', '1_2', '2_1', '2_2'), np.ravel(matrix)):
        header[f'CD{name}'] = float(value)
    return header


def distance(one, two):
    """Largest distance (arcsec) between two headers over a CCD."""
    x, y = grid()
    first, second = (SkyCoord(*pixel_to_sky(read_wcs(header), x, y), unit='deg') for header in (one, two))
    return first.separation(second).arcsec.max()


TURN = np.array([[-0.02, 1.0], [-1.0, -0.02]]) * 7.3e-5


def with_sip(order, size=3.0, seed=0):
    """A SIP header of a polynomial that moves the corners by some pixels."""
    rng, header = np.random.default_rng(seed), linear(TURN, CTYPE1='RA---TAN-SIP', CTYPE2='DEC--TAN-SIP')
    header['A_ORDER'] = header['B_ORDER'] = order
    for p in range(order + 1):
        for q in range(order + 1 - p):
            if p + q >= 2:
                header[f'A_{p}_{q}'], header[f'B_{p}_{q}'] = (size * rng.normal(size=2) / 1200.0 ** p / 2000.0 ** q).tolist()
    return header


def test_pc_and_cdelt_and_crota_are_read_like_cd():
    cd = linear(TURN)
    for name in ('CDELT', 'PC'):
        other = Header([card for card in cd.cards if not card.keyword.startswith('CD')])
        other['CDELT1'], other['CDELT2'] = (-7.3e-5, 7.3e-5)
        if name == 'PC':
            for axis, sign in ((1, -1.0), (2, 1.0)):
                for k in (1, 2):
                    other[f'PC{axis}_{k}'] = sign * TURN[axis - 1, k - 1] / 7.3e-5
            assert distance(other, cd) < 1e-6
        else:
            other['CROTA2'] = 33.0
            sine, cosine = np.sin(np.radians(33.0)), np.cos(np.radians(33.0))
            turned = linear(7.3e-5 * np.array([[-cosine, -sine], [-sine, cosine]]))
            assert distance(other, turned) < 1e-6


def test_cd_counts_where_a_header_has_both():
    cd = linear(TURN)
    both = cd.copy()
    both['CDELT1'], both['CDELT2'], both['CROTA2'], both['PC1_1'], both['PC2_2'] = 1.0, 1.0, 12.0, 1.0, 1.0
    assert distance(both, cd) < 1e-9
    copy_wcs(cd, both)
    assert not {'CDELT1', 'CROTA2', 'PC1_1'} & set(both)


@pytest.mark.parametrize('order', [2, 3, 4, 7])
def test_sip_becomes_tpv(order):
    header = with_sip(order)
    assert distance(header, linear(TURN)) > 0.5
    cards = tpv_cards(header)
    assert cards['CTYPE1'] == 'RA---TPV' and not any(name.startswith(('A_', 'B_')) for name in cards)
    assert distance(cards, header) < 1e-5
    target = header.copy()
    copy_wcs(cards, target)
    assert 'A_ORDER' not in target and distance(target, header) < 1e-5


def test_sip_beyond_tpv_and_other_projections_are_rejected():
    with pytest.raises(BadData, match='degree 8'):
        tpv_cards(with_sip(8))
    with pytest.raises(BadData, match='CTYPE'):
        tpv_cards(linear(TURN, CTYPE1='RA---ZEA', CTYPE2='DEC--ZEA'))
    with pytest.raises(BadData, match='LONPOLE'):
        tpv_cards(linear(TURN, LONPOLE=90.0))


def test_tan_with_pv_of_old_scamp_is_tpv(tpv_headers):
    header = tpv_headers[7].copy()
    cards = tpv_cards(header)
    kept = [name for name in cards if name.startswith(('PV', 'CD', 'CRVAL', 'CRPIX'))]
    assert len(kept) > 20 and all(cards[name] == header[name] for name in kept)
    header['CTYPE1'], header['CTYPE2'] = 'RA---TAN', 'DEC--TAN'
    assert distance(tpv_cards(header), tpv_headers[7]) < 1e-6
    assert distance(header, tpv_headers[7]) < 1e-6


def test_substitution_of_a_polynomial():
    rng = np.random.default_rng(3)
    table = np.triu(rng.normal(size=(5, 5))[:, ::-1])[:, ::-1]
    matrix, offset, (x, y) = rng.normal(size=(2, 2)), rng.normal(size=2), rng.normal(size=(2, 40))
    s, t = matrix @ np.stack([x, y]) + offset[:, None]
    np.testing.assert_allclose(np.polynomial.polynomial.polyval2d(x, y, substitute(table, matrix, offset)),
                               np.polynomial.polynomial.polyval2d(s, t, table), rtol=1e-10)


def test_the_camera_model_is_the_published_header(tpv_headers):
    """catalogs/tpv.csv counts pixels of the whole CCD, the published headers those of one trimmed by a pixel."""
    for ccd in (1, 31, 62):
        x, y = grid()
        header = tpv_headers[ccd]
        model = camera_model(ccd, header['CRVAL1'], header['CRVAL2'])
        ours = SkyCoord(*pixel_to_sky(read_wcs(model), x + 1.0, y + 1.0), unit='deg')
        assert ours.separation(SkyCoord(*pixel_to_sky(read_wcs(header), x, y), unit='deg')).arcsec.max() < 1e-3
