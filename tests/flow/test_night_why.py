"""`sediff why` on the simulated night: what is there by its truth, what was rejected, what is empty, masked and outside."""
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from sediff.candidates.texttable import parse_table
from sediff.formats.fits import read_ccd
from sediff.maskbits import Bit
from sediff.values import sexagesimal_text
from sediff.wcs.read import pixel_to_sky, read_wcs

from .conftest import BAND, EXPNUM, NITE, done

WHICH = ('--expnum', EXPNUM, '--nite', NITE, '--band', BAND, '--season', 'dp33')


@pytest.fixture
def why(night, in_process):
    """Asks for a place of the night; the text, or with --json the object."""
    def ask(ra, dec, *words, of=night):
        said = done(in_process(of, 'why', f'{ra:.7f}', f'{dec:.7f}', *WHICH, *words)).stdout
        return json.loads(said) if '--json' in words else said
    return ask


@pytest.fixture(scope='module')
def products(night):
    """Search image, difference, and the table of the cuts."""
    folder = night.folder / 'dp33' / 'r_33'
    return (read_ccd(next(night.folder.glob('D*_33_*immask.fits.fz'))), read_ccd(next(folder.glob('*_diff_mh.fits.fz'))),
            parse_table(next(folder.glob('*_filterObj.out')).read_text()))


def transients(night):
    return pd.read_csv(night.root / 'truth' / 'transients.csv').query('ccdnum == 33')


