"""FITS in and out: what is written is read, and damage is named."""
import numpy as np
import pytest
from astropy.io import fits as afits
from astropy.io.fits import Header

from sediff.ccdimage import CcdImage
from sediff.errors import BadInput
from sediff.formats.fits import read_ccd, read_image, write_ccd
from sediff.formats.quantum import quiet_noise


@pytest.fixture
def ccd():
    rng = np.random.default_rng(1)
    header = Header()
    header['EXPNUM'] = (12345678, 'exposure')
    header['MJD-OBS'] = 57000.123456789
    header['OBJECT'] = "it's <b>"
    header['SKYOK'] = True
    weight = np.full((300, 200), 0.01, np.float32)
    weight[:, :10] = 0
    return CcdImage(rng.normal(5, 10, (300, 200)).astype(np.float32), rng.integers(0, 32767, (300, 200)).astype(np.uint16),
                    weight, header)


def test_plain_file_is_exact_and_astropy_reads_it(tmp_path, ccd):
    write_ccd(tmp_path / 'a.fits', ccd)
    back = read_ccd(tmp_path / 'a.fits')
    assert (back.image == ccd.image).all() and (back.mask == ccd.mask).all() and (back.weight == ccd.weight).all()
    for key in ('EXPNUM', 'MJD-OBS', 'OBJECT', 'SKYOK'):
        assert back.header[key] == ccd.header[key]
    with afits.open(tmp_path / 'a.fits') as hdus:
        assert [hdu.name for hdu in hdus] == ['SCI', 'MSK', 'WGT'] and hdus[0].header['EXPNUM'] == 12345678


def test_compressed_file_keeps_mask_and_zero_weight_and_adds_little_noise(tmp_path, ccd):
    write_ccd(tmp_path / 'a.fits.fz', ccd)
    back = read_ccd(tmp_path / 'a.fits.fz')
    assert (back.mask == ccd.mask).all()
    assert ((back.weight == 0) == (ccd.weight == 0)).all()
    assert np.abs(back.weight / 0.01 - 1)[ccd.weight > 0].max() < 2e-3
    assert np.std(back.image - ccd.image) < 10 / 16 / np.sqrt(12) * 1.3


@pytest.mark.parametrize('case', ['stars', 'two amplifiers', 'no data at the side', 'NaN'])
def test_digits_lost_are_a_fraction_of_the_noise_whatever_the_image(tmp_path, ccd, case):
    """A step is a sixteenth of the noise: what is lost is uniform within it, 1/16/sqrt(12) = 0.018 sigma."""
    rng = np.random.default_rng(2)
    sigma = np.full(ccd.image.shape, 10.0)
    image = ccd.image.astype(float)
    if case == 'stars':
        image[rng.integers(0, 300, 2000), rng.integers(0, 200, 2000)] += 1e5
    elif case == 'two amplifiers':
        sigma[:, 100:] = 20.0
        image[:, 100:] = rng.normal(0, 20, (300, 100))
    elif case == 'no data at the side':
        image[:, :80] = 0.0
    else:
        image[50:120] = np.nan
    ccd.image[:] = image
    write_ccd(tmp_path / 'a.fits.fz', ccd)
    lost = (read_ccd(tmp_path / 'a.fits.fz').image - ccd.image) / sigma
    assert 0.008 < np.nanstd(lost[:, 90:]) < 0.021 and np.nanmax(np.abs(lost)) < 0.05
    assert (np.isnan(lost) == np.isnan(image)).all()
    if case == 'no data at the side':
        assert (lost[:, :80] == 0).all()


def test_noise_of_an_image_without_any_is_zero():
    assert quiet_noise(np.full((64, 64), 3.0, np.float32)) == quiet_noise(np.full((64, 64), np.nan, np.float32)) == 0.0


def test_missing_foreign_and_truncated_files_are_named(tmp_path, ccd):
    with pytest.raises(BadInput, match='no such file'):
        read_ccd(tmp_path / 'none.fits')
    (tmp_path / 'text.fits').write_text('hello')
    with pytest.raises(BadInput, match=r'text\.fits cannot be read as FITS'):
        read_image(tmp_path / 'text.fits')
    for name in ('a.fits', 'b.fits.fz'):
        write_ccd(tmp_path / name, ccd)
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[:len(data) // 3])
        with pytest.raises(BadInput, match=name):
            read_ccd(tmp_path / name)
    write_ccd(tmp_path / 'c.fits', ccd)
    with pytest.raises(BadInput, match="no extension 'N2'; it has: SCI, MSK, WGT"):
        read_image(tmp_path / 'c.fits', 'N2')


def test_a_failed_write_leaves_nothing(tmp_path, ccd):
    ccd.mask = np.array(['text'])
    with pytest.raises((ValueError, TypeError)):
        write_ccd(tmp_path / 'a.fits', ccd)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_bad_input(tmp_path, ccd):
    (tmp_path / 'file').write_text('')
    with pytest.raises(BadInput, match='cannot write'):
        write_ccd(tmp_path / 'file' / 'sub' / 'a.fits', ccd)
