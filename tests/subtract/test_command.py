"""The subtract subcommand with its own flags and with HOTPANTS'."""
import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.ccdimage import CcdImage
from sediff.cli.hotpants import is_hotpants, parse
from sediff.cli.subtract import run_argv
from sediff.errors import BadData, BadInput, BadUsage
from sediff.formats.fits import read_header, read_image, write_ccd, write_images
from sediff.formats.psfex import read_psf, write_psf
from sediff.maskbits import Bit
from sediff.psf.model import PsfModel
from sediff.psf.zoned import zoned


def tan_header(shift=(0.0, 0.0)):
    d = 0.263 / 3600
    return Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRPIX1': 256.0 + shift[0], 'CRPIX2': 256.0 + shift[1],
                   'CRVAL1': 40.0, 'CRVAL2': -30.0, 'CD1_1': -d, 'CD1_2': 0.0, 'CD2_1': 0.0, 'CD2_2': d, 'GAIN': 4.0})


@pytest.fixture
def files(pair, tmp_path):
    """Paths of the pair written as simple images."""
    for name, image in (('science', pair.science), ('template', pair.template)):
        write_images(tmp_path / f'{name}.fits', [('SCI', image, tan_header())])
    return str(tmp_path / 'science.fits'), str(tmp_path / 'template.fits'), tmp_path


def chi_of_sky(pair, folder):
    difference, noise, mask = (read_image(folder / name)[0] for name in ('d.fits', 'n.fits', 'm.fits'))
    good = pair.sky() & (mask == 0)
    return np.std(np.clip(difference[good] / noise[good], -6, 6))


def test_command_writes_difference_noise_and_mask(pair, files):
    science, template, folder = files
    assert run_argv([science, template, '-o', f'{folder}/d.fits', '--noise', f'{folder}/n.fits', '--mask',
                     f'{folder}/m.fits', '--saturate', '20000']) == 0
    assert chi_of_sky(pair, folder) == pytest.approx(1.0, abs=0.05)
    header = read_header(folder / 'd.fits')
    assert header['KERNSUM'] == pytest.approx(1.3, rel=0.02) and header['KERNDIR'] == 'template'
    assert header['NSTAMPS'] > 10 and header['FWHMSCI'] > header['FWHMTMPL'] and header['CTYPE1'] == 'RA---TAN'


def test_align_resamples_the_template(pair, files, tmp_path):
    science, _, folder = files
    shifted = np.roll(pair.template, (5, -7), (0, 1))
    write_images(tmp_path / 'shifted.fits', [('SCI', shifted, tan_header((-7, 5)))])
    run_argv([science, str(tmp_path / 'shifted.fits'), '-o', f'{folder}/d.fits', '--noise', f'{folder}/n.fits',
              '--mask', f'{folder}/m.fits', '--saturate', '20000', '--align'])
    assert chi_of_sky(pair, folder) == pytest.approx(1.0, abs=0.05)


def test_ccd_products_bring_mask_and_weight(pair, tmp_path):
    planes = []
    for name, image, variance, bad in (('s', pair.science, pair.science_variance, pair.science_bad),
                                       ('t', pair.template, pair.template_variance, pair.template_bad)):
        mask = np.where(bad, int(Bit.SATURATE), 0).astype(np.uint16)
        mask[:, 50] = Bit.BPM if name == 't' else Bit.STAR
        write_ccd(tmp_path / f'{name}.fits', CcdImage(image, mask, 1 / variance, tan_header()))
        planes.append(str(tmp_path / f'{name}.fits'))
    run_argv([*planes, '-o', str(tmp_path / 'd.fits'), '--mask', str(tmp_path / 'm.fits')])
    mask, _ = read_image(tmp_path / 'm.fits')
    assert mask[:, 50].all() and mask.mean() < 0.1


def test_hotpants_flags(pair, files):
    science, template, folder = files
    argv = ['-inim', science, '-tmplim', template, '-outim', f'{folder}/d.fits', '-oni', f'{folder}/n.fits', '-omi',
            f'{folder}/m.fits', '-iu', '20000', '-tu', '20000', '-il', '0', '-tl', '0', '-ig', '4', '-ir', '8', '-tg',
            '4', '-tr', '8', '-r', '12', '-rss', '14', '-nsx', '8', '-nsy', '8', '-ko', '1', '-bgo', '1', '-c', 't',
            '-n', 'i', '-nrx', '1', '-nry', '1', '-v', '0']
    assert is_hotpants(argv)
    assert run_argv(argv) == 0
    header = read_header(folder / 'd.fits')
    assert header['KERNORD'] == 1 and header['KERNHALF'] == 12 and header['NORMDIR'] == 'science'
    assert chi_of_sky(pair, folder) == pytest.approx(1.0, abs=0.05)


