"""Efficiencies and curves against simulated detections of known probability."""
import numpy as np
import pytest
from scipy.special import erfc

from sediff.catalogs import catalog_path
from sediff.fakes.efficiency import (
    binned,
    curves,
    distance_table,
    efficiency_table,
    fit_curve,
    half_distance,
    judged,
    summary,
    wilson,
)
from sediff.fakes.truth import OUTCOME_DTYPE
from sediff.flow.diffimg.fakes import read_light_curve


def simulated(rng, count, zero=23.5, width=0.3, plateau=1.0):
    """Fakes whose chance to be found falls with magnitude; S/N 5 at `zero`."""
    out = np.zeros(count, OUTCOME_DTYPE)
    out['MAG'], out['SIGN'], out['USABLE'], out['KIND'] = rng.uniform(20, 26, count), 1, 1, 'field'
    out['FOUND'] = rng.random(count) < 0.5 * plateau * erfc((out['MAG'] - zero) / np.sqrt(2) / width)
    out['PASSED'] = out['FOUND'] * (rng.random(count) < 0.9)
    out['SNR_TRUE'] = 5.0 * 10.0 ** (0.4 * (zero - out['MAG']))
    out['FLUX'] = 1000.0 * out['SNR_TRUE']
    out['FLUXERR_FORCED'], out['HOST_SB'] = 1000.0, 99.0
    out['FLUX_FORCED'] = out['FLUX'] + rng.normal(0, 1000.0, count)
    return out


def test_the_fit_finds_the_magnitude_of_one_half_with_an_honest_error():
    rng, pulls = np.random.default_rng(1), []
    for _ in range(40):
        table = simulated(rng, 300)
        curve = fit_curve(table['MAG'], table['FOUND'] > 0, False)
        pulls.append((curve.half - 23.5) / curve.half_error)
    assert np.mean(pulls) == pytest.approx(0.0, abs=0.25 + 3.5 / np.sqrt(40))
    assert np.std(pulls) == pytest.approx(1.0, abs=0.15 + 3.5 / np.sqrt(80))


def test_few_fakes_that_a_magnitude_divides_have_an_honest_error():
    """26 fakes, all found down to a magnitude and none below: the error is of the size of the gaps, and covers the truth."""
    rng, pulls, errors = np.random.default_rng(26), [], []
    for _ in range(60):
        magnitude = rng.uniform(17.0, 25.0, 26)
        found = magnitude + rng.normal(0.0, 0.05, 26) < 23.3
        curve = fit_curve(magnitude, found, rising=False)
        pulls.append((curve.half - 23.3) / curve.half_error)
        errors.append(curve.half_error)
    assert np.isfinite(errors).all() and 0.05 < np.median(errors) < 0.4 and np.percentile(errors, 90) < 0.7
    assert 0.5 < np.sqrt(np.mean(np.square(pulls))) < 1.6


def test_the_half_is_of_the_whole_where_cuts_lose_some():
    """With a plateau of 0.8 one half is reached sooner: where erfc is 1.25."""
    from scipy.special import erfcinv
    table = simulated(np.random.default_rng(2), 20000, plateau=0.8)
    curve = fit_curve(table['MAG'], table['FOUND'] > 0, False)
    assert curve.plateau == pytest.approx(0.8, abs=0.02) and curve.width == pytest.approx(0.3, abs=0.04)
    assert curve.half == pytest.approx(23.5 + 0.3 * np.sqrt(2) * erfcinv(1.25), abs=3.5 * curve.half_error)
    assert float(curve.at(curve.half)) == pytest.approx(0.5, abs=1e-6)


def test_a_curve_of_snr_rises():
    rng = np.random.default_rng(3)
    snr = rng.uniform(0, 12, 4000)
    curve = fit_curve(snr, snr + rng.normal(0, 1, 4000) > 5.0, True)
    assert curve.half == pytest.approx(5.0, abs=3.5 * curve.half_error) and curve.width == pytest.approx(1.0, abs=0.1)
    assert curve.at(20.0) > 0.99 > 0.01 > curve.at(0.0)


