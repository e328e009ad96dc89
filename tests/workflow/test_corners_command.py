"""`getcorners.sh`: corner files from image headers."""
import argparse

import numpy as np
import pytest
from astropy.io import fits

from sediff.cli.corners import add_arguments, run
from sediff.errors import BadInput, BadUsage
from sediff.formats.corners import read_out
from sediff.wcs.read import out_corners, read_wcs


def header(ra):
    return fits.Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRVAL1': ra, 'CRVAL2': -30.0, 'CRPIX1': 1024.5,
                        'CRPIX2': 2048.5, 'CD1_1': 0.0, 'CD1_2': 7.3e-5, 'CD2_1': -7.3e-5, 'CD2_2': 0.0})


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / 'data'
    folder.mkdir()
    for ccd, ra in ((1, 50.0), (12, 0.01)):
        image = fits.ImageHDU(np.ones((4, 4), 'f4'), header(ra))
        fits.HDUList([fits.PrimaryHDU(), image]).writeto(folder / f'D00668443_VR_{ccd:02d}_r4p7_immask.fits.fz')
    fits.PrimaryHDU(np.ones((4, 4), 'f4'), header(80.0)).writeto(folder / 'D00668443_VR_62_r4p7_immask.fits')
    return folder


def corners(*words):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(word) for word in words]))


def test_all_ccds(images, tmp_path):
    assert corners(668443, images, tmp_path / 'out') == 0
    rows = read_out(tmp_path / 'out' / '668443.out')
    assert rows['ccdnum'].tolist() == [1, 12, 62] and set(rows['band']) == {'VR'}
    np.testing.assert_allclose(rows['corners'][2], out_corners(read_wcs(header(80.0))), atol=1e-5)


def test_one_ccd(images, tmp_path):
    assert corners(668443, images, tmp_path, '12') == 0
    assert read_out(tmp_path / '668443_12.out')['ccdnum'].tolist() == [12]


@pytest.mark.parametrize(('words', 'error', 'match'), [
    (['66844x'], BadUsage, '66844x'), (['668443', '63'], BadUsage, '63'), (['668443', '5'], BadInput, 'CCD 5'),
    (['1'], BadInput, 'exposure 1'),
])
def test_bad_calls(images, tmp_path, words, error, match):
    with pytest.raises(error, match=match):
        corners(words[0], images, tmp_path, *words[1:])
