"""Zero points from a cascade of reference catalogues: Gaia lacks half of the CCD, another catalogue has all of it."""
import json
from dataclasses import replace

import healpy
import numpy as np
import pytest
from made_up_exposure import CLEAR, EXPOSURE
from made_up_stars import catalogue_of, gaia_stars
from test_flow_calibrate import FLAGS, full_header, write

from sediff.ccdimage import CcdImage
from sediff.cli.calibrate import main
from sediff.formats.corners import out_line
from sediff.formats.fits import read_header
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument
from sediff.photometry.colour_terms import band_magnitudes
from sediff.psf.model import PsfModel
from sediff.refcat.cascade import catalogue_folder
from sediff.refcat.index import read_catalogue
from sediff.refcat.lookup import read_colour_terms, write_shards
from sediff.refcat.regions import pixels_of
from sediff.refcat.shard import write_shard
from sediff.refcat.standards import catalogue_magnitudes
from sediff.repository.names import product_path
from sediff.repository.products import read_product
from sediff.sphere import separation
from sediff.wcs.read import out_corners, pixel_to_sky, read_wcs

COUNT = 500


def place_on_a_border(header) -> None:
    """Move a CCD's WCS so that its middle lies on the border of two shards."""
    corner = healpy.boundaries(32, 8914, step=1).T
    middle = corner[0] + corner[1]
    ra, dec = (float(value[0]) for value in healpy.vec2ang(middle, lonlat=True))
    header['CRPIX1'], header['CRPIX2'] = 1024.5, 2048.5
    header['CRVAL1'], header['CRVAL2'] = ra, dec


@pytest.fixture
def sky(tmp_path, repository, monkeypatch):
    """CCD 33 with stars that Gaia and a catalogue on the PS1 system have; their magnitudes are of the latter."""
    monkeypatch.setenv('ROOT', str(tmp_path))
    monkeypatch.delenv('SEDIFF_RC', raising=False)
    exposure = replace(EXPOSURE, root=tmp_path).with_ccd(33)
    header, rng = full_header(exposure), np.random.default_rng(4)
    place_on_a_border(header)
    wcs = read_wcs(header)
    gaia = gaia_stars(COUNT, seed=8)
    gaia['ra'], gaia['dec'] = pixel_to_sky(wcs, rng.uniform(20, 2027, COUNT), rng.uniform(20, 4075, COUNT))
    gaia['ref_epoch'], gaia['source_id'] = 2016.0, np.arange(COUNT)
    catalogue = read_catalogue('ps1')
    ps1 = np.zeros(COUNT, catalogue.dtype)
    for name in ps1.dtype.names:
        ps1[name] = gaia[name] if name in gaia.dtype.names else 0.003
    blue = rng.uniform(-0.1, 1.1, COUNT)
    truth = band_magnitudes(gaia, 'r', read_colour_terms(table_path(default_instrument(), 'colour_terms.json')))
    # r_DECam = r + 0.0189 - 0.1335 (g - r), the relation of the catalogue; a tenth are redder than it reaches
    blue[::10] = 1.6
    ps1['mag_r'] = truth - 0.0189 + 0.1335 * blue
    ps1['mag_g'] = ps1['mag_r'] + blue
    ps1['mag_i'], ps1['mag_z'] = ps1['mag_r'] - 0.3 * blue, ps1['mag_r'] - 0.4 * blue
    noisy = catalogue_of(gaia['ra'], gaia['dec'], truth, CLEAR, seed=3)
    noisy['FLUX_PSF'] *= 10 ** (0.4 * 0.01 * rng.normal(size=COUNT))
    image = CcdImage(np.zeros((4096, 2048), np.float32), np.zeros((4096, 2048), np.uint16),
                     np.ones((4096, 2048), np.float32), header)
    y, x = np.mgrid[-15:16, -15:16]
    plane = np.exp(-4 * np.log(2) * (x * x + y * y) / 3.8 ** 2)[None]
    psf = PsfModel(plane / plane.sum(), 0, (1024.5, 2048.5), (1024.0, 2048.0), fwhm=3.8)
    for name, value in (('immask', image), ('fullcat', (noisy, header)), ('psf', psf),
                        ('out', out_line(exposure.expnum, 'r', 33, out_corners(wcs)))):
        write(exposure, name, value)
    return exposure, gaia, ps1, catalogue


