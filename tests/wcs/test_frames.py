"""Frames of headers: positions come out as ICRS whatever the header counts in."""
from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import FK4, FK5, Galactic, SkyCoord
from astropy.io.fits import Header

from sediff.errors import BadData
from sediff.wcs.frames import FK5_2000, converted
from sediff.wcs.read import pixel_to_sky, read_wcs, sky_to_pixel


def header(lon, lat, names=('RA---TAN', 'DEC--TAN'), **cards):
    d = 0.26 / 3600
    return Header({'CTYPE1': names[0], 'CTYPE2': names[1], 'CRVAL1': lon, 'CRVAL2': lat, 'CRPIX1': 500.0, 'CRPIX2': 700.0,
                   'CD1_1': -d, 'CD1_2': 0.0, 'CD2_1': 0.0, 'CD2_2': d, **cards})


FRAMES = [(Galactic(), ('GLON-TAN', 'GLAT-TAN'), {}), (FK4(equinox='B1950'), None, {'RADESYS': 'FK4', 'EQUINOX': 1950.0}),
          (FK4(equinox='B1950'), None, {'EQUINOX': 1950.0}), (FK4(equinox='B1950'), None, {'RADESYS': 'FK4'}),
          (FK4(equinox='B1975'), None, {'RADECSYS': 'FK4', 'EPOCH': 1975.0}),
          (FK5(equinox='J2017.63'), None, {'RADESYS': 'FK5', 'EQUINOX': 2017.63}),
          (FK5(equinox='J2017.63'), None, {'EQUINOX': '2017.63'}),
          (FK5(equinox='J2023'), None, {'RADESYS': 'FK5', 'EQUINOX': 'J2023.0'}),
          *((FK5(), None, cards) for cards in ({'RADESYS': 'FK5', 'EQUINOX': 2000.0}, {'EQUINOX': 2000}, {'RADECSYS': 'FK5'},
                                               {'EQUINOX': 'J2000'}, {'RADESYS': 'J2000'}))]


@pytest.mark.parametrize('frame, names, cards', FRAMES)
def test_positions_are_icrs(frame, names, cards):
    centre = SkyCoord(83.6, -27.4, unit='deg').transform_to(frame).spherical
    wcs = read_wcs(header(centre.lon.deg, centre.lat.deg, names or ('RA---TAN', 'DEC--TAN'), **cards))
    ra, dec = pixel_to_sky(wcs, np.array([499.0, 1800.0]), np.array([699.0, 12.0]))
    assert SkyCoord(ra[0], dec[0], unit='deg').separation(SkyCoord(83.6, -27.4, unit='deg')).arcsec < 1e-3
    x, y = sky_to_pixel(wcs, ra, dec)
    assert np.hypot(x - [499.0, 1800.0], y - [699.0, 12.0]).max() < 1e-4
    # a scale that is kept: 1301 px right, 687 px down
    angle = SkyCoord(ra[0], dec[0], unit='deg').separation(SkyCoord(ra[1], dec[1], unit='deg')).arcsec
    assert angle == pytest.approx(0.26 * np.hypot(1301, 687), rel=2e-5)


@pytest.mark.parametrize('cards', [{}, {'RADESYS': 'ICRS'}, {'RADESYS': 'ICRS', 'EQUINOX': 1950.0}, {'RADESYS': ''},
                                   {'RADESYS': 'GAIA-CRF3', 'EQUINOX': 2000.0}])
def test_icrs_is_left_alone(cards):
    ra, dec = pixel_to_sky(read_wcs(header(83.6, -27.4, **cards)), 499.0, 699.0)
    assert (float(ra), float(dec)) == pytest.approx((83.6, -27.4), abs=1e-12)


def test_fk5_of_2000_is_turned_to_a_microarcsecond():
    rng = np.random.default_rng(3)
    ra = np.append(rng.uniform(0, 360, 500), [90.0, 0.0])
    dec = np.append(np.rad2deg(np.arcsin(rng.uniform(-1, 1, 500))), [90.0, -90.0])
    for to_icrs, frame in ((True, 'fk5'), (False, 'icrs')):
        expected = SkyCoord(ra, dec, unit='deg', frame=frame).transform_to('icrs' if to_icrs else 'fk5')
        found = SkyCoord(*converted(ra, dec, FK5_2000, to_icrs), unit='deg', frame=expected.frame.name)
        assert expected.separation(found).mas.max() < 1e-3
        moved = SkyCoord(ra, dec, unit='deg').separation(SkyCoord(found.ra, found.dec)).mas
        assert 15 < np.median(moved) < 35
    assert np.isnan(converted(np.nan, 1.0, FK5_2000, True)).any()


def test_declination_first():
    straight = header(83.6, -27.4)
    d = 0.26 / 3600
    swapped = Header({'CTYPE1': 'DEC--TAN', 'CTYPE2': 'RA---TAN', 'CRVAL1': -27.4, 'CRVAL2': 83.6, 'CRPIX1': 500.0,
                      'CRPIX2': 700.0, 'CD1_1': 0.0, 'CD1_2': d, 'CD2_1': -d, 'CD2_2': 0.0})
    one, two = read_wcs(straight), read_wcs(swapped)
    for x, y in ((499.0, 699.0), (0.0, 1200.0)):
        np.testing.assert_allclose(pixel_to_sky(one, x, y), pixel_to_sky(two, x, y), atol=1e-9)
    np.testing.assert_allclose(sky_to_pixel(two, 83.61, -27.41), sky_to_pixel(one, 83.61, -27.41), atol=1e-6)


def test_numbers_written_as_text_count():
    text = header('83.6', '-27.4', CRPIX1='500.0')
    assert pixel_to_sky(read_wcs(text), 499.0, 699.0) == pytest.approx((83.6, -27.4))


@pytest.mark.parametrize('change, said', [
    ({'CTYPE1': 'ELON-TAN', 'CTYPE2': 'ELAT-TAN'}, 'ELON-TAN'), ({'CTYPE1': 'RA---XYZ', 'CTYPE2': 'DEC--XYZ'}, 'RA---XYZ'),
    ({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--SIN'}, 'DEC--SIN'), ({'CTYPE1': 'LINEAR'}, 'LINEAR'),
    ({'CTYPE2': None}, 'missing'),
    ({'RADESYS': 'GAPPT'}, 'GAPPT'), ({'CRVAL1': None}, 'CRVAL1 missing'), ({'CRPIX2': None}, 'CRPIX2 missing'),
    ({'CRVAL1': 'ten'}, "CRVAL1 is 'ten'"), ({'CD1_1': None, 'CD1_2': None, 'CD2_1': None, 'CD2_2': None}, 'CD1_1'),
    ({'CD1_1': 0.0}, 'singular|no size'), ({'CTYPE1': 'RA', 'CTYPE2': 'DEC'}, 'RA, DEC')])
def test_what_is_not_understood_is_rejected_with_its_cards(change, said):
    cards = header(83.6, -27.4)
    for name, value in change.items():
        if value is None:
            del cards[name]
        else:
            cards[name] = value
    with pytest.raises(BadData, match=said):
        read_wcs(cards)
