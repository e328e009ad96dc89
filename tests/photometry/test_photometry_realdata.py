"""Real DECam images of the Legacy Survey's test case 4 against Gaia DR2 and the survey's own zero points."""
from pathlib import Path

import fitsio
import numpy as np
import pytest
import sep
from astropy.io.fits import Header
from made_up_stars import CATALOGUE_DTYPE

from sediff.formats.fits import read_header, read_image
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument
from sediff.photometry.calibrate import calibrate_ccd
from sediff.photometry.colour_terms import band_magnitudes
from sediff.photometry.match import match_sky
from sediff.photometry.zeropoint import ClipOptions, StarCuts
from sediff.refcat.lookup import as_stars, read_colour_terms, read_shards, write_shards
from sediff.refcat.motion import at_epoch
from sediff.refcat.regions import shards_for_region
from sediff.wcs.read import pixel_to_sky, read_wcs

CATALOGS = Path(__file__).resolve().parents[2] / 'catalogs'
# Zero points (1 ADU/s) in the survey's table survey-ccds-1.multi.
PUBLISHED = {634850: 24.911, 725257: 24.828, 650104: 25.180, 716705: 25.131, 730182: 25.089, 630780: 24.896, 640615: 24.869,
             720558: 24.906, 431608: 24.990}


@pytest.fixture(scope='module')
def measured(realdata, tmp_path_factory):
    """Exposure -> (east, north offsets in arcsec, zero points of 1 ADU/s), one entry a star."""
    case, shards = realdata / 'legacypipe/testcase4', tmp_path_factory.mktemp('gaia')
    tables = [fitsio.FITS(str(path))[1] for path in sorted(case.glob('gaia/*.fits'))]
    write_shards(shards, np.concatenate([table[:] for table in tables if table.get_nrows()]))
    stars, _ = read_shards(shards, shards_for_region(186.744, 25.462, 0.3))
    terms = read_colour_terms(table_path(default_instrument(), 'colour_terms.json'))
    return {int(header['EXPNUM']): _measure(path, header, stars, terms)
            for path in sorted(case.glob('images/*_ooi_*_ls9.*.fits')) for header in [read_header(path, 0)]}


def _measure(path, primary, stars, terms):
    image, header = read_image(path)
    image = image.astype(np.float32)
    background = sep.Background(image)
    image -= background.back()
    found = sep.extract(image, 5.0, err=background.globalrms)
    ra, dec = pixel_to_sky(read_wcs(header), found['x'], found['y'])
    now = at_epoch(stars, float(primary['MJD-OBS']))
    first, second, _ = match_sky(ra, dec, now['ra'], now['dec'], 1.0)
    east = 3600 * (ra[first] - now['ra'][second]) * np.cos(np.radians(dec[first]))
    north = 3600 * (dec[first] - now['dec'][second])
    flux, _, _ = sep.sum_circle(image, found['x'][first], found['y'][first], 13.5)
    magnitude = band_magnitudes(now[second], str(primary['FILTER'])[0], terms)
    return east, north, magnitude + 2.5 * np.log10(flux / float(primary['EXPTIME']))


@pytest.fixture(scope='module')
def calibrated(realdata):
    """(band, our zero point, its whole error, the survey's, its error) of each image, by the code that calibrates CCDs."""
    case = realdata / 'legacypipe/testcase4'
    tables = [fitsio.FITS(str(path))[1] for path in sorted(case.glob('gaia/*.fits'))]
    raw = np.concatenate([table[:] for table in tables if table.get_nrows()])
    stars, terms = as_stars(raw, 'Gaia chunks'), read_colour_terms(table_path(default_instrument(), 'colour_terms.json'))
    for name in ('g', 'bp', 'rp'):
        stars[f'phot_{name}_mean_mag_error'] = 2.5 / np.log(10) / raw[f'phot_{name}_mean_flux_over_error']
    survey = {int(row['expnum']): row for row in fitsio.read(str(case / 'survey-ccds-1.multi.fits.gz'))}
    return [_calibrate(path, header, stars, terms, survey[int(header['EXPNUM'])])
            for path in sorted(case.glob('images/*_ooi_*_ls9.*.fits')) for header in [read_header(path, 0)]]


def _calibrate(path, primary, stars, terms, row):
    image, header = read_image(path)
    image = image.astype(np.float32)
    background = sep.Background(image)
    image -= background.back()
    found = sep.extract(image, 5.0, err=background.globalrms)
    flux, _, _ = sep.sum_circle(image, found['x'], found['y'], 13.5)
    noise = np.sqrt(np.pi * 13.5 ** 2 * background.globalrms ** 2 + np.maximum(flux, 0.0) / 4.0)
    table = np.zeros(len(found), CATALOGUE_DTYPE)
    table['ALPHAWIN_J2000'], table['DELTAWIN_J2000'] = pixel_to_sky(read_wcs(header), found['x'], found['y'])
    table['FLUX_PSF'], table['FLUXERR_PSF'], table['CLASS_STAR'] = flux, noise, 1.0
    cards = Header([('EXPNUM', int(primary['EXPNUM'])), ('CCDNUM', 1)])
    result = calibrate_ccd(table, cards, at_epoch(stars, float(primary['MJD-OBS'])), str(primary['FILTER'])[0], terms, 'x',
                           (4096, 2048), StarCuts(min_snr=5.0), ClipOptions(min_stars=2))
    second = result.zero_point.zero_point - 2.5 * np.log10(float(primary['EXPTIME']))
    error = np.hypot(result.zero_point.error, result.accuracy)
    return (str(primary['FILTER'])[0], second, error, float(row['ccdzpt']),
            float(row['ccdphrms']) / np.sqrt(float(row['ccdnphotom'])))


def test_zero_points_agree_within_the_stated_errors(calibrated):
    """Three stars an image: every pull at most 2.5, every band's mean difference below 0.1 mag."""
    assert len(calibrated) == len(PUBLISHED)
    for band, ours, error, theirs, their_error in calibrated:
        assert abs(ours - theirs) <= 2.5 * np.hypot(error, their_error), (band, ours, error, theirs)
        assert error < 0.08
    for wanted in 'grz':
        assert abs(np.mean([ours - theirs for band, ours, _, theirs, _ in calibrated if band == wanted])) < 0.1


def test_positions_agree_with_gaia(measured):
    assert set(measured) == set(PUBLISHED)
    for east, north, _ in measured.values():
        assert len(east) >= 3
        assert np.hypot(np.median(east), np.median(north)) < 0.1


def test_zero_points_agree_with_the_survey_s(measured):
    """Three stars an image, each good to a few hundredths of a magnitude plus the colour term's scatter."""
    difference = np.array([np.median(measured[number][2]) - value for number, value in PUBLISHED.items()])
    assert np.abs(difference).max() < 0.12
    assert abs(difference.mean()) < 0.05
