"""Forced photometry of a night that went through all steps: against its truth, against RUN26, and RUN_POSTPROC.sh."""
import csv
import io
import os
import shutil
import sqlite3

import numpy as np
import pandas as pd
import pytest
from snana_reader import read_snana

from sediff.candidates.texttable import parse_table

from .conftest import BAND, EXPNUM, NITE, done

STAGED = f'persistent/gw/forcephoto/images/dp33/{NITE}'


def test_simulated_transients_have_their_fluxes(night, in_process):
    """At the true places: known ones, too, that no detection was needed for."""
    truth = pd.read_csv(night.root / 'truth' / 'transients.csv')
    result = done(in_process(night, 'force', '--like', night.root / 'truth' / 'transients.csv', '-S', 'dp33'))
    rows = pd.read_csv(io.StringIO(result.stdout)).set_index('ID').loc[truth['id']]
    pull = (rows['FLUX'].to_numpy() - truth['flux_e'].to_numpy()) / rows['FLUXERR'].to_numpy()
    assert len(pull) >= 8 and np.abs(pull).max() < 4.0
    assert abs(pull.mean()) < 4.0 / np.sqrt(len(pull)) and 0.4 < pull.std() < 1.0 + 4.0 / np.sqrt(2 * len(pull))
    seen = rows['MAG'].notna().to_numpy()
    error = np.hypot(rows['MAGERR'], 0.02)
    assert seen.sum() >= 8 and (np.abs(rows['MAG'].to_numpy() - truth['mag'].to_numpy()) / error)[seen].max() < 4.0


def test_it_is_what_run26_measured(night, in_process, tmp_path):
    """Up to the compression of the staged image: noise / 16."""
    [path] = night.folder.glob(f'dp33/{BAND}_33/forcePhoto_*.out')
    table = parse_table(path.read_text())
    places = tmp_path / 'places.csv'
    places.write_text('ra,dec\n' + ''.join(f'{ra},{dec}\n' for ra, dec in zip(table['RA'], table['DEC'])))
    rows = list(csv.DictReader(io.StringIO(done(in_process(night, 'force', '--like', places, '-S', 'dp33')).stdout)))
    assert len(rows) == len(table['RA']) > 5
    for name, column, tolerance in (('FLUX', 'FLUX', None), ('FLUXERR', 'FLUXERR', 2e-3), ('XPIX', 'X_IMAGE', None)):
        mine, theirs = (np.array(values, float) for values in ([row[name] for row in rows], table[column]))
        error = table['FLUXERR'].astype(float) if name == 'FLUX' else 1.0
        assert np.abs(mine - theirs).max() < (tolerance * theirs.max() if tolerance else 0.1 * np.min(error))


def another_exposure(night, expnum, mjd):
    """The staged difference once more as that of another exposure, before or after; images are links."""
    import json
    shutil.copytree(night.root / STAGED / str(EXPNUM), night.root / STAGED / str(expnum), copy_function=os.link)
    source = night.folder / 'dp33' / f'{BAND}_33'
    target = night.folder.parent / str(expnum) / 'dp33' / f'{BAND}_33'
    target.mkdir(parents=True)
    for path in (*source.glob('*_ingest.json'), *source.glob('*_template.json')):
        shutil.copy(path, target)
    [ingest] = target.glob('*_ingest.json')
    ingest.write_text(json.dumps(json.loads(ingest.read_text()) | {'midpointMjdTai': mjd}))
    shutil.copy(night.folder / f'{EXPNUM}.out', target.parents[1] / f'{expnum}.out')


def test_run_postproc_writes_a_light_curve_a_candidate(copy):
    another_exposure(copy, EXPNUM - 100, 60260.0)
    another_exposure(copy, EXPNUM + 100, 60270.0)
    database = copy.root / 'persistent' / 'gw' / 'db' / 'dp33.sqlite'
    with sqlite3.connect(database) as connection:
        candidates = dict(connection.execute('SELECT diaObjectId, ra FROM candidates').fetchall())
        numbers = dict(connection.execute('SELECT diaObjectId, number FROM detections WHERE reject = 0').fetchall())
    result = done(copy.run('RUN_POSTPROC.sh', '-S', 'dp33', '-w', 2, '--writedb'))
    folder = copy.root / 'persistent' / 'gw' / 'forcephoto' / 'output' / 'dp33'
    assert f'{len(candidates)} candidates, {len(candidates)} light curves in {folder}' in result.stdout
    assert {path.name for path in folder.iterdir()} == {f'des_real_{number}.dat' for number in candidates}
    for identifier, ra in candidates.items():
        header, rows = read_snana((folder / f'des_real_{identifier}.dat').read_text())
        assert header['SNID'] == str(identifier) and float(header['RA']) == pytest.approx(ra, abs=1e-7)
        assert [int(row['EXPNUM']) for row in rows] == [EXPNUM - 100, EXPNUM, EXPNUM + 100]
        assert [row['PHOTFLAG'] for row in rows] == ['0', '12288', '0']
        assert [int(row['OBJID']) for row in rows] == [0, numbers[identifier], 0] and 0 < float(rows[1]['PHOTPROB']) <= 1
        assert len({row['FLUXCAL'] for row in rows}) == 1
    with sqlite3.connect(database) as connection:
        stored = connection.execute('SELECT diaObjectId, visit, psfFlux FROM forced').fetchall()
    assert len(stored) == 3 * len(candidates)
    fluxes = {visit: flux for identifier, visit, flux in stored if identifier == next(iter(candidates))}
    # the row of RUN26 is written anew: like the others it comes from the compressed image
    assert fluxes[EXPNUM - 100] == fluxes[EXPNUM + 100] == fluxes[EXPNUM]


def test_run_postproc_with_a_damaged_image(copy, in_process):
    [path] = (copy.root / STAGED / str(EXPNUM)).glob('*_diff.fits.fz')
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.unlink()
    path.write_bytes(data)
    result = done(in_process(copy, 'postproc', '-S', 'dp33', '-s', '--format', 'csv', '--numepochs-min', 0,
                             '--outputdir', copy.root / 'curves'))
    assert ' 0 measurements, ' in result.stdout and 'image unreadable)' in result.stdout
    rows = [row for each in (copy.root / 'curves').glob('*.csv') for row in csv.DictReader(each.open())]
    assert rows and all('altered' in row['GAP'] and row['FLUX'] == '' and int(row['ID']) > 0 for row in rows)


def test_run_postproc_of_seasons_without_data(copy, in_process):
    result = in_process(copy, 'postproc', '-S', 'dp34')
    assert result.returncode == 3 and 'no database of dp34' in result.stderr
    assert not (copy.root / 'persistent' / 'gw' / 'db' / 'dp34.sqlite').exists()
    shutil.rmtree(copy.root / 'persistent' / 'gw' / 'forcephoto')
    result = in_process(copy, 'postproc', '-S', 'dp33')
    assert result.returncode == 3 and 'RUN28' in result.stderr
    result = in_process(copy, 'postproc', '-S', 'dp33', '--expnums', 'x')
    assert result.returncode == 2 and '--expnums' in result.stderr
