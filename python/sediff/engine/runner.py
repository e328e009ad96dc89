"""Runs the steps of one CCD: skips what is done, redoes what depends on a change, stamps and logs each step."""
from __future__ import annotations

import ctypes
import os
import resource
import time
import traceback
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path

from sediff import __version__
from sediff.engine.context import Context
from sediff.engine.fingerprints import state_of
from sediff.engine.planning import plan
from sediff.engine.provenance import FORM, package_versions, record_of, write_stamp
from sediff.engine.step import NotRefillable, Step
from sediff.engine.terminal import check_stopped
from sediff.errors import SediffError, StepFailed
from sediff.formats.atomic import explained

__all__ = ['plan', 'run_phases', 'run_steps']

Report = Callable[[str, str, dict], None]
#: Numbers of mallopt's options (malloc.h of the GNU C library); from which size on blocks are given back at once, and how
#: much that is free is kept within a step.
M_MMAP_THRESHOLD, PLANE_BYTES = -3, 4 * 2**20
M_TRIM_THRESHOLD, KEPT_BYTES = -1, 32 * 2**20


def run_phases(phases: Sequence[Sequence[Step]], context: Context, overwrite: bool = False,
               report: Report | None = None) -> int:
    """Run phases one after the other; each is planned when those before it are done, by the content of what they left.

    A step's key is then the same whether the phases before it run in the same process, in another, or not at all. Returns
    how many steps ran; the event `end` has the seconds of all steps, their largest peak and what they counted.
    """
    report = report or (lambda event, label, facts: None)
    tally: dict = {'seconds': 0.0, 'peak_mb': 0.0, 'counts': {}}

    def without_plan(event: str, label: str, facts: dict) -> None:
        """Add up what is done; phases' own plans are not reported."""
        if event == 'done':
            _add_up(tally, facts)
        if event != 'plan':
            report(event, label, facts)
    expected = [len(plan(phase, context, overwrite)[0]) for phase in phases]
    report('plan', '', {'steps': sum(map(len, phases)), 'todo': sum(expected)})
    total = 0
    for number, phase in enumerate(phases):
        later = {need for after in phases[number + 1:] for step in after for need in step.needs}
        ran = run_steps(phase, context, overwrite, without_plan, later)
        if ran != expected[number]:
            report('more', '', {'count': ran - expected[number]})
        total += ran
    report('end', '', tally | {'steps': total})
    return total


def _add_up(tally: dict, facts: dict) -> None:
    """Add the facts of a finished step to those of its CCD."""
    tally['seconds'] += facts['seconds']
    tally['peak_mb'] = max(tally['peak_mb'], facts['peak_mb'])
    tally['counts'].update(facts.get('counts', {}))


def run_steps(steps: Sequence[Step], context: Context, overwrite: bool = False, report: Report | None = None,
              later: Collection[str] = (), stale: Collection[str] = ()) -> int:
    """Run what must run; returns how many steps ran.

    Parameters
    ----------
    later : collection of str
        Products that are needed afterwards and stay in memory.
    stale : collection of str
        Labels of steps that must run in any case.

    Raises
    ------
    SediffError
        Of the step that failed; its `.FAIL` and `.LOG` files are written.
    """
    report = report or (lambda event, label, facts: None)
    todo, identity = plan(steps, context, overwrite, stale)
    report('plan', '', {'steps': len(steps), 'todo': len(todo)})
    for number, step in enumerate(todo):
        check_stopped()
        report('start', step.label, {})
        try:
            facts = _run_one(step, context, identity[step.label])
        except NotRefillable:
            rest = steps[list(steps).index(step):]
            return number + run_steps(steps, context, False, report, later, {each.label for each in rest if each.rows})
        except SediffError as error:
            report('fail', step.label, {'reason': str(error)})
            raise
        report('done', step.label, facts)
        context.forget({need for after in todo[number + 1:] for need in after.needs} | set(later))
    return len(todo)


