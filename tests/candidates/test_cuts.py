"""filterObj's cuts, each against a scene that only it should reject."""
from dataclasses import fields

import numpy as np
import pytest

from sediff.candidates.cut_list import CUTS, DEFAULT_CUTS
from sediff.candidates.cuts import apply_cuts, filter_table_text, reason_table, reject_names
from sediff.candidates.moving import MovingLimits
from sediff.candidates.painters import add_stamp, moffat_psf, noise_flux
from sediff.candidates.texttable import parse_table
from sediff.detect import detect
from sediff.errors import BadUsage
from sediff.parameters.table import CUTS as PARAMETERS
from sediff.parameters.table import DIFFIMG

PSF = moffat_psf(4.2)
SKY = 400.0
UNIT = noise_flux(SKY, PSF(0, 0, 27))


@pytest.fixture
def scene():
    """A clean image with one source of S/N 30 at (100, 100)."""
    image = np.random.default_rng(1).normal(0, np.sqrt(SKY), (200, 200))
    add_stamp(image, 30 * UNIT * PSF(100, 100, 51), 100, 100)
    return image.astype(np.float32), np.full(image.shape, SKY, np.float32), np.zeros(image.shape, bool)


def judge(image, variance, bad, x=100, y=100, **options):
    detections = detect(image, variance, bad, PSF)
    near = np.hypot(detections['X_IMAGE'] - 1 - x, detections['Y_IMAGE'] - 1 - y) < 6
    result = apply_cuts(detections, image, np.sqrt(variance), bad, 4.2, **options)
    return detections, result, set(reject_names(int(result.reject[near][0])).split(','))


def test_a_clean_source_is_kept_and_counts_are_those_of_noise(scene):
    _, result, names = judge(*scene)
    assert names == {'ok'} and result.kept.all()
    below = result.below[0]
    assert 10 < below[0] < 55 and below[1] <= 2 and below[2] == 0


def test_negative_sources_only_fail_for_being_negative(scene):
    image, variance, bad = scene
    assert judge(-image, variance, bad)[2] == {'negative'}
    assert judge(-image, variance, bad, cuts={'positive_only': 0})[2] == {'ok'}


def test_negative_pixels_beside_the_source(scene):
    image, variance, bad = scene
    image[104:107, 98:102] -= 14 * 20
    _, result, names = judge(image, variance, bad)
    assert 'below_6sigma' in names and result.below[0, 2] >= 8
    bad[104:107, 98:102] = True
    assert not {'below_4sigma', 'below_6sigma'} & judge(image, variance, bad)[2]


def test_negative_pixels_of_something_else_are_not_the_source_s(scene):
    """A cosmic ray of the template 13 px off, a dipole 21 px off: the source stays, the dipole goes."""
    image, variance, bad = scene
    image[112:115, 84:88] -= 10 * 20
    _, result, names = judge(image, variance, bad)
    assert names == {'ok'} and result.below[0, 2] == 0
    add_stamp(image, 60 * UNIT * PSF(121, 100, 51), 121, 100)
    add_stamp(image, -60 * UNIT * PSF(118.5, 100, 51), 118.5, 100)
    assert judge(image, variance, bad)[2] == {'ok'}
    assert {'below_6sigma', 'dipole'} & judge(image, variance, bad, 122, 100)[2]


def test_a_fading_neighbour_is_no_lobe_and_no_hole(scene):
    """A negative source 2.5 FWHM away, as bright as the source or three times brighter."""
    image, variance, bad = scene
    for flux in (30, 60):
        add_stamp(image, -flux * UNIT * PSF(110.5, 100, 51), 110.5, 100)
        assert judge(image, variance, bad)[2] == {'ok'}


def test_a_wide_hole_around_a_source_counts_in_every_pixel(scene):
    """The residual of a star: a peak in a hole of 300 px."""
    image, variance, bad = scene
    y, x = np.ogrid[:200, :200]
    ring = np.hypot(x - 100, y - 100)
    image[(ring > 4) & (ring < 11)] -= 5 * 20
    detections, result, names = judge(image, variance, bad)
    here = np.hypot(detections['X_IMAGE'] - 101, detections['Y_IMAGE'] - 101) < 2
    assert {'below_2sigma', 'below_4sigma'} <= names and result.below[here][0, 0] > 200


def test_a_poor_sky_counts_though_it_is_no_object(scene):
    image, variance, bad = scene
    image[80:121, 80:121] -= 1.4 * 20
    image[96:105, 96:105] += 1.4 * 20
    assert 'below_2sigma' in judge(image, variance, bad)[2]


def test_masked_pixels(scene):
    image, variance, bad = scene
    bad[101, 100] = True
    assert judge(image, variance, bad)[2] == {'masked_core'}
    assert judge(image, variance, bad, cuts={'max_masked_core': 1})[2] == {'ok'}
    bad[101, 100] = False
    bad[80:97, 80:120] = True
    assert 'masked_near' in judge(image, variance, bad)[2]


