"""SE12 and BLISS-expCalib_Y3apass.py on a CCD's products, good and bad."""
import json

import numpy as np
import pytest
from astropy.io.fits import Header
from made_up_exposure import CLEAR, header_of, make_exposure
from made_up_stars import catalogue_of, gaia_stars

from sediff.ccdimage import CcdImage
from sediff.cli.calibrate import main
from sediff.errors import BadUsage
from sediff.formats.corners import out_line
from sediff.formats.tables import read_csv
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument
from sediff.photometry.colour_terms import band_magnitudes
from sediff.psf.model import PsfModel
from sediff.refcat.lookup import read_colour_terms, write_shards
from sediff.repository.names import PRODUCTS, product_path
from sediff.repository.products import write_product
from sediff.wcs.read import out_corners, pixel_to_sky, read_wcs

pytestmark = [pytest.mark.busy, pytest.mark.usefixtures('no_picture')]
FLAGS = ['--expnum', '1250064', '--reqnum', '4', '--attnum', '7']


def write(exposure, name, value):
    write_product(product_path(exposure, name), PRODUCTS[name].kind, value)


def full_header(exposure) -> Header:
    header = header_of(exposure)
    for name, value in {'MJD-OBS': 57388.5, 'SATURATE': 150000.0, 'SKYBRITE': 950.0, 'SKYSIGMA': 32.0, 'ASTRMS': 10.0,
                        'SCAMPNUM': 90, 'SCAMPCHI': 1.0, 'ELLIPTIC': 0.05}.items():
        header[name] = value
    return header


@pytest.fixture
def observe(tmp_path, repository, monkeypatch):
    """A function that writes CCD images, catalogues of stars and shards, with the flux of each CCD's stars changed."""
    monkeypatch.setenv('ROOT', str(tmp_path))
    monkeypatch.delenv('SEDIFF_RC', raising=False)
    terms = read_colour_terms(table_path(default_instrument(), 'colour_terms.json'))
    exposure = make_exposure(tmp_path, 1250064, [])

    def act(ccds, change=lambda ccd, catalogue: catalogue, band='r'):
        from dataclasses import replace
        shown = replace(exposure, band=band)
        gathered = []
        for ccd in ccds:
            one, stars = shown.with_ccd(ccd), gaia_stars(200, seed=ccd)
            header = full_header(one)
            rng = np.random.default_rng(ccd)
            places = rng.uniform(20, 2027, 200), rng.uniform(20, 4075, 200)
            stars['ra'], stars['dec'] = pixel_to_sky(read_wcs(header), *places)
            stars['ref_epoch'] = 2016.0
            gathered.append(stars)
            magnitude = band_magnitudes(stars, band if band in 'ugrizY' else 'r', terms)
            catalogue = catalogue_of(stars['ra'], stars['dec'], magnitude, CLEAR, seed=ccd)
            catalogue['FLUX_PSF'] *= 10 ** (0.4 * 0.01 * rng.normal(size=200))
            image = CcdImage(np.zeros((4096, 2048), np.float32), np.zeros((4096, 2048), np.uint16),
                             np.ones((4096, 2048), np.float32), header)
            y, x = np.mgrid[-15:16, -15:16]
            plane = np.exp(-4 * np.log(2) * (x * x + y * y) / 3.8 ** 2)[None]
            line = out_line(1250064, band, ccd, out_corners(read_wcs(header)))
            for name, value in (('immask', image), ('fullcat', (change(ccd, catalogue), header)), ('out', line),
                                ('psf', PsfModel(plane / plane.sum(), 0, (1024.5, 2048.5), (1024.0, 2048.0), fwhm=3.8))):
                write(one, name, value)
        stars = np.concatenate(gathered)
        stars['source_id'] = np.arange(len(stars))
        write_shards(tmp_path / 'refcat', stars)
        return shown
    return act


def starve(kind):
    def change(ccd, catalogue):
        if ccd != 34:
            return catalogue
        if kind == 'no object':
            return catalogue[:0]
        if kind == 'one star':
            return catalogue[:1]
        if kind == 'all saturated':
            catalogue['FLAGS'] |= 4
        if kind == 'NaN':
            catalogue['FLUX_PSF'] = np.nan
        if kind == 'all near saturation':
            catalogue['FLUX_PSF'] = 1e8
        return catalogue
    return change


@pytest.mark.parametrize('kind', ['no object', 'one star', 'all saturated', 'NaN', 'all near saturation'])
def test_a_ccd_without_usable_stars_takes_the_exposure_s_zero_point(observe, kind):
    exposure = observe((33, 34), starve(kind))
    assert main('calibrate', FLAGS) == 0
    zero = read_csv(product_path(exposure.with_ccd(34), 'zero'))
    assert zero['ZP'][0] == -999.0 and zero['Nclipped'][0] == 0
    quality = json.loads(product_path(exposure.with_ccd(34), 'quality').read_text())
    assert quality['zero_point'] is None and 'needs 4' in quality['reason']
    own = read_csv(product_path(exposure.with_ccd(33), 'zero_point'))
    fallback = read_csv(product_path(exposure.with_ccd(34), 'zero_point'))
    assert abs(own['NewZP'][0] - CLEAR) < 0.005
    assert (fallback['NewZP'][0], fallback['NewZPFlag'][0]) == (pytest.approx(own['NewZP'][0]), 1)
    assert (read_csv(product_path(exposure.with_ccd(34), 'zp'))['ZeroPoint_FLAGS'] == 1).all()
    assert json.loads(product_path(exposure, 'qc').read_text())['ccds']['34']['lent']


def test_one_ccd_and_the_other_magnitudes(observe):
    exposure = observe((33,))
    assert main('calibrate', [*FLAGS, '--ccd', '33', '--magType', 'mag_auto']) == 0
    zero = read_csv(product_path(exposure.with_ccd(33), 'zero'))
    assert zero['magType'][0] == 'mag_auto'
    assert zero['ZP'][0] == pytest.approx(CLEAR + 2.5 * np.log10(0.98), abs=0.006)      # AUTO holds 98 % of the light


@pytest.mark.parametrize('band', ['u', 'Y'])
def test_bands_that_gaia_reaches_poorly_state_it(observe, band):
    exposure = observe((33,), band=band)
    assert main('calibrate', FLAGS) == 0
    quality = json.loads(product_path(exposure.with_ccd(33), 'quality').read_text())
    assert quality['relation_accuracy'] >= 0.05
    assert abs(quality['zero_point'] - CLEAR) < quality['relation_accuracy']
    assert quality['cloud_known'] == (band == 'Y')


def test_vr_is_rejected_with_the_reason(observe, capsys):
    observe((33,), band='VR')
    assert main('calibrate', FLAGS) == 4
    said = capsys.readouterr().err
    assert 'Gaia cannot calibrate VR' in said and 'exit 4' in said


@pytest.mark.parametrize('flags', [['--magType', 'mag_iso'], ['--sex_mag_zeropoint', '30'], ['--expnum', 'x']])
def test_bad_flags(flags, tmp_path, monkeypatch):
    monkeypatch.setenv('ROOT', str(tmp_path))
    with pytest.raises(BadUsage, match=flags[0]):
        main('calibrate', FLAGS + flags)