def write_other(root, ps1, catalogue) -> None:
    """Shards of the other catalogue."""
    pixels = pixels_of(ps1['ra'], ps1['dec'])
    place = catalogue_folder(root / 'refcat', 'ps1')
    place.mkdir(parents=True, exist_ok=True)
    for pixel in np.unique(pixels):
        write_shard(place / catalogue.shard_name(int(pixel)), ps1[pixels == pixel], int(pixel))


def calibrated(exposure, cascade: str, *words: str) -> dict:
    assert main('calibrate', [*FLAGS, '--ccd', '33', '-P', f'REFCAT_CASCADE={cascade}', *words]) == 0
    return json.loads(product_path(exposure, 'quality').read_text())


@pytest.mark.slow
def test_gaia_missing_over_half_the_ccd(sky, tmp_path):
    exposure, gaia, ps1, catalogue = sky
    pixels = pixels_of(gaia['ra'], gaia['dec'])
    values, counts = np.unique(pixels, return_counts=True)
    assert (counts > 0.2 * COUNT).sum() >= 2
    write_shards(tmp_path / 'refcat', gaia[pixels == values[np.argmax(counts)]])
    write_other(tmp_path, ps1, catalogue)
    alone, joined = calibrated(exposure, 'gaia'), calibrated(exposure, 'gaia,ps1')
    log = (exposure.se_folder / 'SE12_expCalib.LOG').read_text()
    assert 'standards of ps1' in log and 'shards are missing' in log
    assert abs(joined['zero_point'] - CLEAR) < 0.005
    assert abs(joined['zero_point'] - CLEAR) < 4 * joined['zero_point_error']
    # Gaia's half of the CCD serves by itself too, with fewer stars
    assert abs(alone['zero_point'] - CLEAR) < 0.005
    assert joined['stars_all'] > 1.2 * alone['stars_all']
    # stars outside of the relation's colours take no part
    magnitude, _ = catalogue_magnitudes(ps1, 'r', catalogue)
    assert np.isnan(magnitude[::10]).all()
    assert joined['stars_all'] <= np.isfinite(magnitude).sum()
    # the range of BP-RP is Gaia's affair
    assert calibrated(exposure, 'ps1', '-P', 'ZP_COLOUR_MIN=1.4')['zero_point'] == joined['zero_point']


def test_blends_of_another_catalogue_take_no_part(sky, tmp_path):
    """A neighbour outside of the relation's colours has no magnitude in the band, and still adds its light."""
    exposure, _, ps1, catalogue = sky
    pairs = ps1[1::5].copy()
    pairs['dec'] += 1.5 / 3600
    pairs['source_id'] += COUNT
    for name in catalogue.magnitudes:
        pairs[name] += 0.5
    pairs['mag_g'] = pairs['mag_r'] + 1.7
    write_other(tmp_path, np.concatenate([ps1, pairs]), catalogue)
    header, noisy = read_header(product_path(exposure, 'immask'), 1), read_product(product_path(exposure, 'fullcat'), 'ldac')
    noisy['FLUX_PSF'][1::5] *= 1.5
    write(exposure, 'fullcat', (noisy, header))
    found = calibrated(exposure, 'ps1')
    assert abs(found['zero_point'] - CLEAR) < 0.005
    assert found['stars_all'] < 0.75 * COUNT
    assert separation(ps1['ra'][1], ps1['dec'][1], pairs['ra'][0], pairs['dec'][0]) * 3600 == pytest.approx(1.5, abs=0.01)
