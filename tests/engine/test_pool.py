"""The pool keeps order, passes events on, and turns a dead worker into a failed task."""
import os
import signal

import pytest

from sediff.engine import pool
from sediff.engine.pool import run_pool, start_server
from sediff.errors import BadData


def work(task, send):
    if task == 'bad':
        raise BadData('no sky')
    if task == 'bug':
        raise ValueError('oops')
    if task == 'die':
        os.kill(os.getpid(), signal.SIGKILL)
    send(('saw', task))
    return task * 2


@pytest.mark.parametrize('workers', [1, 2])
def test_outcomes_keep_the_order_of_the_tasks(workers):
    events = []
    outcomes = run_pool(work, [1, 'bad', 3, 'bug'], workers, lambda task, event: events.append((task, event)))
    assert [outcome.code for outcome in outcomes] == [0, 4, 0, 1]
    assert [outcome.value for outcome in outcomes] == [2, None, 6, None]
    assert 'no sky' in outcomes[1].message and 'ValueError: oops' in outcomes[3].message
    assert sorted(events, key=str) == [(1, ('saw', 1)), (3, ('saw', 3))]


def test_the_largest_tasks_begin_first_and_outcomes_keep_their_order(monkeypatch):
    """Equal ones begin in the order of the tasks."""
    start_server(())
    begun, start = [], pool._start
    monkeypatch.setattr(pool, '_start', lambda process: (begun.append(process._args[1]), start(process)))
    outcomes = run_pool(work, [3, 1, 2, 9], 2, size=lambda task: min(task, 3))
    assert begun == [3, 9, 2, 1] and [outcome.task for outcome in outcomes] == [3, 1, 2, 9]
    assert [outcome.value for outcome in outcomes] == [6, 2, 4, 18]


def test_a_killed_worker_is_a_failed_task_and_the_others_go_on():
    outcomes = run_pool(work, ['die', 5], 2)
    assert outcomes[0].code == 1 and 'worker died' in outcomes[0].message
    assert outcomes[1].value == 10
