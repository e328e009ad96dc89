"""Subtraction of files as other programs write them: the same metrics as from a plain pair."""
from __future__ import annotations

import re

import numpy as np
import pytest
from astropy.coordinates import FK5, Galactic, SkyCoord
from astropy.io import fits as afits
from astropy.wcs import WCS

from sediff.__main__ import main
from sediff.cli.subtract import run_argv
from sediff.errors import BadData
from sediff.wcs.read import pixel_to_sky, read_wcs

SIDE, CENTRE, FLUX = 300, (150.3, 140.7), 9000.0
HOTPANTS = ('-inim s.fits -tmplim z.fits -outim d.fits -oni n.fits -omi m.fits -n i -ig 4 -tg 4 -ir 7 -tr 7 '
            '-iu 60000 -tu 60000')


def tan(lon=40.0, lat=-30.0, names=('RA---TAN', 'DEC--TAN'), **cards):
    d = 0.263 / 3600
    middle = (SIDE + 1) / 2
    return afits.Header({'CTYPE1': names[0], 'CTYPE2': names[1], 'CRVAL1': lon, 'CRVAL2': lat, 'CRPIX1': middle,
                         'CRPIX2': middle, 'CD1_1': -d, 'CD1_2': 0.0, 'CD2_1': 0.0, 'CD2_2': d, **cards})