def test_veto_star_radius_and_magnitude(scene):
    veto = np.array([(100.0, 115.0, 19.0)], [('x', 'f8'), ('y', 'f8'), ('mag', 'f8')])
    assert judge(*scene, veto=veto)[2] == {'veto_star'}
    assert judge(*scene, veto=veto, cuts={'veto_scale': 0.5})[2] == {'ok'}
    assert judge(*scene, veto=veto, cuts={'veto_magnitude': 18.0})[2] == {'ok'}


def test_edge_shape_and_dipole(scene):
    image, variance, bad = scene
    add_stamp(image, 30 * UNIT * PSF(100, 4, 51), 100, 4)
    assert 'edge' in judge(image, variance, bad, 100, 4)[2]
    image[40, 40] += 400 * 20
    assert {'too_sharp', 'spread_model'} <= judge(image, variance, bad, 40, 40)[2]
    add_stamp(image, 90 * UNIT * moffat_psf(9.0)(150, 150, 51), 150, 150)
    assert 'too_large' in judge(image, variance, bad, 150, 150)[2]
    add_stamp(image, 30 * UNIT * PSF(60, 150, 51), 60, 150)
    add_stamp(image, -30 * UNIT * PSF(64.5, 150, 51), 64.5, 150)
    assert 'dipole' in judge(image, variance, bad, 60, 150)[2]


def test_table_names_the_reasons_and_survives_zero_rows(scene):
    image, variance, bad = scene
    detections, result, _ = judge(-image, variance, bad)
    table = parse_table(filter_table_text(detections, result))
    assert table['REASON'][0] == 'negative' and int(table['REJECT'][0]) == 1 << list(CUTS).index('negative')
    none = detect(image, variance, bad, PSF, threshold=500.0)
    empty = apply_cuts(none, image, np.sqrt(variance), bad, 4.2)
    assert len(parse_table(filter_table_text(none, empty))['OBJID']) == 0
    assert set(empty.counts) == set(CUTS)


def test_unknown_cut_is_named(scene):
    with pytest.raises(BadUsage, match='MAXA'):
        judge(*scene, cuts={'MAXA': 2.0})


def test_every_reason_has_its_figure_on_the_wrong_side_of_the_limit(scene):
    """A scene that fails many cuts: a row for each bit of each detection, whose value is beyond its limit."""
    image, variance, bad = scene
    add_stamp(image, 30 * UNIT * PSF(60, 150, 51), 60, 150)
    add_stamp(image, -30 * UNIT * PSF(64.5, 150, 51), 64.5, 150)
    add_stamp(image, 90 * UNIT * moffat_psf(9.0)(150, 150, 51), 150, 150)
    image[40, 40] += 400 * 20
    bad[101, 100] = True
    veto = np.array([(40.0, 55.0, 19.0)], [('x', 'f8'), ('y', 'f8'), ('mag', 'f8')])
    detections, result, _ = judge(image, variance, bad, veto=veto)
    table = reason_table(detections, result)
    assert {'masked_core', 'too_sharp', 'spread_model', 'too_large', 'dipole', 'veto_star', 'negative'} <= set(table['CUT'])
    told = {}
    for number, cut, value, limit, side in zip(*table.values()):
        told.setdefault(number, []).append(cut)
        assert {'above': value > limit, 'from': value >= limit, 'below': value < limit,
                'up to': value <= limit}[side], (cut, value, limit)
    assert told == {int(row['NUMBER']): reject_names(int(code)).split(',')
                    for row, code in zip(detections, result.reject) if code}
    core = table['CUT'].index('masked_core')
    assert (table['VALUE'][core], table['LIMIT'][core]) == (1.0, 0.0)
    assert reason_table(detections[:0], judge(*scene)[1]) == {'OBJID': [], 'CUT': [], 'VALUE': [], 'LIMIT': [], 'FAILS': []}


def test_parameters_are_the_settings_with_the_same_defaults():
    """Each CUT_X of rc/diffimg.rc is a setting x of the cuts or of moving stars; no setting is without a parameter."""
    known = {parameter.name: parameter.default for parameter in DIFFIMG}
    settings = {f'CUT_{name.upper()}': value for name, value in DEFAULT_CUTS.items()}
    settings |= {f'CUT_MOVING_{field.name.upper()}': field.default for field in fields(MovingLimits)}
    elsewhere = {'CUT_MAX_A': known['MAXA'], 'CUT_VETO_MAGNITUDE': known['VETOMAG'], 'CUT_VETO_SCALE': known['VETO_SCALE'],
                 'CUT_VETO_VARIABLES': known['VETO_VARIABLES']}
    assert {parameter.name: parameter.default for parameter in PARAMETERS} | elsewhere == settings


@pytest.mark.parametrize('cut, setting, strict', [('low_snr', 'min_snr', 31.0), ('too_large', 'max_a', 0.5),
                                                  ('too_sharp', 'min_a', 1.5), ('below_2sigma', 'max_below_2sigma', 1)])
def test_a_setting_moves_its_cut_alone(scene, cut, setting, strict):
    assert judge(*scene, cuts={setting: strict})[2] == {cut}
