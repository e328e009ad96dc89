"""Band, night and the header of the trimmed image, from real raw headers."""
from __future__ import annotations

import pytest
from astropy.io.fits import Header

from sediff.errors import BadData
from sediff.instruments.headers import band_of, nite_of, trimmed_header


@pytest.mark.parametrize('text, band', [('g DECam SDSS c0001 4720.0 1520.0', 'g'), ('VR DECam c0007 6300.0 2600.0', 'VR'),
                                        ('Y DECam c0005 10095.0 1130.0', 'Y'), ('u DECam c0006 3500.0 1000.0', 'u')])
def test_band(text, band):
    assert band_of(Header({'FILTER': text})) == band


@pytest.mark.parametrize('header', [Header(), Header({'FILTER': ''}), Header({'FILTER': 'solid plate 0.0 0.0'})])
def test_no_band(header):
    with pytest.raises(BadData, match='FILTER'):
        band_of(header)


@pytest.mark.parametrize('date, nite', [('2015-02-18T05:26:37.433035', '20150217'), ('2015-02-18T12:00:00', '20150218'),
                                        ('2016-01-01T03:00:00', '20151231'), ('2015-02-17T23:59:00', '20150217')])
def test_nite(date, nite):
    assert nite_of(Header({'DATE-OBS': date})) == nite


def test_no_nite():
    with pytest.raises(BadData, match='DATE-OBS'):
        nite_of(Header({'DATE-OBS': 'yesterday'}))


def test_nite_agrees_with_the_observatory(north):
    assert nite_of(north) == north['DTCALDAT'].replace('-', '')


def test_trimmed_header(north):
    header = trimmed_header(north)
    assert (header['BAND'], header['NITE'], header['CCDNUM'], header['EXPNUM']) == ('g', '20150217', 56, 411371)
    for keyword in ('DATASECA', 'BIASSECB', 'TRIMSEC', 'LTV1', 'LTM1_1', 'ZIMAGE', 'NAXIS1', 'BZERO', 'XTENSION'):
        assert keyword not in header
    for keyword in ('CRPIX1', 'PV1_7', 'CCDSECA', 'AMPSECB', 'GAINA', 'AIRMASS', 'ZD', 'TELRA'):
        assert header[keyword] == north[keyword]


@pytest.mark.parametrize('keyword', ['EXPNUM', 'CCDNUM'])
def test_not_a_raw_header(north, keyword):
    header = north.copy()
    del header[keyword]
    with pytest.raises(BadData, match=keyword):
        trimmed_header(header)


def test_reference_pixel_is_that_of_the_trimmed_image(north, south, realdata):
    """The Community Pipeline trims one more pixel and so has CRPIX one lower, in both halves."""
    from astropy.io import fits
    with fits.open(realdata / 'calib' / 'decam_tpv_headers_all_62ccds.decam.wcs.fits') as hdus:
        published = {hdu.header.get('CCDNUM'): hdu.header for hdu in hdus}
    for raw in (north, south):
        ours, theirs = trimmed_header(raw), published[raw['CCDNUM']]
        for axis in (1, 2):
            assert ours[f'CRPIX{axis}'] == pytest.approx(theirs[f'CRPIX{axis}'] - theirs[f'LTV{axis}'], abs=1e-6)
