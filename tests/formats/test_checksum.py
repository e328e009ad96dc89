"""Checksums: what is written carries them, a bit that changes is noticed, headers that were copied are not accepted."""
import zlib

import numpy as np
import pytest
from astropy.io import fits as afits
from astropy.io.fits import Header

from sediff.ccdimage import CcdImage
from sediff.errors import BadInput
from sediff.formats import checksum
from sediff.formats.calibration import file_checksum, read_calibration
from sediff.formats.fits import read_ccd, read_image, write_ccd, write_images
from sediff.formats.ldac import read_ldac, write_ldac
from sediff.formats.raw import read_raw_ccd, write_raw

PLANES = ('SCI', 'MSK', 'WGT')


@pytest.fixture
def ccd():
    rng = np.random.default_rng(5)
    return CcdImage(rng.normal(100, 10, (120, 90)).astype(np.float32), rng.integers(0, 9, (120, 90)).astype(np.uint16),
                    np.full((120, 90), 0.01, np.float32), Header({'EXPNUM': 7, 'OBJECT': 'field'}))


def flip(path, name, share=0.5):
    """Change one bit in the middle of the data of an HDU."""
    with afits.open(path, disable_image_compression=True) as hdus:
        number = next((k for k, hdu in enumerate(hdus) if hdu.name == name), None)
        where = hdus[number].fileinfo()
    data = bytearray(path.read_bytes())
    data[where['datLoc'] + int(share * hdus[number].size)] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize('name', ['a.fits', 'a.fits.fz'])
def test_astropy_agrees_and_the_bytes_are_those_of_the_product(tmp_path, ccd, name, recwarn):
    for folder in ('one', 'two'):
        write_ccd(tmp_path / folder / name, ccd)
    assert (tmp_path / 'one' / name).read_bytes() == (tmp_path / 'two' / name).read_bytes()
    with afits.open(tmp_path / 'one' / name, checksum=True, disable_image_compression=True) as hdus:
        assert all('DATASUM' in hdu.header and 'CHECKSUM' in hdu.header for hdu in hdus)
        assert [hdu.verify_datasum() for hdu in hdus] == [1] * len(hdus) == [hdu.verify_checksum() for hdu in hdus]
    assert not [w for w in recwarn if 'hecksum' in str(w.message) or 'atasum' in str(w.message)]


@pytest.mark.parametrize('name', ['a.fits', 'a.fits.fz'])
@pytest.mark.parametrize('plane', PLANES)
def test_one_bit_of_a_product(tmp_path, ccd, name, plane):
    write_ccd(tmp_path / name, ccd)
    flip(tmp_path / name, plane)
    with pytest.raises(BadInput, match=rf'{name}\[{plane}\] was altered'):
        read_ccd(tmp_path / name)


def test_one_bit_of_a_raw_exposure_of_a_calibration_and_of_a_table(tmp_path):
    pixels = np.random.default_rng(1).integers(900, 1100, (64, 2160)).astype(np.uint16)
    raw = tmp_path / 'DECam_00000001.fits.fz'
    write_raw(raw, Header({'EXPNUM': 1}), [('S29', pixels, Header({'CCDNUM': 1}))])
    assert (read_raw_ccd(raw, 1)[0] == pixels).all()
    flip(raw, 'S29')
    with pytest.raises(BadInput, match=r'00000001\.fits\.fz\[S29\] was altered'):
        read_raw_ccd(raw, 1)
    flat = tmp_path / 'flat.fits'
    write_images(flat, [('SCI', np.ones((64, 32), np.float32), Header({'CCDNUM': 1}))])
    flip(flat, 'SCI')
    with pytest.raises(BadInput, match=r'flat\.fits\[SCI\] was altered'):
        read_calibration(flat, 'flat', 1, None, (64, 32))
    table = tmp_path / 'cat.fits'
    write_ldac(table, np.ones(50, [('X_IMAGE', 'f8')]), Header())
    flip(table, 'LDAC_OBJECTS', 0.1)
    with pytest.raises(BadInput, match=r'cat\.fits\[LDAC_OBJECTS\] was altered'):
        read_ldac(table)


def test_a_header_copied_to_other_pixels_is_not_accepted(tmp_path, ccd):
    write_images(tmp_path / 'a.fits', [('SCI', ccd.image, ccd.header)])
    header = afits.getheader(tmp_path / 'a.fits')
    header['OBJECT'] = 'half of it'
    afits.writeto(tmp_path / 'b.fits', ccd.image[:60], header)
    assert afits.getheader(tmp_path / 'b.fits')['DATASUM'] == header['DATASUM']
    assert (read_image(tmp_path / 'b.fits')[0] == ccd.image[:60]).all()


def test_cards_of_a_product_that_were_edited(tmp_path, ccd):
    write_ccd(tmp_path / 'a.fits', ccd)
    data = (tmp_path / 'a.fits').read_bytes()
    (tmp_path / 'a.fits').write_bytes(data.replace(b"'field   '", b"'yard    '", 1))
    with pytest.raises(BadInput, match='its header does not fit its CHECKSUM'):
        read_ccd(tmp_path / 'a.fits')


def test_checksums_that_other_programs_wrote(tmp_path):
    afits.PrimaryHDU(np.arange(400, dtype=np.int16).reshape(20, 20)).writeto(tmp_path / 'a.fits', checksum=True)
    assert read_image(tmp_path / 'a.fits')[0][1, 0] == 20
    flip(tmp_path / 'a.fits', 'PRIMARY', 0.1)
    with pytest.raises(BadInput, match='was altered'):
        read_image(tmp_path / 'a.fits')


@pytest.mark.parametrize('start, end', [(0, 64), (8, 400), (0, 399 * 4), (16, 16), (40, 5000)])
def test_a_file_is_summed_piece_by_piece(tmp_path, monkeypatch, start, end):
    monkeypatch.setattr(checksum, 'CHUNK', 96)
    words = np.random.default_rng(2).integers(0, 2 ** 32, 399).astype('>u4')
    (tmp_path / 'words').write_bytes(words.tobytes())
    total = sum(int(word) for word in words[start // 4:end // 4])
    assert checksum.sum_of(tmp_path / 'words', start, end) % 0xFFFFFFFF == total % 0xFFFFFFFF
    assert checksum.word_sum(words[start // 4:end // 4]) % 0xFFFFFFFF == total % 0xFFFFFFFF


def test_crc_32_is_that_of_the_whole_file(tmp_path):
    data = np.random.default_rng(3).bytes(700_001)
    (tmp_path / 'file').write_bytes(data)
    assert file_checksum(tmp_path / 'file') == f'{zlib.crc32(data):08x}'
