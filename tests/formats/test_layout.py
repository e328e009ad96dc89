"""Planes of a file by their names: what each is, and what cannot be told is rejected with what was found."""
from __future__ import annotations

import numpy as np
import pytest
from any_fits import sky, tan_cards, write_planes
from astropy.io import fits as afits

from sediff.errors import BadData, BadInput, BadUsage
from sediff.formats.image_source import ImageSource, load, load_planes
from sediff.formats.layout import kind_of
from sediff.formats.opening import split_extension

VARIANCE = 50.0
IMAGE = sky(level=200.0, gain=4.0)
HEADER = tan_cards()
HEADER['GAIN'] = 4.0


@pytest.mark.parametrize('name, kind', [
    ('SCI', 'image'), ('image', 'image'), ('SCI2', 'image'), ('MSK', 'mask'), ('Mask', 'mask'), ('DQ', 'mask'),
    ('BPM', 'mask'),
    ('WGT', 'weight'), ('IVAR', 'weight'), ('WHT', 'weight'), ('VARIANCE', 'variance'), ('VAR', 'variance'),
    ('ERR', 'sigma'),
    ('RMS', 'sigma'), ('UNCERT', 'sigma'), ('VAR_POISSON', 'other'), ('N4', 'unknown'), ('', 'unknown')])
def test_names(name, kind):
    assert kind_of(name) == kind


def test_uncertainties_of_astropy():
    assert [kind_of('UNCERT', utype) for utype in ('StdDevUncertainty', 'VarianceUncertainty', 'InverseVariance', '')] == [
        'sigma', 'variance', 'weight', 'sigma']


@pytest.mark.parametrize('name, factor', [('WGT', -2), ('WEIGHT', -2), ('IVAR', -2), ('VAR', 2), ('VARIANCE', 2), ('ERR', 1),
                                          ('RMS', 1), ('SIGMA', 1), ('UNCERT', 1), ('NOISE', 1)])
def test_each_noise_is_taken_as_what_it_is(tmp_path, name, factor):
    """A file of image, mask and noise in any order gives the variance that the noise means."""
    noise = np.full(IMAGE.shape, VARIANCE ** (factor / 2), np.float32)
    mask = np.zeros(IMAGE.shape, np.int32)
    mask[10, 20] = 1
    for planes in ((('IMAGE', IMAGE), ('MASK', mask), (name, noise)), ((name, noise), ('SCI', IMAGE), ('DQ', mask))):
        loaded = load_planes(ImageSource(str(write_planes(tmp_path / 'a.fits', *planes, header=HEADER))))
        assert loaded.variance[~loaded.bad] == pytest.approx(VARIANCE, rel=1e-5)
        assert loaded.bad[10, 20] and loaded.bad.sum() == 1 and not loaded.notes


def test_a_noise_file_is_taken_by_its_name_too(tmp_path):
    afits.PrimaryHDU(IMAGE, HEADER).writeto(tmp_path / 'a.fits')
    for name, value in (('WGT', 1 / VARIANCE), ('VARIANCE', VARIANCE), ('ERR', VARIANCE ** 0.5), ('', 1 / VARIANCE)):
        write_planes(tmp_path / 'w.fits', (name, np.full(IMAGE.shape, value, np.float32)))
        loaded = load_planes(ImageSource(str(tmp_path / 'a.fits'), weight=str(tmp_path / 'w.fits')))
        assert np.median(loaded.variance) == pytest.approx(VARIANCE, rel=1e-5)


def test_masks_of_des_have_bits_others_not_zero_rubin_names_its_planes_and_jwst_one_bit(tmp_path):
    values = np.zeros(IMAGE.shape, np.int32)
    values[5, :8] = [1, 2, 4, 8, 16, 32, 64, 2048]

    def bad(name, cards=None, primary=None):
        path = write_planes(tmp_path / 'a.fits', ('SCI', IMAGE), (name, values, cards or {}), primary=primary, header=HEADER)
        return load_planes(ImageSource(str(path))).bad[5, :9].tolist()
    # BPM, SATURATE, (INTERP), BADAMP, CRAY, (STAR), TRAIL, (SUSPECT)
    assert bad('MSK') == [True, True, False, True, True, False, True, False, False]
    assert bad('DQ') == [True] * 8 + [False]
    rubin = {'HIERARCH MP_BAD': 0, 'HIERARCH MP_SAT': 1, 'HIERARCH MP_INTRP': 2, 'HIERARCH MP_CR': 3, 'HIERARCH MP_EDGE': 4,
             'HIERARCH MP_DETECTED': 5, 'HIERARCH MP_NO_DATA': 6, 'HIERARCH MP_SENSOR_EDGE': 11}
    assert bad('MASK', rubin) == [True, True, False, True, True, False, True, True, False]
    assert bad('DQ', primary={'TELESCOP': 'JWST'}) == [True] + [False] * 8


