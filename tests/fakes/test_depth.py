"""The true depth of a difference against the noise that was put in."""
import numpy as np
import pandas as pd
import pytest

from sediff.fakes.depth import true_depth
from sediff.fakes.truth import OUTCOME_DTYPE, outcome_frame, outcomes_of

ZERO, NOISE = 31.0, 150.0
TRUE = ZERO - 2.5 * np.log10(5 * NOISE)


def fakes(count=400, noise=NOISE, share=1.0, told=NOISE, seed=1):
    """Fakes in the field with true noise, of which the errors say `told`; `share` of their flux comes out."""
    rng, out = np.random.default_rng(seed), np.zeros(count, OUTCOME_DTYPE)
    out['KIND'], out['USABLE'], out['HOST_SB'], out['SIGN'] = 'field', 1, 99.0, 1
    out['FLUX'] = np.where(np.arange(count) % 2, rng.uniform(0.1, 4.5, count), rng.uniform(15.0, 200.0, count)) * noise
    out['FLUX_FORCED'] = share * out['FLUX'] + rng.normal(0.0, noise, count)
    out['FLUXERR_FORCED'], out['SNR_TRUE'] = told, out['FLUX'] / told
    return out


def sky(noise=NOISE, count=500, seed=2):
    error = 1.0857 * 1.17 / np.sqrt(2 * count)
    return {'depth_5sigma': ZERO - 2.5 * np.log10(5 * noise) + np.random.default_rng(seed).normal(0.0, error),
            'depth_5sigma_error': error}


@pytest.mark.parametrize('told', [NOISE, 0.8 * NOISE])
def test_sky_and_fakes_tell_the_noise_that_is_there_whatever_the_errors_say(told):
    found = true_depth(sky(), fakes(told=told), ZERO)
    for name in ('depth', 'sky', 'fakes'):
        assert found[name] == pytest.approx(TRUE, abs=3.5 * found[f'{name}_error'])
    assert found['depth_error'] < min(found['sky_error'], found['fakes_error'])
    assert found['flux_share'] == pytest.approx(1.0, abs=3.5 * found['flux_share_error'])


def test_a_difference_that_loses_flux_is_so_much_shallower():
    found = true_depth(sky(), fakes(share=0.8), ZERO)
    assert found['flux_share'] == pytest.approx(0.8, abs=3.5 * found['flux_share_error'])
    assert found['depth'] == pytest.approx(TRUE + 2.5 * np.log10(0.8), abs=3.5 * found['depth_error'])


def test_each_alone_tells_it_and_neither_is_a_normal_result():
    none = np.zeros(0, OUTCOME_DTYPE)
    by_sky, by_fakes = true_depth(sky(), none, ZERO), true_depth({'places': 3, 'reason': 'crowded'}, fakes(), ZERO)
    assert by_sky['depth'] == by_sky['sky'] and by_sky['fakes'] is None and by_sky['flux_share'] is None
    assert by_fakes['sky'] is None and by_fakes['depth'] == pytest.approx(TRUE, abs=3.5 * by_fakes['depth_error'])
    assert true_depth({}, none, ZERO)['depth'] is None and true_depth({}, none, ZERO)['depth_error'] is None


def test_fakes_on_masked_pixels_hosts_and_detections_do_not_count():
    spoilt = fakes()
    spoilt['FLUX_FORCED'][::3], spoilt['USABLE'][::3] = 1e6, 0
    spoilt['FLUX_FORCED'][1::3], spoilt['OCCUPIED'][1::3] = 1e6, 1
    spoilt['KIND'][-10:], spoilt['FLUX_FORCED'][-10:] = 'host', 1e6
    found = true_depth({}, spoilt, ZERO)
    assert found['depth'] == pytest.approx(TRUE, abs=3.5 * found['depth_error'])


def test_a_table_is_read_as_it_was_written(tmp_path):
    rows = fakes(30)
    rows['REASON'][:3], rows['ID'] = ('ok', 'not_detected', ''), np.arange(30)
    for part in (rows, rows[:0]):
        outcome_frame(part).to_csv(tmp_path / 'table.csv', index=False)
        again = outcomes_of(pd.read_csv(tmp_path / 'table.csv'))
        assert len(again) == len(part) and list(again['REASON']) == list(part['REASON'])
        assert np.array_equal(again['ID'], part['ID']) and again['FLUX'] == pytest.approx(part['FLUX'], abs=0.006)
