"""`sediff force`: rows of every epoch, reasons of gaps, tables of places, formats, bad input."""
import csv
import io
import shutil
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from shared_night import Night
from snana_reader import read_snana
from staged_season import ZERO_POINT, exposure_of, gaussian_psf, stage

from sediff.repository.repository import Repository

SKY, SIDE, FLUX, X, Y = 400.0, 200, 5000.0, 80.3, 120.6
EPOCHS = 3


@pytest.fixture
def season(tmp_path):
    """Three exposures of one place: nothing, a source, nothing; its name, RA and Dec."""
    rng, psf = np.random.default_rng(1), gaussian_psf()
    for number in range(EPOCHS):
        image = rng.normal(0.0, np.sqrt(SKY), (SIDE, SIDE))
        if number == 1:
            image[106:137, 65:96] += FLUX * psf.image(X, Y, 31)
        # the first exposure is the last in time
        wcs = stage(exposure_of(tmp_path, 1250100 + number), image, np.full(image.shape, SKY), psf, np.zeros(image.shape),
                    mjd_tai=60264.25 - number)
    ra, dec = wcs.all_pix2world(X, Y, 0)
    return Night(tmp_path), f'{float(ra):.7f}', f'{float(dec):.7f}'


def rows_of(result):
    assert result.returncode == 0, result.stderr
    return list(csv.DictReader(io.StringIO(result.stdout)))


def staged_file(night, number, name):
    exposure = exposure_of(night.root, 1250100 + number)
    return Repository.of(exposure).path(name, exposure)


def test_a_row_an_epoch_in_order_of_time(season, in_process):
    night, ra, dec = season
    rows = rows_of(in_process(night, 'force', ra, dec, '-S', 'dp33'))
    assert [row['EXPNUM'] for row in rows] == ['1250102', '1250101', '1250100']
    # TAI was 37 s ahead of UTC
    assert [float(row['MJD']) for row in rows] == pytest.approx([60262.25 - 37 / 86400, 60263.25 - 37 / 86400,
                                                                 60264.25 - 37 / 86400], abs=2e-6)
    for row in rows:
        flux, error = float(row['FLUX']), float(row['FLUXERR'])
        assert abs(flux - FLUX * (row['EXPNUM'] == '1250101')) < 4 * error
        assert float(row['MAGLIM']) == pytest.approx(ZERO_POINT - 2.5 * np.log10(3 * error), abs=1e-3)
        assert float(row['FLUXCAL']) == pytest.approx(flux * 10 ** (0.4 * (27.5 - ZERO_POINT)), rel=1e-5)
        assert row['BAND'] == 'r' and row['CCDNUM'] == '33' and row['TEMPLATE'] == '7+8' and row['GAP'] == ''
        assert float(row['XPIX']) == pytest.approx(X + 1, abs=2e-3) and float(row['YPIX']) == pytest.approx(Y + 1, abs=2e-3)
        assert (row['MAG'] != '') == (flux > 3 * error)
    seen = rows[1]
    assert float(seen['MAG']) == pytest.approx(ZERO_POINT - 2.5 * np.log10(float(seen['FLUX'])), abs=1e-3)
    assert float(rows[0]['SKYSIG_T']) == pytest.approx(10 ** (0.4 * (ZERO_POINT - 24.0)) / 5 / np.sqrt(40.0), rel=1e-5)


def test_sexagesimal_is_the_same_place(season, in_process):
    night, ra, dec = season
    hours, south = float(ra) / 15.0, -float(dec)
    words = [f'{int(v)}:{int(v * 60) % 60:02d}:{v * 3600 % 60:08.5f}' for v in (hours, south)]
    one = rows_of(in_process(night, 'force', ra, dec, '-S', 'dp33'))
    two = rows_of(in_process(night, 'force', words[0], f'-{words[1]}', '-S', '33'))
    assert [row['EXPNUM'] for row in one] == [row['EXPNUM'] for row in two]
    assert float(two[1]['FLUX']) == pytest.approx(float(one[1]['FLUX']), rel=1e-3)


@pytest.mark.parametrize('form', ['csv', 'fits'])
def test_a_table_of_places(season, in_process, tmp_path, form):
    night, ra, dec = season
    table = Table({'Name': ['one, "quoted"', 'far', 'two'], 'RA': [float(ra), 10.0, float(ra) + 0.001],
                   'Dec': [float(dec), 10.0, float(dec)]})
    path = tmp_path / f'places.{form}'
    table.write(path, format='ascii.csv' if form == 'csv' else 'fits')
    rows = rows_of(in_process(night, 'force', '--like', path, '-S', 'dp33'))
    assert [row['ID'] for row in rows] == ['one, "quoted"'] * EPOCHS + ['two'] * EPOCHS
    alone = rows_of(in_process(night, 'force', ra, dec, '-S', 'dp33'))
    assert [row['FLUX'] for row in rows[:EPOCHS]] == [row['FLUX'] for row in alone]


