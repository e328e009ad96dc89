"""A whole small exposure of which one CCD has next to no reference stars, through the driver."""
import json

import fitsio
import numpy as np
import pytest

from sediff.formats.fits import read_header
from sediff.formats.tables import read_csv
from sediff.refcat.motion import julian_year
from sediff.wcs.read import pixel_to_sky, read_wcs

from .conftest import BAND, EXPNUM, NITE, Night, done

CCDS, POOR = '27,28,33,34', 34


def starve(night: Night, kept: int) -> None:
    """Leave only some reference stars on the CCD with too few reference stars and near it."""
    found, stars = true_places(night, POOR)
    west, east, south, north = stars['ra'].min(), stars['ra'].max(), stars['dec'].min(), stars['dec'].max()
    for path in (night.root / 'refcat').iterdir():
        table = fitsio.read(str(path))
        near = (np.abs(table['ra'] - (west + east) / 2) < (east - west) / 2 + 0.01) & (
            np.abs(table['dec'] - (south + north) / 2) < (north - south) / 2 + 0.01)
        on_ccd = np.flatnonzero(near & np.isin(table['source_id'], found['id']))
        near[on_ccd[:kept]] = False
        kept -= min(kept, on_ccd.size)
        path.unlink()
        fitsio.write(str(path), table[~near], extname='STARS')


def true_places(night: Night, ccd: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the stars are on a CCD, and what they are: rows of star_epochs and of stars."""
    found = fitsio.read(str(night.root / 'truth/star_epochs.fits'))
    found = found[(found['ccdnum'] == ccd) & (found['expnum'] == EXPNUM)]
    stars = fitsio.read(str(night.root / 'truth/stars.fits'))
    order = np.argsort(stars['source_id'])
    return found, stars[order[np.searchsorted(stars['source_id'][order], found['id'])]]


def errors_mas(night: Night, ccd: int) -> np.ndarray:
    """Position errors of the product's WCS at the true places of the stars, (2, n)."""
    header = read_header(next(night.folder.glob(f'D*_{ccd}_r4p7_immask.fits.fz')), 1)
    found, stars = true_places(night, ccd)
    ra, dec = pixel_to_sky(read_wcs(header), found['x'], found['y'])
    years = julian_year(header['MJD-OBS']) - stars['ref_epoch']
    cos_dec = np.cos(np.radians(stars['dec']))
    return 3.6e6 * np.array([(ra - stars['ra']) * cos_dec, dec - stars['dec']]) - years * np.array([stars['pmra'],
                                                                                                    stars['pmdec']])


@pytest.fixture(scope='module')
def poor_night(tmp_path_factory):
    night = Night(tmp_path_factory.mktemp('few_stars'))
    done(night.run('sim', '.', '--seed', 6, '--small', '--ccds', CCDS, '--templates', 0,
                   '--expnum', EXPNUM, '--nite', NITE, '--band', BAND, '--workers', 1))
    for kind in ('build-bias', 'build-dflat', 'build-bpm'):
        band = [] if kind == 'build-bias' else ['--band', BAND]
        done(night.run('calib', kind, '--root', '.', '--nite', NITE, '--ccds', CCDS, *band))
    starve(night, 3)
    return night


def drive(night: Night, *words):
    return done(night.run('SEdiff.sh', '-E', EXPNUM, '-n', NITE, '-b', BAND, '-r', 4, '-p', 7, '-S', 'dp33', '-c', CCDS,
                          '-C', '-s', '-t', '--verbose', *words))


@pytest.mark.slow
def test_a_ccd_with_too_few_stars_takes_the_exposure_s_solution(poor_night):
    night = poor_night
    first = drive(night)
    said = first.stdout + first.stderr
    assert 'c34 SE07_scamp FAILED' in said
    assert 'SE, common astrometry' in said
    # its second run resumes from the image of the first, which is gone afterwards
    assert said.count('c34 SE05_cosmicray done') == 1
    assert said.count('c34 SE08_immask done') == 1
    assert not list(night.folder.rglob('*crmasked*'))
    common = json.loads(next(night.folder.glob(f'D*{EXPNUM}_r4p7_astrometry.json')).read_text())
    assert common['ccds'] == [27, 28, 33] and common['rms_mas'] < 20
    for ccd in (27, 28, 33, 34):
        header = read_header(next(night.folder.glob(f'D*_{ccd}_r4p7_immask.fits.fz')), 1)
        assert header['SCAMPFLG'] == (ccd == POOR)
        assert (header['SCAMPNUM'] < 10) == (ccd == POOR)
        off = errors_mas(night, ccd)
        # parallaxes, some mas, are left out of the truth here
        assert np.sqrt(np.mean(np.square(off))) < 10, ccd
    metrics = json.loads(next(night.folder.glob('D*_34_r4p7_astrometry.json')).read_text())
    assert metrics['kind'] == 'common' and metrics['matched'] <= 3
    # without standards of its own it takes the exposure's zero point
    fallback, own = (read_csv(next(night.folder.glob(f'Merg_allZP_D*_{ccd}_r4p7.csv'))) for ccd in (POOR, 33))
    assert fallback['NewZPFlag'][0] == 1
    assert abs(fallback['NewZP'][0] - own['NewZP'][0]) < 0.02
    again = drive(night)
    assert 'c34 SE: nothing to do' in again.stdout + again.stderr
