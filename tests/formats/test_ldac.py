import fitsio
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from sediff.catalog.columns import UNITS, empty_catalogue
from sediff.errors import BadData, BadInput
from sediff.formats.ldac import read_ldac, write_ldac


@pytest.fixture
def header():
    header = fits.Header({'EXPNUM': 350245, 'BAND': 'g', 'MJD-OBS': 56889.123456789, 'GAINA': 1.0, 'FLAGGED': True})
    header['OBJECT'] = ("DES wide hex 'north' of 4-1", 'what the telescope looked at')
    header['HISTORY'] = 'flat fielded'
    return header


@pytest.fixture
def catalogue():
    table = empty_catalogue(5, True, 2)
    table['NUMBER'], table['FLUX_PSF'] = np.arange(1, 6), [1.5, 2.5, -1.0, 1e5, 0.0]
    table['ALPHAWIN_J2000'] = 123.4567890123
    return table


def test_round_trip(tmp_path, catalogue, header):
    write_ldac(tmp_path / 'c.fits', catalogue, header, UNITS)
    again, cards = read_ldac(tmp_path / 'c.fits')
    assert again.dtype == catalogue.dtype
    np.testing.assert_array_equal(again, catalogue)
    for key in ('EXPNUM', 'BAND', 'MJD-OBS', 'OBJECT', 'FLAGGED'):
        assert cards[key] == header[key]
    assert list(cards['HISTORY']) == ['flat fielded']


def test_layout_as_sextractor(tmp_path, catalogue, header):
    write_ldac(tmp_path / 'c.fits', catalogue, header, UNITS)
    with fits.open(tmp_path / 'c.fits') as hdus:
        assert [hdu.name for hdu in hdus] == ['PRIMARY', 'LDAC_IMHEAD', 'LDAC_OBJECTS']
        assert hdus[1].columns[0].name == 'Field Header Card'
        assert len(hdus[1].data) == 1
        card = hdus[1].data[0][0][0]
        assert card.startswith('EXPNUM  =')
        assert hdus[1].header['NAXIS1'] % 80 == 0
        assert hdus[2].columns['ALPHAWIN_J2000'].unit == 'deg'
        assert hdus[2].data['NUMBER'].tolist() == [1, 2, 3, 4, 5]
    table = Table.read(tmp_path / 'c.fits', hdu=2)
    np.testing.assert_array_equal(table['FLUX_PSF'], catalogue['FLUX_PSF'])


def test_empty_catalogue(tmp_path, header):
    write_ldac(tmp_path / 'e.fits', empty_catalogue(0, False), header)
    again, cards = read_ldac(tmp_path / 'e.fits')
    assert again.size == 0
    assert again.dtype == empty_catalogue(0, False).dtype
    assert cards['EXPNUM'] == 350245


def test_header_as_one_string(tmp_path, catalogue, header):
    text = header.tostring(padding=False).encode()
    with fitsio.FITS(str(tmp_path / 's.fits'), 'rw', clobber=True) as handle:
        handle.write(None)
        handle.write_table(np.array([(text,)], [('Field Header Card', f'S{len(text)}')]), extname='LDAC_IMHEAD')
        handle.write_table(catalogue, extname='LDAC_OBJECTS')
    assert read_ldac(tmp_path / 's.fits')[1]['EXPNUM'] == 350245


def test_wrong_input(tmp_path, header):
    with pytest.raises(BadInput, match='no such file'):
        read_ldac(tmp_path / 'missing.fits')
    fitsio.write(str(tmp_path / 'image.fits'), np.zeros((3, 3), np.float32))
    with pytest.raises(BadInput, match='no FITS_LDAC'):
        read_ldac(tmp_path / 'image.fits')
    with pytest.raises(BadData, match='structured'):
        write_ldac(tmp_path / 'x.fits', np.zeros(3), header)
