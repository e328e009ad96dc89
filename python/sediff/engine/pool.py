"""A pool of worker processes, one process a CCD; a worker that is killed is a failed CCD, not a hung run."""
from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import wait
from typing import Any, Generic, TypeVar

from sediff.engine.terminal import STOPPING, check_stopped, last_resort
from sediff.errors import SediffError, Temporary
from sediff.formats.atomic import explained

#: What tells numerical libraries how many threads to use.
THREADS = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'NUMBA_NUM_THREADS')


T = TypeVar('T')


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """How a task ended: exit code, message ('' when well), and what the function returned."""

    task: T
    code: int
    message: str = ''
    value: object = None


def one_thread() -> None:
    """Let numpy and numba, not imported yet, use one thread in this process and its workers: the pool is the parallelism.

    Sums of two threads differ in their last digits from those of one: with one everywhere, products are the same byte for
    byte however many CCDs a command has and whatever the node's environment says.
    """
    os.environ.update(dict.fromkeys(THREADS, '1'))


def cores() -> int:
    """Cores that this process may use: those it is bound to, as in a job of a cluster, where the system tells them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def run_pool(function: Callable, tasks: Sequence[T], workers: int,
             listen: Callable[[T, tuple], None] | None = None, preload: Sequence[str] = (),
             size: Callable[[T], float] | None = None) -> list[Outcome[T]]:
    """Run `function(task, send)` for every task in processes of its own, `workers` at a time.

    Parameters
    ----------
    function : callable
        Top-level function; `send(event)` passes a tuple to `listen(task, event)` in this process.
    workers : int
        1 runs everything in this process.
    preload : sequence of str
        Modules that the fork server imports before it forks, so that no worker pays for them again.
    size : callable, optional
        How long a task takes, roughly: workers start the longest first, so that none runs on alone at the end.

    Returns
    -------
    list of Outcome, in the order of the tasks.
    """
    listen = listen or (lambda task, event: None)
    if workers <= 1 or len(tasks) <= 1:
        return [_guarded(function, task, lambda event, task=task: listen(task, event)) for task in tasks]
    order = sorted(enumerate(tasks), key=lambda item: -size(item[1]) if size else 0.0)
    return _schedule(_server(preload), function, order, workers, listen)


def start_server(preload: Sequence[str]) -> None:
    """Start the fork server that the first `run_pool` would start: it imports what workers need in the meantime."""
    _server(preload)
    resource_tracker.ensure_running()
    with _blocked(STOPPING):
        forkserver.ensure_running()


def _server(preload: Sequence[str]):
    """The context of workers that a fork server makes."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(list(preload))
    return context


def _schedule(context, function, waiting, workers, listen) -> list[Outcome]:
    outcomes: dict[int, Outcome] = {}
    running: dict[Any, tuple] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                number, task = waiting.pop(0)
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=_child, args=(function, task, sender), daemon=True)
                try:
                    _start(process)
                except (OSError, EOFError) as error:
                    receiver.close()
                    outcomes[number] = Outcome(task, Temporary.exit_code, f'no worker could be started ({error}); try again')
                    continue
                finally:
                    sender.close()
                running[receiver] = (number, task, process)
            for receiver in wait(list(running)):
                number, task, process = running[receiver]
                outcome = _receive(receiver, task, process, listen)
                if outcome is not None:
                    outcomes[number] = outcome
                    del running[receiver]
    finally:
        for _, _, process in running.values():
            process.terminate()
        for _, _, process in running.values():
            process.join()
    return [outcomes[number] for number in sorted(outcomes)]


def _start(process) -> None:
    """Start a worker, a second time where the fork server has just been killed.

    Signals are kept from the fork server and from what it forks until they are ready: a worker is stopped by its parent,
    with SIGTERM. The resource tracker is started first because starting it lets the signals through again.
    """
    resource_tracker.ensure_running()
    with _blocked(STOPPING):
        try:
            process.start()
        except (OSError, EOFError):
            process.start()


@contextmanager
def _blocked(numbers) -> Iterator[None]:
    """Hold signals back until the block is left."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _receive(receiver, task, process, listen) -> Outcome | None:
    """Take one message; an Outcome when the task has ended."""
    try:
        message = receiver.recv()
    except (EOFError, OSError):
        process.join()
        return Outcome(task, 1, f'the worker died (exit status {process.exitcode}); killed for memory?')
    if isinstance(message, Outcome):
        process.join()
        receiver.close()
        return message
    listen(task, message)
    return None


def _child(function, task, sender) -> None:
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)

    def send(message) -> None:
        """Pass a message to the parent."""
        try:
            sender.send(message)
        except OSError:                        # the parent is gone, nobody waits for the result
            sys.exit(1)
    send(_guarded(function, task, send))
    sender.close()


def _leave(number: int, frame: object) -> None:
    """End a worker that is told to, once: a second signal must not break into its leaving."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def _guarded(function, task, send) -> Outcome:
    try:
        return Outcome(task, 0, '', function(task, send))
    except SediffError as error:
        check_stopped()
        return Outcome(task, error.exit_code, str(error))
    except Exception as error:
        check_stopped()
        failure = explained(error) if isinstance(error, OSError) else None
        return Outcome(task, failure.exit_code if failure else 1, str(failure or last_resort('unexpected', error)))