def stars(seed=3, count=70):
    """x, y and flux of stars away from the new source: (n, 3)."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-20, SIDE + 20, (2, count))
    far = np.hypot(x - CENTRE[0], y - CENTRE[1]) > 25
    return np.c_[x[far], y[far], 10 ** rng.uniform(3.3, 5.2, far.sum())]


def picture(paint, sources, fwhm, sky, seed):
    rng = np.random.default_rng(seed)
    light = paint((SIDE, SIDE), *sources.T, fwhm, radius=30)
    return ((rng.poisson((light + sky) * 4) + rng.normal(0, 7, light.shape)) / 4).astype(np.float32)


@pytest.fixture(scope='module')
def images(paint):
    """Science and template image, in ADU of 4 electrons, with one new source."""
    table = stars()
    return (picture(paint, np.vstack([table, [(*CENTRE, FLUX)]]), 4.4, 220, 1), picture(paint, table, 3.6, 180, 2))


@pytest.fixture
def files(images, tmp_path, monkeypatch):
    """s.fits and t.fits with their planes, in the folder that the test works in."""
    monkeypatch.chdir(tmp_path)
    for name, image in zip('st', images):
        afits.PrimaryHDU(image, tan(GAIN=4.0, SATURATE=6e4)).writeto(f'{name}.fits')
    return images


def metrics(*words):
    """Flux within 12 px of the new source, pixels beyond 8 sigma elsewhere, share masked, NOISECHI."""
    assert run_argv([*words, '-o', 'd.fits', '--noise', 'n.fits', '--mask', 'm.fits']) == 0
    return measured()


def measured():
    image, noise, mask = (afits.getdata(f'{name}.fits').astype(float) for name in 'dnm')
    v, u = np.mgrid[:SIDE, :SIDE]
    distance = np.hypot(u - CENTRE[0], v - CENTRE[1])
    wrong = (mask == 0) & (np.abs(image) > 8 * noise) & (distance > 14)
    return image[distance < 12].sum(), int(wrong.sum()), float((mask != 0).mean()), afits.getheader('d.fits')['NOISECHI']


def right(flux, wrong, masked, chi, masked_share=(0.0, 0.1)):
    """The light of a Moffat star of beta 3.5 within 12 px is 96.5 %; its noise there is 21 px^2 of 10 ADU: 230."""
    assert flux == pytest.approx(0.965 * FLUX, abs=3 * 230)
    assert wrong == 0 and masked_share[0] <= masked <= masked_share[1] and chi == pytest.approx(1.0, abs=0.05)


def test_a_plain_pair(files):
    right(*metrics('s.fits', 't.fits'))
    right(*metrics('s.fits[0]', 't.fits[0]'))


def test_a_template_of_zeros_where_it_has_no_data(files):
    template = files[1].copy()
    template[:, :70] = template[250:] = 0
    afits.PrimaryHDU(template, tan(GAIN=4.0, SATURATE=6e4)).writeto('z.fits')
    hole = (template == 0).mean()
    right(*metrics('s.fits', 'z.fits'), masked_share=(hole, hole + 0.1))
    assert run_argv(HOTPANTS.split()) == 0
    right(*measured(), masked_share=(hole, hole + 0.1))


def test_hotpants_fills_where_it_is_asked_to(files):
    template = files[1].copy()
    template[:, :70] = 1e-30
    afits.PrimaryHDU(template, tan()).writeto('z.fits')
    assert run_argv(f'{HOTPANTS} -fi -999 -fin -1'.split()) == 0
    mask = afits.getdata('m.fits') != 0
    assert mask[:, :70].all()
    assert (afits.getdata('d.fits')[mask] == -999).all() and (afits.getdata('n.fits')[mask] == -1).all()


@pytest.mark.parametrize('layout', ['IMAGE MASK VARIANCE', 'SCI ERR DQ', 'SCI DQ', 'WGT MSK SCI'])
def test_planes_of_other_programs(files, layout):
    """A bad column that the mask names is masked, and the noise is right, whatever the planes are called."""
    for name, image in zip('st', files):
        variance = np.maximum(image, 1) / 4 + (7 / 4) ** 2
        image, mask = image.copy(), np.zeros(image.shape, np.int16)
        if name == 's':
            image[:, 200], mask[:, 200] = 30000, 1
        planes = {'IMAGE': image, 'SCI': image, 'MASK': mask, 'DQ': mask, 'MSK': mask, 'VARIANCE': variance,
                  'ERR': variance**0.5, 'WGT': 1 / variance}
        hdus = [afits.ImageHDU(planes[each].astype(np.int16 if each in ('MASK', 'DQ', 'MSK') else np.float32),
                               tan(GAIN=4.0) if each in ('IMAGE', 'SCI') else None, name=each) for each in layout.split()]
        afits.HDUList([afits.PrimaryHDU(), *hdus]).writeto(f'{name}_p.fits')
    right(*metrics('s_p.fits', 't_p.fits'), masked_share=(1 / SIDE, 0.1))
    assert (afits.getdata('m.fits')[:, 200] != 0).all()


@pytest.mark.parametrize('kind', ['galactic', 'fk5'])
def test_a_template_in_other_coordinates(paint, files, kind):
    """Painted where its own header says the stars are; aligned, the difference is that of the plain pair."""
    frame = Galactic() if kind == 'galactic' else FK5(equinox='J2019.5')
    centre = SkyCoord(40.0, -30.0, unit='deg').transform_to(frame).spherical
    header = tan(centre.lon.deg, centre.lat.deg, ('GLON-TAN', 'GLAT-TAN')) if kind == 'galactic' else \
        tan(centre.lon.deg, centre.lat.deg, RADESYS='FK5', EQUINOX=2019.5)
    header['GAIN'], header['SATURATE'] = 4.0, 6e4
    table = stars()
    place = SkyCoord(*pixel_to_sky(read_wcs(tan()), *table[:, :2].T), unit='deg').transform_to(frame).spherical
    x, y = WCS(header).all_world2pix(place.lon.deg, place.lat.deg, 0)
    inside = np.maximum(np.abs(x - SIDE / 2), np.abs(y - SIDE / 2)) < SIDE / 2 + 25
    image = picture(paint, np.c_[x, y, table[:, 2]][inside], 3.6, 180, 2)
    afits.PrimaryHDU(image, header).writeto('o.fits')
    flux, wrong, masked, chi = metrics('s.fits', 'o.fits', '--align')
    right(flux, wrong, masked, chi, masked_share=(0.0, 0.35))


@pytest.mark.parametrize('science, template', [(1e-20, 1e-20), (1e20, 1e20), (1e-20, 1.0)])
@pytest.mark.parametrize('normalize', ['science', 'template'])
def test_any_unit(files, science, template, normalize):
    for name, image, factor in zip('st', files, (science, template)):
        afits.PrimaryHDU((image.astype(float) * factor).astype(np.float32), tan(GAIN=4.0 / factor)).writeto(f'{name}_u.fits')
    flux, wrong, masked, chi = metrics('s_u.fits', 't_u.fits', '--normalize', normalize)
    right(flux / (science if normalize == 'science' else template), wrong, masked, chi)
    header = afits.getheader('d.fits')
    assert header['KERNSUM'] == pytest.approx(science / template, rel=0.01)
    assert header['STAMPCHI'] == pytest.approx(1.0, abs=0.1)


def test_weights_of_one_are_said_with_the_factor_and_corrected(files, capsys):
    for name, image in zip('st', files):
        afits.PrimaryHDU(np.ones_like(image)).writeto(f'{name}_w.fits')
    words = ('s.fits', 't.fits', '--science-weight', 's_w.fits', '--template-weight', 't_w.fits')
    chi = metrics(*words)[3]
    said = capsys.readouterr().err
    assert float(re.search(r's.fits: the noise of its sky is ([\d.]+) times', said)[1]) == pytest.approx(7.6, rel=0.05)
    assert f'NOISECHI is {chi:.3g}' in said and '--scale-weights' in said
    right(*metrics(*words, '--scale-weights'))
    assert 'NOISECHI' not in capsys.readouterr().err


def test_a_plain_pair_is_silent(files, capsys):
    metrics('s.fits', 't.fits')
    assert capsys.readouterr().err == ''


def test_a_gain_that_is_wrong_is_the_reason_given(files, capsys):
    for name, image in zip('st', files):
        afits.PrimaryHDU((image / 65535).astype(np.float32), tan(GAIN=1.0)).writeto(f'{name}_n.fits')
    with pytest.raises(BadData, match=r'gain of 1 .* contradicts'):
        run_argv(['s_n.fits', 't_n.fits', '-o', 'd.fits'])
    flux, wrong, masked, chi = metrics('s_n.fits', 't_n.fits', '--scale-weights')
    right(flux * 65535, wrong, masked, chi)


def test_saturation_as_text(images, files):
    clipped = [np.minimum(image, 3000.0) for image in images]
    for kind, value in (('number', 3000.0), ('text', '3000')):
        for name, image in zip('st', clipped):
            afits.PrimaryHDU(image, tan(GAIN=4.0, SATURATE=value)).writeto(f'{name}_{kind}.fits')
        metrics(f's_{kind}.fits', f't_{kind}.fits')
        afits.HDUList(afits.PrimaryHDU(afits.getdata('d.fits'))).writeto(f'd_{kind}.fits')
    assert (afits.getdata('d_text.fits') == afits.getdata('d_number.fits')).all()


def test_exit_codes(files, capsys):
    assert main(['subtract', 's.fits[7]', 't.fits', '-o', 'x.fits']) == 3
    assert 'no image 7' in capsys.readouterr().err