def test_hotpants_normalises_to_the_template_by_default(pair, files):
    science, template, folder = files
    flags = ['-inim', science, '-tmplim', template, '-iu', '20000', '-tu', '20000', '-ig', '4', '-tg', '4', '-outim']
    run_argv([*flags, f'{folder}/t.fits'])
    run_argv([*flags, f'{folder}/i.fits', '-n', 'i'])
    by_template, by_science = (read_image(folder / f'{k}.fits')[0] for k in 'ti')
    assert by_science.std() / by_template.std() == pytest.approx(1.3, rel=0.02)


@pytest.mark.parametrize('flags,named', [(['-zz', '3'], '-zz'), (['-ko'], '-ko'), (['-ko', 'two'], '-ko'),
                                         (['-iu', 'nan'], '-iu'), (['-tl', '-inf'], '-tl'),
                                         (['-ko', '9' * 5000], '5000 characters'),
                                         (['-c', 'x'], '-c'), (['-ng', '3', '6', '0.7', '4'], '-ng needs 7'),
                                         (['-oci', 'c.fits'], '-oci')])
def test_bad_hotpants_flags_are_named(flags, named):
    with pytest.raises(BadUsage, match=named):
        parse(['-inim', 'a', '-tmplim', 'b', '-outim', 'c', *flags])


def test_flags_that_change_nothing_are_read_past():
    flags = ['-inim', 'a', '-tmplim', 'b', '-outim', 'c']
    more = '-ng 3 6 0.7 4 1.5 2 3.0 -ko 1 -okn -fi 0 -ft 20 -c t'.split()
    assert parse([*flags, *more]) == parse([*flags, '-ko', '1', '-c', 't'])


def test_hotpants_needs_its_files():
    with pytest.raises(BadUsage, match='-tmplim'):
        parse(['-inim', 'a', '-outim', 'c'])


def test_failures_leave_nothing_behind(files, tmp_path):
    science, template, folder = files
    out = folder / 'd.fits'
    noise = np.random.default_rng(1).normal(100, 5, (50, 60)).astype(np.float32)
    write_images(tmp_path / 'small.fits', [('SCI', noise, tan_header())])
    for argv, error in (([science, str(tmp_path / 'small.fits')], BadUsage),
                        ([science, str(folder / 'no.fits')], BadInput),
                        ([science, template, '--saturate', '1'], BadData)):
        with pytest.raises(error):
            run_argv([*argv, '-o', str(out)])
        assert not out.exists() and not list(folder.glob('.tmp*'))
    with pytest.raises(SystemExit) as stop:
        run_argv([science, template, '-o', str(out), '--unknown'])
    assert stop.value.code == 2


def test_psf_of_the_difference(pair, files):
    """The science image's model where the template was convolved, sharper where the noise was made white; else said."""
    science, template, folder = files
    v, u = np.mgrid[-20:21, -20:21]
    plane = np.exp(-0.5 * (u**2 + v**2) / 4.0)
    write_psf(folder / 'in.psf', PsfModel(plane[None] / plane.sum(), 0, (1.0, 1.0), (100.0, 100.0)))
    words = [science, template, '--gain', '4', '--psf-output']
    with pytest.raises(BadUsage, match='--science-psf'):
        run_argv([*words, f'{folder}/no.psf', '-o', f'{folder}/no.fits'])
    assert not (folder / 'no.fits').exists()
    for name, more in (('plain', []), ('white', ['--decorrelate'])):
        run_argv([*words, f'{folder}/{name}.psf', '--science-psf', f'{folder}/in.psf', '-o', f'{folder}/d.fits', *more])
    plain, white = (read_psf(folder / f'{name}.psf').image(200, 200, 25) for name in ('plain', 'white'))
    assert plain == pytest.approx(read_psf(folder / 'in.psf').image(200, 200, 25), abs=1e-6)
    assert white.max() > 1.02 * plain.max() and white.sum() == pytest.approx(1.0, abs=0.01)


def test_psf_of_a_difference_is_no_psf_of_an_image(files):
    """A model zone by zone, as --psf-output writes it, cannot stand for the science image's."""
    science, template, folder = files
    plane = np.exp(-0.5 * np.add.outer(np.arange(-10.0, 11.0)**2, np.arange(-10.0, 11.0)**2) / 4.0)
    model = PsfModel(plane[None] / plane.sum(), 0, (1.0, 1.0), (100.0, 100.0))
    write_psf(folder / 'zones.psf', zoned([model, model], np.arange(4).reshape(2, 2) % 2, 200))
    with pytest.raises(BadUsage, match='zone by zone'):
        run_argv([science, template, '--gain', '4', '--decorrelate', '--psf-output', f'{folder}/out.psf', '--science-psf',
                  f'{folder}/zones.psf', '-o', f'{folder}/d.fits'])
    assert not (folder / 'd.fits').exists()
