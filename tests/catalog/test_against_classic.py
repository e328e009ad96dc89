"""The catalogue beside that of source-extractor and psfex, run on the same simulated image."""
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.stats import rankdata

from sediff.catalog.measure import measure, measure_bright
from sediff.flow.single_epoch.stars import psf_of

APERTURES = (6.0, 12.0, 24.0)


@pytest.fixture(scope='module')
def classic():
    """The module beside this one."""
    spec = importlib.util.spec_from_file_location('classic', Path(__file__).with_name('classic.py'))
    module = importlib.util.module_from_spec(spec)
    sys.modules['classic'] = module
    spec.loader.exec_module(module)
    if not module.programs():
        pytest.skip('source-extractor or psfex is missing (apt-get install source-extractor psfex): nothing to compare with')
    return module


def paired(classic, folder, spread, **scene):
    """Rows of both catalogues for the true objects that both found, and which of them are stars."""
    ccd, truth = classic.simulated_ccd(**scene)
    theirs, _ = classic.run_classic(folder, ccd, APERTURES, spread)
    ours = measure(ccd, psf_of(ccd, measure_bright(ccd), 2, 31), 1.5, apertures=APERTURES)
    assert abs(len(ours) - len(theirs)) <= 0.01 * len(theirs)
    rows = [cKDTree(np.c_[table['X_IMAGE'] - 1, table['Y_IMAGE'] - 1]).query(np.c_[truth.x, truth.y],
                                                                            distance_upper_bound=1.5)
            for table in (ours, theirs)]
    found = np.isfinite(rows[0][0]) & np.isfinite(rows[1][0])
    return ours[rows[0][1][found]], theirs[rows[1][1][found]], truth.star[found]


def area(score, star):
    """Area under the ROC curve: the chance that a star scores higher than a galaxy."""
    rank, stars = rankdata(score), int(star.sum())
    return (rank[star].sum() - stars * (stars + 1) / 2) / stars / (star.size - stars)


@pytest.mark.slow
def test_same_magnitudes_shapes_and_positions(classic, tmp_path):
    ours, theirs, star = paired(classic, tmp_path, False)
    good = star & (ours['FLUX_PSF'] > 50 * ours['FLUXERR_PSF']) & (ours['FLAGS'] == 0) & (theirs['FLAGS'] == 0)
    assert good.sum() > 200
    for name in ('MAG_PSF', 'MAG_AUTO'):
        assert abs(np.median(ours[name][good] - theirs[name][good])) < 0.005, name
    for name in ('FLUX_RADIUS', 'A_IMAGE', 'B_IMAGE', 'KRON_RADIUS', 'FLUX_MAX', 'ISOAREA_IMAGE', 'MAGERR_AUTO'):
        assert np.median(ours[name][good] / theirs[name][good]) == pytest.approx(1.0, abs=0.01), name
    for name in ('ERRAWIN_IMAGE', 'MAGERR_PSF'):
        assert np.median(ours[name][good] / theirs[name][good]) == pytest.approx(1.0, abs=0.04), name
    for name in ('X_IMAGE', 'Y_IMAGE', 'XWIN_IMAGE', 'YWIN_IMAGE'):
        assert abs(np.median(ours[name][good] - theirs[name][good])) < 0.002, name
    for name in ('FLUX_APER', 'FLUXERR_APER'):
        np.testing.assert_allclose(np.median(ours[name][good] / theirs[name][good], axis=0), 1.0, atol=0.003)
    # a documented successor need not be the same, but not worse
    assert area(ours['CLASS_STAR'], star) > area(theirs['CLASS_STAR'], star)


@pytest.mark.slow
def test_spread_model_separates_as_well(classic, tmp_path):
    ours, theirs, star = paired(classic, tmp_path, True, shape=(1024, 2048), stars=400, galaxies=1100)
    scores = -ours['SPREAD_MODEL'].astype(float), -theirs['SPREAD_MODEL'].astype(float)
    rng, differences = np.random.default_rng(1), []
    for _ in range(200):
        rows = rng.integers(0, star.size, star.size)
        differences.append(area(scores[0][rows], star[rows]) - area(scores[1][rows], star[rows]))
    # of the same objects, so the error of the difference is far below that of either area
    assert area(scores[0], star) - area(scores[1], star) > -2.0 * np.std(differences)
    assert np.std(differences) < 0.002
    assert area(ours['CLASS_STAR'], star) > area(theirs['CLASS_STAR'], star)
    galaxy = ~star & (theirs['SPREAD_MODEL'] > 0.005)
    # psfex's sampling step enters the scale of their disc
    assert np.median(ours['SPREAD_MODEL'][galaxy] / theirs['SPREAD_MODEL'][galaxy]) == pytest.approx(1.0, abs=0.2)
