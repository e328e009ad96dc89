"""Raw files and calibrations that are wrong: each has its message and its exit code."""
from __future__ import annotations

import numpy as np
import pytest
from isr_scenes import raw_frame, raw_header

from sediff.errors import BadData, BadInput
from sediff.formats.calibration import file_checksum, read_calibration, read_tape_bumps
from sediff.formats.fits import write_images
from sediff.formats.raw import read_raw_ccd, write_raw
from sediff.instruments.amplifiers import read_amplifiers
from sediff.instruments.ccds import dead_amplifiers, parse_ccd_list
from sediff.isr.detrend import Corrections, apply_star_flat, crosstalk_stage, mask_bleeds, pixcorrect
from sediff.maskbits import Bit

pytestmark = pytest.mark.busy

SKY = np.full((4096, 2048), 500.0)


def rejects(error, code: int, words: str, function, *arguments, **options):
    with pytest.raises(error, match=words) as caught:
        function(*arguments, **options)
    assert caught.value.exit_code == code


@pytest.fixture(scope='module')
def raw():
    return raw_frame('N', SKY)


@pytest.fixture(scope='module')
def ccd(raw):
    return crosstalk_stage(*raw, {}, {})


def test_overscan_section_missing_or_of_zero_width(raw):
    for section, words in ((None, 'BIASSECA is missing'), ('[7:6,1:4096]', 'zero width'), ('[50:56,1:4096]', '3 are needed'),
                           ('nonsense', 'not an image section')):
        header = raw[1].copy()
        if section is None:
            del header['BIASSECA']
        else:
            header['BIASSECA'] = section
        rejects(BadData, 4, words, crosstalk_stage, raw[0], header, {}, {})


def test_dead_amplifier(raw):
    pixels = raw[0].copy()
    pixels[:, :1080] = 0
    rejects(BadData, 4, 'amplifier A reads 0 everywhere', crosstalk_stage, pixels, raw[1], {}, {})


def test_saturated_sky():
    pixels, header = raw_frame('N', np.full((4096, 2048), 220000.0))
    rejects(BadData, 4, 'sky is saturated', pixcorrect, crosstalk_stage(pixels, header, {}, {}), None, None, None)


def test_flat_with_nan(ccd):
    flat = np.ones((4096, 2048), np.float32)
    flat[10, 10] = np.nan
    rejects(BadData, 4, '1 values that are not finite', pixcorrect, ccd, None, flat, None)


def test_calibration_of_another_band_ccd_or_shape(tmp_path):
    path = tmp_path / 'flat.fits'
    write_images(path, [('SCI', np.ones((64, 32), np.float32), raw_header())])
    assert read_calibration(path, 'flat', 56, 'g', (64, 32)).shape == (64, 32)
    rejects(BadData, 4, 'of band g, the exposure of r', read_calibration, path, 'flat', 56, 'r', (64, 32))
    rejects(BadData, 4, 'belongs to CCD 56, not 33', read_calibration, path, 'flat', 33, 'g', (64, 32))
    rejects(BadData, 4, 'the trimmed CCD has', read_calibration, path, 'flat', 56, 'g', (4096, 2048))
    rejects(BadInput, 3, 'no such file', read_calibration, tmp_path / 'none.fits', 'flat', 56, 'g', (64, 32))
    rejects(BadInput, 3, 'cannot be read', file_checksum, tmp_path / 'none.fits')
    rejects(BadInput, 3, 'no table of tape bumps', read_tape_bumps, tmp_path / 'none.csv', 1)


def test_ccds_that_are_dead_on_a_night():
    assert dead_amplifiers(61, '20200101') == ('A', 'B') and dead_amplifiers(61, '20120101') == ()
    assert dead_amplifiers(2, '20140601') == ('A', 'B') and dead_amplifiers(2, '20170601') == ()
    assert dead_amplifiers(31, '20200101') == ('A',)
    listed = parse_ccd_list('all', '20140601')
    assert 61 not in listed and 2 not in listed and 31 in listed
    pixels, header = raw_frame('N', SKY)
    lost = crosstalk_stage(pixels, header, {}, {}, dead={56: ('A', 'B')})
    rejects(BadData, 4, 'leave this CCD out', pixcorrect, lost, None, None, None)