def test_what_cannot_tell_a_curve_gives_none():
    values = np.linspace(20, 24, 30)
    assert fit_curve(values, np.ones(30, bool), False) is None and fit_curve(values, np.zeros(30, bool), False) is None
    assert fit_curve(values[:10], np.arange(10) < 5, False) is None
    table = simulated(np.random.default_rng(1), 400, plateau=0.3)
    low = fit_curve(table['MAG'], table['FOUND'] > 0, False)
    assert np.isnan(low.half)                                    # never one half


def test_limits_cover_as_often_as_they_say():
    rng = np.random.default_rng(4)
    share = rng.uniform(0.02, 0.98, 40000)
    low, high = wilson(rng.binomial(40, share), np.full(len(share), 40))
    assert np.mean((low <= share) & (share <= high)) == pytest.approx(0.683, abs=0.01)
    assert [float(each) for each in wilson(0, 0)] == [0.0, 1.0]
    assert wilson(0, 10)[0] == 0.0 < wilson(0, 10)[1] < 0.1


def test_bins_hold_every_fake_that_is_judged():
    table = simulated(np.random.default_rng(5), 1000)
    table['USABLE'][:100], table['OCCUPIED'][100:150], table['SIGN'][150:250] = 0, 1, -1
    told = efficiency_table(table)
    of = told.groupby('of')['injected'].sum()
    assert of['MAG'] == of['SNR_TRUE'] == len(judged(table)) == 750
    assert of['HOST_SB'] == (judged(table)['SNR_TRUE'] > 8).sum()
    magnitude = told[told['of'] == 'MAG']
    bright = magnitude[magnitude['high'] <= 22.5]
    assert (bright['detected_share'] == 1.0).all() and (bright['kept_low'] < bright['kept_share']).all()
    empty = binned(table[:0], 'MAG', np.array([20.0, 21.0]))
    assert empty['injected'].sum() == 0 and empty['kept_share'].isna().all()


def test_the_summary_tells_of_kinds_signs_and_pulls():
    table = simulated(np.random.default_rng(6), 2000)
    table['KIND'][::2], table['SIGN'][::5] = 'host', -1
    told = summary(table, curves(table))
    bright = judged(table)['SNR_TRUE'] > 8
    assert told['bright']['all']['kept']['injected'] == bright.sum()
    assert told['bright']['host']['kept']['injected'] + told['bright']['field']['kept']['injected'] == bright.sum()
    assert told['bright']['negative']['detected']['injected'] == ((table['SIGN'] < 0) & (table['SNR_TRUE'] > 8)).sum()
    assert told['pull']['mean'] == pytest.approx(0.0, abs=3.5 / 40)
    assert told['pull']['scatter'] == pytest.approx(1.0, abs=0.07)
    assert told['detected']['magnitude']['half'] == pytest.approx(23.5, abs=0.1)
    assert told['kept']['magnitude']['half'] < told['detected']['magnitude']['half']
    assert summary(table[:0], curves(table[:0]))['detected'] == {'magnitude': None, 'snr': None}


def test_distances_follow_from_the_light_curve():
    light_curve = read_light_curve(catalog_path('at2017gfo.csv'))
    table = simulated(np.random.default_rng(7), 5000)
    table['DISTANCE'][:50] = 100.0
    fitted = curves(table)
    half = half_distance(fitted['detected', 'MAG'], light_curve, 'r', 1.43)
    assert half == pytest.approx(40.7 * 10 ** (0.2 * (fitted['detected', 'MAG'].half - 17.99)), rel=0.002)
    near, there = distance_table(table, fitted, (100.0, half), light_curve, 'r', 1.43)
    assert near['detected']['injected'] == 50 and near['detected']['curve'] > 0.99
    assert there['detected']['curve'] == pytest.approx(0.5, abs=1e-3) and there['detected']['injected'] == 0
    assert half_distance(None, light_curve, 'r', 1.0) is None
