"""z and Y without fringe components: said before anything starts, an error where the user asks for them, red in the end."""
from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from sediff.cli.dagmaker import _report_fringes
from sediff.errors import BadInput
from sediff.flow.exposure.quality import limits_of
from sediff.flow.single_epoch.sky_files import check_sky, fringes_stay
from sediff.formats.sky import write_templates
from sediff.instruments.load import default_instrument
from sediff.instruments.settings import declared
from sediff.instruments.settings import load_parameters as load
from sediff.isr.sky_templates import SkyTemplates
from sediff.parameters.model import Parameters
from sediff.photometry.qc import exposure_metrics, graded, verdict, verdict_text
from sediff.repository.names import Exposure, calib_path
from sediff.workflow.plan import Job

NITE = '20231115'


def of(root, band: str = 'z', nite: str = NITE) -> Exposure:
    return Exposure(root, 668443, nite, band)


def with_components(root, ccds=(33,), band: str = 'z', fringe: bool = True) -> None:
    folder = calib_path(root, 'sky_components', NITE, 0, band)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_bytes(b'')
    for ccd in ccds:
        plane = np.zeros((2, 4, 4), np.float32)
        templates = SkyTemplates(plane, plane[0] if fringe else None)
        write_templates(calib_path(root, 'sky_template', NITE, ccd, band), templates, ccd, band)


def test_a_line_before_the_start(tmp_path, capsys):
    parameters = load(None, [f'ROOT={tmp_path}'])
    check_sky(of(tmp_path), [33, 34], parameters)
    told = capsys.readouterr().err
    assert told.count('668443') == 1 and 'fringes' in told and 'calib build-skypca' in told and 'no streaks' in told
    assert 'quality is red' in told and '--band z' in told and 'at least 5 exposures' in told
    with_components(tmp_path)
    check_sky(of(tmp_path), [33], parameters)
    assert capsys.readouterr().err == ''
    check_sky(of(tmp_path), [33, 34], parameters)
    assert 'for CCD 34 in' in capsys.readouterr().err
    check_sky(of(tmp_path, nite='20201115'), [33], parameters)
    assert 'MAX_CALIB_DAYS' in capsys.readouterr().err
    with_components(tmp_path, (35,), fringe=False)
    assert fringes_stay(of(tmp_path), [35], parameters)
    for band in ('r', 'i', 'g'):
        assert fringes_stay(of(tmp_path, band), [33], parameters) == ''
    local = load(None, [f'ROOT={tmp_path}', 'SKY_MODEL=local'])
    assert 'SKY_MODEL=local' in fringes_stay(of(tmp_path), [33], local)


@pytest.mark.parametrize('model', ['components', 'pca'])
@pytest.mark.parametrize('band', ['z', 'r'])
def test_components_that_are_asked_for_must_be_there(tmp_path, model, band):
    parameters = load(None, [f'ROOT={tmp_path}', f'SKY_MODEL={model}'])
    with pytest.raises(BadInput, match=r'build-skypca.*SKY_MODEL=auto') as error:
        check_sky(of(tmp_path, band), [33], parameters)
    assert error.value.exit_code == 3
    with_components(tmp_path, band=band)
    check_sky(of(tmp_path, band), [33], parameters)


def test_quality_is_red_and_says_why():
    ccd = {'lent': False, 'fringes_left': False}
    limits = limits_of(Parameters(declared(default_instrument())))
    for left, colour in ((None, 'unknown'), (False, 'green'), (True, 'red')):
        values = exposure_metrics({1: ccd, 2: ccd | {'fringes_left': left}} if left else {1: ccd | {'fringes_left': left}},
                                  [], [], None)
        table = graded(values, limits)
        row = next(row for row in table if row['name'] == 'fringed_fraction')
        assert row['colour'] == colour == verdict([row])
    text = verdict_text(668443, table)
    assert 'fringes left in 0.50 is red' in text and 'calib build-skypca' in text


def test_the_plan_names_every_exposure_once(tmp_path, capsys):
    """DAGMaker.sh says it for the search exposure and the templates that are still to be processed."""
    parameters = load(None, [f'ROOT={tmp_path}'])
    jobs = [Job(replace(of(tmp_path), expnum=number), (33, 34), True, calibrate_only=number == 3) for number in (1, 2, 3)]
    _report_fringes(SimpleNamespace(jobs=jobs), parameters)
    told = capsys.readouterr().err.splitlines()
    assert [line.split(':')[0] for line in told] == ['WARNING 1', 'WARNING 2']
    with_components(tmp_path, (33, 34))
    _report_fringes(SimpleNamespace(jobs=jobs), parameters)
    assert capsys.readouterr().err == ''