def _run_one(step: Step, context: Context, identity: dict) -> dict:
    """Run a step; its log and stamp are written. A step that is not refillable leaves those it had."""
    why, refill = identity.pop('why'), identity.pop('refill')
    context.begin(step)
    context.log(f'it runs because {why}' if why.startswith(('it ', 'the ')) else f'why it runs: {why}')
    started, cpu_started = time.time(), time.process_time()
    _reset_peak()
    try:
        if refill:
            step.load(refill=True)(context)
        _remove_stamps(step, context)
        if not refill:
            step.load()(context)
        missing = [name for name in step.makes if not context.has(name)]
        if missing:
            raise StepFailed(f'{step.label} ended without making {", ".join(missing)}')
    except NotRefillable:
        context.abandon()
        raise
    except Exception as error:
        check_stopped()
        _remove_stamps(step, context)
        failure = error if isinstance(error, SediffError) else _unexpected(step, error, context.stamp_path(step, 'LOG'))
        context.log(traceback.format_exc())
        context.end(step, failure.exit_code)
        write_stamp(context.stamp_path(step, 'FAIL'),
                    {'step': step.label, 'form': FORM, 'reason': str(failure), 'exit_code': failure.exit_code,
                     'log': str(context.stamp_path(step, 'LOG')), **identity})
        raise failure from error
    facts: dict = {'seconds': round(time.time() - started, 3), 'cpu_seconds': round(time.process_time() - cpu_started, 3),
             'peak_mb': round(_peak_mb(), 1)}
    if context.counts:
        facts['counts'] = context.counts
    context.log(f'{facts["seconds"]} s, peak {facts["peak_mb"]} MB')
    rows = context.rows
    context.end(step, 0)
    told = facts | {'why': why} | ({'rows': rows} if step.rows else {})
    write_stamp(context.stamp_path(step, 'DONE'), finished_stamp(step, context, identity, told))
    return facts


def finished_stamp(step: Step, context: Context, identity: dict, facts: dict) -> dict:
    """The stamp of a finished step, with the hashes of what it made."""
    products = {name: record_of(path, context.shelf) for name, path in context.made(step).items()
                if state_of(path) is not None and context.is_settled(name)}
    return {'step': step.label, 'form': FORM, **identity, 'version': __version__, 'packages': package_versions(), **facts,
            'products': products, 'finished': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}


def _remove_stamps(step: Step, context: Context) -> None:
    for suffix in ('DONE', 'FAIL', 'LOG'):
        context.stamp_path(step, suffix).unlink(missing_ok=True)


def _unexpected(step: Step, error: Exception, log: Path) -> SediffError:
    """What an error of a step that is none of sediff's own means; its traceback is in the log."""
    failure = explained(error) if isinstance(error, OSError) else None
    if failure is not None:
        return failure
    where = traceback.extract_tb(error.__traceback__)[-1]
    said = ' '.join(str(error).split())[:300]
    return StepFailed(f'{step.label}: {type(error).__name__}: {said} ({Path(where.filename).name}:{where.lineno}); '
                      f'log: {log}')


def _reset_peak() -> None:
    """Give freed memory back to the system, and start the count of the peak anew.

    Planes are allocated so that they go back as soon as they are freed (M_MMAP_THRESHOLD of mallopt, which the C library
    else raises to the size of what was freed last: 55 MB of a difference's masks then stay behind). Strips of planes are
    worked on in memory that is kept (M_TRIM_THRESHOLD, else 128 kB): given back and asked for again, each costs page faults.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_THRESHOLD, PLANE_BYTES)
        library.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
        library.malloc_trim(0)
    try:
        with open('/proc/self/clear_refs', 'w', encoding='ascii') as handle:
            handle.write('5')
    except OSError:
        return


def _peak_mb() -> float:
    try:
        with open('/proc/self/status', encoding='ascii') as handle:
            line = next(line for line in handle if line.startswith('VmHWM'))
        return int(line.split()[1]) / 1024
    except (OSError, StopIteration):
        scale = 2**20 if os.uname().sysname == 'Darwin' else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
