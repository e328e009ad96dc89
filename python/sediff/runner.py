"""Runs the steps of one CCD: skips what is done, redoes what depends on a change, stamps and logs each step."""
from __future__ import annotations

import ctypes
import os
import resource
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from sediff import __version__
from sediff.context import Context
from sediff.errors import SediffError, StepFailed
from sediff.io.atomic import explained
from sediff.io.provenance import code_digest, digest, fingerprint, read_stamp, write_stamp
from sediff.names import PRODUCTS
from sediff.steps import Step
from sediff.terminal import check_stopped

Report = Callable[[str, str, dict], None]


def input_hashes(step: Step, context: Context, keys: dict[str, str]) -> dict[str, str]:
    """Hash of each need: the key of the step of this run that makes it, else what the context knows of the part of it that
    matters to this CCD, else the fingerprint of the files."""
    hashes = {}
    for need in step.needs:
        if need in keys:
            hashes[need] = keys[need]
        elif need in context.digests:
            hashes[need] = context.digests[need]
        else:
            hashes[need] = digest([fingerprint(path) for path in context.files(need)])
    return hashes


def plan(steps: Sequence[Step], context: Context, overwrite: bool = False) -> tuple[list[Step], dict[str, dict]]:
    """Which steps must run, in order, and what each one's stamp will say.

    A step runs when its stamp does not fit its inputs, parameters and code, when a kept product is gone or has
    another size, when it failed, or when a step that runs needs a product of it that is not on disk.

    Returns
    -------
    todo : list of Step
    identity : dict
        Step label -> {'key', 'inputs', 'parameters', 'code'}.
    """
    keys: dict[str, str] = {}
    identity, stale = {}, set()
    for step in steps:
        inputs = input_hashes(step, context, keys)
        parameters = {name: context.parameters[name] for name in step.parameters}
        code = code_digest(('flow/' + step.function.split(':')[0], *step.rooms))
        key = digest([step.label, inputs, parameters, code])
        identity[step.label] = {'key': key, 'inputs': inputs, 'parameters': parameters, 'code': code}
        keys.update(dict.fromkeys(step.makes, key))
        if overwrite or not _stamp_holds(step, context, key):
            stale.add(step.label)
    return _with_makers(steps, context, stale), identity


def _stamp_holds(step: Step, context: Context, key: str) -> bool:
    stamp = read_stamp(context.stamp_path(step, 'DONE'))
    if not stamp or stamp.get('key') != key:
        return False
    sizes = stamp.get('products', {})
    for name in step.makes:
        path = context.path(name)
        kept = PRODUCTS[name].keep
        if (kept and not path.is_file()) or (path.is_file() and sizes.get(name, path.stat().st_size) != path.stat().st_size):
            return False
    return True


def _with_makers(steps: Sequence[Step], context: Context, stale: set[str]) -> list[Step]:
    """Add, from the last step up, the makers of what stale steps need and no file holds."""
    wanted: set[str] = set()
    chosen = set(stale)
    for step in reversed(steps):
        if wanted & set(step.makes):
            chosen.add(step.label)
        if step.label in chosen:
            wanted |= {need for need in step.needs if need in PRODUCTS and not context.path(need).is_file()}
    return [step for step in steps if step.label in chosen]


def run_steps(steps: Sequence[Step], context: Context, overwrite: bool = False, report: Report | None = None) -> int:
    """Run what must run; returns how many steps ran.

    Raises
    ------
    SediffError
        Of the step that failed; its `.FAIL` and `.LOG` files are written.
    """
    report = report or (lambda event, label, facts: None)
    todo, identity = plan(steps, context, overwrite)
    report('plan', '', {'steps': len(steps), 'todo': len(todo)})
    for number, step in enumerate(todo):
        check_stopped()
        report('start', step.label, {})
        try:
            facts = _run_one(step, context, identity[step.label])
        except SediffError as error:
            report('fail', step.label, {'reason': str(error)})
            raise
        report('done', step.label, facts)
        context.forget({need for later in todo[number + 1:] for need in later.needs})
    return len(todo)


def _run_one(step: Step, context: Context, identity: dict) -> dict:
    done, fail = context.stamp_path(step, 'DONE'), context.stamp_path(step, 'FAIL')
    context.begin(step)
    for stale in (done, fail, context.stamp_path(step, 'LOG')):
        stale.unlink(missing_ok=True)
    started, cpu_started = time.time(), time.process_time()
    _reset_peak()
    try:
        step.load()(context)
        missing = [name for name in step.makes if not context.has(name)]
        if missing:
            raise StepFailed(f'{step.label} ended without making {", ".join(missing)}')
    except Exception as error:
        check_stopped()
        failure = error if isinstance(error, SediffError) else _unexpected(step, error, context.stamp_path(step, 'LOG'))
        context.log(traceback.format_exc())
        context.end(step, failure.exit_code)
        write_stamp(fail, {'step': step.label, 'reason': str(failure), 'exit_code': failure.exit_code,
                           'log': str(context.stamp_path(step, 'LOG')), **identity})
        raise failure from error
    facts = {'seconds': round(time.time() - started, 3), 'cpu_seconds': round(time.process_time() - cpu_started, 3),
             'peak_mb': round(_peak_mb(), 1)}
    context.log(f'{facts["seconds"]} s, peak {facts["peak_mb"]} MB')
    context.end(step, 0)
    sizes = {name: context.path(name).stat().st_size for name in step.makes if context.path(name).is_file()}
    write_stamp(done, {'step': step.label, **identity, 'version': __version__, **facts, 'products': sizes,
                       'finished': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())})
    return facts


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
    """Give freed memory back to the system, and start the count of the peak anew."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
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
