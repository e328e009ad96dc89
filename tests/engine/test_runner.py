"""The runner skips what is done, redoes exactly what depends on a change, and stamps failures."""
import json
import subprocess
import sys
from dataclasses import dataclass

import pytest

from sediff.engine.context import Context
from sediff.engine.runner import plan, run_steps
from sediff.engine.step import Step
from sediff.errors import BadData, StepFailed
from sediff.parameters.model import Parameters
from sediff.parameters.table import TABLE
from sediff.repository.names import Exposure, product_path


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
    return (CallStep('SE01', 'first', 'exposure.job:x', ('raw',), ('astrometry',), 'a', call=copy('astrometry')),
            CallStep('SE02', 'second', 'exposure.job:x', ('astrometry',), ('quality',), 'b', ('DETECT_THRESH',),
                     call=copy('quality', 'astrometry', 'DETECT_THRESH')),
            CallStep('SE03', 'third', 'exposure.job:x', ('quality',), ('wcscheck',), 'c', call=copy('wcscheck', 'quality')))


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
    assert 20 < stamp['peak_mb'] < 4000 and stamp['code'] and list(stamp['inputs']) == ['astrometry']
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


def test_a_text_with_another_byte_is_made_again(world):
    context, _, exposure = world
    run_steps(chain(), context())
    path = product_path(exposure, 'quality')
    before = path.read_bytes()
    path.write_bytes(before.replace(b'one', b'ona'))
    todo, identity = plan(chain(), context())
    assert [(step.id, identity[step.label]['why']) for step in todo] == [('SE02', 'quality is another than it made')]
    run_steps(chain(), context())
    assert path.read_bytes() == before


def test_overwrite_redoes_all(world):
    context, _, _ = world
    run_steps(chain(), context())
    assert run_steps(chain(), context(), overwrite=True) == 3


def test_failure_is_stamped_keeps_what_was_done_and_resumes(world):
    context, _, exposure = world
    good = chain()

    def broken(context):
        raise BadData('too few stars: 2')
    bad = (good[0],
           CallStep('SE02', 'second', 'exposure.job:x', good[1].needs, good[1].makes, 'b', good[1].parameters, call=broken),
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
    step = CallStep('SE01', 'first', 'exposure.job:x', ('raw',), ('astrometry',), 'a', call=lambda context: 1 / 0)
    with pytest.raises(StepFailed, match=r'SE01_first: ZeroDivisionError.*test_runner\.py'):
        run_steps((step,), context())
    assert 'Traceback' in (exposure.se_folder / 'SE01_first.LOG').read_text()


def test_a_step_that_makes_nothing_or_reads_an_undeclared_parameter_fails(world):
    context, _, _ = world
    idle = CallStep('SE01', 'first', 'exposure.job:x', ('raw',), ('astrometry',), 'a', call=lambda context: None)
    with pytest.raises(StepFailed, match='ended without making astrometry'):
        run_steps((idle,), context())
    sly = CallStep('SE01', 'first', 'exposure.job:x', ('raw',), ('astrometry',), 'a',
                   call=copy('astrometry', None, 'PSF_SIZE'))
    with pytest.raises(StepFailed, match='reads PSF_SIZE without declaring'):
        run_steps((sly,), context())
    past = CallStep('SE01', 'first', 'exposure.job:x', ('raw',), ('astrometry',), 'a',
                    call=lambda context: context.save('astrometry', {'size': context.parameters['PSF_SIZE']}))
    with pytest.raises(StepFailed, match='reads PSF_SIZE without declaring'):
        run_steps((past,), context())


def test_why_a_step_ran_is_in_its_stamp_and_log(world):
    context, raw, exposure = world
    run_steps(chain(), context())
    raw.write_text('two')
    run_steps(chain(), context(DETECT_THRESH=2))
    why = {step.id: json.loads((exposure.se_folder / f'{step.label}.DONE').read_text())['why'] for step in chain()}
    assert why == {'SE01': 'changed: raw', 'SE02': 'changed: astrometry, DETECT_THRESH', 'SE03': 'changed: quality'}
    assert 'why it runs: changed: raw' in (exposure.se_folder / 'SE01_first.LOG').read_text()


def test_products_kept_in_memory_are_made_again_only_when_needed(world):
    context, _, _ = world
    steps = (CallStep('SE01', 'first', 'exposure.job:x', ('raw',), ('xtalk',), 'a', call=copy('xtalk')),
             CallStep('SE02', 'second', 'exposure.job:x', ('xtalk',), ('quality',), 'b', ('DETECT_THRESH',),
                      call=copy('quality', 'xtalk', 'DETECT_THRESH')))
    assert run_steps(steps, context()) == 2
    assert run_steps(steps, context()) == 0
    assert labels(steps, context(DETECT_THRESH=2)) == ['SE01', 'SE02']


def test_what_the_next_step_loads_is_what_a_resumed_run_reads(world):
    """Widths of a PSF and numbers of a csv have other last digits in their files than in memory."""
    import numpy as np
    import pandas as pd

    from sediff.psf.model import PsfModel
    context = world[0]
    here = context()
    psf = PsfModel(np.ones((1, 5, 5), np.float32), 0, (1.0, 1.0), (1.0, 1.0), 1.0, 3.5903644638092627 / 3.0)
    table = pd.DataFrame({'value': [0.1 + 0.2, 1.0 / 3.0, 27.123456789012345]})
    here.save('psf', psf)
    here.save('zero', table)
    later = context()
    assert here.load('psf').fwhm == later.load('psf').fwhm
    assert here.load('zero').equals(later.load('zero'))


def test_a_product_that_is_released_is_read_again(world):
    here, made = world[0](), {'a': 1}
    here.save('wcscheck', made)
    assert here.load('wcscheck') is made
    here.release('wcscheck')
    assert here.load('wcscheck') == made and here.load('wcscheck') is not made


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='the size of the process is read from /proc')
def test_planes_that_a_step_frees_go_back_to_the_system():
    """In a process of its own: masks of a CCD, freed between small blocks that stay."""
    script = ('import numpy as np; from sediff.engine import runner as r; r._reset_peak()\n'
              'size = lambda: int(open("/proc/self/statm").read().split()[1]) * 4 // 1024\n'
              'np.ones(2**23, np.uint8); before = size()\n'
              'pairs = [(np.ones(2**23 - 2**16, np.uint8), np.ones(100)) for _ in range(8)]; full = size()\n'
              'pairs = [small for _, small in pairs]\n'
              'print(full - before, size() - before)')
    full, after = map(int, subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=True)
                      .stdout.split())
    assert full >= 60 and after <= 2


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='page faults are counted as Linux does')
def test_strips_of_planes_are_worked_on_in_memory_that_is_kept():
    """In a process of its own: 200 strips of 32 rows of a CCD, one after the other, ask for the memory of one."""
    script = ('import resource, numpy as np; from sediff.engine import runner as r; r._reset_peak()\n'
              'count = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n'
              'np.ones(2**16, np.float32); before = count()\n'
              'for _ in range(200): np.ones(2**16, np.float32)\n'
              'print(count() - before)')
    faults = int(subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=True).stdout)
    assert faults < 200
