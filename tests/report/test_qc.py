"""Colours of figures, figures of an exposure, the picture of the focal plane."""
import io

import numpy as np
import pytest
from PIL import Image

from sediff.camera.ccds import ccd_table
from sediff.errors import BadUsage
from sediff.parameter_table import TABLE
from sediff.parameters import Parameters
from sediff.report.focal_plane import Panel, focal_plane_png
from sediff.report.qc import FIGURES, colour_of, exposure_figures, graded, limits_of, verdict, verdict_text

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
    for figure in FIGURES:
        green, yellow = LIMITS[figure.name]
        assert (yellow <= green) if figure.high_is_good else (yellow >= green), figure.name


def test_figures_are_medians_and_the_worst_ccd_s_stars():
    ccds = {1: CCD, 2: CCD | {'fwhm_arcsec': 1.2, 'astrometry_stars': 12}, 3: CCD | {'lent': True, 'zero_point': 31.4}}
    values = exposure_figures(ccds, [1, 2, 3, 4], [1, 2, 3], 23.9)
    assert values['fwhm_arcsec'] == 1.0 and values['astrometry_stars'] == 12
    assert values['completeness'] == 0.75 and values['lent_fraction'] == pytest.approx(1 / 3)
    assert values['depth_loss'] == pytest.approx(0.4)
    assert values['zero_point_spread'] is None                              # two own ones tell no spread
    table = graded(values, LIMITS)
    assert [row['name'] for row in table] == [figure.name for figure in FIGURES]
    assert verdict(table) == 'red'
    text = verdict_text(668443, table)
    assert 'CCDs complete 0.750 is red (green from 1, yellow from 0.95)' in text and 'astrometry stars 12 is yellow' in text


def test_nothing_known():
    values = exposure_figures({}, [], [], None)
    assert set(values.values()) == {None}
    assert verdict(graded(values, LIMITS)) == 'unknown'


def picture(values, **options):
    panel = Panel('Seeing [arcsec]', values, False, 2)
    table = graded(exposure_figures({1: CCD}, [1], [1], 23.9), LIMITS)
    data = focal_plane_png(ccd_table(), [panel], 'title', table, 'notes', **options)
    return np.asarray(Image.open(io.BytesIO(data)).convert('RGB')).astype(int)


def test_each_ccd_is_where_the_camera_has_it():
    """CCD 1 (S29) is in the north-west, 62 (N31) in the south-east: right above and left below, east being left."""
    empty = picture({})
    for ccd, right, above in ((1, True, True), (62, False, False), (25, True, True), (38, False, False)):
        rows, columns = np.nonzero(np.abs(picture({ccd: 1.0}) - empty).sum(axis=2)[85:545] > 60)
        x, y = np.median(columns), np.median(rows) + 85
        assert (x > empty.shape[1] / 2) == right
        assert (y < 310) == above, (ccd, y)


def test_odd_ccds_are_marked_and_lacking_ones_hatched():
    plain = picture({10: 1.0, 11: 1.1})
    assert np.abs(picture({10: 1.0, 11: 1.1}, marked={11: ' lent'}) - plain).sum() > 0
    assert np.abs(picture({10: 1.0, 11: 1.1}, expected=[10, 11, 12]) - plain).sum() > 0


def test_room_for_three_maps():
    with pytest.raises(BadUsage, match='maps'):
        focal_plane_png(ccd_table(), [], 't', [])
