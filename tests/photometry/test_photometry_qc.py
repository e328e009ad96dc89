"""Colours of metrics, metrics of an exposure."""

import pytest

from sediff.flow.exposure.quality import limits_of
from sediff.parameters.model import Parameters
from sediff.parameters.table import TABLE
from sediff.photometry.qc import METRICS, colour_of, exposure_metrics, graded, verdict, verdict_text

LIMITS = limits_of(Parameters(TABLE))
CCD = {'t_eff': 0.7, 'seeing_factor': 0.9, 'sky_factor': 0.8, 'cloud_factor': 1.0, 'cloud_mag': 0.1, 'fwhm_arcsec': 1.0,
       'ellipticity': 0.05, 'depth_5sigma': 23.5, 'astrometry_rms_mas': 10.0, 'astrometry_stars': 100, 'zero_point': 31.5,
       'zero_point_error': 0.003, 'star_scatter': 0.02, 'sky_electrons': 900.0, 'lent': False}


@pytest.mark.parametrize(('value', 'high_is_good', 'colour'), [
    (0.5, True, 'green'), (0.49, True, 'yellow'), (0.3, True, 'yellow'), (0.29, True, 'red'), (None, True, 'unknown'),
    (float('nan'), True, 'unknown'), (0.3, False, 'green'), (0.4, False, 'green'), (0.51, False, 'red'),
])
def test_colours(value, high_is_good, colour):
    green, yellow = (0.5, 0.3) if high_is_good else (0.4, 0.5)
    assert colour_of(value, green, yellow, high_is_good) == colour


def test_yellow_is_never_stricter_than_green():
    for metric in METRICS:
        green, yellow = LIMITS[metric.name]
        assert (yellow <= green) if metric.high_is_good else (yellow >= green), metric.name


def test_figures_are_medians_and_the_worst_ccd_s_stars():
    ccds = {1: CCD, 2: CCD | {'fwhm_arcsec': 1.2, 'astrometry_stars': 12}, 3: CCD | {'lent': True, 'zero_point': 31.4}}
    values = exposure_metrics(ccds, [1, 2, 3, 4], [1, 2, 3], 23.9)
    assert values['fwhm_arcsec'] == 1.0 and values['astrometry_stars'] == 12
    assert values['completeness'] == 0.75 and values['lent_fraction'] == pytest.approx(1 / 3)
    assert values['depth_loss'] == pytest.approx(0.4)
    assert values['zero_point_spread'] is None                              # two own ones tell no spread
    table = graded(values, LIMITS)
    assert [row['name'] for row in table] == [metric.name for metric in METRICS]
    assert verdict(table) == 'red'
    text = verdict_text(668443, table)
    assert 'CCDs complete 0.750 is red (green from 1, yellow from 0.95)' in text and 'astrometry stars 12 is yellow' in text


def test_nothing_known():
    values = exposure_metrics({}, [], [], None)
    assert set(values.values()) == {None}
    assert verdict(graded(values, LIMITS)) == 'unknown'
