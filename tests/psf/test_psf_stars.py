import numpy as np
import pytest

from sediff.errors import BadData
from sediff.psf.stars import half_sample_mode, select_stars, size_locus


def catalogue(seed=1, stars=200, galaxies=600):
    """Stars of half-light radius 2.2 px +- 2 %, galaxies of 2.4-6 px, rays of 1 px, on a 2048 x 4096 image."""
    rng, total = np.random.default_rng(seed), stars + galaxies + 50
    names = ['XWIN_IMAGE', 'YWIN_IMAGE', 'FLUX_AUTO', 'FLUXERR_AUTO', 'FLUX_RADIUS', 'A_IMAGE', 'B_IMAGE']
    table = np.zeros(total, [(name, 'f8') for name in names] + [('FLAGS', 'i2'), ('IMAFLAGS_ISO', 'i4')])
    table['XWIN_IMAGE'], table['YWIN_IMAGE'] = rng.uniform(1, 2048, total), rng.uniform(1, 4096, total)
    table['FLUX_AUTO'], table['FLUXERR_AUTO'] = 10 ** rng.uniform(3, 5.5, total), 100.0
    table['FLUX_RADIUS'] = np.r_[rng.normal(2.2, 0.044, stars), rng.uniform(2.4, 6, galaxies), rng.normal(1, 0.1, 50)]
    table['A_IMAGE'] = table['B_IMAGE'] = 2.0
    return table


def test_picks_the_locus():
    table = catalogue()
    rows = select_stars(table)
    assert np.mean(rows < 200) > 0.97
    bright = np.flatnonzero(table['FLUX_AUTO'][:200] > 3000)
    assert np.isin(rows, bright).sum() > 0.85 * bright.size


def test_every_cut_cuts():
    table = catalogue()
    rows = select_stars(table)
    for name, value in (('FLAGS', 4), ('IMAFLAGS_ISO', 2), ('A_IMAGE', 8.0), ('FLUX_AUTO', 100.0), ('FLUX_RADIUS', 5.0)):
        changed = table.copy()
        changed[name][rows[0]] = value
        assert rows[0] not in select_stars(changed)
    changed = table.copy()
    changed['XWIN_IMAGE'][-1], changed['YWIN_IMAGE'][-1] = table['XWIN_IMAGE'][rows[0]] + 8, table['YWIN_IMAGE'][rows[0]]
    changed['FLUX_AUTO'][-1] = 0.5 * table['FLUX_AUTO'][rows[0]]
    assert rows[0] not in select_stars(changed)


def test_limit_keeps_the_image_covered():
    table = catalogue(stars=900, galaxies=10)
    rows = select_stars(table, maximum_stars=100)
    assert rows.size == 100
    cells = set(zip(table['XWIN_IMAGE'][rows] // 512, table['YWIN_IMAGE'][rows] // 512))
    assert len(cells) >= 30


def test_nothing_and_nonsense():
    assert select_stars(catalogue()[:0]).size == 0
    assert select_stars(catalogue(), minimum_snr=1e9).size == 0
    with pytest.raises(BadData, match='FLUX_RADIUS'):
        select_stars(np.zeros(3, [('XWIN_IMAGE', 'f8')]))


@pytest.mark.parametrize('name', ['XWIN_IMAGE', 'YWIN_IMAGE', 'FLUX_AUTO', 'FLUXERR_AUTO', 'FLUX_RADIUS', 'A_IMAGE'])
@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_objects_that_are_not_finite_are_left_out(name, value):
    table = catalogue()
    rows = select_stars(table)
    table[name][rows[::4]] = value
    table[name][-20:] = value
    left = select_stars(table)
    assert not np.isin(rows[::4], left).any()
    assert np.isin(np.delete(rows, np.s_[::4]), left).mean() > 0.95
    table[name] = value
    assert select_stars(table).size == 0


def test_mode_and_locus():
    rng = np.random.default_rng(5)
    values = np.r_[rng.normal(3, 0.05, 300), rng.uniform(1, 9, 300)]
    assert half_sample_mode(values) == pytest.approx(3.0, abs=0.06)
    centre, width = size_locus(values, np.ones(600), 0.1)
    assert centre == pytest.approx(3.0, abs=0.03)
    assert 0.09 <= width <= 0.3