def test_snana_and_fits_read_by_others(season, in_process, tmp_path):
    night, ra, dec = season
    rows = rows_of(in_process(night, 'force', ra, dec, '-S', 'dp33'))
    header, found = read_snana(in_process(night, 'force', ra, dec, '-S', 'dp33', '--format', 'dat').stdout)
    assert float(header['RA']) == float(ra) and float(header['DECL']) == float(dec) and header['FILTERS'] == 'r'
    expected = 'MJD FLT FIELD FLUXCAL FLUXCALERR PHOTFLAG PHOTPROB ZPFLUX PSF SKYSIG SKYSIG_T GAIN XPIX YPIX NITE EXPNUM'
    assert ' '.join(found[0]) == f'{expected} CCDNUM OBJID'
    for one, row in zip(found, rows):
        assert float(one['FLUXCAL']) == float(row['FLUXCAL']) and one['FLT'] == 'r' and one['EXPNUM'] == row['EXPNUM']
        if row['MAG']:
            assert 27.5 - 2.5 * np.log10(float(one['FLUXCAL'])) == pytest.approx(float(row['MAG']), abs=1e-3)
            assert 1.0857 * float(one['FLUXCALERR']) / float(one['FLUXCAL']) == pytest.approx(float(row['MAGERR']), abs=1e-3)
    path = tmp_path / 'curve.fits'
    assert in_process(night, 'force', ra, dec, '-S', 'dp33', '--format', 'fits', '-o', path).returncode == 0
    with fits.open(path, checksum=True) as handle:
        table = Table.read(handle['LIGHTCURVE'])
    assert table['FLUX'] == pytest.approx([float(row['FLUX']) for row in rows], rel=1e-6)
    assert list(table['TEMPLATE']) == ['7+8'] * EPOCHS and table['MJD'].unit == 'd'


def test_gaps_have_their_reasons(season, in_process):
    """Each epoch has a row: one masked, one without its PSF, one whose image is cut short."""
    night, ra, dec = season
    masked = exposure_of(night.root, 1250100)
    stage(masked, np.zeros((SIDE, SIDE)), np.full((SIDE, SIDE), SKY), gaussian_psf(), np.zeros((SIDE, SIDE)),
          bad=np.ones((SIDE, SIDE), bool))
    staged_file(night, 1, 'force_psf').unlink()
    path = staged_file(night, 2, 'force_image')
    path.write_bytes(path.read_bytes()[:-20000])
    rows = {row['EXPNUM']: row for row in rows_of(in_process(night, 'force', ra, dec, '-S', 'dp33'))}
    assert all(row['FLUX'] == row['FLUXCAL'] == row['MAG'] == row['MAGLIM'] == '' for row in rows.values())
    assert rows['1250100']['GAP'] == 'masked' and rows['1250101']['GAP'].startswith('PSF unknown: ')
    assert rows['1250102']['GAP'].startswith('image unreadable: ') and str(night.root) not in rows['1250102']['GAP']
    assert float(rows['1250101']['MJD']) == pytest.approx(60263.25 - 37 / 86400, abs=2e-6)
    _, found = read_snana(in_process(night, 'force', ra, dec, '-S', 'dp33', '--format', 'dat').stdout)
    assert found == []


