"""Rows of many images become light curves: order, doubles, magnitudes and limits."""
import numpy as np
import pytest

from sediff.candidates.epochs import Epochs, ImageFacts, blank_rows, joined, light_curve, magnitudes


def of_image(expnum, ccd, mjd, places, flux=np.nan, away=0.0, reason='', zero_point=30.0):
    rows = blank_rows(np.array(places))
    rows['flux'], rows['error'], rows['away'], rows['gap'] = flux, 10.0, away, 1 if reason else 0
    return Epochs(rows, [ImageFacts(expnum, ccd, '20231115', 'r', 'WS1', mjd, zero_point)], ['', reason] if reason else [''])


def test_the_ccd_that_holds_a_place_counts():
    found = joined([of_image(1, 34, 5.0, [0, 1], away=30.0, reason='off CCD'), of_image(1, 33, 5.0, [0], 7.0),
                    of_image(1, 35, 5.0, [1], away=12.0, reason='off CCD'), of_image(2, 33, 4.0, [1, 0], 9.0)])
    curve = light_curve(found)
    assert curve['PLACE'].tolist() == [0, 0, 1, 1] and curve['EXPNUM'].tolist() == [2, 1, 2, 1]
    assert curve['CCDNUM'].tolist() == [33, 33, 33, 35] and curve['GAP'].tolist() == ['', '', '', 'off CCD']
    one = light_curve(found, 1)
    assert one['MJD'].tolist() == [4.0, 5.0] and one['FLUX'][0] == 9.0 and np.isnan(one['FLUX'][1])


def test_nothing_gives_empty_columns():
    curve = light_curve(joined([]))
    assert all(len(values) == 0 for values in curve.values()) and 'GAP' in curve
    assert len(light_curve(joined([of_image(1, 33, 5.0, [3], 7.0)]), 2)['FLUX']) == 0


def test_times_that_are_not_known_come_last():
    found = joined([of_image(1, 33, np.nan, [0], 7.0), of_image(2, 33, 8.0, [0], 7.0)])
    assert light_curve(found)['EXPNUM'].tolist() == [2, 1]


def test_magnitudes_and_limits_by_hand():
    mag, error, limit = magnitudes(np.array([100.0, 29.0, -100.0, np.nan]), np.array([10.0, 10.0, 10.0, np.nan]),
                                   np.array([30.0, 30.0, 30.0, 30.0]))
    assert mag[0] == pytest.approx(25.0) and error[0] == pytest.approx(0.10857, abs=1e-5)
    assert np.isnan(mag[1:]).all() and np.isnan(error[1:]).all()
    assert limit[:3] == pytest.approx(30.0 - 2.5 * np.log10(30.0)) and np.isnan(limit[3])


def test_snana_fluxes_are_10_at_magnitude_25():
    curve = light_curve(joined([of_image(1, 33, 5.0, [0], 100.0)]))
    assert curve['MAG'] == pytest.approx(25.0) and curve['FLUXCAL'] == pytest.approx(10.0)
    assert curve['FLUXCALERR'] == pytest.approx(1.0)
    nothing = light_curve(joined([of_image(1, 33, 5.0, [0], 100.0, zero_point=np.nan)]))
    assert nothing['FLUX'] == 100.0 and np.isnan(nothing['MAG']) and np.isnan(nothing['FLUXCAL'])
