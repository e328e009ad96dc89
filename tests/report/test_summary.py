"""The histogram of the page."""
import io

import numpy as np
import pytest
from PIL import Image

from sediff.report.plots import snr_histogram


@pytest.mark.parametrize('snr', [np.array([5.0, -6.0, 1e6, 7.0]), np.array([5.0])])
def test_histogram_is_a_png(snr):
    with Image.open(io.BytesIO(snr_histogram(snr, snr > 0))) as picture:
        assert picture.format == 'PNG' and picture.size[0] > 400
