import numpy as np
import pytest

from sediff.candidates.painters import moffat_psf
from sediff.photometry.vetoradius import LARGEST, MODEL_ERROR, THRESHOLD, star_light, veto_radius

FWHM, NOISE, ZERO_POINT = 4.2, 45.0, 31.5


def light_of(beta=3.5, saturation=np.inf, fwhm=FWHM):
    return star_light(moffat_psf(fwhm, beta)(0, 0, 51), fwhm, NOISE, ZERO_POINT, saturation)


def surface(radius, beta, fwhm=FWHM):
    """Share of a Moffat star in a pixel at that radius."""
    width = fwhm / (2.0 * np.sqrt(2.0 ** (1.0 / beta) - 1.0))
    return (beta - 1.0) / (np.pi * width ** 2) * (1.0 + (radius / width) ** 2) ** -beta


@pytest.mark.parametrize('beta', [2.5, 3.5])
def test_at_the_radius_the_models_error_is_as_large_as_the_threshold(beta):
    magnitude = np.array([17.0, 16.0, 15.0, 14.0, 13.0])
    radius = veto_radius(magnitude, light_of(beta))
    assert (radius > FWHM).all()
    error = MODEL_ERROR * 10.0 ** (0.4 * (ZERO_POINT - magnitude)) * surface(radius, beta)
    area = 4.0 * np.pi * (FWHM / 2.3548) ** 2
    assert error * np.sqrt(area) / NOISE == pytest.approx(np.full(5, THRESHOLD), rel=0.2)


def test_a_faint_star_covers_its_own_width_and_a_bright_one_its_wings():
    magnitude = np.arange(5.0, 22.0, 0.5)
    radius = veto_radius(magnitude, light_of())
    assert (np.diff(radius) <= 0.0).all()
    assert radius[magnitude >= 19.0] == pytest.approx(FWHM)
    assert radius[magnitude == 15.0] < 2.5 * FWHM < 4.0 * FWHM < radius[magnitude == 9.0]
    assert (veto_radius(magnitude, light_of(2.5)) >= radius - 1e-9).all()
    assert veto_radius(np.array([-10.0]), light_of(2.0)) <= LARGEST + FWHM


def test_a_saturated_star_covers_more_than_its_saturated_pixels():
    radius = veto_radius(np.array([8.0]), light_of(saturation=1e3))[0]
    assert 10.0 ** (0.4 * (ZERO_POINT - 8.0)) * surface(radius - FWHM, 3.5) <= 1.2e3
