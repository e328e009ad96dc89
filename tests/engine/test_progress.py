"""What a run without a terminal says: a line a CCD and phase, a line a failure; every step only where that is asked for."""
import io
import re

import pytest

from sediff.engine.context import Context
from sediff.engine.progress import Progress
from sediff.engine.runner import run_phases
from sediff.errors import BadData
from sediff.parameters.model import Parameters
from sediff.parameters.table import TABLE
from sediff.repository.names import Exposure

from .test_runner import CallStep

CCDS, STEPS = 60, ('astrometry', 'quality', 'ingest', 'wcscheck')


def counting(made: str, number: int):
    """A step's function that counts, and fails on CCD 31."""
    def function(context):
        if context.exposure.ccd == 31 and made == 'quality':
            raise BadData('no star is good')
        context.count(f'{made} stars', number)
        context.save(made, {})
    return function


def exposure_told(folder, **options) -> list[str]:
    """Lines of a phase of 60 CCDs of four steps; a list of the CCDs' facts goes by."""
    stream = io.StringIO()
    progress = Progress('668443 SE', CCDS, len(STEPS), stream, **options)
    for ccd in range(1, CCDS + 1):
        steps = tuple(CallStep(f'SE{number:02d}', name, 'exposure.job:x', (), (name,), 'made', call=counting(name, number))
                      for number, name in enumerate(STEPS, 1))
        context = Context(Exposure(folder, 668443, '20170817', 'i', ccd=ccd), Parameters(TABLE))
        try:
            run_phases((steps[:2], steps[2:]), context, report=lambda *event, ccd=ccd: progress.event(
                f'668443 c{ccd:02d}', event))
        except BadData:
            continue
    progress.close()
    return stream.getvalue().splitlines()


@pytest.fixture(scope='module')
def lines(tmp_path_factory):
    folder = tmp_path_factory.mktemp('told')
    return folder, exposure_told(folder)


def test_sixty_ccds_are_sixty_lines_and_one_for_the_phase(lines):
    _, told = lines
    assert len(told) == CCDS + 1
    good = [line for line in told if ' SE: 4 steps in ' in line]
    assert len(good) == CCDS - 1 and told[-1].endswith('s') and '668443 SE: ' in told[-1]
    assert all(re.fullmatch(r'\d\d:\d\d:\d\d 668443 c\d\d SE: 4 steps in \d+\.\d s, \d+ MB; 1 astrometry stars, '
                            r'2 quality stars, 3 ingest stars, 4 wcscheck stars', line) for line in good)


def test_a_failure_has_its_line_with_the_reason(lines):
    _, told = lines
    assert [line[9:] for line in told if 'c31' in line] == ['668443 c31 SE02_quality FAILED: no star is good']


def test_counts_are_in_the_stamp(lines):
    folder, _ = lines
    stamps = sorted(folder.rglob('SE01_astrometry.DONE'))
    assert len(stamps) == CCDS and all('"astrometry stars": 1' in path.read_text() for path in stamps)


def test_nothing_to_do_is_one_line_a_ccd_and_verbose_one_a_step(lines, tmp_path):
    folder, _ = lines
    again = exposure_told(folder)
    assert sum('SE: nothing to do: all 4 steps are done' in line for line in again) == CCDS - 1
    told = exposure_told(tmp_path, verbose=True)
    assert sum(' done in ' in line for line in told) == 4 * (CCDS - 1) + 1
    assert len(told) == 5 * (CCDS - 1) + 1 + 1 + 1
