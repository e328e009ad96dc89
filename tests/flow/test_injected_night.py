"""Fakes and sky sources that every CCD gets: what they tell, and that candidates know nothing of them."""
import json

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from sediff.fakes.truth import OUTCOME_DTYPE

from .shared_night import EXPNUM, NITE, done

CCD = 'dp33/r_33'


def product(night, name):
    return next((night.folder / CCD).glob(f'WScombined_{NITE}_*_r_33+fakeSN_{name}'))


def depths(night):
    """diffDepth and its error of the exposure's CCD."""
    engine = create_engine(f'sqlite:///{night.root}/persistent/gw/db/dp33.sqlite')
    with engine.connect() as connection:
        found = connection.execute(text('SELECT "diffDepth", "diffDepthErr", depth FROM images WHERE visit = :e'),
                                   {'e': EXPNUM}).one()
    engine.dispose()
    return found


def science(night):
    """Everything that is no fake: content by name."""
    names = [path for path in (night.folder / CCD).glob('*fakeSN_*') if 'injected' not in path.name]
    return {path.name: path.read_bytes() for path in [*names, *(night.root / 'persistent/gw/forcephoto').rglob('*_33+*')]}


def test_each_ccd_has_its_fakes_and_its_depth(night):
    table = pd.read_csv(product(night, 'injected.csv'))
    told = json.loads(product(night, 'injected.json').read_text())
    assert list(table.columns) == list(OUTCOME_DTYPE.names) and len(table) == told['efficiency']['injected'] == 100
    assert set(table['KIND']) == {'field', 'host'} and set(table['SIGN']) == {1, -1}
    assert table['MAG'].between(17.0, 25.0).all() and not told['reason']
    bright = table[(table['SNR_TRUE'] > 8) & (table['USABLE'] == 1) & (table['OCCUPIED'] == 0) & (table['SIGN'] == 1)]
    assert len(bright) > 30 and bright['PASSED'].mean() > 0.9
    depth, error, search = depths(night)
    assert depth == pytest.approx(told['depth']['depth'], abs=1e-4) and 0.0 < error < 0.1
    # two templates of the same depth: the noise of the difference is sqrt(3/2) of the search image's
    assert depth == pytest.approx(search - 2.5 * np.log10(np.sqrt(1.5)), abs=0.25)


def test_sky_sources_tell_the_noise(night):
    sky = json.loads(product(night, 'diff_sky.json').read_text())
    assert sky['places'] == 500 and 0.5 < sky['quiet_share'] < 1.0
    assert sky['noise_over_weights'] == pytest.approx(1.0, abs=0.15)
    for row in sky['peaks'][:3]:
        assert abs(row['negative'] - row['expected']) < 4 * np.sqrt(row['expected']) + 3


def test_without_fakes_all_else_is_the_same_and_they_are_done_anew_alone(copy, in_process):
    before, depth = science(copy), depths(copy)
    words = ('--expnum', EXPNUM, '--nite', NITE, '--band', 'r', '--rnum', 4, '--pnum', 7, '--season', 'dp33', '--ccds', 33,
             '--calibrate', '--serial', '--snstar', f'SNSTAR_{EXPNUM}_r4p7.LIST', '--snveto', f'SNVETO_{EXPNUM}_r4p7.LIST')
    done(in_process(copy, 'sediff', *words, '-P', 'FAKES=0'))
    assert science(copy) == before
    told = json.loads(product(copy, 'injected.json').read_text())
    assert pd.read_csv(product(copy, 'injected.csv')).empty and told['reason'] == 'FAKES is 0'
    assert told['depth']['fakes'] is None and told['depth']['depth'] == told['depth']['sky']
    assert depths(copy)[0] == pytest.approx(depth[0], abs=0.1)


def test_noise_of_sky_sources_out_of_range_enters_no_database(copy, in_process):
    """Limits that no difference meets stand for a noise that is out of range."""
    words = ('--expnum', EXPNUM, '--nite', NITE, '--band', 'r', '--rnum', 4, '--pnum', 7, '--season', 'dp33', '--ccds', 33,
             '--calibrate', '--serial', '--snstar', f'SNSTAR_{EXPNUM}_r4p7.LIST', '--snveto', f'SNVETO_{EXPNUM}_r4p7.LIST')
    sky = json.loads(product(copy, 'diff_sky.json').read_text())['noise_over_weights']
    result = in_process(copy, 'sediff', *words, '-P', f'DIFF_MAX_NOISE={sky - 0.001:.4f}')
    assert result.returncode == 4, result.stderr
    assert f'the noise of the sky sources is {sky:.4g} times' in result.stderr
    assert 'diff_mh.fits.fz' in result.stderr and 'nothing of this CCD enters the database' in result.stderr
