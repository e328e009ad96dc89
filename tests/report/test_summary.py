"""Injected and found as text; the histogram."""
import io

import numpy as np
import pytest
from PIL import Image

from sediff.candidates.fakematch import FAKEMATCH_DTYPE, efficiency
from sediff.report.plots import snr_histogram
from sediff.report.summary import half_efficiency_magnitude, injected_found_text


def bins(shares, per_bin=10):
    fakes = np.zeros(per_bin * len(shares), FAKEMATCH_DTYPE)
    fakes['TRUEMAG'] = np.repeat(20.5 + np.arange(len(shares)), per_bin)
    fakes['FOUND'] = fakes['PASSED'] = np.concatenate([np.arange(per_bin) < share * per_bin for share in shares])
    return efficiency(fakes, 20.0 + np.arange(len(shares) + 1))


def test_text_counts_and_half_efficiency():
    text = injected_found_text(bins([1.0, 0.9, 0.4, 0.0]))
    assert text.splitlines()[3].split() == ['22.00', '-', '23.00', '10', '4', '4', '40%']
    assert text.splitlines()[5].split() == ['all', '40', '23', '23', '58%']
    assert half_efficiency_magnitude(bins([1.0, 0.9, 0.4, 0.0])) == pytest.approx(21.5 + 0.4 / 0.5)
    assert text.endswith('magnitude 22.30\n')


def test_no_fakes_and_no_crossing():
    text = injected_found_text(efficiency(np.zeros(0, FAKEMATCH_DTYPE), [20, 21]))
    assert 'half efficiency at magnitude -' in text
    assert half_efficiency_magnitude(bins([1.0, 1.0])) is None


@pytest.mark.parametrize('snr', [np.array([5.0, -6.0, 1e6, 7.0]), np.array([5.0])])
def test_histogram_is_a_png(snr):
    with Image.open(io.BytesIO(snr_histogram(snr, snr > 0))) as picture:
        assert picture.format == 'PNG' and picture.size[0] > 400
