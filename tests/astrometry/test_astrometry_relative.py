import numpy as np
import pytest
from star_field import ccd_header, mispointed, star_field, wcs_error

from sediff.astrometry.relative import RelativeOptions, relative_correction

SIGMA = 0.02     # arcsec


def corrected(n, shift, turn, seed=1, ccd=None, noise=SIGMA, **changes):
    truth = ccd or ccd_header(0.0, -40.0)
    field = star_field(truth, n, seed, false=0.2)
    rng = np.random.default_rng(seed)
    ra = field['ra'] + rng.normal(0, noise, field['ra'].size) / 3600 / np.cos(np.radians(field['dec']))
    dec = field['dec'] + rng.normal(0, noise, field['dec'].size) / 3600
    wrong = mispointed(truth, *shift, turn)
    return truth, wrong, relative_correction(field['x'], field['y'], wrong, ra, dec, 0.263 * field['sigma'],
                                             RelativeOptions(**changes))


def test_shift_and_linear_terms_are_taken_out():
    truth, wrong, result = corrected(300, (0.25, -0.15), 0.001)
    assert result.kind == 'linear'
    assert wcs_error(wrong, truth) > 250
    assert wcs_error(result.header, truth) < 6 * result.rms_after * np.sqrt(6 / result.n_matched)
    assert result.rms_after < 50 < result.rms_before


def test_few_stars_give_a_shift():
    truth, _, result = corrected(20, (0.2, 0.1), 0.0)
    assert (result.kind, result.reason) == ('shift', '')
    assert wcs_error(result.header, truth) < 6 * result.rms_after / np.sqrt(result.n_matched)
    assert result.shift_ra == pytest.approx(200, abs=40)


def test_too_few_stars_leave_it_alone():
    truth, wrong, result = corrected(3, (0.2, 0.1), 0.0)
    assert result.kind == 'none'
    assert 'needed' in result.reason
    assert wcs_error(result.header, wrong) == 0.0
    assert truth is not wrong


def test_large_offsets_and_residuals_leave_it_alone():
    _, wrong, result = corrected(300, (1.5, 1.5), 0.0)
    assert (result.kind, wcs_error(result.header, wrong)) == ('none', 0.0)
    assert 'arcsec' in result.reason
    _, wrong, result = corrected(300, (0.1, 0.1), 0.0, noise=0.2, max_rms=50.0)
    assert (result.kind, wcs_error(result.header, wrong)) == ('none', 0.0)
    assert 'residuals' in result.reason


def test_no_stars_at_all():
    empty = np.empty(0)
    result = relative_correction(empty, empty, ccd_header(), empty, empty)
    assert (result.kind, result.n_matched) == ('none', 0)
