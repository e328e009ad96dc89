"""The runner skips what is done, redoes exactly what depends on a change, and stamps failures."""
import json
from dataclasses import dataclass

import pytest

from sediff.context import Context
from sediff.errors import BadData, StepFailed
from sediff.names import Exposure, product_path
from sediff.parameter_table import TABLE
from sediff.parameters import Parameters
from sediff.runner import plan, run_steps
from sediff.steps import Step


@dataclass(frozen=True)
class CallStep(Step):
    """A step whose function is given."""

    call: object = None

    def load(self):
        return self.call


def copy(made, needed=None, parameter=None):
    def function(context):
        value = dict(context.load(needed)) if needed else {'raw': context.file('raw').read_text()}
        if parameter:
            value[parameter] = context.parameter(parameter)
        context.save(made, value)
    return function


def chain():
    """raw -> astrometry -> quality -> ingest, the middle one depends on DETECT_THRESH; all are json products."""
    return (CallStep('SE01', 'first', 'job:x', ('raw',), ('astrometry',), 'a', call=copy('astrometry')),
            CallStep('SE02', 'second', 'job:x', ('astrometry',), ('quality',), 'b', ('DETECT_THRESH',),
                     call=copy('quality', 'astrometry', 'DETECT_THRESH')),
            CallStep('SE03', 'third', 'job:x', ('quality',), ('wcscheck',), 'c', call=copy('wcscheck', 'quality')))


@pytest.fixture
def world(tmp_path):
    raw = tmp_path / 'raw.txt'
    raw.write_text('one')
    exposure = Exposure(tmp_path, 1234567, '20260101', 'r', ccd=33)

    def context(**values):
        parameters = Parameters(TABLE)
        for name, value in values.items():
            parameters.set(name, str(value), 'test')
        return Context(exposure, parameters, {'raw': [raw]})
    return context, raw, exposure


def labels(steps, context):
    return [step.id for step in plan(steps, context)[0]]


def test_runs_once_then_has_nothing_to_do(world):
    context, _, exposure = world
    assert run_steps(chain(), context()) == 3
    assert run_steps(chain(), context()) == 0
    stamp = json.loads((exposure.se_folder / 'SE02_second.DONE').read_text())
    assert stamp['parameters'] == {'DETECT_THRESH': 1.5}
    assert stamp['peak_mb'] > 1 and stamp['seconds'] >= 0 and stamp['code'] and 'astrometry' in stamp['inputs']
    assert 'RETURN CODE: 0' in (exposure.se_folder / 'SE02_second.LOG').read_text()


def test_a_changed_parameter_redoes_the_steps_below_it_only(world):
    context, _, exposure = world
    run_steps(chain(), context())
    assert labels(chain(), context(DETECT_THRESH=2)) == ['SE02', 'SE03']
    run_steps(chain(), context(DETECT_THRESH=2))
    assert json.loads(product_path(exposure, 'wcscheck').read_text())['DETECT_THRESH'] == 2.0
    assert labels(chain(), context(DETECT_THRESH=2, SKY_BLOCK=64)) == []


def test_a_changed_input_a_lost_and_a_cut_product_are_redone(world):
    context, raw, exposure = world
    run_steps(chain(), context())
    product_path(exposure, 'quality').unlink()
    assert labels(chain(), context()) == ['SE02']
    run_steps(chain(), context())
    path = product_path(exposure, 'wcscheck')
    path.write_text(path.read_text()[:-5])
    assert labels(chain(), context()) == ['SE03']
    raw.write_text('two')
    assert labels(chain(), context()) == ['SE01', 'SE02', 'SE03']


def test_overwrite_redoes_all(world):
    context, _, _ = world
    run_steps(chain(), context())
    assert run_steps(chain(), context(), overwrite=True) == 3


def test_failure_is_stamped_keeps_what_was_done_and_resumes(world):
    context, _, exposure = world
    good = chain()

    def broken(context):
        raise BadData('too few stars: 2')
    bad = (good[0], CallStep('SE02', 'second', 'job:x', good[1].needs, good[1].makes, 'b', good[1].parameters, call=broken),
           good[2])
    with pytest.raises(BadData, match='too few stars'):
        run_steps(bad, context())
    fail = json.loads((exposure.se_folder / 'SE02_second.FAIL').read_text())
    assert fail['reason'] == 'too few stars: 2' and fail['exit_code'] == 4
    assert 'RETURN CODE: 4' in (exposure.se_folder / 'SE02_second.LOG').read_text()
    assert not (exposure.se_folder / 'SE02_second.DONE').exists()
    assert run_steps(good, context()) == 2
    assert not (exposure.se_folder / 'SE02_second.FAIL').exists()


def test_a_bug_becomes_a_failed_step_with_its_place(world):
    context, _, exposure = world
    step = CallStep('SE01', 'first', 'job:x', ('raw',), ('astrometry',), 'a', call=lambda context: 1 / 0)
    with pytest.raises(StepFailed, match=r'SE01_first: ZeroDivisionError.*test_runner\.py'):
        run_steps((step,), context())
    assert 'Traceback' in (exposure.se_folder / 'SE01_first.LOG').read_text()


def test_a_step_that_makes_nothing_or_reads_an_undeclared_parameter_fails(world):
    context, _, _ = world
    idle = CallStep('SE01', 'first', 'job:x', ('raw',), ('astrometry',), 'a', call=lambda context: None)
    with pytest.raises(StepFailed, match='ended without making astrometry'):
        run_steps((idle,), context())
    sly = CallStep('SE01', 'first', 'job:x', ('raw',), ('astrometry',), 'a', call=copy('astrometry', None, 'PSF_SIZE'))
    with pytest.raises(StepFailed, match='reads PSF_SIZE without declaring'):
        run_steps((sly,), context())


def test_products_kept_in_memory_are_made_again_only_when_needed(world):
    context, _, _ = world
    steps = (CallStep('SE01', 'first', 'job:x', ('raw',), ('xtalk',), 'a', call=copy('xtalk')),
             CallStep('SE02', 'second', 'job:x', ('xtalk',), ('quality',), 'b', ('DETECT_THRESH',),
                      call=copy('quality', 'xtalk', 'DETECT_THRESH')))
    assert run_steps(steps, context()) == 2
    assert run_steps(steps, context()) == 0
    assert labels(steps, context(DETECT_THRESH=2)) == ['SE01', 'SE02']
