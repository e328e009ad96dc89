"""The tables beside the candidate page of the simulated night: with its truth, hostile header text, and none at all."""
import io
import shutil
import sys

import fitsio
import numpy as np
import pandas as pd
import pytest
from astropy.io.votable import parse_single_table, validate

from sediff.formats.exports import harmless
from sediff.formats.stamp_archive import read_stamp_archive

from .conftest import BAND, EXPNUM, HOSTILE, NITE, done

PAGE = ('--expnum', EXPNUM, '--nite', NITE, '--band', BAND, '--season', 'dp33')
NAME = f'candidates_{EXPNUM}'


@pytest.fixture
def page(copy, in_process, no_picture):
    """Makes the page and the tables of the copy anew."""
    return lambda *words, **environment: in_process(copy, 'page', *PAGE, *words, **environment)


def test_the_driver_writes_the_csv_and_it_has_the_truth(night):
    assert sorted(path.suffix for path in night.folder.glob(f'{NAME}.*')) == ['.csv']
    table = pd.read_csv(night.folder / f'{NAME}.csv')
    truth = pd.read_csv(night.root / 'truth' / 'transients.csv').query('ccdnum == 33 and good and snr_ideal > 15')
    assert len(truth) > 3 and table['diaObjectId'].is_unique and (np.diff(table['reliability']) <= 0).all()
    for row in truth.itertuples():
        apart = 3600 * np.hypot((table['ra'] - row.ra) * np.cos(np.radians(row.dec)), table['dec'] - row.dec)
        mine = table.loc[apart.idxmin()]
        assert apart.min() < 3600 * 5 * mine['raErr'] + 0.05                    # 0.05 arcsec of the astrometry
        assert abs(mine['mag'] - row.mag) < 5 * mine['magErr'] + 0.03           # 0.03 mag of the zero point
        assert mine['snr'] == pytest.approx(mine['psfFlux'] / mine['psfFluxErr'], rel=1e-4)
    stamps = read_stamp_archive(night.folder / table['stampArchive'][0], table['number'])
    assert all(f'diff{number}.fits' == name and number in stamps
               for number, name in zip(table['number'], table['stampDifference']))


def test_all_forms_tell_the_same_and_hostile_text_is_harmless_in_each(page, copy):
    assert done(page('--tables', 'fits', 'votable')).stdout.count('candidates_') == 1
    plain = pd.read_csv(copy.folder / f'{NAME}.csv', keep_default_na=False)
    records = fitsio.read(str(copy.folder / f'{NAME}.fits'))
    report = io.StringIO()
    assert validate(copy.folder / f'{NAME}.vot', report), report.getvalue()
    votable = parse_single_table(copy.folder / f'{NAME}.vot').to_table()
    for name in ('diaObjectId', 'ra', 'mag', 'psfFlux', 'nDiaSources', 'flags'):
        texts = records[name].dtype.kind == 'U'
        assert plain[name].tolist() == ([each.strip() for each in records[name]] if texts else records[name].tolist())
        assert plain[name].tolist() == votable[name].tolist()
    shown = harmless(HOSTILE)
    assert set(plain['object']) == set(votable['object']) == {each.strip() for each in records['object']} == {shown}
    assert '<b onclick' not in (copy.folder / f'{NAME}.vot').read_text()
    assert not list(copy.folder.glob('.tmp*'))


def test_a_form_that_is_there_is_kept_up_to_date(page, copy):
    for form, words in (('fits', ('-P', 'CANDIDATE_TABLES=fits')), ('fits', ())):
        (copy.folder / f'{NAME}.csv').unlink()
        old = copy.folder / f'{NAME}.{form}'
        if old.exists():
            old.write_bytes(b'')
        done(page(*words))
        assert len(fitsio.read(str(old))) == len(pd.read_csv(copy.folder / f'{NAME}.csv')) > 3


def test_an_exposure_without_candidates_has_a_header_only(page, copy):
    path = next(copy.folder.glob('dp33/r_33/*_makeCand.out'))
    path.write_text(''.join(line for line in path.read_text().splitlines(True) if not line.startswith('OBJ:')))
    before = (copy.folder / f'{NAME}.csv').read_text().splitlines()[0]
    done(page('--tables', 'fits', 'votable'))
    assert (copy.folder / f'{NAME}.csv').read_text().splitlines() == [before]
    assert len(fitsio.read(str(copy.folder / f'{NAME}.fits'), ext=1)) == 0
    assert validate(copy.folder / f'{NAME}.vot', io.StringIO())


def test_a_form_that_cannot_be_written_is_said_before_anything_is(page, copy, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pyarrow', None)
    shutil.rmtree(copy.folder / 'dp33')
    for result in (page('--tables', 'parquet'), page('-P', 'CANDIDATE_TABLES=parquet')):
        assert result.returncode == 2 and 'need pyarrow' in result.stderr and len(result.stderr.splitlines()) == 1
    assert page('--tables', 'xml').returncode == page('-P', 'CANDIDATE_TABLES=xml').returncode == 2
