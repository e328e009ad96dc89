"""Community Pipeline products through the drivers, to the final product; and real cutouts as far as they go."""
from __future__ import annotations

import shutil

import fitsio
import numpy as np
import pandas as pd
import pytest
from astropy.io.fits import Header

from sediff.cards import STRUCTURAL
from sediff.ccdimage import CcdImage
from sediff.formats.fits import read_ccd
from sediff.formats.ldac import read_ldac
from sediff.maskbits import UNUSABLE, Bit
from sediff.repository.names import Exposure, product_path

from .conftest import BAND, EXPNUM, NITE, Night, done

GAIN, MAGZERO, TOO_GOOD = 4.1, 31.4, 1.2
#: What a bit becomes: code of V3.5 and later, bit before (0: it has none). The last that applies wins among codes.
FORMS = ((Bit.SUSPECT, 7, 0), (Bit.INTERP, 4, 4), (Bit.TRAIL, 4, 64), (Bit.STREAK, 8, 1), (Bit.CRAY, 5, 16),
         (Bit.SATURATE, 3, 2), (Bit.BPM, 1, 1))
#: Bits that each form can hold.
HELD = {'V4.8.2a': (Bit.BPM, Bit.CRAY, Bit.STREAK, Bit.SATURATE), 'V2.2.1': (Bit.CRAY, Bit.TRAIL, Bit.SATURATE, Bit.INTERP)}


def product(root, name: str):
    return product_path(Exposure(root, EXPNUM, NITE, BAND, 4, 7, 'dp33').with_ccd(33), name)


def single_epoch(night: Night, driver: str, *words):
    return night.run(driver, '-E', EXPNUM, '-n', NITE, '-b', BAND, '-r', 4, '-p', 7, '-S', 'dp33', '-c', 33, '-t', '-s',
                     '-C', *words)


def data_quality(mask: np.ndarray, version: str) -> np.ndarray:
    """A mask in the form of a version of the Community Pipeline."""
    codes = version.startswith('V4')
    quality = np.zeros(mask.shape, np.int32)
    for bit, code, old in FORMS:
        here = (mask & np.uint16(bit)) != 0
        quality = np.where(here, code if codes else quality | old, quality)
    return quality.astype(np.int32)


def write_triple(folder, ccd: CcdImage, version: str) -> None:
    """ooi, oow and ood of a CCD: ADU with sky, a weight that claims a noise 1.2 times too small, quality."""
    folder.mkdir()
    primary = {card: ccd.header[card] for card in ('EXPNUM', 'FILTER', 'DATE-OBS', 'MJD-OBS', 'EXPTIME', 'TELRA', 'TELDEC',
                                                   'AIRMASS', 'OBSTYPE', 'OBJECT', 'PROPID') if card in ccd.header}
    primary |= {'PLVER': version, 'MAGZERO': MAGZERO, 'PROCTYPE': 'InstCal'}
    keep = ('CTYPE', 'CRVAL', 'CRPIX', 'CD1_', 'CD2_', 'PV', 'CUNIT', 'CCDNUM', 'DETPOS', 'RDNOISE')
    cards = {card: ccd.header[card] for card in ccd.header if card.startswith(keep)}
    sky = float(ccd.header['SKYBRITE'])
    cards |= {'GAINA': GAIN, 'GAINB': GAIN, 'SATURATE': ccd.header['SATURATE'] / GAIN, 'AVSKY': sky / GAIN}
    inside = ccd.weight > 0
    weight = np.where(inside, ccd.weight, np.median(ccd.weight[inside])) * np.float32(GAIN ** 2 * TOO_GOOD ** 2)
    planes = {'ooi': ((ccd.image + sky) / GAIN).astype(np.float32), 'oow': weight.astype(np.float32),
              'ood': data_quality(ccd.mask, version)}
    for kind, plane in planes.items():
        path = folder / f'c4d_231116_043000_{kind}_{BAND}_v1.fits.fz'
        with fitsio.FITS(str(path), 'rw') as handle:
            handle.write(None, header=fitsio_header(Header(primary)))
            options = {'compress': 'RICE', **({'qlevel': 64} if kind != 'ood' else {})}
            handle.write(plane, extname='N4', header=fitsio_header(Header(cards)), **options)


