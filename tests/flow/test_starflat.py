"""A star flat from a dithered night as a user makes it: raw exposures, single epoch, build-starflat, and its use."""
from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sediff.formats.calibration import read_calibration
from sediff.formats.fits import read_ccd, read_image
from sediff.repository.names import Exposure, calib_path, product_path

from .conftest import Night, done

NITE, SEARCH, EXPOSURES = '20231115', 1250100, 6
pytestmark = [pytest.mark.slow, pytest.mark.long]


@pytest.fixture(scope='module')
def tree(tmp_path_factory) -> Night:
    """Six dithered exposures of CCD 33 whose dome flat has the pattern of the lamp, processed to catalogues."""
    night = Night(tmp_path_factory.mktemp('starflat'))
    done(night.run('sim', '.', '--small', '--seed', 8, '--ccds', 33, '--templates', 0, '--skies', EXPOSURES, '--stars', 1500,
                   '--galaxies', 20, '--dither', 300, '--effects', 'starflat', '--no-streak', '--workers', 1))
    for kind in ('build-bias', 'build-dflat', 'build-bpm'):
        band = [] if kind == 'build-bias' else ['--band', 'r']
        done(night.run('calib', kind, '--root', '.', '--nite', NITE, '--ccds', 33, '--workers', 1, *band))
    for number in range(EXPOSURES):
        done(single_epoch(night, SEARCH + 1000 + number))
    return night


def single_epoch(night: Night, expnum: int, *words):
    return night.run('SEdiff.sh', '-E', expnum, '-n', NITE, '-b', 'r', '-r', 4, '-p', 7, '-S', 'dp33', '-c', 33, '-t', '-s',
                     *words)


def test_star_flat_of_a_night(tree):
    """Against the truth: the noise of the fit, from the scatter and the number of stars that the header records."""
    catalogues = sorted(tree.root.glob('persistent/gw/exp/*/*/*_fullcat.fits'))
    assert len(catalogues) == EXPOSURES
    built = done(tree.run('calib', 'build-starflat', '--root', '.', '--nite', NITE, '--band', 'r', '--ccds', 33,
                          '--degree', 2, '--catalogs', *catalogues, '--zero-points', tree.root / 'truth' / 'exposures.csv'))
    path = calib_path(tree.root, 'starflat', NITE, 33, 'r')
    assert built.stdout.split() == [str(path.relative_to(tree.root))] or str(path) in built.stdout
    found, header = read_calibration(path, 'star flat', 33, 'r', (4096, 2048)), read_image(path)[1]
    assert header['NINPUTS'] == EXPOSURES and header['NSTARS'] > 1000
    wanted = read_calibration(tree.root / 'truth' / 'starflat_c33.fits', 'star flat', 33, None, (4096, 2048))
    error = np.log(found / wanted)[16::32, 16::32]
    error -= error.mean()
    pattern = np.log(wanted)[16::32, 16::32]
    # 5 terms of a polynomial; the rest of the noise is what PSFs of six exposures differ by
    noise = np.sqrt(5.0 / header['NSTARS']) * header['NOISE'] / 1.0857
    assert np.sqrt(np.mean(error ** 2)) < 3.0 * noise + 0.001
    # this seed's pattern is small, 3.6 mmag rms: it must be better to correct than not to
    assert np.sqrt(np.mean(error ** 2)) < 0.5 * np.std(pattern)


def test_the_next_exposure_gets_it(tree):
    """SE08 divides by it; catalogues of such images are rejected for another star flat."""
    done(single_epoch(tree, SEARCH))
    exposure = Exposure(tree.root, SEARCH, NITE, 'r', 4, 7, 'dp33').with_ccd(33)
    path = calib_path(tree.root, 'starflat', NITE, 33, 'r')
    assert read_ccd(product_path(exposure, 'immask')).header['STARFIL'] == path.name
    stars = pd.read_csv(tree.root / 'truth' / 'exposures.csv')
    assert SEARCH in set(stars['expnum'])
    rejected = tree.run('calib', 'build-starflat', '--root', '.', '--nite', NITE, '--band', 'r', '--ccds', 33, '--catalogs',
                       product_path(exposure, 'fullcat'))
    assert rejected.returncode == 4 and 'STARFLAT_FILE=none' in rejected.stderr