@pytest.mark.parametrize('half', ['N', 'S'])
def test_swapped_sections(half):
    for kinds in (('BIAS',), ('DATA',), ('CCD',), ('DATA', 'CCD')):
        header = raw_header(half)
        for kind in kinds:
            header[f'{kind}SECA'], header[f'{kind}SECB'] = header[f'{kind}SECB'], header[f'{kind}SECA']
        rejects(BadData, 4, 'swapped', read_amplifiers, header)
    read_amplifiers(raw_header(half))


def test_raw_of_one_column(raw):
    rejects(BadData, 4, 'reaches beyond the image of 1 x 4146', crosstalk_stage, raw[0][:, :1], raw[1], {}, {})


def test_compressed_file_truncated_in_the_middle(tmp_path, raw):
    pixels, header = raw
    primary = header.copy()
    path = tmp_path / 'DECam_00411371.fits.fz'
    write_raw(path, primary, [('N25', pixels, header)])
    read_raw_ccd(path, 56)
    whole = path.read_bytes()
    path.write_bytes(whole[:len(whole) // 2])
    rejects(BadInput, 3, 'truncated|fetch it again', read_raw_ccd, path, 56)


def test_nothing_is_done_twice(raw, ccd):
    flat, bias = np.ones((4096, 2048), np.float32), np.zeros((4096, 2048), np.float32)
    more = Corrections(checksums={'bias': '0badcafe'})
    once = pixcorrect(ccd, bias, flat, None, {'bias': 'b.fits', 'flat': 'f.fits'}, more=more)
    assert once.header['BIASFIL'] == 'b.fits' and once.header['BIASSUM'] == '0badcafe'
    assert 'Bias subtracted: b.fits (CRC-32 0badcafe)' in str(once.header['HISTORY'])
    assert [once.header[card] for card in ('LINFIL', 'BFFIL', 'TAPEFIL', 'BPMFIL')] == ['none'] * 4
    rejects(BadData, 4, 'BIASFIL', pixcorrect, once, None, None, None)
    trails = mask_bleeds(once)
    rejects(BadData, 4, 'NTRAIL', mask_bleeds, trails)
    starred = apply_star_flat(trails, flat, 's.fits', '12345678')
    assert starred.header['STARFIL'] == 's.fits' and starred.header['STARSUM'] == '12345678'
    rejects(BadData, 4, 'STARFIL', apply_star_flat, starred, flat)
    header = raw[1].copy()
    header['XTALKFIL'] = 'DECam_20130606.xtalk'
    rejects(BadData, 4, 'XTALKFIL', crosstalk_stage, raw[0], header, {}, {})


def test_wrong_star_flat(ccd):
    rejects(BadData, 4, 'another CCD', apply_star_flat, ccd, np.ones((10, 10), np.float32))
    rejects(BadData, 4, 'between 0.5 and 2', apply_star_flat, ccd, np.zeros((4096, 2048), np.float32))


def test_super_saturated_source_marks_its_victim():
    from sediff.isr.crosstalk import CrosstalkTerm
    electrons = SKY.copy()
    electrons[1000:1010, 1500:1510] = 170000.0
    pixels, header = raw_frame('N', electrons)
    table = {'ccd56A': (CrosstalkTerm('ccd56B', 5e-4, 40000.0, (5e-4, 0.0, 0.0)),)}
    flagged = crosstalk_stage(pixels, header, {}, table).mask & np.uint16(Bit.SSXTALK)
    rows, columns = np.nonzero(flagged)
    # B reads from the right, A from the left: the ghost lies mirrored
    assert set(rows) == set(range(1000, 1010)) and set(columns) == set(range(2047 - 1509, 2047 - 1499))
    assert not (crosstalk_stage(pixels, header, {}, table, suspicious_level=50.0).mask & np.uint16(Bit.SSXTALK)).any()
