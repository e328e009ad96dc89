"""SE07 and the common solution between the CCDs of an exposure, with their files."""
from __future__ import annotations

import numpy as np
import pytest
from atmosphere import lost, observed
from star_field import SHAPE, wcs_error

from sediff import steps
from sediff.astrometry.head import head_text, parse_head
from sediff.astrometry.solution import Solution
from sediff.ccdimage import CcdImage
from sediff.engine.context import Context
from sediff.engine.pool import Outcome
from sediff.engine.provenance import write_stamp
from sediff.errors import BadData
from sediff.flow.exposure.astrometry import common_input, read_common, with_too_few_stars, write_common
from sediff.instruments.focalplane import camera_model
from sediff.instruments.settings import load_parameters as load
from sediff.refcat.lookup import write_shards
from sediff.refcat.stars import empty_stars
from sediff.repository.names import Exposure, product_path

SE07 = next(step for step in steps.SE if step.id == 'SE07')
COLUMNS = [(name, 'f8') for name in ('XWIN_IMAGE', 'YWIN_IMAGE', 'FLUX_AUTO', 'ERRAWIN_IMAGE')] + [('FLAGS', 'i2')]
POINTING, POOR = (359.99, -28.0), 20


class Task:
    """What an Outcome carries."""

    def __init__(self, exposure):
        self.exposure = exposure


def true_header(ccd):
    header = camera_model(ccd, *POINTING)
    header['CCDNUM'], header['MJD-OBS'] = ccd, 57400.0
    return header


@pytest.fixture
def exposure(tmp_path):
    return Exposure(tmp_path, 123456, '20160115', 'r')


@pytest.fixture
def run(exposure):
    """A function that runs SE07 on a made-up CCD, with `kept` of its stars, and returns its context."""
    def go(ccd, kept=None, flags=0, shards=True):
        truth = true_header(ccd)
        field = observed(truth, 80, ccd)
        stars = empty_stars(field['ra'].size)
        for name, value in (('ra', field['ra']), ('dec', field['dec']), ('phot_g_mean_mag', field['mag'])):
            stars[name] = value
        stars['ref_epoch'], stars['pmra_error'], stars['pmdec_error'] = 2016.0, 0.1, 0.1
        folder = exposure.root / f'refcat_{ccd}'
        if shards:
            write_shards(folder, stars)
        catalogue = np.zeros(len(field['x']), COLUMNS)
        for name, value in (('XWIN_IMAGE', field['x'] + 1), ('YWIN_IMAGE', field['y'] + 1), ('FLUX_AUTO', field['flux']),
                            ('ERRAWIN_IMAGE', field['sigma'])):
            catalogue[name] = value
        catalogue['FLAGS'] = flags
        header = truth.copy()
        header.update(lost(camera_model(ccd, *POINTING), 1, 20.0, 0.02))
        one = exposure.with_ccd(ccd)
        context = Context(one, load(), {'refcat': [folder], 'common': common_input(one)})
        blank = np.zeros(SHAPE, np.uint16)
        context._memory = {'crmasked': CcdImage(blank, blank, blank, header), 'sextractor': catalogue[:kept]}
        context.begin(SE07)
        SE07.load()(context)
        return context
    return go


def fail(one, code=4):
    write_stamp(one.se_folder / 'SE07_scamp.FAIL', {'exit_code': code, 'reason': 'no stars'})
    return Outcome(Task(one), code, 'no stars')


def test_a_ccd_with_too_few_stars_is_solved_from_the_others(exposure, run, capsys):
    one = exposure.with_ccd(POOR)
    with pytest.raises(BadData, match='detections'):
        run(POOR, kept=0)
    outcomes = [fail(one), Outcome(Task(exposure.with_ccd(3)), 0)]
    for ccd in (3, 10):
        run(ccd)
    assert with_too_few_stars(outcomes) == [POOR] and common_input(one) == []
    assert write_common(exposure, load()) is None
    assert 'a common solution needs 3' in capsys.readouterr().err
    for ccd in (28, 40):
        run(ccd)
    path = write_common(exposure, load())
    assert read_common(path).ccds == [3, 10, 28, 40]
    assert common_input(one) == [path] and common_input(exposure.with_ccd(3)) == []
    context = run(POOR, kept=0)
    metrics = context.load('astrometry')
    assert (metrics['kind'], metrics['matched']) == ('common', 0)
    assert wcs_error(parse_head(context.load('head')), true_header(POOR)) < 60.0
    # A later run finds it so again, and does not rewrite the common solution.
    (one.se_folder / 'SE07_scamp.FAIL').unlink()
    before = path.stat().st_mtime_ns
    assert with_too_few_stars([Outcome(Task(one), 0)]) == [POOR]
    assert write_common(exposure, load()) == path and path.stat().st_mtime_ns == before
    assert common_input(one) == [path]


def test_all_saturated_and_too_few_shards_fall_back_as_well(exposure, run):
    for ccd in (3, 10, 28, 40):
        run(ccd)
    fail(exposure.with_ccd(POOR))
    write_common(exposure, load())
    assert run(POOR, flags=4).load('astrometry')['kind'] == 'common'
    few = run(POOR, kept=9).load('astrometry')
    assert few['kind'] == 'common' and 4 <= few['matched'] <= 9


def test_failures_of_another_kind_are_left_alone(exposure):
    one = exposure.with_ccd(5)
    assert with_too_few_stars([fail(one, 3)]) == [] and common_input(one) == []
    assert with_too_few_stars([Outcome(Task(one), 4, 'some other step')]) == []


def test_a_rejected_ccd_s_old_solution_does_not_count(exposure):
    for ccd in (3, 10, 28):
        one = exposure.with_ccd(ccd)
        solution = Solution(camera_model(ccd, *POINTING), 50, 8.0, 8.0, 1.0, 0.0, 0.0, 9.0)
        context = Context(one, load())
        context.save('head', head_text(solution))
        context.save('astrometry', solution.metrics())
    assert write_common(exposure, load()).is_file()
    fail(exposure.with_ccd(28))
    assert product_path(exposure.with_ccd(28), 'head').is_file()
    assert write_common(exposure, load()) is None
