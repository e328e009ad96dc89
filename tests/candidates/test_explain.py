"""What `why` tells of a cut agrees with the cut itself."""
import operator

import numpy as np
import pytest

from sediff.candidates.cut_texts import TEXTS
from sediff.candidates.cuts import CUTS, DEFAULT_CUTS, LOW_SCORE, apply_cuts, reject_names
from sediff.candidates.explain import explain_cuts
from sediff.detect.table import DETECTION_DTYPE, Flag

HOLDS = {'>=': operator.ge, '<=': operator.le, '<': operator.lt}
FWHM = 4.5


def random_detections(count: int, seed: int = 3) -> np.ndarray:
    """Detections on both sides of every limit."""
    rng = np.random.default_rng(seed)
    table = np.zeros(count, DETECTION_DTYPE)
    table['NUMBER'] = np.arange(count) + 1
    table['X_IMAGE'], table['Y_IMAGE'] = rng.uniform(30, 170, (2, count))
    table['SNR'] = rng.uniform(3, 40, count)
    table['SIGN'] = rng.choice([-1, 1], count)
    table['FLUX_PSF'], table['FLUXERR_PSF'] = 100 * table['SNR'], 100
    table['APSF_IMAGE'] = rng.uniform(1.8, 2.2, count)
    table['A_IMAGE'] = rng.uniform(0.5, 9.0, count)
    table['B_IMAGE'] = table['A_IMAGE'] / rng.uniform(1.0, 5.0, count)
    table['SPREAD_MODEL'], table['SPREADERR_MODEL'] = rng.normal(0, 0.05, count), rng.uniform(0, 0.02, count)
    table['NMASK_CORE'], table['NMASK_NEAR'] = rng.integers(0, 2, count), rng.integers(0, 150, count)
    table['FLAGS'] = rng.choice([0, int(Flag.EDGE), int(Flag.DIPOLE)], count)
    return table


@pytest.mark.parametrize('cuts', [{}, {'max_a': 1.2}, {'max_elongation': 2.0, 'min_snr': 10.0}])
def test_value_and_limit_give_the_verdict_of_the_cut(cuts):
    rng = np.random.default_rng(4)
    table, plane = random_detections(400), rng.normal(0, 1.6, (200, 200)).astype(np.float32)
    result = apply_cuts(table, plane, np.ones_like(plane), np.zeros(plane.shape, bool), FWHM, cuts=cuts)
    compared: dict[str, set] = {}
    for row, below, code in zip(table, result.below, result.reject):
        checks = explain_cuts(row, below, FWHM, int(code), cuts)
        assert [check.name for check in checks if not check.passed] == reject_names(int(code)).split(',') or not code
        assert [check.passed for check in checks] == sorted(check.passed for check in checks)
        for check in (each for each in checks if each.limit is not None):
            assert HOLDS[check.relation](check.value, check.limit) == check.passed, check
            compared.setdefault(check.name, set()).add(check.passed)
        assert all(check.passed for check in checks if check.name == 'elongated' and check.limit is None)
    both = {name for name, verdicts in compared.items() if len(verdicts) == 2}
    assert both >= {'negative', 'low_snr', 'masked_core', 'masked_near', 'too_large', 'too_sharp', 'elongated',
                    'spread_model'}, both


def test_depths_of_negative_pixels_have_their_own_limits():
    row = random_detections(1)[0]
    for counts, names in (((200, 19, 1), {'below_2sigma'}), ((199, 20, 1), {'below_4sigma'}), ((9, 9, 2), {'below_6sigma'})):
        checks = {check.name: check for check in explain_cuts(row, counts, FWHM, 0)}
        for depth, count in zip((2, 4, 6), counts):
            check = checks[f'below_{depth}sigma']
            assert check.value == count and check.limit == DEFAULT_CUTS[f'max_below_{depth}sigma']
            assert (not check.value < check.limit) == (check.name in names)


@pytest.mark.parametrize('score, passed', [(0.29, False), (0.3, True), (1.0, True)])
def test_the_score_is_the_last_cut(score, passed):
    checks = {check.name: check for check in explain_cuts(random_detections(1)[0], (0, 0, 0), FWHM, 0, None, score, 0.3)}
    assert checks['low_score'].passed == passed and checks['low_score'].limit == 0.3
    assert 'low_score' not in {each.name for each in explain_cuts(random_detections(1)[0], (0, 0, 0), FWHM, LOW_SCORE)}


def test_every_cut_that_is_told_exists():
    assert set(TEXTS) - {'low_score'} == set(CUTS)


def test_what_was_recorded_of_a_cut_is_told_where_it_fails():
    """RUN22 alone knows the stars, the regions and the lines."""
    bit = list(CUTS).index('line')
    checks = {check.name: check for check in explain_cuts(random_detections(1)[0], (0, 0, 0), FWHM, 1 << bit,
                                                          recorded={'line': (2e-5, 0.01), 'low_snr': (1.0, 2.0)})}
    line = checks['line']
    assert not line.passed and (line.value, line.relation, line.limit) == (2e-5, '>=', 0.01)
    assert checks['veto_star'].value is None and checks['low_snr'].limit == DEFAULT_CUTS['min_snr']