@pytest.mark.slow
@pytest.mark.parametrize('driver, version', [('SEdiff.sh', 'V4.8.2a'), ('SE_job_mod.sh', 'V2.2.1')])
def test_a_full_ccd_becomes_the_same_product(night, tmp_path, driver, version):
    """Mask bits that the form can hold come back, the image is the same, the weight is as measured, MAGZERO stays."""
    raw = read_ccd(product(night.root, 'immask'))
    tree = Night(tmp_path)
    (tmp_path / 'refcat').symlink_to(night.root / 'refcat')
    write_triple(tmp_path / 'cp', raw, version)
    done(single_epoch(tree, driver, '-P', 'INPUT=community'))
    ccd = read_ccd(product(tmp_path, 'immask'))
    header = ccd.header
    assert header['MAGZERO'] == MAGZERO and header['MAGZEROE'] == pytest.approx(MAGZERO + 2.5 * np.log10(GAIN))
    assert header['CPINPUT'] == version and header['CPIMG'].startswith('c4d_231116') and header['BUNIT'] == 'electron'
    higher = {Bit.BPM: 0, Bit.SATURATE: Bit.BPM, Bit.CRAY: Bit.BPM | Bit.SATURATE,
              Bit.STREAK: Bit.BPM | Bit.SATURATE | Bit.CRAY}
    for bit in HELD[version]:
        hidden = raw.mask & np.uint16(higher.get(bit, 0) if version.startswith('V4') else 0)
        there = ((raw.mask & np.uint16(bit)) != 0) & (hidden == 0)
        assert ((ccd.mask[there] & np.uint16(bit)) != 0).all(), bit
        assert ((ccd.mask[~there & (hidden == 0) & (raw.mask == 0)] & np.uint16(bit)) == 0).all(), bit
    good = (ccd.weight > 0) & (raw.weight > 0)
    assert good.mean() > 0.95 * (raw.weight > 0).mean()
    assert header['WGTCHI'] == pytest.approx(TOO_GOOD, rel=0.03)
    assert np.median(ccd.weight[good] / raw.weight[good]) == pytest.approx(1.0, abs=0.04)
    difference = (ccd.image - raw.image)[good] * np.sqrt(raw.weight[good])
    assert abs(np.median(difference)) < 0.05 and 1.4826 * np.median(np.abs(difference)) < 0.1
    sky = good & (np.abs(ccd.image) < 4 * header['SKYSIGMA'])
    assert np.std(ccd.image[sky] * np.sqrt(ccd.weight[sky])) == pytest.approx(1.0, abs=0.08)
    assert not ccd.weight[(ccd.mask & np.uint16(UNUSABLE)) != 0].any()
    catalogues = [read_ldac(product(root, 'fullcat'))[0] for root in (night.root, tmp_path)]
    assert len(catalogues[1]) == pytest.approx(len(catalogues[0]), rel=0.15)
    zeros = [float(pd.read_csv(product(root, 'zero'))['ZP'].iloc[0]) for root in (night.root, tmp_path)]
    assert zeros[1] == pytest.approx(zeros[0], abs=0.01)


def test_a_file_of_the_triple_is_missing(night, tmp_path):
    (tmp_path / 'refcat').symlink_to(night.root / 'refcat')
    write_triple(tmp_path / 'cp', read_ccd(product(night.root, 'immask')), 'V4.8.2a')
    next((tmp_path / 'cp').glob('*_oow_*')).unlink()
    result = single_epoch(Night(tmp_path), 'SEdiff.sh', '-P', 'INPUT=community')
    assert result.returncode == 3 and 'lacks c4d_231116_043000_oow' in result.stderr and 'Traceback' not in result.stderr


@pytest.mark.parametrize('expnum, nite, ccd, band', [(650104, '20170521', 33, 'r'), (634850, '20170414', 34, 'g')])
def test_real_cutouts_as_far_as_they_go(realdata, tmp_path, expnum, nite, ccd, band):
    """500-pixel cutouts pass ingestion and detection; no reference stars are given, so that astrometry rejects them."""
    night = Night(tmp_path)
    (tmp_path / 'refcat').mkdir()
    shutil.copytree(realdata / 'legacypipe' / 'testcase4' / 'images', tmp_path / 'cp')
    result = night.run('SEdiff.sh', '-E', expnum, '-n', nite, '-b', band, '-r', 4, '-p', 7, '-S', 'dp33', '-c', ccd, '-t',
                       '-s', '-P', 'INPUT=community', '-P', 'KEEP_INTERMEDIATE=true')
    exposure = Exposure(tmp_path, expnum, nite, band, 4, 7, 'dp33').with_ccd(ccd)
    assert result.returncode == 3 and 'SE07_scamp' in result.stderr and 'Traceback' not in result.stderr
    image = read_ccd(product_path(exposure, 'crmasked'))
    assert image.header['EXPNUM'] == expnum and 0.5 < image.header['WGTCHI'] < 1.5
    assert len(read_ldac(product_path(exposure, 'sextractor'))[0]) >= 1
    assert not product_path(exposure, 'immask').is_file()


def fitsio_header(header: Header) -> fitsio.FITSHDR:
    """An astropy Header as fitsio wants it, structural cards left out."""
    out = fitsio.FITSHDR()
    for card in header.cards:
        if STRUCTURAL.fullmatch(card.keyword) or card.keyword in ('EXTNAME', ''):
            continue
        value = str(card.value) if card.keyword in ('COMMENT', 'HISTORY') else card.value
        out.add_record({'name': card.keyword, 'value': value, 'comment': card.comment})
    return out
