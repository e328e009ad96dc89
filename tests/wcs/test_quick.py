"""Pixels by the cards of a product are those of the whole machinery of WCS."""
import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.cards import Cards
from sediff.errors import BadData
from sediff.wcs.quick import pixels_by_cards
from sediff.wcs.read import pixel_scale, pixel_to_sky, read_wcs, sky_to_pixel

CARDS = {'CTYPE1': 'RA---TPV', 'CTYPE2': 'DEC--TPV', 'CUNIT1': 'deg', 'CUNIT2': 'deg', 'RADESYS': 'ICRS', 'EQUINOX': 2000.0,
         'CRVAL1': 52.5, 'CRVAL2': -28.0, 'CRPIX1': -103.2, 'CRPIX2': 10566.67, 'CD1_1': -1.5e-7, 'CD1_2': 7.28e-5,
         'CD2_1': -7.28e-5, 'CD2_2': -1.4e-7, 'PV1_0': 0.0021, 'PV1_1': 1.0104, 'PV1_2': -3.9e-5, 'PV1_4': 0.0092,
         'PV1_7': 0.0023, 'PV2_0': 0.0002, 'PV2_1': 1.0063, 'PV2_5': 0.0029, 'PV2_7': -0.0103}


def header_of(**changes):
    header = Header()
    for name, value in (CARDS | changes).items():
        if value is not None:
            header[name] = value
    return header


def cards_of(header):
    return Cards([str(card) for card in header.cards])


@pytest.mark.parametrize('changes', [
    {}, {'PV1_1': None}, {'RADESYS': 'FK5'}, {'CRVAL1': '52.5'},
    {'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', **{name: None for name in CARDS if name.startswith('PV')}}])
def test_pixels_are_those_of_read_wcs(changes):
    header = header_of(**changes)
    wcs = read_wcs(header)
    y, x = (grid.ravel().astype(float) for grid in np.mgrid[-100:4200:500, -100:2150:250])
    ra, dec = pixel_to_sky(wcs, x, y)
    one, two, scale = pixels_by_cards(cards_of(header), ra, dec)
    expected = sky_to_pixel(wcs, ra, dec)
    assert np.abs(one - expected[0]).max() < 1e-6 and np.abs(two - expected[1]).max() < 1e-6
    assert np.abs(one - x).max() < 1e-4 and scale == pytest.approx(pixel_scale(wcs), rel=1e-12)


def test_the_other_side_of_the_sky_has_no_pixel():
    x, y, _ = pixels_by_cards(cards_of(header_of()), [52.4, 232.5], [-28.1, 28.0])
    assert np.isfinite([x[0], y[0]]).all() and np.isnan([x[1], y[1]]).all()


def test_no_wcs():
    with pytest.raises(BadData, match='WCS'):
        pixels_by_cards(cards_of(header_of(CTYPE1=None, CTYPE2=None)), [1.0], [1.0])