def test_image_and_mask_alone(tmp_path):
    mask = np.zeros(IMAGE.shape, np.int16)
    mask[:, 7] = 4
    loaded = load_planes(ImageSource(str(write_planes(tmp_path / 'a.fits', ('SCI', IMAGE), ('DQ', mask), header=HEADER))))
    assert loaded.bad[:, 7].all() and loaded.bad.sum() == IMAGE.shape[0]
    assert np.median(loaded.variance) == pytest.approx(VARIANCE, rel=0.06)


def test_planes_of_one_version_belong_together(tmp_path):
    """Two chips in one file, as ACS writes them: a name alone does not tell; `[SCI,2]` does, with the mask of chip 2."""
    marks = [np.zeros(IMAGE.shape, np.int16) for _ in range(2)]
    marks[1][3, 3] = 1
    other = IMAGE + 1000
    path = write_planes(tmp_path / 'a.fits', ('SCI', IMAGE, {'EXTVER': 1, 'GAIN': 4.0}), ('DQ', marks[0], {'EXTVER': 1}),
                        ('SCI', other, {'EXTVER': 2, 'GAIN': 4.0}), ('DQ', marks[1], {'EXTVER': 2}), header=tan_cards())
    with pytest.raises(BadInput, match='cannot be told'):
        load_planes(ImageSource(str(path)))
    loaded = load_planes(ImageSource(f'{path}[SCI,2]'))
    assert (loaded.image == other).all() and np.argwhere(loaded.bad).tolist() == [[3, 3]]
    assert not load_planes(ImageSource(f'{path}[1]')).bad.any()
    assert (load_planes(ImageSource(str(path), ext='3')).image == other).all()
    assert (load_planes(ImageSource(str(path), ext='sci,2')).image == other).all()


@pytest.mark.parametrize('name', [
    'M31 [new].fits', 'a[1]', 'b.fits[SCI]', '100%.fits', 'x+1.fits', '!x.fits', 'a#b.fits', 'n(1).fits', "it's.fits",
    'a"b.fits', 'ñandú.fits', 'two  blanks.fits', ' lead.fits', 'semi;colon$.fits', '-x.fits', 'new\nline.fits', 'a&b.fits',
    'star*.fits', '~tilde.fits', 'mem:x.fits', 'a{b}.fits', 'a\\b.fits'])
def test_any_character_in_a_name(tmp_path, name, monkeypatch):
    """Read, written and checked under its name, by its path and from its folder, which has such a name, too."""
    from sediff.formats.fits import read_ccd, write_ccd
    folder = tmp_path / 'n[1] (old)'
    folder.mkdir()
    path = folder / name
    afits.PrimaryHDU(IMAGE, HEADER).writeto(path)
    assert (load_planes(ImageSource(str(path))).image == IMAGE).all()
    monkeypatch.chdir(folder)
    ccd = load(ImageSource(name))
    write_ccd(name, ccd)
    assert (read_ccd(path).image == IMAGE).all() and [each.name for each in folder.iterdir()] == [name]
    with afits.open(path, checksum=True) as hdus:
        assert [hdu.verify_datasum() for hdu in hdus] == [1, 1, 1]
    path.write_text('no FITS')
    with pytest.raises(BadInput, match='cannot be read as FITS'):
        load_planes(ImageSource(name))


def test_a_file_of_the_very_name_comes_first(tmp_path):
    afits.PrimaryHDU(IMAGE, HEADER).writeto(tmp_path / 'a.fits')
    assert split_extension(tmp_path / 'a.fits[0]') == (str(tmp_path / 'a.fits'), '0')
    afits.PrimaryHDU(IMAGE + 5, HEADER).writeto(tmp_path / 'a.fits[0]')
    assert (load_planes(ImageSource(str(tmp_path / 'a.fits[0]'))).image == IMAGE + 5).all()


def mosaic(*names):
    return [(name, IMAGE) for name in names]


