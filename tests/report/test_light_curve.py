"""The light curve: every measurement where it belongs, limits apart from detections."""
import re

import numpy as np
import pytest

from sediff.report.light_curve import HEIGHT, WIDTH, Point, ab_magnitude, light_curve_svg


def test_points_lie_in_the_frame_and_in_order():
    points = [Point(60000 + day, flux, 100.0, 'g') for day, flux in ((0, 50), (1, 2000), (2, 4000), (5, 1000), (9, -600))]
    svg = str(light_curve_svg(points))
    found = [(float(x), float(y)) for x, y in re.findall(r'class="detection" cx="([\d.]+)" cy="([\d.]+)"', svg)]
    assert len(found) == 4 and svg.count('class="limit"') == 1
    x, y = np.array(found).T
    assert (np.diff(x) > 0).all() and np.ptp(x) < WIDTH and (y > 0).all() and (y < HEIGHT).all()
    np.testing.assert_allclose(np.diff(x) / np.diff([1, 2, 5, 9]), np.diff(x)[0], rtol=0.02)     # linear in time
    np.testing.assert_allclose(np.diff(y) / np.diff([2000, 4000, 1000, -600]), np.diff(y)[0] / 2000, rtol=0.02)   # and flux
    assert np.diff(y)[0] < 0                              # brighter is up


def test_what_cannot_be_drawn_is_left_out():
    assert light_curve_svg([]) == '' and light_curve_svg([Point(60000, np.nan, 1.0, 'g'), Point(60000, 1.0, 0.0, 'g')]) == ''
    one = str(light_curve_svg([Point(60000, 0.0, 1.0, 'g')]))
    assert one.count('class="limit"') == 1 and 'nan' not in one and 'inf' not in one


def test_text_of_the_database_is_escaped():
    assert '<script' not in str(light_curve_svg([Point(60000, 5.0, 1.0, '<script>alert(1)</script>')]))


@pytest.mark.parametrize(('flux', 'magnitude'), [(3631e9, 0.0), (1.0, 31.4), (3631.0, 22.5)])
def test_magnitudes(flux, magnitude):
    assert ab_magnitude(flux) == pytest.approx(magnitude, abs=1e-3)
