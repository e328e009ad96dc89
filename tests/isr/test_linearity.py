"""Linearity tables: correction, its inverse, the fit, and the published tables."""
from __future__ import annotations

import gzip
import re

import numpy as np
import pytest
from isr_scenes import raw_header

from sediff.errors import BadData, BadInput
from sediff.formats.linearity import read_linearity, write_linearity
from sediff.instruments.amplifiers import read_amplifiers
from sediff.instruments.base import table_path
from sediff.instruments.load import default_instrument
from sediff.isr.linearity import LinearityCurve, fit_linearity, linearize, saturation_levels


@pytest.fixture
def curve():
    level = np.arange(0.0, 60001.0, 1000.0)
    return LinearityCurve(level, -0.02 * level * level / 40000.0)


@pytest.mark.parametrize('name, ccd', [('s29', 1), ('s1', 25), ('n25', 56)])
def test_catalogue_follows_the_published_tables(realdata, name, ccd):
    with gzip.open(realdata / 'calib' / f'linearizer_{name}.yaml.gz', 'rt') as lines:
        text = lines.read()
    numbers = re.findall(r'^\s*- (?:- )?([-+0-9.e]+)\s*$', text[text.find('tableData'):], re.M)
    values = np.array(numbers, float).reshape(2, -1)
    table = read_linearity(table_path(default_instrument(), 'linearity.csv'), ccd)
    assert sorted(table) == ['A', 'B']
    for curve, published in zip((table['A'], table['B']), values):
        level = np.arange(int(curve.level[-1]) + 1)
        assert np.abs(curve.true_level(level) - level - published[:len(level)]).max() < 0.31
        assert curve.level[-1] > 37000 and -1200 < curve.correction[-1] < -600


def test_measured_and_true_levels_are_inverse(curve):
    true = np.linspace(-50.0, 70000.0, 5001)
    np.testing.assert_allclose(curve.true_level(curve.measured_level(true)), true, atol=1e-6)
    assert curve.measured_level(np.array([-30.0]))[0] == -30.0


@pytest.mark.parametrize('half', ['N', 'S'])
def test_image_is_made_linear_by_amplifier(half, curve):
    amplifiers = read_amplifiers(raw_header(half))
    true = np.random.default_rng(1).uniform(-20, 45000, (4096, 2048)).astype(np.float32)
    measured = true.copy()
    measured[amplifiers[0].ccd] = curve.measured_level(true[amplifiers[0].ccd])
    kept = measured.copy()
    linear = linearize(measured, amplifiers, {'A': curve})
    # the lookup has straight lines of 1 ADU; float32 has 0.004 ADU at 45000
    assert np.abs(linear - true).max() < 0.02 and linear.dtype == np.float32
    np.testing.assert_array_equal(measured, kept)
    full = saturation_levels(amplifiers, {'A': curve})
    assert full['A'] == pytest.approx(float(curve.true_level(49415.0))) and full['B'] == 44433.0


def test_fit_finds_the_curve(curve):
    times = np.geomspace(0.05, 20.0, 25)
    level = curve.measured_level(2000.0 * times) * (1 + np.random.default_rng(2).normal(0, 1e-5, 25))
    found = fit_linearity(level, times)
    grid = np.linspace(300.0, 39000.0, 200)
    # the reference levels fix the scale: curves agree up to a factor
    ratio = found.true_level(grid) / curve.true_level(grid)
    assert np.ptp(ratio) < 5e-4


def test_wrong_curves(curve, tmp_path):
    for level, correction in (([0.0], [0.0]), ([0.0, 1.0], [0.0]), ([1.0, 0.0], [0.0, 0.0]), ([0.0, 10.0], [0.0, -20.0]),
                              ([0.0, 1.0], [0.0, np.nan])):
        with pytest.raises(BadData):
            LinearityCurve(np.array(level), np.array(correction))
    with pytest.raises(BadData, match='series of exposure times'):
        fit_linearity(np.array([1000.0, 2000.0]), np.array([1.0, 2.0]))
    with pytest.raises(BadData, match='lamp was not constant'):
        fit_linearity(np.array([1000.0, 2000.0, 1500.0, 4000.0]), np.array([1.0, 2.0, 3.0, 4.0]))
    with pytest.raises(BadInput, match='no linearity table'):
        read_linearity(tmp_path / 'none.csv', 1)
    (tmp_path / 'odd.csv').write_text('ccdnum,level\n1,2\n')
    with pytest.raises(BadInput, match='amplifier'):
        read_linearity(tmp_path / 'odd.csv', 1)


def test_files(curve, tmp_path):
    import fitsio
    write_linearity(tmp_path / 'own.csv', {7: {'A': curve, 'B': curve}}, 'a comment\nof two lines')
    table = read_linearity(tmp_path / 'own.csv', 7)
    np.testing.assert_allclose(table['B'].correction, curve.correction, atol=1e-4)
    assert read_linearity(tmp_path / 'own.csv', 8) == {}
    rows = np.zeros(3, [('ADU', 'f8'), ('ADU_LINEAR_A', 'f8'), ('ADU_LINEAR_B', 'f8')])
    rows['ADU'], rows['ADU_LINEAR_A'], rows['ADU_LINEAR_B'] = (0, 1000, 2000), (0, 1001, 1990), (0, 1000, 2000)
    with fitsio.FITS(str(tmp_path / 'des.fits'), 'rw') as handle:
        handle.write(rows, extname='S29', header={'CCDNUM': 1})
    assert read_linearity(tmp_path / 'des.fits', 1)['A'].correction.tolist() == [0.0, 1.0, -10.0]