def test_damage_in_the_pixels_is_seen_with_verify(season, in_process):
    night, ra, dec = season
    for number, name in ((0, 'force_image'), (1, 'force_photons')):
        path = staged_file(night, number, name)
        data = bytearray(path.read_bytes())
        data[len(data) // 2 + 200] ^= 4
        path.write_bytes(data)
    gaps = {row['EXPNUM']: row['GAP'] for row in rows_of(in_process(night, 'force', ra, dec, '-S', 'dp33', '--verify'))}
    assert gaps['1250102'] == '' and all('altered' in gaps[name] for name in ('1250100', '1250101'))


def test_a_damaged_header_never_moves_the_place(season, in_process):
    night, ra, dec = season
    path = staged_file(night, 0, 'force_image')
    data = path.read_bytes()
    at = data.index(b'CRVAL1  =')
    digit = at + data[at:at + 80].index(b'52') + 1
    path.write_bytes(data[:digit] + b'3' + data[digit + 1:])
    rows = {row['EXPNUM']: row for row in rows_of(in_process(night, 'force', ra, dec, '-S', 'dp33'))}
    assert 'altered' in rows['1250100']['GAP'] and rows['1250100']['FLUX'] == '' and rows['1250101']['FLUX'] != ''


def test_places_between_ccds_and_ccds_without_a_difference(season, in_process):
    """Two CCDs side by side with a gap, and one of which only the corners are known."""
    night, _, _ = season
    flat = np.zeros((SIDE, SIDE))
    args = flat, np.full(flat.shape, SKY), gaussian_psf(), flat
    exposure = exposure_of(night.root, 1250100)
    step = 220 * 0.263 / 3600 / np.cos(np.radians(28.0))
    stage(replace(exposure, ccd=34), *args, ra=52.5 + step)
    stage(replace(exposure, ccd=35), *args, ra=52.5 + 2 * step)
    for name in ('force_image', 'force_psf', 'force_photons'):
        Repository.of(exposure).remove(name, replace(exposure, ccd=35))

    def of_exposure(*place):
        rows = rows_of(in_process(night, 'force', *place, '-S', 'dp33'))
        return [(row['CCDNUM'], row['GAP'], row['FLUX'] != '') for row in rows if row['EXPNUM'] == '1250100']
    assert of_exposure(52.5 + step, -28.0) == [('34', '', True)]
    [(ccd, gap, value)] = of_exposure(52.5 + 0.5 * step, -28.0)
    assert ccd in ('33', '34') and gap == 'off CCD' and not value
    assert of_exposure(52.5 + 2 * step, -28.0) == [('35', 'no staged difference of its CCD', False)]


def test_without_a_zero_point_there_is_a_flux_and_no_magnitude(season, in_process):
    night, ra, dec = season
    exposure = exposure_of(night.root, 1250101)
    Repository.of(exposure).remove('ingest', exposure)
    row = next(row for row in rows_of(in_process(night, 'force', ra, dec, '-S', 'dp33')) if row['EXPNUM'] == '1250101')
    assert float(row['FLUX']) > 4000.0 and row['MAG'] == row['FLUXCAL'] == '' and row['GAP'] == 'zero point unknown'


def test_no_corners_no_matter(season, in_process):
    night, ra, dec = season
    with_corners = rows_of(in_process(night, 'force', ra, dec, '-S', 'dp33'))
    for number in range(EPOCHS):
        exposure = exposure_of(night.root, 1250100 + number, ccd=0)
        Repository.of(exposure).remove('exposure_out', exposure)
    assert rows_of(in_process(night, 'force', ra, dec, '-S', 'dp33')) == with_corners


def test_no_image_covers_the_place(season, in_process):
    result = in_process(season[0], 'force', 10.0, 10.0, '-S', 'dp33')
    assert rows_of(result) == [] and 'no staged difference of dp33 covers the place' in result.stderr
    path = season[0].root / 'empty.fits'
    assert in_process(season[0], 'force', 10.0, 10.0, '-S', 'dp33', '--format', 'fits', '-o', path).returncode == 0
    assert len(Table.read(path)) == 0
    _, found = read_snana(in_process(season[0], 'force', 10.0, 10.0, '-S', 'dp33', '--format', 'dat').stdout)
    assert found == []


@pytest.mark.parametrize(('words', 'code', 'said'), [
    (['400', '10'], 2, 'RA'), (['10', '-91'], 2, 'Dec'), (['nan', '10'], 2, 'RA'), (['12:61:00', '10'], 2, 'RA'),
    (['here', '10'], 2, 'RA'), (['10'], 2, 'only one'), ([], 2, '--like'), (['10', '10', '--format', 'fits'], 2, '--output'),
    (['10', '10', '-S', 'dp99'], 3, 'dp99'), (['10', '10', '-S', 'x'], 2, '--season'),
    (['10', '10', '--rerun', 'none'], 3, 'none'), (['--like', '/no/such/table.csv'], 3, 'table.csv')])
def test_bad_input(season, in_process, words, code, said):
    result = in_process(season[0], 'force', *words, *([] if '-S' in words else ['-S', 'dp33']))
    assert result.returncode == code and said in result.stderr and result.stderr.count('\n') == 1 and result.stdout == ''


@pytest.mark.parametrize(('text', 'said'), [
    ('x,y\n1,2\n', 'ra and dec'), ('ra,dec\n', 'no row'), ('ra,dec\n10,10\n10,100\n', 'row 2'), ('', 'no row'),
    ('ra,dec\n10\n', 'row 1'), ('ra,dec\n1e400,3\n', 'row 1')])
def test_bad_tables(season, in_process, tmp_path, text, said):
    path = tmp_path / 'bad.csv'
    path.write_text(text)
    result = in_process(season[0], 'force', '--like', path, '-S', 'dp33')
    assert result.returncode == 3 and said in result.stderr and str(path) in result.stderr


def test_a_rerun_reads_what_it_lacks(season, in_process):
    night, ra, dec = season
    folder = night.root / 'rerun' / 'again'
    folder.mkdir(parents=True)
    (folder / 'rerun.json').write_text('{"parent": ""}')
    alone = rows_of(in_process(night, 'force', ra, dec, '-S', 'dp33'))
    assert rows_of(in_process(night, 'force', ra, dec, '-S', 'dp33', '--rerun', 'again')) == alone
    shutil.rmtree(folder)