def place_of(products, where) -> tuple[float, float]:
    """RA, Dec of the middle one of the pixels where a plane is True, so far inside that edges do not count."""
    inside = np.zeros_like(where)
    inside[200:-200, 200:-200] = where[200:-200, 200:-200]
    y, x = np.argwhere(inside)[inside.sum() // 2]
    return tuple(float(value) for value in pixel_to_sky(read_wcs(products[0].header), x, y))


def test_an_injected_transient_was_kept_and_every_cut_is_told(night, why):
    row = transients(night).query('good').sort_values('snr_ideal').iloc[-1]
    said = why(row.ra, row.dec, '--json')
    (found,) = said['detections']
    assert said['difference'] is said['nearest'] is None and said['problem'] == ''
    assert found['kept'] and not found['reasons'] and found['distance'] < 0.2 and not found['negative']
    assert abs(found['magnitude'] - row.mag) < 5 * found['magnitude_error'] + 0.03
    assert abs(found['x'] - row.x) < 0.5 and abs(found['y'] - row.y) < 0.5
    assert found['candidate'] > 0 and found['epochs'] >= 1
    checks = {check['name']: check for check in found['checks']}
    assert all(check['passed'] for check in checks.values()) and {'low_snr', 'veto_star', 'low_score'} <= set(checks)
    assert checks['low_snr']['value'] == pytest.approx(found['snr']) and checks['low_snr']['limit'] == 4.5
    text = why(row.ra, row.dec)
    assert ': KEPT' in text and f'candidate {found["candidate"]}, new here' in text and 'FAILED' not in text
    assert text.count('\n  passed  ') == len(checks)


def test_the_nearest_listed_star_is_the_one_of_the_list(night, why):
    listed = np.loadtxt(night.folder / f'SNVETO_{EXPNUM}_r4p7.LIST')
    row = transients(night).query('good').sort_values('snr_ideal').iloc[-1]
    (found,) = why(row.ra, row.dec, '--json')['detections']
    apart = 3600 * np.hypot((listed[:, 1] - row.ra) * np.cos(np.radians(row.dec)), listed[:, 2] - row.dec)
    assert found['star_distance'] == pytest.approx(apart.min(), abs=0.3)
    assert found['star_magnitude'] == pytest.approx(listed[apart.argmin(), 3])
    named = f'{found["star_magnitude"]:.2f} mag, {found["star_distance"]:.1f} arcsec away'
    assert (named in why(row.ra, row.dec)) == (found['star_distance'] < 60)


def test_sexagesimal_coordinates_are_the_same_place(night, in_process, why):
    row = transients(night).query('good').iloc[0]
    words = sexagesimal_text(row.ra / 15, 4), sexagesimal_text(row.dec, 3, sign=True)
    said = json.loads(done(in_process(night, 'why', *words, '-E', EXPNUM, *WHICH[2:], '--json')).stdout)
    assert [each['number'] for each in said['detections']] == [each['number'] for each in
                                                               why(row.ra, row.dec, '--json')['detections']]


def test_a_rejected_detection_and_its_reason(night, why, products):
    table = products[2]
    rejected = np.flatnonzero(table['REJECT'] != '0')
    assert len(rejected)
    for k in rejected:
        said = why(float(table['RA'][k]), float(table['DEC'][k]), '--json', '--radius', '0.3')
        (found,) = said['detections']
        assert not found['kept'] and found['candidate'] is None
        assert [check['name'] for check in found['checks'] if not check['passed']] == table['REASON'][k].split(',')
        assert set(table['REASON'][k].split(',')) <= set(found['reasons'])
        text = why(float(table['RA'][k]), float(table['DEC'][k]))
        assert f'REJECTED BY {", ".join(found["reasons"]).upper()}' in text and '  FAILED  ' in text


def test_a_tighter_cut_and_a_low_score_are_told_with_the_values_of_the_run(copy, in_process, why):
    done(in_process(copy, 'diffimg', *WHICH, '--rpnum', 'r4p7', '--schema', 'gw', '--ccds', 33, '--serial', '-P', 'MAXA=0.8',
                    '-P', 'MIN_MLSCORE=1.0'))
    table = parse_table(next(copy.folder.glob('dp33/r_33/*_filterObj.out')).read_text())
    large = [k for k, reason in enumerate(table['REASON']) if 'too_large' in reason.split(',')]
    assert large
    found = why(float(table['RA'][large[0]]), float(table['DEC'][large[0]]), '--json', of=copy)['detections'][0]
    checks = {check['name']: check for check in found['checks']}
    assert not checks['too_large']['passed'] and checks['too_large']['value'] > checks['too_large']['limit']
    assert checks['low_score']['limit'] == 1.0 and 'too_large' in found['reasons'] and found['candidate'] is None


def test_an_empty_place_has_the_noise_and_a_limit(night, why, products):
    search, difference, table = products
    clear = (difference.weight > 0) & (search.mask == 0)
    for k in range(len(table['RA'])):
        x, y = int(float(table['X_IMAGE'][k])), int(float(table['Y_IMAGE'][k]))
        clear[max(y - 60, 0):y + 60, max(x - 60, 0):x + 60] = False
    ra, dec = place_of(products, clear)
    said = why(ra, dec, '--json')
    there = said['difference']
    assert said['detections'] == [] and said['where'].startswith('on CCD 33, x ') and there['covered']
    assert there['search_mask'] == there['template_mask'] == [] and there['good'] > 0.9
    assert abs(there['snr']) < there['threshold'] == 5.0
    assert there['flux'] / there['flux_error'] == pytest.approx(there['snr'])
    sky = np.median(1 / np.sqrt(difference.weight[difference.weight > 0]))
    assert 0.7 < there['noise'] / sky < 1.5 and abs(there['value']) < 6 * there['noise']
    depth = json.loads(next(night.folder.glob('dp33/r_33/*_ingest.json')).read_text())['depth']
    assert abs(there['limit'] - depth) < 0.5                     # the template adds noise to that of the search image
    assert said['nearest']['distance'] > 3.0
    assert 'below DIFF_THRESHOLD = 5' in why(ra, dec) and f'5 sigma are {there["limit"]:.2f} mag' in why(ra, dec)


@pytest.mark.parametrize('bit, words', [(Bit.STREAK, 'satellite streak (STREAK)'), (Bit.BPM, 'static bad pixel (BPM)')])
def test_a_masked_place_says_so_in_words(why, products, bit, words):
    ra, dec = place_of(products, products[0].mask == bit)
    said = why(ra, dec, '--json')
    assert words in said['difference']['search_mask'] and said['difference']['value'] is None
    assert words in why(ra, dec)
    if bit is Bit.STREAK:
        assert said['difference']['good'] < 0.5 and 'too few usable pixels' in why(ra, dec)


def test_a_place_without_a_template(night, why, products):
    """Columns of the search image beyond the templates' edges."""
    template = read_ccd(next(night.folder.glob('dp33/r_33/*_template_mh.fits.fz')))
    where = (template.weight <= 0) & (template.mask & Bit.EDGE > 0) & (products[0].weight > 0)
    where[:, 1:-1] &= where[:, 2:] & where[:, :-2]
    y, x = np.argwhere(where)[where.sum() // 2]
    ra, dec = pixel_to_sky(read_wcs(products[0].header), x, y)
    said = why(float(ra), float(dec), '--json')
    assert not said['difference']['covered'] and 'no template covers the place' in why(float(ra), float(dec))


@pytest.mark.parametrize('x, y, words', [
    (-60.0, 2000.0, 'in the gap between CCD 33 ('), (1000.0, 4300.0, 'on CCD '), (1000.0, 60000.0, 'off the CCDs, ')])
def test_a_place_off_the_ccd(why, products, x, y, words):
    ra, dec = (float(value) for value in pixel_to_sky(read_wcs(products[0].header), x, y)) if y < 5000 else (51.8, -25.0)
    said = why(ra, dec, '--json')
    assert words in said['where'] and said['detections'] == [] and said['difference'] is None
    assert 'no detection within 3 arcsec' in why(ra, dec)
    assert 'was not processed' in said['where'] or not said['where'].startswith('on CCD')


def test_nothing_processed_is_exit_3(tree, in_process):
    result = in_process(tree, 'why', '51.8', '-28.1', *WHICH)
    assert result.returncode == 3 and 'no CCD has an image' in result.stderr and not result.stdout


def test_another_season_is_exit_3(night, in_process):
    result = in_process(night, 'why', '51.8', '-28.1', *WHICH[:-1], 'dp34')
    assert result.returncode == 3 and 'RUN22' in result.stderr and 'dp34' in result.stderr and not result.stdout


def test_a_failed_ccd_is_told_with_its_reason(copy, why):
    folder = copy.folder / 'dp33' / 'r_33'
    stamp = {'step': 'RUN24_combined_autoScan', 'reason': 'no disk'}
    (folder / 'RUN24_combined_autoScan.FAIL').write_text(json.dumps(stamp))
    for name in ('autoScan', 'makeCand'):
        next(folder.glob(f'*_{name}.out')).unlink()
    shutil.rmtree(copy.root / 'persistent' / 'gw' / 'forcephoto')
    row = transients(copy).query('good').sort_values('snr_ideal').iloc[-1]
    text = why(row.ra, row.dec, of=copy)
    assert 'PROBLEM: RUN24_combined_autoScan failed (no disk)' in text and 'no score: RUN24 has not run' in text
    assert '5 sigma are' in why(51.80, -28.10, of=copy)
