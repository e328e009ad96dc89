import fitsio
import galsim
import galsim.des
import numpy as np
import pytest

from sediff.errors import BadInput
from sediff.formats.psfex import read_psf, write_psf
from sediff.psf.model import PsfModel

REAL = ('DECam_00154912_12_psfcat.psf', 'c4d_140818_002108_ooi_z_v1.ext27.psf')


@pytest.fixture
def model():
    planes = np.random.default_rng(1).normal(size=(6, 11, 11)).astype(np.float32)
    return PsfModel(planes, 2, (1024.5, 2048.5), (2048.0, 4096.0), 0.9, 4.1, 1.05, 300, 280)


def test_round_trip(tmp_path, model):
    write_psf(tmp_path / 'a.psf', model)
    again = read_psf(tmp_path / 'a.psf')
    np.testing.assert_array_equal(again.mask, model.mask)
    for name in ('degree', 'pol_zero', 'pol_scale', 'samp', 'fwhm', 'chi2', 'n_loaded', 'n_accepted'):
        assert getattr(again, name) == pytest.approx(getattr(model, name)), name
    assert [p.name for p in tmp_path.iterdir()] == ['a.psf']


def test_cards_are_those_of_psfex(tmp_path, model, realdata):
    write_psf(tmp_path / 'a.psf', model)
    own, real = (fitsio.read_header(str(p), ext='PSF_DATA') for p in (tmp_path / 'a.psf', realdata / 'psf' / REAL[0]))
    assert {key for key in real if key not in ('TDIM1', 'TFORM1', None)} <= set(own)
    assert galsim.des.DES_PSFEx(str(tmp_path / 'a.psf')).fit_order == 2


@pytest.mark.parametrize('name', REAL)
def test_reads_real_files(realdata, name):
    model = read_psf(realdata / 'psf' / name)
    reader = galsim.des.DES_PSFEx(str(realdata / 'psf' / name))
    np.testing.assert_array_equal(model.mask, reader.basis)
    assert (model.degree, model.samp) == (reader.fit_order, pytest.approx(reader.sample_scale))
    np.testing.assert_allclose(model.coefficients_image(99.0, 199.0), reader.getPSFArray(galsim.PositionD(100, 200)),
                               rtol=1e-4, atol=1e-7)


def test_wrong_files(tmp_path, model):
    with pytest.raises(BadInput, match='no such file'):
        read_psf(tmp_path / 'missing.psf')
    (tmp_path / 'text.psf').write_text('no FITS')
    with pytest.raises(BadInput, match='cannot be read'):
        read_psf(tmp_path / 'text.psf')
    fitsio.write(str(tmp_path / 'image.psf'), np.zeros((4, 4), np.float32))
    with pytest.raises(BadInput, match='PSF_MASK'):
        read_psf(tmp_path / 'image.psf')
    fitsio.write(str(tmp_path / 'bare.psf'), np.zeros(1, [('PSF_MASK', 'f4', (1, 5, 5))]))
    with pytest.raises(BadInput, match='not a usable PSFEx file'):
        read_psf(tmp_path / 'bare.psf')
    write_psf(tmp_path / 'a.psf', model)
    with fitsio.FITS(str(tmp_path / 'a.psf'), 'rw') as handle:
        handle['PSF_DATA'].write_key('POLNAME1', 'MAG_AUTO')
    with pytest.raises(BadInput, match='MAG_AUTO'):
        read_psf(tmp_path / 'a.psf')


def test_psf_of_zones_comes_back_and_is_a_psfex_file_of_the_largest(tmp_path):
    from sediff.psf.zoned import ZonedPsf, zoned
    rng = np.random.default_rng(3)
    models = [PsfModel(rng.normal(size=(3, 9, 9)).astype(np.float32) + 1, 1, (5.0, 6.0), (10.0, 10.0), 0.8, fwhm)
              for fwhm in (3.0, 4.0, 5.0)]
    labels = np.zeros((6, 4), np.uint8)
    labels[1:] = 2
    psf = zoned(models, labels, 8)
    assert psf.fwhm == 5.0 and len(psf.models) == 2 and zoned(models, 0 * labels, 8) is models[0]
    assert psf.image(3, 7, 7) == pytest.approx(models[0].image(3, 7, 7)) and psf.label_at(3, 7.6) == 0
    assert psf.image(99, 99, 7) == pytest.approx(models[2].image(99, 99, 7))
    write_psf(tmp_path / 'a.psf', psf)
    again = read_psf(tmp_path / 'a.psf')
    assert isinstance(again, ZonedPsf) and again.cell == 8
    np.testing.assert_array_equal(again.labels, psf.labels)
    for one, other in zip(again.models, psf.models):
        np.testing.assert_array_equal(one.mask, other.mask)
        assert one.fwhm == pytest.approx(other.fwhm)
