"""A WCS that was read before is not read again: it is that of the cards, and the reader's own."""
from __future__ import annotations

import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.errors import BadData
from sediff.wcs import read
from sediff.wcs.read import pixel_to_sky, read_wcs

X, Y = np.array([0.0, 700.0, 2047.0]), np.array([0.0, 3000.0, 4095.0])
SCALE = 0.26 / 3600


def header(**cards):
    return Header({'CTYPE1': 'RA---TPV', 'CTYPE2': 'DEC--TPV', 'CRVAL1': 10.0, 'CRVAL2': -20.0, 'CRPIX1': 1000.0,
                   'CRPIX2': 2000.0, 'CD1_1': -SCALE, 'CD1_2': 0.0, 'CD2_1': 0.0, 'CD2_2': SCALE, **cards})


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(read, '_known', type(read._known)())


@pytest.mark.parametrize('card, value', [('CRVAL1', 10.001), ('CRPIX2', 2001.0), ('CD1_2', 1e-7), ('PV1_4', 1e-3),
                                         ('CTYPE1', 'RA---TAN'), ('RADESYS', 'FK4'), ('EPOCH', 1950.0)])
def test_another_card_gives_another_wcs(card, value):
    first = header()
    before = pixel_to_sky(read_wcs(first), X, Y)
    first[card] = value
    if card == 'CTYPE1':
        first['CTYPE2'], first['CD1_1'] = 'DEC--TAN', -1.1 * SCALE
    changed = pixel_to_sky(read_wcs(first), X, Y)
    assert not np.array_equal(before, changed)
    assert np.array_equal(changed, pixel_to_sky(read._read(first), X, Y))
    assert np.array_equal(before, pixel_to_sky(read_wcs(header()), X, Y))


def test_a_known_wcs_gives_the_same_digits_and_other_cards_do_not_matter():
    one = read_wcs(header(EXPTIME=90.0))
    two = read_wcs(header(EXPTIME=30.0, OBJECT='field'))
    assert len(read._known) == 1 and one is not two
    for wcs in (one, two):
        sky = pixel_to_sky(wcs, X, Y)
        assert np.array_equal(sky, pixel_to_sky(read._read(header()), X, Y))
        assert np.array_equal(wcs.all_world2pix(*sky, 0), read._read(header()).all_world2pix(*sky, 0))


def test_who_changes_a_wcs_changes_no_others():
    expected = pixel_to_sky(read_wcs(header()), X, Y)
    mine = read_wcs(header())
    mine.wcs.crval = [50.0, 30.0]
    mine.wcs.set()
    mine.sip = None
    assert not np.array_equal(pixel_to_sky(mine, X, Y), expected)
    assert np.array_equal(pixel_to_sky(read_wcs(header()), X, Y), expected)


def test_frames_stay_with_a_known_wcs():
    galactic = header(CTYPE1='GLON-TAN', CTYPE2='GLAT-TAN')
    assert np.array_equal(pixel_to_sky(read_wcs(galactic), X, Y), pixel_to_sky(read_wcs(galactic), X, Y))
    assert read_wcs(galactic).frame == 'galactic'


def test_what_cannot_be_read_is_not_known():
    for _ in range(2):
        with pytest.raises(BadData, match='CRVAL1'):
            read_wcs(header(CRVAL1='north'))
    assert not read._known


def test_no_more_are_kept_than_a_ccd_needs():
    for k in range(read._KEPT + 10):
        read_wcs(header(CRPIX1=float(k)))
    assert len(read._known) == read._KEPT
