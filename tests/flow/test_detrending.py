"""Choosing calibrations, a user's own files, and Community Pipeline input, through the flow."""
from __future__ import annotations

import fitsio
import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.engine.context import Context
from sediff.errors import BadInput, BadUsage
from sediff.flow.exposure.inputs import find_calibration, single_epoch_inputs
from sediff.flow.single_epoch import community
from sediff.formats.fits import write_images
from sediff.instruments.settings import load_parameters as load
from sediff.repository.names import Exposure, calib_path

HEAD = 'epoch,bands,first_expnum,last_expnum,first_nite,last_nite,calib_from,calib_to,bias,bpm,flat,skypca,starflat\n'


@pytest.fixture
def exposure(tmp_path):
    """An exposure of CCD 33 whose tree has a bias, flat and bad-pixel mask of two nights."""
    for nite in ('20200101', '20210101'):
        for kind, band in (('biascor', None), ('norm-dflatcor', 'r'), ('bpm', None)):
            path = calib_path(tmp_path, kind, nite, 33, band)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_images(path, [('SCI', np.ones((4, 4), np.float32), Header({'CCDNUM': 33}))])
    (tmp_path / 'refcat').mkdir()
    return Exposure(tmp_path, 800000, '20200601', 'r', ccd=33)


def parameters(exposure, *overrides):
    return load(None, [f'ROOT={exposure.root}', *overrides])


def test_the_nearest_night_and_the_reason(exposure):
    found = single_epoch_inputs(exposure, parameters(exposure))
    assert found['bias'] == [calib_path(exposure.root, 'biascor', '20200101', 33)]
    assert found['linearity'] == found['bf'] == found['starflat'] == []
    reason = 'epoch y7 (exposures 666748-, all bands) covers it; nearest in time, 152 days'
    assert any(reason in line for line in found['reasons'])


def test_files_with_the_dates_of_the_epoch_win(exposure):
    path = exposure.root / 'calib' / 'biascor' / 'D_n20180913t0923_c33_r4033p02_biascor.fits'
    path.write_bytes(calib_path(exposure.root, 'biascor', '20200101', 33).read_bytes())
    found = single_epoch_inputs(exposure, parameters(exposure))
    assert found['bias'] == [path] and any('has this file' in line for line in found['reasons'])


def test_own_table_of_epochs(exposure):
    table = exposure.root / 'mine.csv'
    table.write_text(HEAD + 'late,*,,,,,20201201,,,,,,\n')
    found = single_epoch_inputs(exposure, parameters(exposure, 'CALIB_EPOCHS=mine.csv'))
    assert '20210101' in found['bias'][0].name
    table.write_text(HEAD + 'early,*,1,700000,,,,,,,,,\n')
    with pytest.raises(BadInput, match='no calibration epoch covers exposure 800000'):
        single_epoch_inputs(exposure, parameters(exposure, 'CALIB_EPOCHS=mine.csv'))
    table.write_text(HEAD + 'none,*,,,,,20190101,20190201,,,,,\n')
    with pytest.raises(BadInput, match='none of these nights'):
        single_epoch_inputs(exposure, parameters(exposure, 'CALIB_EPOCHS=mine.csv'))
    with pytest.raises(BadInput, match='MAX_CALIB_DAYS is 30'):
        single_epoch_inputs(exposure, parameters(exposure, 'MAX_CALIB_DAYS=30'))


def test_own_files(exposure):
    own = exposure.root / 'mine_33_r.fits'
    own.write_bytes(calib_path(exposure.root, 'biascor', '20200101', 33).read_bytes())
    given = parameters(exposure, 'FLAT_FILE=mine_{ccd:02d}_{band}.fits', 'BIAS_FILE=mine_33_r.fits')
    found = single_epoch_inputs(exposure, given)
    assert found['flat'] == found['bias'] == [own] and f'flat {own}: given as FLAT_FILE' in found['reasons']
    with pytest.raises(BadInput, match=r'BPM_FILE names .*nothing\.fits'):
        single_epoch_inputs(exposure, parameters(exposure, 'BPM_FILE=nothing.fits'))
    with pytest.raises(BadUsage, match='BPM_FILE'):
        single_epoch_inputs(exposure, parameters(exposure, 'BPM_FILE=x_{chip}.fits'))


def test_no_calibration_at_all(exposure):
    with pytest.raises(BadInput, match='sediff calib'):
        find_calibration('bpm', exposure.with_ccd(34), 100.0, None)


def test_community_image_becomes_the_product(realdata, tmp_path):
    (tmp_path / 'refcat').mkdir()
    exposure = Exposure(tmp_path, 650104, '20170521', 'r', ccd=33)
    values = parameters(exposure, 'INPUT=community', f'COMMUNITY_DIR={realdata / "legacypipe/testcase4/images"}')
    found = single_epoch_inputs(exposure, values)
    assert [path.name.split('_')[3] for path in found['community']] == ['ooi', 'oow', 'ood']
    found.pop('reasons')
    context = Context(exposure, values, found)
    community.ingest(context)
    ccd = context.load('crmasked')
    assert (ccd.header['EXPNUM'], ccd.header['MAGZERO']) == (650104, 30.208) and ccd.header['CPIMG'].startswith('c4d_170522')
    # the Community Pipeline's FWHM
    with fitsio.FITS(str(found['community'][0])) as handle:
        seeing = handle[1].read_header()['FWHM']
    assert ccd.header['FWHM'] == pytest.approx(seeing, rel=0.15)
    with pytest.raises(BadInput, match='exposure 7'):
        single_epoch_inputs(Exposure(tmp_path, 7, '20170521', 'r', ccd=33), values)