REJECTED = [
    ([('SCI', IMAGE), ('DQ', np.zeros((9, 9), np.int16))], {}, BadInput, ['DQ has another shape', '9 x 9']),
    (mosaic(*(f'N{k}' for k in range(1, 32))), {}, BadInput, ['31 image planes', '12 N12 80 x 96 ...', 'cannot be told']),
    (mosaic('N1', 'N2', 'N3'), {}, BadInput, ['3 image planes', '1 N1', '2 N2', '80 x 96', '--ext']),
    (mosaic('', '', ''), {}, BadInput, ['3 image planes', 'no name', 'cannot be told']),
    (mosaic('SCI', 'FOO'), {}, BadInput, ['FOO', 'not known', '[1]']),
    (mosaic('SCI', 'IMAGE'), {}, BadInput, ['1 SCI', '2 IMAGE', 'cannot be told']),
    (mosaic('DQ', 'ERR'), {}, BadInput, ['1 DQ', '2 ERR', 'cannot be told']),
    (mosaic('SCI', 'DQ'), {'ext': '7'}, BadInput, ['no image 7', '1 SCI', '2 DQ']),
    (mosaic('SCI', 'DQ'), {'ext': 'ERR'}, BadInput, ['no image ERR', '1 SCI']),
    (mosaic('SCI', 'DQ'), {'ext': 'SCI,3'}, BadInput, ['no image SCI,3']),
    (mosaic('SCI', 'DQ'), {'ext': '0'}, BadInput, ['no image 0']),
    ([('SCI', np.zeros((4, 5, 6), np.float32))], {}, BadUsage, ['3 axes', 'two are needed']),
    ([('SCI', np.zeros(40, np.float32))], {}, BadUsage, ['1 axes']),
    ([('SCI', IMAGE), ('VAR', np.zeros_like(IMAGE) - 1)], {}, BadData, ['no pixel has a noise', 'VAR']),
    ([('SCI', IMAGE), ('DQ', np.ones(IMAGE.shape, np.int16))], {}, BadData, ['all pixels are masked']),
    ([('SCI', IMAGE)], {'weight': 'short.fits'}, BadUsage, ['shape']),
    ([('SCI', IMAGE)], {'weight': 'none.fits'}, BadInput, ['no such file']),
    ([('SCI', IMAGE)], {'mask': 'noise.fits'}, BadInput, ['called a mask', 'VAR', 'ERR']),
    ([('SCI', np.full_like(IMAGE, np.nan))], {}, BadData, ['all pixels are masked, missing']),
    ([('SCI', np.zeros_like(IMAGE))], {}, BadData, ['all pixels are masked, missing']),
    ([('SCI', np.full_like(IMAGE, 7.0))], {}, BadData, ['masked, missing']),
    ([('SCI', IMAGE)], {'saturate': 1.0}, BadData, ['out of range']),
    ([('SCI', IMAGE)], {'gain': 0.0}, BadUsage, ['gain must be positive']),
    ([('SCI', IMAGE)], {'gain': float('nan')}, BadUsage, ['gain must be positive']),
]


@pytest.mark.parametrize('planes, options, error, words', REJECTED)
def test_what_cannot_be_told_or_used_is_said(tmp_path, monkeypatch, planes, options, error, words):
    monkeypatch.chdir(tmp_path)
    write_planes(tmp_path / 'short.fits', ('WGT', IMAGE[:50]))
    write_planes(tmp_path / 'noise.fits', ('VAR', IMAGE), ('ERR', IMAGE))
    write_planes(tmp_path / 'a.fits', *planes, header=HEADER)
    with pytest.raises(error) as caught:
        load_planes(ImageSource('a.fits', **options))
    assert all(word in str(caught.value) for word in words)


def test_one_plane_without_a_name_beside_others_that_have_one(tmp_path):
    """The image that fpack or Pan-STARRS leave unnamed."""
    mask = np.zeros(IMAGE.shape, np.int16)
    mask[4, 4] = 1
    path = write_planes(tmp_path / 'a.fits', ('MASK', mask), ('', IMAGE, {'GAIN': 4.0}))
    loaded = load_planes(ImageSource(str(path)))
    assert (loaded.image == IMAGE).all() and np.argwhere(loaded.bad).tolist() == [[4, 4]]


def test_axes_of_length_one_and_other_planes_beside(tmp_path):
    """A cube of one plane is an image; what is known to be neither mask nor noise, or is of another size, lies beside it."""
    path = write_planes(tmp_path / 'a.fits', ('SCI', IMAGE[None]), ('CTX', IMAGE.astype(np.int32)), ('THING', IMAGE[:9, :9]),
                        header=HEADER)
    assert (load_planes(ImageSource(str(path))).image == IMAGE).all()
