"""Truth against found candidates."""
import numpy as np
import pandas as pd
import pytest

from sediff.errors import BadData
from sediff.sim.truth import FAR, dead_distance, match_truth


def table(ra, dec):
    return pd.DataFrame({'ra': np.array(ra, float), 'dec': np.array(dec, float), 'id': range(len(ra))})


def test_match():
    truth = table([10.0, 10.01, 359.99999], [-30.0, -30.0, 5.0])
    found = table([10.00001, 0.00001, 50.0], [-30.0, 5.0, 0.0])
    result = match_truth(truth, found)
    assert result['found'].tolist() == [True, False, True]
    assert result['candidate'].tolist() == [0, -1, 1]
    assert result['separation'][0] == pytest.approx(0.036 * np.cos(np.radians(30)), rel=1e-3)
    assert result['separation'][2] == pytest.approx(0.072 * np.cos(np.radians(5)), rel=1e-3)
    assert 'id' in result and len(result) == 3


def test_a_candidate_counts_once():
    result = match_truth(table([10.0, 10.0001], [0.0, 0.0]), table([10.00004], [0.0]), radius_arcsec=1.0)
    assert result['found'].tolist() == [True, False]


def test_nothing_found():
    result = match_truth(table([10.0], [0.0]), table([], []))
    assert not result['found'].any() and np.isnan(result['separation'][0])


def test_wrong_table():
    with pytest.raises(BadData, match='ra and dec'):
        match_truth(table([1.0], [1.0]), pd.DataFrame({'x': [1.0]}))


@pytest.mark.parametrize('ccd, nite, x, wanted', [
    (31, '20231115', [1500.0, 1024.0, 1000.0, 4.0], [0.0, 0.0, 24.0, 1020.0]),
    (33, '20231115', [1500.0, 4.0], [FAR, FAR]),
    (2, '20231115', [1500.0], [FAR]),
    (2, '20140601', [1500.0, 3.0], [0.0, 0.0])])
def test_columns_to_an_amplifier_that_is_dead_on_the_night(ccd, nite, x, wanted):
    assert dead_distance(ccd, nite, np.array(x)).tolist() == wanted
