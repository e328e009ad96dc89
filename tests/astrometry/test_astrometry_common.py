"""The common solution of an exposure, and the CCDs that fall back on it."""
from __future__ import annotations

import numpy as np
import pytest
from atmosphere import field_error, lost, observed
from star_field import ccd_header, mispointed, wcs_error

from sediff.astrometry.common import CommonSolution, fall_back, fit_common
from sediff.astrometry.fit import solve
from sediff.astrometry.tables import Stars
from sediff.astrometry.tpv import Tpv
from sediff.errors import BadData
from sediff.instruments.focalplane import camera_model

SHAPE = (4096, 2048)
POINTING = (52.5, -28.0)
CCDS = (3, 10, 28, 35, 40, 60)
NONE = np.zeros(0)


def true_camera(ccd, seed=0):
    """A CCD of a camera that is turned by 0.05 deg, stretched by refraction, with each CCD off by about 20 mas."""
    rng = np.random.default_rng([ccd, seed])
    model = Tpv.of(mispointed(camera_model(ccd, *POINTING), 15.0, -22.0, 0.05))
    stretch = np.array([[2e-4, 5e-5], [5e-5, -1e-4]])
    return model.moved(rng.normal(0.0, 0.02, 2), stretch).header()


def common(ccds=CCDS, **changed):
    solved = {ccd: true_camera(ccd) for ccd in ccds} | {int(name[1:]): header for name, header in changed.items()}
    return fit_common(solved, {ccd: camera_model(ccd, *POINTING) for ccd in solved}, SHAPE)


def listed(field, count=None):
    """The first stars of a field, their detections and the false ones left out."""
    keep = np.flatnonzero(np.isfinite(field['true_ra']))[:count]
    columns = [field[name][keep] for name in ('x', 'y', 'flux', 'sigma')]
    return Stars.ranked(*columns, field['ra'], field['dec'], field['mag'])


def test_the_camera_is_found_from_some_ccds():
    found = common()
    assert found.ccds == sorted(CCDS) and not found.dropped
    assert 5.0 < found.rms_mas < 60.0
    for ccd in (1, 31, 62):
        error = wcs_error(found.predict(camera_model(ccd)).header(), true_camera(ccd))
        assert error < 150.0


def test_it_survives_being_written():
    found = common()
    again = CommonSolution(**found.metrics())
    assert again == found


def test_a_ccd_with_a_wrong_solution_does_not_count():
    found = common(c35=mispointed(true_camera(35), 5.0, 3.0, 0.0))
    assert found.dropped == [35] and 35 not in found.ccds
    assert found.rms_mas < 60.0


def test_too_few_ccds():
    with pytest.raises(BadData, match='2 CCDs'):
        common((3, 10))


def test_a_star_free_ccd_takes_the_common_solution():
    found = common()
    stars = Stars(*[NONE] * 6)
    solution = fall_back(stars, camera_model(20, *POINTING), found.predict(camera_model(20)), found.rms_mas, 'no stars',
                         SHAPE)
    assert (solution.kind, solution.n_matched, solution.order, solution.chi2) == ('common', 0, 0, 0.0)
    assert solution.rms_ra == found.rms_mas
    assert wcs_error(solution.header, true_camera(20)) < 150.0
    assert solution.offset_arcsec == pytest.approx(np.hypot(15, 22), abs=8.0)
    assert solution.rotation_deg == pytest.approx(0.05, abs=0.02)


def test_one_star_is_reported_and_moves_nothing():
    found, truth = common(), true_camera(20)
    predicted = found.predict(camera_model(20))
    one = fall_back(listed(observed(truth, 60, 4), 1), camera_model(20, *POINTING), predicted, found.rms_mas, 'one star',
                    SHAPE)
    assert one.n_matched == 1
    assert wcs_error(one.header, predicted.header()) < 1e-3


def test_a_few_stars_shift_it():
    found, truth = common(), true_camera(20)
    predicted = found.predict(camera_model(20))
    stars = listed(observed(truth, 60, 4), 8)
    shifted = fall_back(stars, camera_model(20, *POINTING), predicted, found.rms_mas, 'few stars', SHAPE)
    assert shifted.n_matched >= 6
    assert field_error(shifted.header, truth, 4) < 15.0 < field_error(predicted.header(), truth, 4)


def test_stars_that_contradict_it_and_a_bad_common_solution_are_rejected():
    found, truth = common(), true_camera(20)
    stars = listed(observed(truth, 60, 4), 8)
    stars = Stars(stars.x + np.where(np.arange(8) % 2, 1.2, -1.2), stars.y, *(getattr(stars, name) for name in
                  ('sigma_px', 'ra', 'dec', 'ref_sigma')))
    with pytest.raises(BadData, match='few stars; its'):
        fall_back(stars, camera_model(20, *POINTING), found.predict(camera_model(20)), found.rms_mas, 'few stars', SHAPE)
    with pytest.raises(BadData, match='is no help'):
        fall_back(stars, camera_model(20, *POINTING), found.predict(camera_model(20)), 400.0, 'few stars', SHAPE)


def test_own_solutions_make_a_common_one():
    """From stars to the prediction of a CCD without any."""
    solved = {}
    for ccd in CCDS:
        truth = true_camera(ccd)
        field = observed(truth, 80, ccd)
        arguments = [field[name] for name in ('x', 'y', 'flux', 'sigma')]
        solved[ccd] = solve(*arguments, lost(camera_model(ccd, *POINTING), ccd, 20.0, 0.03), field['ra'], field['dec'],
                            field['mag']).header
    found = fit_common(solved, {ccd: camera_model(ccd, *POINTING) for ccd in solved}, SHAPE)
    assert field_error(found.predict(camera_model(20)).header(), true_camera(20), 1) < 60.0


def test_the_camera_model_has_no_dead_ccd():
    with pytest.raises(BadData, match='61'):
        camera_model(61)
    assert ccd_header()['CTYPE1'] == camera_model(1)['CTYPE1']
